"""Train a player of events on any folder of MIDI files: network, data, loop, export.

    capriccio train rnn --data music-groove-drums --out groove.onnx

Every note is one event, one step of a GRU (Cho et al., arXiv 1406.1078). A step decides the fields
of the next event one after another, each knowing those before it: when it comes (steps and a fine
place within the step), what sounds, how hard, how long. So chords, flams and accents are chosen as
such. Beside the last event the network hears where in the bar it is, the style and the tempo, and
what followed here a bar, two and four bars ago (see `Echo`), since music repeats itself.
"""

import math
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from capriccio.training import Trainer, export, seed_everything
from torch import nn

from . import BINS, DRUMS, FIELDS, LAGS, PLACES, Echo, passage_of, sizes
from .midi import Song, collect, information, sounds_of

INPUT, WIDTH, LAYERS, HEAD = 160, 224, 2, 112  # 3.6 MB, which stay in a core's cache
DROPOUT = 0.3
BATCH, LENGTH = 32, 256  # events; of drums about 16 bars
ROUNDS = 4000  # steps of the optimizer, unless --hours ends it before
RATE, DECAY = 2e-3, 0.02  # AdamW
UNTOLD = 0.1  # share of excerpts whose style is not told, so that a player needs none
IMPOSSIBLE = -1e6


# -- network ----------------------------------------------------------------------------------


class Events(nn.Module):
    """Hear events up to now and weigh the fields of the next one."""

    def __init__(self, sounds: int, tags: int, fields: int):
        super().__init__()
        self.sizes = sizes(sounds, fields)
        # Everything that is heard is a row of one table: the last event, the place, the echoes.
        self.rows = [size + 1 for size in self.sizes]  # one more each, for nothing
        self.rows += [PLACES, PLACES + 1] + self.rows * len(LAGS)
        self.told = nn.Embedding(sum(self.rows), INPUT)
        first = torch.tensor([0, *self.rows[:-1]]).cumsum(0)  # (heard,)
        self.register_buffer("first", first, persistent=False)
        nn.init.normal_(self.told.weight, std=0.3)  # about ten of them are summed up
        self.mood = nn.Linear(tags + 1, INPUT)
        self.memory = nn.GRU(INPUT, WIDTH, LAYERS, batch_first=True, dropout=DROPOUT)
        self.hear = nn.Linear(WIDTH + INPUT, fields * HEAD)
        # What a decided field tells those after it, and the place it has led to.
        self.then = nn.ModuleList(
            nn.Embedding(size, (fields - number - 1) * HEAD)
            for number, size in enumerate(self.sizes[:-1])
        )
        self.there = nn.Embedding(PLACES, (fields - 1) * HEAD)
        for table in (*self.then, self.there):
            nn.init.normal_(table.weight, std=0.3)
        self.weigh = nn.ModuleList(nn.Linear(HEAD, size) for size in self.sizes)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, heard, mood, place, event, state=None):
        """Weigh every field of the events (b, t, fields), each knowing the fields before it.

        `heard` (b, t, rows) is what is known before, `mood` (b, tags + 1), and `place` (b, t)
        where in the bar the event is. Gives a list of weights (b, t, size), and the state.
        """
        x = self.told(heard + self.first).sum(-2) + self.mood(mood).unsqueeze(1)  # (b, t, INPUT)
        x = self.dropout(x)  # (b, t, INPUT)
        memory, state = self.memory(x, state)  # (b, t, WIDTH) (LAYERS, b, WIDTH)
        deep = self.hear(torch.cat([self.dropout(memory), x], -1))  # (b, t, fields * HEAD)
        after = deep[..., HEAD:] + self.there(place)  # (b, t, (fields - 1) * HEAD)
        deep = deep[..., :HEAD]  # (b, t, HEAD)
        last, weights = heard[..., : len(self.sizes)], []
        for field, weigh in enumerate(self.weigh):
            rules = self.rules(field, last, event)  # (b, t, size) or 0
            weights.append(weigh(self.dropout(F.relu(deep))) + rules)  # (b, t, size)
            if field < len(self.then):
                after = after + self.then[field](event[..., field])  # (b, t, left * HEAD)
                deep, after = after[..., :HEAD], after[..., HEAD:]  # (b, t, HEAD) (b, t, …)
        return weights, state

    def rules(self, field: int, last, event):
        """Rule out what would go back in time, or sound twice at once."""
        if FIELDS[field] == "offset":
            soonest = last[..., 1:2] % BINS * (event[..., :1] == 0)  # (b, t, 1): 0 after nothing
            return IMPOSSIBLE * (torch.arange(BINS) < soonest)  # (b, t, BINS)
        if FIELDS[field] == "sound":
            at_once = (event[..., :1] == 0) & (event[..., 1:2] == last[..., 1:2])  # (b, t, 1)
            lowest = (last[..., 2:3] + 1) * at_once  # (b, t, 1)
            return IMPOSSIBLE * (torch.arange(self.sizes[2]) < lowest)  # (b, t, sounds)
        return 0.0


