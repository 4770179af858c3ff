"""Compare what the player writes with what Bach wrote, heard by the same ear."""

import json
from collections import Counter
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
from capriccio import Model, Moment, Note

from ..analyzer import faults_of, key_of, learned, longest_run, sounds_of
from ..chorales.model import BREATH, RANGES, STEPS
from ..generator import RNN

BARS = 16


def compare(folder: Path, model: str = "chorales", pieces: int = 200) -> dict:
    """Write so many pieces of 16 bars at default knobs and set them beside Bach's test chorales.

    `folder` holds `Jsb16thSeparated.json`. Divergences from Bach's test chorales stand beside that
    of his own training chorales from them.
    """
    splits = json.loads(Path(folder, "Jsb16thSeparated.json").read_text())
    bach = {split: [phrase_of(piece) for piece in splits[split]] for split in ("train", "test")}
    ours = [RNN(model=model, seed=seed)(Moment(span=4.0 * BARS)) for seed in range(pieces)]
    # The player gives a last note whole; Bach's pieces end where they end.
    ours = [
        [n._replace(length=min(n.length, 4.0 * BARS - n.start)) for n in piece] for piece in ours
    ]
    heard = learned(Model(RNN.model_path(model)).card)
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
            "ours": copied(ours, heard),
            "Bach's": copied([cut(piece) for piece in bach["test"]], heard),
        },
    }


def phrase_of(piece: list[list[int]]) -> list[Note]:
    """Write steps of four pitches (-1 for none) as notes, no longer than the player's own."""
    phrase = []
    for voice in range(4):
        begin = 0
        for step in range(1, len(piece) + 1):
            pitch = piece[begin][voice]
            if step < len(piece) and piece[step][voice] == pitch and step - begin < BREATH:
                continue
            if pitch >= 0:
                phrase.append(Note(pitch, begin / STEPS, (step - begin) / STEPS, channel=voice + 1))
            begin = step
    return phrase


def cut(phrase: list[Note]) -> list[Note]:
    """Keep as much of a piece as the player's pieces are long."""
    return [note for note in phrase if note.start + note.length <= 4 * BARS]


def pair(measure, ours, theirs) -> dict[str, float]:
    return {"ours": measure(ours), "Bach's": measure(theirs)}


def bars_of(piece: list[Note]) -> float:
    return max((note.start + note.length for note in piece), default=0.0) / 4


def share_in_range(pieces) -> float:
    notes = [note for piece in pieces for note in piece]
    kept = [RANGES[n.channel - 1][0] <= n.pitch <= RANGES[n.channel - 1][1] for n in notes]
    return fmean(kept)


def parallels(pieces) -> float:
    found = sum("parallel" in fault.what for piece in pieces for fault in faults_of(piece)[1])
    return round(100 * found / sum(map(bars_of, pieces)), 2)


def crossings(pieces) -> float:
    found = sum("crossing" in fault.what for piece in pieces for fault in faults_of(piece)[1])
    return round(100 * found / sum(map(bars_of, pieces)), 2)


def certainty(pieces) -> dict[str, float]:
    found = [key_of(piece)[1] for piece in pieces]
    return {"mean": round(fmean(found), 3), "deviation": round(stdev(found), 3)}


def notes_a_bar(pieces) -> float:
    return round(sum(map(len, pieces)) / sum(map(bars_of, pieces)), 2)


def lengths(pieces) -> Counter:
    """Count the notes of each length, in sixteenths."""
    return Counter(round(note.length * STEPS) for piece in pieces for note in piece)


def certainties(pieces) -> Counter:
    """Count the pieces of each certainty of the key, in tenths."""
    return Counter(int(10 * key_of(piece)[1]) for piece in pieces)


def divergence(some: Counter, others: Counter) -> float:
    """Give the Jensen-Shannon divergence of two histograms, in bits: 0 same, 1 disjoint."""
    values = sorted(set(some) | set(others))
    p, q = (np.array([c[value] for value in values]) / c.total() for c in (some, others))
    middle = (p + q) / 2

    def bits(share):
        real = share > 0
        return float((share[real] * np.log2(share[real] / middle[real])).sum())

    return round((bits(p) + bits(q)) / 2, 5)


def copied(pieces, heard) -> float:
    runs = [longest_run(sounds_of(piece), heard) / STEPS for piece in pieces]
    return round(float(np.percentile(runs, 95)), 2)
