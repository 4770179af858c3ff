"""Compare what the chorale model writes with what Bach wrote, by the readings of `ear`."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
from capriccio import Model, Moment, Note

from ..analyzer import (
    encode_sounds,
    estimate_key,
    find_faults,
    longest_shared_run,
    training_sounds,
)
from ..chorales.model import MAX_HELD_STEPS, RANGES, STEPS_PER_BEAT
from ..generator import RNN

BARS = 16
DATA_FILE = "Jsb16thSeparated.json"

Pieces = list[list[Note]]


def compare(folder: Path, model: str = "chorales", pieces: int = 200) -> dict[str, Any]:
    """Write pieces of 16 bars at default knobs and compare them with Bach's test chorales.

    Divergences from Bach's test chorales are listed beside those of his training chorales.

    Args:
        folder: holds `Jsb16thSeparated.json`.
        pieces: number of pieces to write.
    """
    splits = json.loads(Path(folder, DATA_FILE).read_text())
    bach = {split: [phrase_of(piece) for piece in splits[split]] for split in ("train", "test")}
    ours = [RNN(model=model, seed=seed)(Moment(span=4.0 * BARS)) for seed in range(pieces)]
    # The model returns its last notes whole; Bach's pieces end with the bar.
    ours = [
        [n._replace(length=min(n.length, 4.0 * BARS - n.start)) for n in piece] for piece in ours
    ]
    known = training_sounds(Model(RNN.model_path(model)).card)
    return {
        "pieces": {"ours": len(ours), "Bach's": len(bach["test"])},
        "notes within their voice's range": share_in_range(ours),
        "parallel fifths and octaves in 100 bars": pair(parallels, ours, bach["test"]),
        "crossings in 100 bars": pair(crossings, ours, bach["test"]),
        "key certainty": pair(certainty, ours, bach["test"]),
        "notes a bar": pair(notes_a_bar, ours, bach["test"]),
        "divergence of note lengths from Bach's test chorales, bits": {
            "ours": divergence(lengths(ours), lengths(bach["test"])),
            "Bach's training chorales": divergence(lengths(bach["train"]), lengths(bach["test"])),
        },
        "divergence of key certainty from Bach's test chorales, bits": {
            "ours": divergence(certainties(ours), certainties(bach["test"])),
            "Bach's training chorales": divergence(
                certainties(bach["train"]), certainties(bach["test"])
            ),
        },
        "longest run shared with the training set, beats, 95th percentile": {
            "ours": copied_beats(ours, known),
            "Bach's": copied_beats([first_bars(piece) for piece in bach["test"]], known),
        },
    }


def phrase_of(piece: list[list[int]]) -> list[Note]:
    """Return steps of four pitches (-1 for none) as notes, no longer than the model's own."""
    phrase = []
    for voice in range(4):
        begin = 0
        for step in range(1, len(piece) + 1):
            pitch = piece[begin][voice]
            if step < len(piece) and piece[step][voice] == pitch and step - begin < MAX_HELD_STEPS:
                continue
            if pitch >= 0:
                phrase.append(
                    Note(
                        pitch,
                        begin / STEPS_PER_BEAT,
                        (step - begin) / STEPS_PER_BEAT,
                        channel=voice + 1,
                    )
                )
            begin = step
    return phrase


def first_bars(phrase: list[Note]) -> list[Note]:
    """Return the notes of the first BARS."""
    return [note for note in phrase if note.start + note.length <= 4 * BARS]


def pair(measure: Callable[[Pieces], Any], ours: Pieces, theirs: Pieces) -> dict[str, Any]:
    """Return a measure of our pieces and of Bach's."""
    return {"ours": measure(ours), "Bach's": measure(theirs)}


def bars_of(piece: list[Note]) -> float:
    """Return the length of a piece in bars."""
    return max((note.start + note.length for note in piece), default=0.0) / 4


def share_in_range(pieces: Pieces) -> float:
    """Return the share of notes within their voice's range."""
    notes = [note for piece in pieces for note in piece]
    kept = [RANGES[n.channel - 1][0] <= n.pitch <= RANGES[n.channel - 1][1] for n in notes]
    return fmean(kept)


def parallels(pieces: Pieces) -> float:
    """Return the parallel fifths and octaves in 100 bars."""
    found = sum("parallel" in fault.what for piece in pieces for fault in find_faults(piece)[1])
    return round(100 * found / sum(map(bars_of, pieces)), 2)


def crossings(pieces: Pieces) -> float:
    """Return the voice crossings in 100 bars."""
    found = sum("crossing" in fault.what for piece in pieces for fault in find_faults(piece)[1])
    return round(100 * found / sum(map(bars_of, pieces)), 2)


def certainty(pieces: Pieces) -> dict[str, float]:
    """Return mean and standard deviation of the certainty of the key."""
    found = [estimate_key(piece)[1] for piece in pieces]
    return {"mean": round(fmean(found), 3), "deviation": round(stdev(found), 3)}


def notes_a_bar(pieces: Pieces) -> float:
    """Return the mean number of notes in a bar."""
    return round(sum(map(len, pieces)) / sum(map(bars_of, pieces)), 2)


def lengths(pieces: Pieces) -> Counter[int]:
    """Return the number of notes of each length, in sixteenths."""
    return Counter(round(note.length * STEPS_PER_BEAT) for piece in pieces for note in piece)


def certainties(pieces: Pieces) -> Counter[int]:
    """Return the number of pieces of each certainty of the key, in tenths."""
    return Counter(int(10 * estimate_key(piece)[1]) for piece in pieces)


def divergence(some: Counter[int], others: Counter[int]) -> float:
    """Return the Jensen-Shannon divergence of two histograms, in bits: 0 same, 1 disjoint."""
    values = sorted(set(some) | set(others))
    p, q = (np.array([c[value] for value in values]) / c.total() for c in (some, others))
    middle = (p + q) / 2

    def bits(share: np.ndarray) -> float:
        real = share > 0
        return float((share[real] * np.log2(share[real] / middle[real])).sum())

    return round((bits(p) + bits(q)) / 2, 5)


def copied_beats(pieces: Pieces, known: np.ndarray) -> float:
    """Return the longest run shared with the training set, in beats, 95th percentile."""
    runs = [longest_shared_run(encode_sounds(piece), known) / STEPS_PER_BEAT for piece in pieces]
    return round(float(np.percentile(runs, 95)), 2)