class Step(nn.Module):
    """The same network as it is played: one event, state in and out, the choice included.

    A field is weighed at a temperature of its own, `dials[field]`, and bent by `bias`; tokens that
    are less probable, relative to the likeliest, than the last dial says (its logarithm) are out
    (min-p, arXiv 2407.01082). The choice is the largest of weight plus Gumbel noise, which draws
    from the softmax (arXiv 1411.0030); noise comes from outside, so a seed there decides all, and
    a token with noise of a billion is forced. `weights` are those before they were bent.
    """

    def __init__(self, net: Events):
        super().__init__()
        self.net = net

    def forward(self, state, heard, mood, bias, dials, noise):
        net, count = self.net, len(self.net.sizes)
        x = net.told(heard + net.first).sum(0, keepdim=True) + net.mood(mood)  # (1, INPUT)
        memory, state = net.memory(x[None], state.unsqueeze(1))  # (1, 1, WIDTH) (LAYERS, 1, WIDTH)
        deep = net.hear(torch.cat([memory[0], x], -1))  # (1, fields * HEAD)
        after, deep = deep[:, HEAD:], deep[:, :HEAD]  # (1, left * HEAD) (1, HEAD)
        biases, luck = bias.split(net.sizes), noise.split(net.sizes)  # fields of (size,)
        temperatures = dials.split(1)  # fields + 1 of (1,)
        weights, tokens = [], []
        for field in range(count):
            x = net.weigh[field](F.relu(deep))  # (1, size)
            if field in (1, 2):
                x = x + self.rules(field, heard, tokens)  # (1, size)
            weights.append(x)
            bent = x / temperatures[field] + biases[field]  # (1, size)
            floor = bent.amax(-1, keepdim=True) + temperatures[count]  # (1, 1)
            bent = torch.where(bent < floor, 10 * IMPOSSIBLE, bent)  # (1, size)
            tokens.append((bent + luck[field]).argmax(-1))  # (1,)
            if field < len(net.then):
                after = after + net.then[field](tokens[field])  # (1, left * HEAD)
                if field == 0:
                    bar = heard[count + 1 : count + 2].clamp(min=1)  # (1,)
                    place = (heard[count : count + 1] + tokens[0]) % bar  # (1,)
                    after = after + net.there(place)  # (1, left * HEAD)
                deep, after = after[:, :HEAD], after[:, HEAD:]  # (1, HEAD) (1, left * HEAD)
        return state.squeeze(1), torch.cat(tokens), torch.cat(weights, -1)[0]

    def rules(self, field, heard, tokens):
        return self.net.rules(field, heard[None, : len(self.net.sizes)], torch.stack(tokens, -1))


# -- data -------------------------------------------------------------------------------------


class Lesson(NamedTuple):
    """One piece as the network takes it: see `Events.forward`."""

    heard: torch.Tensor  # (events, rows)
    mood: torch.Tensor  # (tags + 1,)
    place: torch.Tensor  # (events,)
    event: torch.Tensor  # (events, fields)
    opens: torch.Tensor  # the events that are the first of their bar
    room: tuple[int, int]  # how far it can be transposed down and up


