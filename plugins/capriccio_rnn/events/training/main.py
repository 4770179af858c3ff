"""Train a model of events on any folder of MIDI files: data, loop, export.

    capriccio train rnn --data music-groove-drums --out groove.onnx

Drums are left as they are; other parts are transposed at random, as far as the sounds of the whole
folder reach.
"""

import math
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from capriccio.training import Trainer, export, licence_of, seed_everything
from torch import nn

from ..encoding import DRUM_CHANNEL, FIELDS, LAGS, EventHistory, Sound, encode, field_sizes
from ..midi_import import LabeledPiece, read_folder, read_labels, sound_vocabulary
from .network import EventNetwork, EventStep

BATCH_SIZE, EXCERPT_EVENTS = 16, 256  # about 16 bars of drums
MAX_STEPS = 4000  # of the optimizer, unless --hours ends the training before
LEARNING_RATE, WEIGHT_DECAY = 2e-3, 0.02  # of AdamW
STYLE_DROPOUT = 0.1  # share of excerpts without a style, so that playing needs none


# -- data -------------------------------------------------------------------------------------


class TrainingPiece(NamedTuple):
    """One piece as inputs of `EventNetwork.forward`."""

    inputs: torch.Tensor  # (events, rows)
    mood: torch.Tensor  # (tags + 1,)
    position: torch.Tensor  # (events,)
    event: torch.Tensor  # (events, fields)
    bar_starts: torch.Tensor  # indices of the events that are the first of their bar
    shifts: tuple[int, int]  # how far it can be transposed down and up


def training_piece(
    labeled: LabeledPiece, sounds: list[Sound], tags: list[str], fields: int
) -> TrainingPiece:
    """Return a piece of a folder as inputs of the network."""
    notes = labeled.piece.notes
    sequence = encode(notes, sounds, labeled.piece.meters, fields)
    sizes = field_sizes(len(sounds), fields)
    history, inputs = EventHistory(sizes), []
    before, position = list(sizes), 0
    rows = zip(sequence.events.tolist(), sequence.steps.tolist(), sequence.positions.tolist(),
               sequence.bars.tolist(), strict=True)  # fmt: skip
    for event, step, now, bar in rows:
        inputs.append([*before, position, bar, *history.following(bar)])
        history.add(step, event)
        before, position = event, now
    bar_lines = np.array(sequence.steps - sequence.positions)
    bar_starts = np.flatnonzero(np.diff(bar_lines, prepend=-1))
    down, up = -5, 6  # beyond, the other direction is nearer
    for channel in {note.channel for note in notes} - {DRUM_CHANNEL}:
        own = [note.pitch for note in notes if note.channel == channel]
        pitches = [pitch for part, pitch in sounds if part == channel]
        down, up = max(down, pitches[0] - min(own)), min(up, pitches[-1] - max(own))
    return TrainingPiece(
        torch.tensor(inputs).view(-1, len(sizes) + 2 + len(LAGS) * len(sizes)),
        conditioning(labeled.tags, tags, labeled.piece.bpm),
        torch.from_numpy(sequence.positions),
        torch.from_numpy(sequence.events),
        torch.from_numpy(bar_starts),
        (min(down, 0), max(up, 0)),
    )


def conditioning(own: tuple[str, ...], tags: list[str], bpm: float) -> torch.Tensor:
    """Return the weight of each tag, and log2(bpm / 120), (tags + 1,)."""
    return torch.tensor([float(tag in own) for tag in tags] + [math.log2(bpm / 120)])


def random_excerpt(one: TrainingPiece, sounds: list[Sound]) -> tuple[torch.Tensor, ...]:
    """Return EXCERPT_EVENTS of a piece, from the beginning of a bar, in a random key."""
    begin = 0
    if len(one.event) > EXCERPT_EVENTS and torch.rand(()) > 0.1:
        begin = int(one.bar_starts[torch.randint(len(one.bar_starts), ())])
    part, fields = slice(begin, begin + EXCERPT_EVENTS), one.event.shape[1]
    inputs, event, position = one.inputs[part].clone(), one.event[part], one.position[part]
    sizes = torch.tensor(field_sizes(len(sounds), fields))  # (fields,)
    event = event.clone()  # (t, fields)
    if begin:  # as if it were the beginning
        event[0, 0] = position[0]
        inputs[0, :fields], inputs[0, fields] = sizes, 0
        inputs[0, fields + 2 :] = sizes.repeat(len(LAGS))
    shift = int(torch.randint(one.shifts[0], one.shifts[1] + 1, ()))
    if shift:
        move = torch.tensor([shift * (channel != DRUM_CHANNEL) for channel, _ in sounds] + [0])
        event[:, 2] += move[event[:, 2]]
        for column in (2, *range(fields + 4, inputs.shape[1], fields)):
            inputs[:, column] += move[inputs[:, column]]
    mood = one.mood.clone()  # (tags + 1,)
    if torch.rand(()) < STYLE_DROPOUT:
        mood[:-1] = 0
    return inputs, mood, position, event


