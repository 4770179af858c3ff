"""Judges how well the beat of drums is heard: `python -m capriccio_audio.evaluate --data FOLDER`.

FOLDER is the Groove MIDI Dataset: its takes are rendered by the kit, and their tempo and beats,
which the MIDI files know, are compared with those that the beat tracker finds.
"""

import csv
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from .beat_tracker import HOP, BeatTracker
from .instrument_samples import RATE
from .synthesizer import Synthesizer

Array = np.ndarray[Any, Any]

# What counts as right: the error of the tempo, and of a beat in seconds.
TEMPO_ERROR, BEAT_SECONDS = 0.04, 0.05
# From which beat on the beat is judged, and how many are heard.
FIRST_BEAT, BEATS = 8, 24
BLOCKS = 32


class Judgement(NamedTuple):
    """How one take was heard."""

    name: str
    bpm: float
    heard_bpm: float
    tempo: bool  # right at the first beat that is judged
    phase: float  # the share of beats from there on that are within 50 ms


def takes(
    folder: Path, count: int, split: str = "test", beats: float = BEATS
) -> list[tuple[Path, float]]:
    """Return takes of a split that are grooves and long enough, and their tempos."""
    with (folder / "info.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["beat_type"] == "beat"]
    rows = [row for row in rows if row["time_signature"] == "4-4" and row["split"] == split]
    rows = [row for row in rows if float(row["duration"]) * float(row["bpm"]) / 60 > beats]
    chosen = np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)
    return [(folder / rows[at]["midi_filename"], float(rows[at]["bpm"])) for at in chosen]


def render(path: Path, bpm: float, beats: float = BEATS) -> Array:
    """Return a MIDI file as the kit plays it, `(frames,)` at 48 kHz."""
    import mido

    synthesizer, file = Synthesizer({10: "kit"}, BLOCKS), mido.MidiFile(str(path))
    for track in file.tracks:
        ticks = 0
        for message in track:
            ticks += message.time
            if message.type == "note_on" and message.velocity:
                frame = round(ticks / file.ticks_per_beat * 60 / bpm * RATE)
                synthesizer.note_on(frame, 10, message.note, message.velocity / 127)
    blocks = int(beats * 60 / bpm * RATE / synthesizer.frames)
    return np.concatenate([synthesizer.render() for _ in range(blocks)], axis=1).mean(axis=0)


def judge(name: str, sound: Array, bpm: float, expected: float) -> Judgement:
    """Judge how the beat of a sound of `bpm` is heard where `expected` is."""
    tracker, found = BeatTracker(expected), []
    for at in range(0, len(sound), HOP):
        tracker.listen(sound[at : at + HOP])
        seconds = (at + HOP) / RATE
        beat = tracker.beat_at(seconds)
        if seconds * bpm / 60 >= FIRST_BEAT:
            off = (beat.beats - seconds * bpm / 60 if beat else 0.5) * 60 / bpm
            found.append((beat.bpm if beat else 0.0, off))
    period = 60 / bpm
    errors = np.array([error for _, error in found])
    errors = np.abs(errors - period * np.round(errors / period))
    heard = found[0][0]
    right = abs(heard / bpm - 1) <= TEMPO_ERROR
    return Judgement(name, bpm, heard, right, float((errors <= BEAT_SECONDS).mean()))


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--takes", "count", default=30, show_default=True, help="How many takes.")
@click.option("--expected", default=0.0, help="The tempo that is expected.  [default: the take's]")
@click.option("--split", default="test", show_default=True, help="Of which split.")
def main(data: Path, count: int, expected: float, split: str) -> None:
    """Print how the beat of each take was heard, and of all."""
    found = []
    for path, bpm in takes(data, count, split):
        one = judge(path.stem, render(path, bpm), bpm, expected or bpm)
        found.append(one)
        words = f"{one.bpm:6.1f} bpm, heard {one.heard_bpm:6.1f}; {one.phase:4.0%} of beats"
        click.echo(f"{one.name:40} {words}")
    tempo = np.mean([one.tempo for one in found])
    phase = np.mean([one.phase >= 0.5 for one in found])
    beats = np.mean([one.phase for one in found])
    click.echo(
        f"{len(found)} takes: tempo within {TEMPO_ERROR:.0%} after {FIRST_BEAT} beats in "
        f"{tempo:.0%}; most beats within {1000 * BEAT_SECONDS:.0f} ms in {phase:.0%}, "
        f"and {beats:.0%} of all beats"
    )


if __name__ == "__main__":
    main()