def lesson(song: Song, sounds: list, tags: list[str], fields: int) -> Lesson:
    """Write a song as a lesson."""
    passage = passage_of(song.piece.notes, sounds, song.piece.meters, fields)
    count = sizes(len(sounds), fields)
    echo, heard = Echo(count), []
    before, place = list(count), 0
    rows = zip(passage.events.tolist(), passage.steps.tolist(), passage.places.tolist(),
               passage.bars.tolist(), strict=True)  # fmt: skip
    for event, step, now, bar in rows:
        heard.append([*before, place, bar, *echo.hear(bar)])
        echo.add(step, event)
        before, place = event, now
    bars = np.array(passage.steps - passage.places)
    opens = np.flatnonzero(np.diff(bars, prepend=-1))
    down, up = -5, 6  # further would be nearer in the other direction
    for channel in {note.channel for note in song.piece.notes} - {DRUMS}:
        mine = [note.pitch for note in song.piece.notes if note.channel == channel]
        every = [pitch for part, pitch in sounds if part == channel]
        down, up = max(down, every[0] - min(mine)), min(up, every[-1] - max(mine))
    return Lesson(
        torch.tensor(heard).view(-1, len(count) + 2 + len(LAGS) * len(count)),
        mood_of(song.tags, tags, song.piece.bpm),
        torch.from_numpy(passage.places),
        torch.from_numpy(passage.events),
        torch.from_numpy(opens),
        (min(down, 0), max(up, 0)),
    )


def mood_of(mine, tags: list[str], bpm: float) -> torch.Tensor:
    """Write style and tempo as the network takes them: a weight for each tag, and octaves."""
    return torch.tensor([float(tag in mine) for tag in tags] + [math.log2(bpm / 120)])


def excerpt(one: Lesson, sounds: list) -> tuple[torch.Tensor, ...]:
    """Cut LENGTH events out of a lesson, from the beginning of a bar, in a random key."""
    begin = 0
    if len(one.event) > LENGTH and torch.rand(()) > 0.1:
        begin = int(one.opens[torch.randint(len(one.opens), ())])
    heard, event = one.heard[begin : begin + LENGTH].clone(), one.event[begin : begin + LENGTH]
    place, fields = one.place[begin : begin + LENGTH], one.event.shape[1]
    count = torch.tensor(sizes(len(sounds), fields))  # (fields,)
    event = event.clone()  # (t, fields)
    if begin:  # as if it were the beginning
        event[0, 0] = place[0]
        heard[0, :fields], heard[0, fields] = count, 0
        heard[0, fields + 2 :] = count.repeat(len(LAGS))
    shift = int(torch.randint(one.room[0], one.room[1] + 1, ()))
    if shift:
        move = torch.tensor([shift * (channel != DRUMS) for channel, _ in sounds] + [0])
        event[:, 2] += move[event[:, 2]]
        for column in (2, *range(fields + 4, heard.shape[1], fields)):
            heard[:, column] += move[heard[:, column]]
    mood = one.mood.clone()  # (tags + 1,)
    if torch.rand(()) < UNTOLD:
        mood[:-1] = 0
    return heard, mood, place, event


def padded(rows: list[torch.Tensor], value: int = 0) -> torch.Tensor:
    """Stack rows of several lengths."""
    return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value)


def losses(net: Events, heard, mood, place, event, state=None):
    """Give the nats of every field of every event, (b, t, fields), 0 beyond the end; the state."""
    real = event[..., 0] >= 0  # (b, t)
    weights, state = net(heard, mood, place, event.clamp(min=0), state)
    nats = [
        F.cross_entropy(w.transpose(1, 2), event[..., field], ignore_index=-1, reduction="none")
        for field, w in enumerate(weights)
    ]
    return torch.stack(nats, -1) * real.unsqueeze(-1), state  # (b, t, fields)


