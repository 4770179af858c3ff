"""Train a player of events on any folder of MIDI files: data, loop, export.

    capriccio train rnn --data music-groove-drums --out groove.onnx

The network stands in `net/train.py`. Drums are learned as they are; all else is transposed at
random, as far as the sounds of the whole folder reach.
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

from ..encoding import DRUMS, FIELDS, LAGS, Echo, passage_of, sizes
from ..midi_import import Song, collect, information, sounds_of
from .network import Events, Step

BATCH, LENGTH = 16, 256  # events; of drums about 16 bars
ROUNDS = 4000  # steps of the optimizer, unless --hours ends it before
RATE, DECAY = 2e-3, 0.02  # AdamW
UNTOLD = 0.1  # share of excerpts whose style is not told, so that a player needs none


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
    torch.set_num_threads(1)  # threads wait for each other longer than so small a net takes
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
        heards, moods, places, events = map(list, zip(*cut, strict=True))
        event = padded(events, -1)  # (b, t, fields)
        nats, _ = losses(net, padded(heards), torch.stack(moods), padded(places), event)
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
    metrics: dict[str, float] = {}
    for name in ("valid", "test"):
        if splits[name]:
            figures = measure(trainer.ema, splits[name])
            metrics |= {f"{name} {what}": round(nats, 4) for what, nats in figures.items()}
    print("nats:", metrics)
    bpm = sorted(song.piece.bpm for song in songs)
    start = draw(trainer.ema, len(tags))
    export(
        Step(trainer.ema.eval()),
        start,
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
            "command": f"capriccio train rnn --data {Path(data).resolve().name} --out "
            + Path(out).name
            + (f" --hours {hours:g}" if hours else "")
            + (f" --seed {seed}" if seed else ""),
            "fields": list(FIELDS[:fields]),
            "sounds": [list(sound) for sound in sounds],
            "tags": tags,
            "bpm": round(bpm[len(bpm) // 2], 1),
            "input_ranges": {
                "state": f"{tuple(start[0].shape)} float, zeros at the start",
                "heard": f"({len(net.rows)},): the last event's fields, each its size "
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


def untrained(card: dict) -> Step:
    """Give a network of the size that a card tells of, as it is played."""
    return Step(Events(len(card["sounds"]), len(card["tags"]), len(card["fields"])).eval())


def draw(net: Events, tags: int) -> tuple[torch.Tensor, ...]:
    """Make a random moment of play, to try the exported graph on."""
    heard = [int(torch.randint(size, ())) for size in net.rows]
    heard[len(net.sizes) + 1] = 16  # a bar of four beats
    total = sum(net.sizes)
    memory = net.memory
    return (
        torch.rand(memory.num_layers, memory.hidden_size) * 2 - 1,  # (LAYERS, WIDTH)
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
