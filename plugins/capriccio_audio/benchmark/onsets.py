"""Measures when notes sound at a JACK server, and when they should: where JACK runs,

    python -m capriccio_audio.benchmark.onsets --notes 2000

plays strokes at `audio` beside a picture that holds the interpreter, and records them as another
program would. It needs the package JACK-Client.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import click
import numpy as np
from capriccio import Note, Sketch, generator

from ..instrument_samples import RATE
from ..output import Audio
from .recording import Recording, onsets, times_of

CLAVES, NOTES_A_SECOND = 75, 8


class Onsets(NamedTuple):
    """How late strokes were, in milliseconds: in the median, and how far others are from it."""

    notes: int
    latency: float
    p50: float
    p99: float
    most: float


class TimedAudio(Audio):
    """Remembers when each note is due."""

    due: list[float]

    def note_on(self, note: Note, now: Any) -> None:
        self.due.append(self._performance.clock.monotonic(now.seconds))  # type: ignore[attr-defined]
        super().note_on(note, now)


def compare(due: Any, played: Any) -> Onsets:
    """Compare times of strokes with those at which they were due; each is less than 0.1 s late."""
    due, played = np.sort(due), np.sort(played)
    late = played - due[np.maximum(np.searchsorted(due, played) - 1, 0)]
    late = 1000 * late[(late > 0) & (late < 0.1)]
    off = np.abs(late - np.median(late))
    percentiles = [float(np.percentile(off, share)) for share in (50, 99, 100)]
    return Onsets(len(late), float(np.median(late)), *percentiles)


@click.command()
@click.option("--notes", default=2000, show_default=True)
@click.option("--picture/--no-picture", default=True, help="Beside a GAN at 30 frames a second.")
def main(notes: int, picture: bool) -> None:
    """Print how exactly notes are played."""
    sketch, out = Sketch(bpm=60, fps=30, size=(256, 256)), TimedAudio()
    out.due = []
    garden = generator("gan", model="pomona", seed=7)

    @sketch.play(bars=1)
    def strokes(now: Any) -> list[Note]:
        beats = [number / NOTES_A_SECOND for number in range(4 * NOTES_A_SECOND)]
        return [Note(CLAVES, beat, 0.05, 1.0, 10) for beat in beats]

    @sketch.draw
    def draw(now: Any) -> Any:
        if picture:
            return garden(now, drift=now.phase(bars=8))
        return np.zeros((256, 256, 3), np.uint8)

    with TemporaryDirectory() as folder:
        file = Path(folder, "recording.npz")
        server = os.environ.get("JACK_DEFAULT_SERVER", "default")
        words = ["-m", "capriccio_audio.benchmark.recording", server, "capriccio", str(file)]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        recorder = subprocess.Popen([sys.executable, *words], **pipes)
        assert recorder.stdin and recorder.stdout
        recorder.stdout.readline()  # it is ready
        stats = sketch.perform([out], seconds=notes / NOTES_A_SECOND, live=True)
        recorder.stdin.close()
        recorder.wait()
        recording = Recording(**np.load(file))
    # JACK counts on the raw clock, which is not corrected by the time servers of a network.
    raw = time.clock_gettime(time.CLOCK_MONOTONIC_RAW) - time.monotonic()
    played = times_of(onsets(recording.sound, RATE), recording, RATE) - raw
    found = compare(np.array(out.due), played)
    click.echo(
        f"{found.notes} of {len(out.due)} notes: {found.latency:.2f} ms late in the median; from "
        f"that p50 {found.p50:.3f} ms, p99 {found.p99:.3f} ms, at most {found.most:.3f} ms; "
        f"{recording.xruns} xruns, {100 * out.load:.0f} % of a core, {stats.late} frames dropped"
    )


if __name__ == "__main__":
    main()