def measure(net: Events, lessons: list[Lesson]) -> dict[str, float]:
    """Measure whole pieces from their first event: nats per event, in all and by field."""
    net.eval()
    total, events = torch.zeros(len(net.sizes)), 0
    order = sorted(lessons, key=lambda one: len(one.event))
    for at in range(0, len(order), 16):
        some, state = order[at : at + 16], None
        mood = torch.stack([one.mood for one in some])  # (b, tags + 1)
        heard, place = padded([o.heard for o in some]), padded([o.place for o in some])
        event = padded([one.event for one in some], -1)  # (b, t, fields)
        for cut in range(0, event.shape[1], 1024):
            part = slice(cut, cut + 1024)
            nats, state = losses(net, heard[:, part], mood, place[:, part], event[:, part], state)
            total += nats.sum((0, 1))
        events += sum(len(one.event) for one in some)
    each = (total / max(events, 1)).tolist()
    return {"nats per event": sum(each), **dict(zip(FIELDS, each, strict=False))}


# -- training ---------------------------------------------------------------------------------


def train(
    data: Path,
    out: Path,
    *,
    resume: bool = False,
    dry_run: bool = False,
    hours: float | None = None,
    seed: int = 0,
) -> None:
    """Train a player on the MIDI files in the folder `data` and write it to `out`."""
    songs = collect(data)
    sounds = sounds_of(songs)
    fields = len(FIELDS) - all(channel == DRUMS for channel, _ in sounds)
    tags = sorted(
        {tag for song in songs for tag in song.tags}, key=lambda tag: (tag == "fill", tag)
    )
    splits: dict[str, list[Lesson]] = {"train": [], "valid": [], "test": []}
    for song in songs:
        one = lesson(song, sounds, tags, fields)
        if len(one.event) and song.split in splits:
            splits[song.split].append(one)
    if not splits["valid"]:  # a single piece: its end shows what was learned
        splits["valid"] = [tail(splits["train"][0])]
    told = {name: sum(len(one.event) for one in lessons) for name, lessons in splits.items()}
    print(f"{len(songs)} pieces, {told} events, {len(sounds)} sounds, styles: {', '.join(tags)}")
    seed_everything(seed)
    net = Events(len(sounds), len(tags), fields)
    optimizer = torch.optim.AdamW(net.parameters(), RATE, betas=(0.9, 0.99), weight_decay=DECAY)
    checkpoint = Path(out).with_suffix(".safetensors")
    trainer = Trainer(
        net, optimizer, checkpoint, seed=seed, decay=0.99, resume=resume, dry_run=dry_run
    )
    # Every event is met equally often, however long the piece is that it is in.
    often = torch.tensor([float(len(one.event)) for one in splits["train"]])  # (pieces,)

    def loss(step: int) -> torch.Tensor:
        picks = torch.multinomial(often, BATCH, replacement=True).tolist()
        cut = [excerpt(splits["train"][pick], sounds) for pick in picks]
        heard, mood, place, event = zip(*cut, strict=True)
        event = padded(list(event), -1)  # (b, t, fields)
        nats, _ = losses(net, padded(list(heard)), torch.stack(mood), padded(list(place)), event)
        return nats.sum() / (event[..., 0] >= 0).sum()  # a whole event

    def schedule(progress: float) -> float:
        """Warm up for a fiftieth of the way, then fall along a cosine to a hundredth."""
        return min(progress * 50 + 0.01, 0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi * progress)))

    trainer.run(
        loss,
        steps=ROUNDS,
        hours=hours,
        validate=lambda net: measure(net, splits["valid"]),
        every=200,
        schedule=schedule,
    )
    metrics = {}
    for name in ("valid", "test"):
        if splits[name]:
            figures = measure(trainer.ema, splits[name])
            metrics |= {f"{name} {what}": round(nats, 4) for what, nats in figures.items()}
    print("nats:", metrics)
    bpm = sorted(song.piece.bpm for song in songs)
    export(
        Step(trainer.ema.eval()),
        draw(trainer.ema, len(tags)),
        out,
        input_names=["state", "heard", "mood", "bias", "dials", "noise"],
        output_names=["next_state", "event", "weights"],
        tolerance={"next_state": 1e-4, "event": 0, "weights": 1e-3},
        draw=lambda: draw(trainer.ema, len(tags)),
        card={
            "name": Path(out).stem,
            "does": "one note of music as an event; state in, state out",
            "plays": "events",
            **rights(data, songs),
            "metrics": metrics,
            "seed": seed,
            "hours": round(trainer.seconds / 3600, 3),
            "steps": trainer.step,
            "command": f"capriccio train rnn --data {Path(data).resolve().name} "
            f"--out {Path(out).name}"
            + f" --hours {hours:g}" * bool(hours)
            + f" --seed {seed}" * bool(seed),
            "fields": list(FIELDS[:fields]),
            "sounds": [list(sound) for sound in sounds],
            "tags": tags,
            "bpm": round(bpm[len(bpm) // 2], 1),
            "input_ranges": {
                "state": f"({LAYERS}, {WIDTH}) float, zeros at the start",
                "heard": f"({sum(1 for _ in net.rows)},): the last event's fields, each its size "
                "where there is none; the place in the bar and the bar's length in sixteenths; the "
                f"events that followed {LAGS} bars ago, likewise",
                "mood": f"({len(tags) + 1},): a weight 0..1 for each tag, log2(bpm / 120)",
                "bias": f"({sum(net.sizes)},) added to the tempered weights of all fields "
                f"{net.sizes}",
                "dials": f"({fields + 1},) a temperature for each field; the logarithm of the "
                "smallest relative probability",
                "noise": f"({sum(net.sizes)},) standard Gumbel noise; 1e9 forces a token",
            },
        },
        dry_run=dry_run,
    )


def tail(one: Lesson) -> Lesson:
    """Give the last tenth of a lesson."""
    begin = len(one.event) * 9 // 10
    return one._replace(heard=one.heard[begin:], place=one.place[begin:], event=one.event[begin:])


def rights(data: Path, songs: list[Song]) -> dict:
    """Say what was learned from, and whose it is."""
    counts = Counter(song.split for song in songs)
    split = ", ".join(
        f"{counts[name]} {name}" for name in ("train", "valid", "test") if counts[name]
    )
    notes = sum(len(song.piece.notes) for song in songs)
    if any("drummer" in row for row in information(Path(data)).values()):
        return {
            "data": f"Groove MIDI Dataset, {len(songs)} human drum performances, {split}",
            "data_source": "magenta.tensorflow.org/datasets/groove",
            "data_licence": "CC BY 4.0",
            "licence": "MIT",
            "credit": "Groove MIDI Dataset, Google LLC; J. Gillick, A. Roberts, J. Engel, D. Eck, "
            "D. Bamman, Learning to Groove with Inverse Sequence Transformations, ICML 2019; "
            "licensed under CC BY 4.0",
        }
    return {
        "data": f"{Path(data).resolve().name}: {len(songs)} MIDI files, {notes} notes, {split}",
        "data_source": "a folder of MIDI files",
        "data_licence": "as the files'; ask whoever owns them before you pass this model on",
        "licence": "as the data's",
        "credit": "whoever wrote and played the files",
    }


def draw(net: Events, tags: int) -> tuple[torch.Tensor, ...]:
    """Make a random moment of play, to try the exported graph on."""
    heard = [int(torch.randint(size, ())) for size in net.rows]
    heard[len(net.sizes) + 1] = 16  # a bar of four beats
    total = sum(net.sizes)
    return (
        torch.rand(LAYERS, WIDTH) * 2 - 1,  # (LAYERS, WIDTH)
        torch.tensor(heard),  # (rows,)
        torch.cat(
            [
                F.one_hot(torch.randint(max(tags, 1), ()), tags) if tags else torch.zeros(0),
                torch.randn(1) / 3,
            ]
        ),  # (tags + 1,)
        torch.randn(total),  # (sizes,)
        torch.tensor([1.0] * len(net.sizes) + [math.log(0.02)]),  # (fields + 1,)
        -torch.log(-torch.log(torch.rand(total))),  # (sizes,)
    )
