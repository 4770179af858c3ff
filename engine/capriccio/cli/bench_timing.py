"""Measures how well a live show keeps time under load, and isobar beside it.

The draw cue blocks the interpreter for most of every frame, and a model runs all the time. Notes
are timed where they are sent: in Capriccio by its player process, in isobar by its output device.
Then late frames are counted where nothing but a slow picture delays them.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..clock import LiveClock, Moment
from ..devices.midi import ports
from ..devices.midi.output import Midi
from ..devices.midi.player_process import NULL_API
from ..devices.video.screen import Screen
from ..errors import ShowError
from ..media import Note
from ..midi_ports import try_again
from ..models.model import Model
from ..parts import Output
from ..performance import Performance
from ..registry import installed
from ..sketch_provenance import versions
from ..stage.cues import PlayCue
from ..stage.stage import Stage
from ..stage.stats import Stats
from .bench_parts import ENGINE, Report, heading, machine, verdict

# What is promised of notes: 99th percentile, maximum and drift in milliseconds, and how
# many times as punctual as isobar's they are.
MAX_P99_MS, MAX_MS, MAX_DRIFT_MS, MIN_BETTER = 0.5, 5.0, 1.0, 10.0
# Notes a second: a pulse that a picture disturbs most, and the densest music.
RATES = (8, 100)
# For how long of each frame the draw cue blocks the interpreter.
BLOCK_SECONDS, FPS, SIZE = 0.012, 60.0, (512, 512)
# At most this share of frames is late where a picture takes this time and nothing else runs; for
# how long they are counted at most.
PICTURE_SECONDS, MAX_LATE_SHARE, COUNT_SECONDS = 0.010, 0.01, 60.0
PICTURES = f"pictures that take {1000 * PICTURE_SECONDS:g} ms, at {FPS:g} fps"
# A beat is a second; a phrase is four.
BPM, METER = 60.0, 4
# Ticks of isobar's a beat, and between two notes, so that notes do not fall between ticks.
TICKS, SPARSE, DENSE = 480, 120, 12
# How long isobar's thread may take to end, in seconds.
END_SECONDS = 2.0


def measure(notes: int, progress: Callable[[str], None] = lambda message: None) -> Report:
    """Send `notes` notes at each of the rates, and by isobar where it is installed."""
    try:
        ports.find_output("")
        port = f"the port {ports.CLIENT!r} of {ports.api_name()}"
    except ShowError as error:
        port = f"no port: {error}"
    mute = port.startswith("no port")
    blocker, model = Blocker(), _largest_model()
    runs, compare = [], isobar_loads(progress)
    with _running(model):
        for rate in RATES:
            seconds = notes / rate
            progress(f"{notes} notes at {rate} a second, for {seconds:.0f} s")
            runs.append(run_stage(rate, notes, blocker, mute))
            if compare:
                progress(f"the same by isobar, for {seconds:.0f} s")
                runs.append(_run_isobar(rate, notes, blocker, mute))
    seconds = min(notes / RATES[0], COUNT_SECONDS)
    pictures = None if Screen.missing() else _count_late(seconds, progress)
    isobar = {run["rate"]: run["p99_ms"] for run in runs if run["who"] == "isobar"}
    for run in runs:  # how many times as punctual as isobar ours was at the same rate
        theirs = isobar[run["rate"]] if isobar and run["who"] == "capriccio" else None
        run["better"] = theirs and float(round(theirs / max(run["p99_ms"], 0.001), 1))
    return {
        "machine": machine(),
        "versions": versions(*ENGINE, "isobar", "supriya-midi", "pygame-ce"),
        "port": port,
        "model": model.path.stem if model else "none is installed",
        "screen": Screen.missing() or "a window of 512x512",
        "hold_ms": round(1000 * blocker.seconds, 2),
        "niceness": os.nice(0) if hasattr(os, "nice") else 0,
        "runs": runs,
        "pictures": pictures,
        "kept": all(keeps_time(run) for run in runs if run["who"] == "capriccio")
        and (pictures is None or pictures["late_share"] <= MAX_LATE_SHARE),
    }


def run_stage(rate: int, notes: int, blocker: "Blocker", mute: bool) -> Report:
    """Play `notes` notes, `rate` a second, while `blocker` runs; return how punctual they were.

    With `mute` they are sent nowhere, since there is no MIDI system.
    """
    sound = _MuteMidi() if mute else Midi()
    left = iter(range(notes))

    def play(now: Moment) -> list[Note]:
        places = [place for place, _ in zip(range(rate * METER), left, strict=False)]
        return [Note(48 + place % 24, place / rate, 0.4 / rate, 0.0) for place in places]

    stats, load = perform_blocked(sound, blocker, [PlayCue(play, bars=1)], notes / rate)
    measured = sound.timing
    if measured is None:
        raise ShowError(f"{sound} reported no timing")
    return {
        "who": "capriccio",
        "rate": rate,
        "notes": stats.notes,
        **{name: getattr(measured, name) for name in ("p50_ms", "p99_ms", "max_ms", "drift_ms")},
        "late": measured.late,
        "frames": stats.frames,
        "frames_late": stats.late,
        "load": load,
    }


def _count_late(seconds: float, progress: Callable[[str], None]) -> Report:
    """Show pictures that take a while, and nothing else; count those that are late."""
    blocker = Blocker(PICTURE_SECONDS)
    progress(f"{PICTURES}, for {seconds:.0f} s")
    stats, load = perform_blocked(Output(), blocker, [], seconds)
    return {
        "seconds": seconds,
        "hold_ms": round(1000 * blocker.seconds, 2),
        "frames": stats.frames,
        "frames_late": stats.late,
        "late_share": round(stats.late / (stats.frames + stats.late), 4),
        "load": load,
    }


def isobar_loads(progress: Callable[[str], None]) -> bool:
    """Return whether isobar can be measured; only developers have it installed."""
    if find_spec("isobar") is None:
        return False
    try:
        import isobar  # noqa: F401
    except ImportError as error:
        progress(f"isobar is installed but does not load: {error}")
        return False
    return True


def _run_isobar(rate: int, notes: int, blocker: "Blocker", mute: bool) -> Report:
    import isobar
    import mido

    mute = mute or os.name == "nt"  # which has no virtual ports
    if not mute:
        mido.set_backend(f"mido.backends.rtmidi/{ports.api_constant()}")
    device = isobar.DummyOutputDevice if mute else isobar.MidiOutputDevice

    class Timed(device):  # type: ignore[misc, valid-type]
        """A device of isobar that notes when it sent each note."""

        def note_on(self, *arguments: Any, **options: Any) -> None:
            super().note_on(*arguments, **options)
            times.append(time.monotonic())

    times: list[float] = []
    ticks = SPARSE if rate < TICKS / SPARSE * 4 else DENSE
    output = Timed() if mute else try_again(partial(Timed, "isobar", virtual=True))
    timeline = isobar.Timeline(rate * ticks / TICKS * 60, output_device=output)
    timeline.schedule(
        {"note": isobar.PSequence(list(range(48, 72))), "duration": ticks / TICKS, "gate": 0.4},
        count=notes,
    )
    timeline.background()
    try:
        stats, load = perform_blocked(Output(), blocker, [], notes / rate)
    finally:
        timeline.stop()
        thread = getattr(timeline, "thread", None)
        if thread is not None:
            thread.join(END_SECONDS)
        if not mute:
            output.close()
    late = np.array(times) - np.arange(len(times)) / rate
    # It does not say when it meant to begin; the beginning that suits it best is assumed.
    off = 1000 * np.abs(late - np.median(late)) if len(late) else np.zeros(1)
    spread = {"p50_ms": 50, "p99_ms": 99, "max_ms": 100}
    return {
        "who": "isobar",
        "rate": rate,
        "notes": len(times),
        **{name: round(float(np.percentile(off, share)), 4) for name, share in spread.items()},
        "frames": stats.frames,
        "frames_late": stats.late,
        "load": load,
    }


def perform_blocked(
    sound: Output, blocker: "Blocker", plays: list[PlayCue], seconds: float
) -> tuple[Stats, float | None]:
    """Perform with a picture that blocks the interpreter; return the stats and the system load."""
    outputs = [sound] if Screen.missing() else [sound, Screen()]
    image = np.zeros((*SIZE, 3), np.uint8)

    def draw(now: Moment) -> np.ndarray[Any, Any]:
        blocker()
        return image

    performance = Performance(LiveClock(BPM, METER), SIZE, FPS, "bench")
    stats = Stage(performance, outputs, draw=draw, plays=plays).perform(seconds)
    return stats, round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def keeps_time(run: Report) -> bool:
    """Return whether a run of the stage kept what is promised."""
    return bool(
        run["p99_ms"] <= MAX_P99_MS
        and run["max_ms"] <= MAX_MS
        and abs(run["drift_ms"]) < MAX_DRIFT_MS
        and (run["better"] is None or run["better"] >= MIN_BETTER)
    )


class _MuteMidi(Midi):
    """A MIDI output that sends nowhere."""

    def find_port(self) -> tuple[int, str]:
        return NULL_API, ""


class Blocker:
    """Blocks the interpreter, as a slow picture does: one call in C that never releases the GIL.

    The amount of work is corrected every time by the processor time it took, since processors
    change their clock rate; the time that other programs took does not count. `seconds` is how
    long it took the last time, `count` the amount of work of the next time.
    """

    def __init__(self, target: float = BLOCK_SECONDS) -> None:
        self.count, self.seconds, self._target = 100_000, target, target
        for _ in range(20):
            self()

    def __call__(self) -> None:
        """Block for the target time."""
        begun = time.thread_time()
        sum(range(self.count))
        self.seconds = max(time.thread_time() - begun, self._target / 100)
        right = self.count * self._target / self.seconds
        self.count = max(1, round(self.count + 0.2 * (right - self.count)))


def _largest_model() -> Model | None:
    """Return the largest model that is installed, to run on one core; None where there is none."""
    models = [file for found in installed().found for file in found.part.models.values()]
    files = sorted(filter(Path.is_file, models), key=lambda file: file.stat().st_size)
    return Model(files[-1], threads=1) if files else None


@contextmanager
def _running(model: Model | None) -> Iterator[None]:
    """Run a model over and over in a thread of its own."""
    if model is None:
        yield
        return
    ended = threading.Event()

    def run() -> None:
        arrays = {
            name: np.zeros([size or 1 for size in slot.shape], slot.dtype)
            for name, slot in model.inputs.items()
        }
        while not ended.is_set():
            model(**arrays)

    thread = threading.Thread(target=run, name="model", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def table(report: Report) -> Any:
    """Return a report as a rich table, under the facts of its machine."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    setting = (
        f"{report['port']}; {report['screen']}; the interpreter blocked for "
        f"{report['hold_ms']:g} ms of each frame at {FPS:g} fps; model: {report['model']}"
    )
    lines = [*heading(report), Text(setting), Text("")]
    sheet = Table("by", header_style="bold")
    for column in ("notes", "a second", "p50 ms", "p99 ms", "max ms", "drift", "late", "load"):
        sheet.add_column(column, justify="right")
    for run in report["runs"]:
        frames = run["frames"] + run["frames_late"]
        sheet.add_row(
            run["who"],
            str(run["notes"]),
            str(run["rate"]),
            *(f"{run[name]:.3f}" for name in ("p50_ms", "p99_ms", "max_ms")),
            f"{run['drift_ms']:+.3f}" if "drift_ms" in run else "",
            f"{100 * run['frames_late'] / frames:.1f} %",
            "" if run["load"] is None else f"{run['load']:g}",
        )
    lines.append(sheet)
    lines.append(Text("drift is in ms; late is the share of frames that were dropped"))
    notes = [
        f"at {run['rate']} notes a second {run['better']:g} times as punctual as isobar"
        for run in report["runs"]
        if run["better"] is not None
    ]
    if not any(run["who"] == "isobar" for run in report["runs"]):
        notes.append("isobar is not installed or does not load; to compare, pip install isobar")
    if pictures := report["pictures"]:
        notes.append(
            f"{PICTURES}: {pictures['frames']} in {pictures['seconds']:g} s, and "
            f"{100 * pictures['late_share']:.2f} % dropped, at a load of {pictures['load']}"
        )
    promise = (
        f"p99 at most {MAX_P99_MS:g} ms, max {MAX_MS:g} ms, drift below {MAX_DRIFT_MS:g} ms, "
        f"{MIN_BETTER:g} times as punctual as isobar, "
        f"at most {100 * MAX_LATE_SHARE:g} % of pictures dropped: "
    )
    return Group(*lines, *map(Text, notes), verdict(promise, report["kept"]))
