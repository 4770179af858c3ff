"""Compare what the drummer plays with human drummers: velocity, timing, and density."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from capriccio import Moment, Note

from ..generator import RNN
from .encoding import TICKS_PER_STEP, VELOCITIES, step_and_offset, velocity_token
from .midi_import import LabeledPiece, read_folder

Reading = Callable[[Note], int]


def compare(
    folder: Path, model: str = "groove", seed: int = 0, split: str = "test"
) -> dict[str, Any]:
    """Play the style of each performance of a split at its tempo and length, and compare both.

    Tune on the split "valid". Velocities are counted in 32 bins, timing in the 24 ticks of a
    sixteenth around the grid. Divergences (Jensen-Shannon, bits) are those from the split: ours,
    and that of the training split. By drum they are means, weighted by the hits of each drum.
    """
    pieces = read_folder(folder, report=lambda line: None)
    splits = {name: [one for one in pieces if one.split == name] for name in ("train", split)}
    played = [play(one, model, seed + number) for number, one in enumerate(splits[split])]
    train = [one.piece.notes for one in splits["train"]]
    test = [one.piece.notes for one in splits[split]]
    found: dict[str, Any] = {
        "performances": len(test),
        "hits": {"ours": count_hits(played), split: count_hits(test)},
    }
    for name, reading, bins in (
        ("velocity", read_velocity, VELOCITIES),
        ("timing", read_offset, TICKS_PER_STEP),
        ("drum", read_pitch, 128),
    ):
        wanted = histogram(test, reading, bins)
        found[f"divergence of {name}, bits"] = {
            "ours": divergence(histogram(played, reading, bins), wanted),
            "train": divergence(histogram(train, reading, bins), wanted),
        }
        if name != "drum":
            found[f"divergence of {name} by drum, bits"] = {
                "ours": divergence_by_drum(played, test, reading, bins),
                "train": divergence_by_drum(train, test, reading, bins),
            }
    found["hits a beat"] = {"ours": density(played), "train": density(train), split: density(test)}
    return found


def play(labeled: LabeledPiece, model: str, seed: int) -> list[Note]:
    """Play as long as a performance lasts, in its style, tempo and meter."""
    notes, bar = labeled.piece.notes, round(labeled.piece.meters[0][1])
    bars = max(1, round(max(note.start for note in notes) / bar))
    style = next((tag for tag in labeled.tags if tag != "fill"), "")
    now = Moment(span=float(bar * bars), meter=bar, bpm=labeled.piece.bpm)
    return RNN(model=model, seed=seed)(now, style=style, fill=float("fill" in labeled.tags))


def read_velocity(note: Note) -> int:
    """Return the velocity bin of a hit."""
    return velocity_token(note.velocity)


def read_offset(note: Note) -> int:
    """Return the tick of a hit around its sixteenth."""
    return step_and_offset(note.start)[1]


def read_pitch(note: Note) -> int:
    """Return the drum of a hit."""
    return note.pitch


def count_hits(pieces: list[list[Note]]) -> int:
    """Return the number of hits of all pieces."""
    return sum(map(len, pieces))


def density(pieces: list[list[Note]]) -> float:
    """Return the hits a beat."""
    beats = sum(max(note.start for note in piece) for piece in pieces if piece)
    return round(count_hits(pieces) / beats, 3)


def histogram(pieces: list[list[Note]], reading: Reading, bins: int) -> np.ndarray:
    """Return how often each value of `reading` occurs, (bins,)."""
    return np.bincount([reading(note) for piece in pieces for note in piece], minlength=bins)


def divergence(one: np.ndarray, other: np.ndarray) -> float:
    """Return the Jensen-Shannon divergence of two histograms, in bits: 0 same, 1 disjoint."""
    p, q = one / max(one.sum(), 1), other / max(other.sum(), 1)
    middle = (p + q) / 2
    parts = [np.sum(s[s > 0] * np.log2(s[s > 0] / middle[s > 0])) / 2 for s in (p, q)]
    return round(float(sum(parts)), 4)


def divergence_by_drum(
    pieces: list[list[Note]], wanted: list[list[Note]], reading: Reading, bins: int
) -> float:
    """Return the mean divergence of each drum's readings, weighted by its hits in `wanted`."""
    drums: dict[int, list[list[int]]] = defaultdict(lambda: [[], []])
    for side, some in enumerate((pieces, wanted)):
        for piece in some:
            for note in piece:
                drums[note.pitch][side].append(reading(note))
    total = weight = 0.0
    for ours, theirs in drums.values():
        if theirs:
            counts = [np.bincount(side or [0], minlength=bins) for side in (ours, theirs)]
            total += len(theirs) * divergence(*counts)
            weight += len(theirs)
    return round(total / weight, 4)
