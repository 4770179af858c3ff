"""Measures when notes sound at a JACK server, and when they should: where JACK runs,

    python -m capriccio_audio.benchmark.onsets --notes 2000

plays strokes at `audio` beside a picture that holds the interpreter, and records them as another
program would. With --isobar --soundfont FILE isobar plays them, to the program fluidsynth. It needs
the packages JACK-Client and isobar.
"""

import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import click
import numpy as np
from capriccio import Note, Sketch, generator

from ..instrument_samples import RATE
from ..output import Audio
from .recording import Recording, onsets, times_of

CLAVES, DRUMS, NOTES_A_SECOND = 75, 10, 8


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


def from_grid(played: Any, rate: float) -> Onsets:
    """Compare times of strokes with a grid of `rate` a second that suits them best."""
    played = np.sort(played)
    late = 1000 * (played - np.round((played - played[0]) * rate) / rate - played[0])
    off = np.abs(late - np.median(late))
    percentiles = [float(np.percentile(off, share)) for share in (50, 99, 100)]
    return Onsets(len(played), 0.0, *percentiles)


def processor_seconds(pid: int) -> float:
    """Return how long a process has run on a processor, all its threads together; Linux alone."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


class Watch(threading.Thread):
    """Measures which share of a processor a process has had, from its third second on."""

    def __init__(self, pid: Callable[[], int | None]):
        super().__init__(daemon=True)
        self.share, self._pid, self._ended = math.nan, pid, threading.Event()

    def run(self) -> None:
        while not (pid := self._pid()):
            self._ended.wait(0.1)
        self._ended.wait(3.0)
        begin, before = time.monotonic(), processor_seconds(pid)
        last = before
        while not self._ended.wait(1.0):
            with suppress(OSError):  # it has just ended
                now = processor_seconds(pid)
                if now >= last:  # none of its threads has ended
                    self.share = (now - before) / (time.monotonic() - begin)
                    last = now

    def stop(self) -> None:
        """Stop measuring."""
        self._ended.set()
        self.join()


@contextmanager
def recorded(client: str) -> Iterator[list[Recording]]:
    """Record a client of the JACK server meanwhile; the recording is in the list then."""
    found: list[Recording] = []
    with TemporaryDirectory() as folder:
        file = Path(folder, "recording.npz")
        server = os.environ.get("JACK_DEFAULT_SERVER", "default")
        words = ["-m", "capriccio_audio.benchmark.recording", server, client, str(file)]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        recorder = subprocess.Popen([sys.executable, *words], **pipes)
        assert recorder.stdin and recorder.stdout
        recorder.stdout.readline()  # it is ready
        yield found
        recorder.stdin.close()
        recorder.wait()
        found.append(Recording(**np.load(file)))


def times_in(recording: Recording) -> Any:
    """Return the monotonic times of the strokes in a recording."""
    # JACK counts on the raw clock, which is not corrected by the time servers of a network.
    raw = time.clock_gettime(time.CLOCK_MONOTONIC_RAW) - time.monotonic()
    return times_of(onsets(recording.sound, RATE), recording, RATE) - raw


@contextmanager
def isobar_to_fluidsynth(notes: int, soundfont: str) -> Iterator[int]:
    """Play strokes to FluidSynth over MIDI with isobar; yield the process of FluidSynth."""
    import isobar
    import mido

    server = os.environ.get("JACK_DEFAULT_SERVER", "default")
    settings = {
        "audio.jack.server": server, "midi.jack.server": server, "audio.jack.id": "fluid",
        "midi.jack.id": "fluid-midi", "audio.period-size": 256, "synth.sample-rate": RATE,
    }  # fmt: skip
    words = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    child = subprocess.Popen(
        ["fluidsynth", "-s", "-i", "-a", "jack", "-m", "jack", "-g", "1", *words, soundfont],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    mido.set_backend("mido.backends.rtmidi/UNIX_JACK")
    deadline = time.monotonic() + 30
    while not (ports := [name for name in mido.get_output_names() if "fluid" in name]):
        if time.monotonic() > deadline:
            raise click.ClickException("no MIDI port of FluidSynth was found at JACK")
        time.sleep(0.2)
    timeline = isobar.Timeline(60, output_device=isobar.MidiOutputDevice(ports[0]))
    strokes = {"note": CLAVES, "duration": 1 / NOTES_A_SECOND, "gate": 0.4, "channel": 9}
    timeline.schedule({**strokes, "amplitude": 127}, count=notes)
    timeline.background()
    try:
        yield child.pid
    finally:
        timeline.stop()
        child.terminate()
        child.wait()


@click.command()
@click.option("--notes", default=2000, show_default=True)
@click.option("--picture/--no-picture", default=True, help="Beside a GAN at 30 frames a second.")
@click.option("--voices", default=0, show_default=True, help="Voices of a choir beside them.")
@click.option("--soundfont", default="", help="Play by FluidSynth, with this soundfont.")
@click.option("--record/--no-record", default=True, help="Record what is heard.")
@click.option("--isobar", is_flag=True, help="Play by isobar to the program fluidsynth instead.")
def main(
    notes: int, picture: bool, voices: int, soundfont: str, record: bool, isobar: bool
) -> None:
    """Print how exactly notes are played."""
    sketch, out = Sketch(bpm=60, fps=30, size=(256, 256)), TimedAudio()
    out.due, sketch.soundfont = [], soundfont
    sketch.instruments({1: "choir"})
    garden = generator("gan", model="pomona", seed=7) if picture else None

    if not isobar:

        @sketch.play(bars=1)
        def strokes(now: Any) -> list[Note]:
            beats = [number / NOTES_A_SECOND for number in range(4 * NOTES_A_SECOND)]
            chord = [Note(48 + number, 0.0, 3.9, 0.5, 1) for number in range(voices // 2)]
            return [Note(CLAVES, beat, 0.05, 1.0, DRUMS) for beat in beats] + chord

    @sketch.draw
    def draw(now: Any) -> Any:
        if garden is None:
            return np.zeros((256, 256, 3), np.uint8)
        return garden(now, drift=now.phase(bars=8))

    seconds, load = notes / NOTES_A_SECOND, os.getloadavg()[0]
    if isobar:
        with recorded("fluid") as found, isobar_to_fluidsynth(notes, soundfont) as pid:
            watch = Watch(lambda: pid)
            watch.start()
            stats = sketch.perform([], seconds=seconds + 2, live=True)
            watch.stop()
        result = from_grid(times_in(found[0]), NOTES_A_SECOND)
    else:
        watch = Watch(lambda: out.process.pid if out.process else None)
        watch.start()
        recording: AbstractContextManager[list[Recording]]
        recording = recorded("capriccio") if record else nullcontext([])
        with recording as found:
            stats = sketch.perform([out], seconds=seconds, live=True)
        watch.stop()
        if not found:  # JACK says what was not in time
            click.echo(f"{100 * watch.share:.1f} % of a core; load {load:.1f}")
            return
        result = compare(np.array(out.due), times_in(found[0]))
    click.echo(
        f"{result.notes} of {notes} notes: {result.latency:.2f} ms late in the median; from "
        f"that p50 {result.p50:.3f} ms, p99 {result.p99:.3f} ms, at most {result.most:.3f} ms; "
        f"{found[0].xruns} xruns, {100 * watch.share:.1f} % of a core, "
        f"{stats.late} frames dropped; load {load:.1f} to {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
