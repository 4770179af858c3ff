"""Compare what the drummer plays with what drummers played: how hard, how late, how much."""

from collections import defaultdict
from pathlib import Path

import numpy as np
from capriccio import Moment, Note

from ..generator import RNN
from .encoding import BINS, VELOCITIES, position, velocity_token
from .midi_import import Song, collect


def compare(folder: Path, model: str = "groove", seed: int = 0, split: str = "test") -> dict:
    """Play each performance's style at its tempo for its length, and set both side by side.

    The performances are those of a split: what is still to be chosen is chosen on "valid".
    Velocities are counted in 32 bins, timing in 24 places of a sixteenth around the grid.
    Divergences (Jensen-Shannon, bits) are those from the split: ours, and the training split's.
    By drum, they are means over the drums, each weighed by how often it was hit.
    """
    songs = collect(folder, tell=lambda line: None)
    splits = {name: [song for song in songs if song.split == name] for name in ("train", split)}
    played = [play(song, model, seed + number) for number, song in enumerate(splits[split])]
    train = [song.piece.notes for song in splits["train"]]
    test = [song.piece.notes for song in splits[split]]
    found: dict = {"performances": len(test), "hits": {"ours": hits(played), split: hits(test)}}
    for name, reading, bins in (
        ("velocity", velocity_of, VELOCITIES),
        ("timing", timing_of, BINS),
        ("drum", lambda note: note.pitch, 128),
    ):
        wanted = counted(test, reading, bins)
        found[f"divergence of {name}, bits"] = {
            "ours": divergence(counted(played, reading, bins), wanted),
            "train": divergence(counted(train, reading, bins), wanted),
        }
        if name != "drum":
            found[f"divergence of {name} by drum, bits"] = {
                "ours": by_drum(played, test, reading, bins),
                "train": by_drum(train, test, reading, bins),
            }
    found["hits a beat"] = {"ours": density(played), "train": density(train), split: density(test)}
    return found


def play(song: Song, model: str, seed: int) -> list[Note]:
    """Play as long as a song lasts, in its style, at its tempo and in its meter."""
    notes, bar = song.piece.notes, round(song.piece.meters[0][1])
    bars = max(1, round(max(note.start for note in notes) / bar))
    style = next((tag for tag in song.tags if tag != "fill"), "")
    now = Moment(span=float(bar * bars), meter=bar, bpm=song.piece.bpm)
    return RNN(model=model, seed=seed)(now, style=style, fill=float("fill" in song.tags))


def velocity_of(note: Note) -> int:
    return velocity_token(note.velocity)


def timing_of(note: Note) -> int:
    return position(note.start)[1]


def hits(pieces: list[list[Note]]) -> int:
    return sum(map(len, pieces))


def density(pieces: list[list[Note]]) -> float:
    """Give the notes a beat."""
    return round(hits(pieces) / sum(max(n.start for n in piece) for piece in pieces if piece), 3)


def counted(pieces: list[list[Note]], reading, bins: int) -> np.ndarray:
    return np.bincount([reading(note) for piece in pieces for note in piece], minlength=bins)


def divergence(one: np.ndarray, other: np.ndarray) -> float:
    """Give the Jensen-Shannon divergence of two counts, in bits: 0 alike, 1 nothing in common."""
    p, q = one / max(one.sum(), 1), other / max(other.sum(), 1)
    middle = (p + q) / 2
    parts = [np.sum(s[s > 0] * np.log2(s[s > 0] / middle[s > 0])) / 2 for s in (p, q)]
    return round(float(sum(parts)), 4)


def by_drum(pieces, wanted, reading, bins: int) -> float:
    """Give the divergence of each drum's readings, in the mean."""
    drums: dict[int, list] = defaultdict(lambda: [[], []])
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