def padded(rows: list[torch.Tensor], value: int = 0) -> torch.Tensor:
    """Return rows of several lengths stacked, filled up with `value`."""
    return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value)


def losses(
    net: EventNetwork,
    inputs: torch.Tensor,
    mood: torch.Tensor,
    position: torch.Tensor,
    event: torch.Tensor,
    state: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the nats of each field, (b, t, fields), 0 beyond the end, and the state."""
    real = event[..., 0] >= 0  # (b, t)
    weights, state = net(inputs, mood, position, event.clamp(min=0), state)
    nats = [
        F.cross_entropy(w.transpose(1, 2), event[..., field], ignore_index=-1, reduction="none")
        for field, w in enumerate(weights)
    ]
    return torch.stack(nats, -1) * real.unsqueeze(-1), state  # (b, t, fields)


def evaluate(net: EventNetwork, pieces: list[TrainingPiece]) -> dict[str, float]:
    """Return the nats per event of whole pieces, in total and by field."""
    net.eval()
    total, events = torch.zeros(len(net.sizes)), 0
    order = sorted(pieces, key=lambda one: len(one.event))
    for at in range(0, len(order), 16):
        some, state = order[at : at + 16], None
        mood = torch.stack([one.mood for one in some])  # (b, tags + 1)
        inputs = padded([one.inputs for one in some])  # (b, t, rows)
        position = padded([one.position for one in some])  # (b, t)
        event = padded([one.event for one in some], -1)  # (b, t, fields)
        for cut in range(0, event.shape[1], 1024):
            part = slice(cut, cut + 1024)
            nats, state = losses(
                net, inputs[:, part], mood, position[:, part], event[:, part], state
            )
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
    """Train a model on the MIDI files in the folder `data` and write it to `out`."""
    torch.set_num_threads(1)  # so small a network is slower with more
    labeled = read_folder(data)
    sounds = sound_vocabulary(labeled)
    fields = len(FIELDS) - all(channel == DRUM_CHANNEL for channel, _ in sounds)
    tags = sorted(
        {tag for one in labeled for tag in one.tags}, key=lambda tag: (tag == "fill", tag)
    )
    splits: dict[str, list[TrainingPiece]] = {"train": [], "valid": [], "test": []}
    for one in labeled:
        piece = training_piece(one, sounds, tags, fields)
        if len(piece.event) and one.split in splits:
            splits[one.split].append(piece)
    if not splits["valid"]:  # a single piece: validate on its end
        splits["valid"] = [last_tenth(splits["train"][0])]
    counts = {name: sum(len(piece.event) for piece in some) for name, some in splits.items()}
    print(
        f"{len(labeled)} pieces, {counts} events, {len(sounds)} sounds, styles: {', '.join(tags)}"
    )
    seed_everything(seed)
    net = EventNetwork(len(sounds), len(tags), fields)
    optimizer = torch.optim.AdamW(
        net.parameters(), LEARNING_RATE, betas=(0.9, 0.99), weight_decay=WEIGHT_DECAY
    )
    checkpoint = Path(out).with_suffix(".safetensors")
    trainer = Trainer(
        net, optimizer, checkpoint, seed=seed, decay=0.99, resume=resume, dry_run=dry_run
    )
    # Pieces are sampled by length, so that every event is equally likely.
    frequencies = torch.tensor([float(len(one.event)) for one in splits["train"]])  # (pieces,)

    def loss(step: int) -> torch.Tensor:
        picks = torch.multinomial(frequencies, BATCH_SIZE, replacement=True).tolist()
        cut = [random_excerpt(splits["train"][pick], sounds) for pick in picks]
        all_inputs, moods, positions, events = map(list, zip(*cut, strict=True))
        event = padded(events, -1)  # (b, t, fields)
        nats, _ = losses(net, padded(all_inputs), torch.stack(moods), padded(positions), event)
        return nats.sum() / (event[..., 0] >= 0).sum()  # nats of a whole event

    def schedule(progress: float) -> float:
        """Return a linear warm-up over 2 % of the steps, then a cosine decay to 1 %."""
        return min(progress * 50 + 0.01, 0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi * progress)))

    trainer.run(
        loss,
        steps=MAX_STEPS,
        hours=hours,
        validate=lambda net: evaluate(net, splits["valid"]),
        every=200,
        schedule=schedule,
    )
    metrics: dict[str, float] = {}
    for name in ("valid", "test"):
        if splits[name]:
            figures = evaluate(trainer.ema, splits[name])
            metrics |= {f"{name} {what}": round(nats, 4) for what, nats in figures.items()}
    print("nats:", metrics)
    bpm = sorted(one.piece.bpm for one in labeled)
    inputs = example_inputs(trainer.ema, len(tags))
    export(
        EventStep(trainer.ema.eval()),
        inputs,
        out,
        input_names=["state", "heard", "mood", "bias", "dials", "noise"],
        output_names=["next_state", "event", "weights"],
        tolerance={"next_state": 1e-4, "event": 0, "weights": 1e-3},
        draw=lambda: example_inputs(trainer.ema, len(tags)),
        card={
            "name": Path(out).stem,
            "does": "one note of music as an event; state in, state out",
            "plays": "events",
            **provenance(Path(data), labeled),
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
                "state": f"{tuple(inputs[0].shape)} float, zeros at the start",
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


def last_tenth(one: TrainingPiece) -> TrainingPiece:
    """Return the last tenth of a piece."""
    begin = len(one.event) * 9 // 10
    return one._replace(
        inputs=one.inputs[begin:], position=one.position[begin:], event=one.event[begin:]
    )


def provenance(data: Path, pieces: list[LabeledPiece]) -> dict[str, str]:
    """Return what the card says of the training data, its licence and its credit."""
    counts = Counter(one.split for one in pieces)
    split = ", ".join(
        f"{counts[name]} {name}" for name in ("train", "valid", "test") if counts[name]
    )
    notes = sum(len(one.piece.notes) for one in pieces)
    if any("drummer" in row for row in read_labels(data).values()):
        return {
            "data": f"Groove MIDI Dataset, {len(pieces)} human drum performances, {split}",
            "data_source": "magenta.tensorflow.org/datasets/groove",
            "data_licence": "CC BY 4.0",
            "licence": "MIT",
            "credit": "Groove MIDI Dataset, Google LLC; J. Gillick, A. Roberts, J. Engel, D. Eck, "
            "D. Bamman, Learning to Groove with Inverse Sequence Transformations, ICML 2019; "
            "licensed under CC BY 4.0",
        }
    stated = licence_of(data)  # from LICENSE and CREDIT in the folder
    return {
        "data": f"{data.resolve().name}: {len(pieces)} MIDI files, {notes} notes, {split}",
        "data_source": "a folder of MIDI files",
        "data_licence": "not stated; ask the owners of the files before sharing this model"
        if stated["licence"] == "not stated"
        else stated["licence"],
        "licence": "that of the data",
        "credit": stated["credit"],
    }


def untrained_step(card: dict[str, Any]) -> EventStep:
    """Return an untrained step of the size that a card states."""
    return EventStep(
        EventNetwork(len(card["sounds"]), len(card["tags"]), len(card["fields"])).eval()
    )


def example_inputs(net: EventNetwork, tags: int) -> tuple[torch.Tensor, ...]:
    """Return random inputs for checking the exported graph."""
    inputs = [int(torch.randint(size, ())) for size in net.rows]
    inputs[len(net.sizes) + 1] = 16  # a bar of four beats
    total = sum(net.sizes)
    memory = net.memory
    return (
        torch.rand(memory.num_layers, memory.hidden_size) * 2 - 1,  # (LAYERS, WIDTH)
        torch.tensor(inputs),  # (rows,)
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
