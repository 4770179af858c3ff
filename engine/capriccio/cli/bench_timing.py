"""Measures how well a stage keeps time while its sketch makes that hard; and isobar beside it.

The draw cue holds the interpreter for most of every frame, and a model runs all the time. Notes are
timed where they are sent: in Capriccio by its player, in isobar's timeline by its output device.
Then frames are counted that come too late where nothing but a picture is in their way.
"""

import os
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..clock import LiveClock
from ..devices.midi import ports
from ..devices.midi.output import Midi
from ..devices.midi.player_process import NOWHERE
from ..devices.video.screen import Screen
from ..errors import ShowError
from ..media import Note
from ..models.model import Model
from ..parts import Output
from ..performance import Performance
from ..registry import installed
from ..stage.cues import PlayCue
from ..stage.stage import Stage
from .bench_parts import machine, versions

# What a stage must keep, in milliseconds but for the last: how many times better it is than isobar.
P99_MS, MAX_MS, DRIFT_MS, BETTER = 0.5, 5.0, 1.0, 10.0
# Notes a second. A pulse that a picture disturbs at its worst, and music as dense as it gets.
RATES = (8, 100)
# The draw cue holds the interpreter for so long of each frame.
HOLD_SECONDS, FPS, SIZE = 0.012, 60.0, (512, 512)
# A picture that takes so long, by itself, comes in time but for this share of its frames. They are
# counted for as long as the slow pulse lasts, and no longer than this.
PICTURE_SECONDS, LATE_SHARE, COUNT_SECONDS = 0.010, 0.01, 60.0
# A beat is a second; a phrase is four.
BPM, METER = 60.0, 4
# isobar counts so many ticks a beat. So many lie between two notes, lest they fall between ticks.
TICKS, SPARSE, DENSE = 480, 120, 12
# How long isobar's thread may take to end, in seconds.
END_SECONDS = 2.0


def measure(notes: int, say: Callable[[str], None] = lambda words: None) -> dict[str, Any]:
    """Send so many notes at each of the rates, and as many by isobar where it is installed.

    The report holds nothing but what JSON knows; `say` is told before each run.
    """
    try:
        ports.output_port("")
        where = f"the port {ports.CLIENT!r} of {ports.system_name()}"
    except ShowError as error:
        where = f"no port: {error}"
    hold, model = _Hold(), _busy_model()
    runs, compare = [], _isobar_loads(say)
    with _running(model):
        for rate in RATES:
            seconds = notes / rate
            say(f"{notes} notes at {rate} a second, for {seconds:.0f} s")
            runs.append(_ours(rate, notes, hold, where.startswith("no port")))
            if compare:
                say(f"the same by isobar, for {seconds:.0f} s")
                runs.append(_isobar(rate, notes, hold, where.startswith("no port")))
    pictures = None if Screen.missing() else _pictures(min(notes / RATES[0], COUNT_SECONDS), say)
    for run in runs:
        run["better"] = _better(run, runs)
    return {
        "machine": machine(),
        "versions": versions("isobar", "python-rtmidi", "pygame-ce"),
        "port": where,
        "model": model.path.stem if model else "none is installed",
        "screen": Screen.missing() or "a window of 512x512",
        "hold_ms": round(1000 * hold.seconds(), 2),
        "niceness": os.nice(0) if hasattr(os, "nice") else 0,
        "runs": runs,
        "pictures": pictures,
        "kept": all(_keeps(run) for run in runs if run["who"] == "capriccio")
        and (pictures is None or pictures["late_share"] <= LATE_SHARE),
    }


def _ours(rate: int, notes: int, hold: "_Hold", mute: bool) -> dict[str, Any]:
    sound = _Mute() if mute else Midi()
    left = iter(range(notes))

    def play(now):
        phrase = []
        for place in range(rate * METER):
            if next(left, None) is None:
                break
            start = place / rate
            phrase.append(Note(48 + place % 24, start, 0.4 / rate, 0.0))
        return phrase

    stats, load = _perform(sound, hold, [PlayCue(play, bars=1)], notes / rate)
    kept = sound.punctuality
    if kept is None:
        raise ShowError(f"{sound} has not said how punctual it was")
    return {
        "who": "capriccio",
        "rate": rate,
        "notes": stats.notes,
        **{name: getattr(kept, name) for name in ("p50_ms", "p99_ms", "max_ms", "drift_ms")},
        "late": kept.late,
        "frames": stats.frames,
        "frames_late": stats.late,
        "load": load,
    }


def _pictures(seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Show pictures that take a while, and nothing else; count those that come too late."""
    hold = _Hold(PICTURE_SECONDS)
    say(f"pictures that take {1000 * PICTURE_SECONDS:g} ms, at {FPS:g} fps, for {seconds:.0f} s")
    stats, load = _perform(Output(), hold, [], seconds)
    return {
        "seconds": seconds,
        "hold_ms": round(1000 * hold.seconds(), 2),
        "frames": stats.frames,
        "frames_late": stats.late,
        "late_share": round(stats.late / (stats.frames + stats.late), 4),
        "load": load,
    }


def _isobar_loads(say: Callable[[str], None]) -> bool:
    """Say whether isobar can be measured; it is installed for developers alone."""
    if find_spec("isobar") is None:
        return False
    try:
        import isobar  # noqa: F401
    except ImportError as error:
        say(f"isobar is installed but does not load: {error}")
        return False
    return True


def _isobar(rate: int, notes: int, hold: "_Hold", mute: bool) -> dict[str, Any]:
    import isobar
    import mido

    mute = mute or os.name == "nt"  # which has no ports of one's own
    if not mute:
        mido.set_backend(f"mido.backends.rtmidi/{ports.system_constant()}")
    device = isobar.DummyOutputDevice if mute else isobar.MidiOutputDevice

    class Timed(device):  # type: ignore[misc, valid-type]
        """A device of isobar's that remembers when it has sent a note."""

        def note_on(self, *arguments, **options):
            super().note_on(*arguments, **options)
            times.append(time.monotonic())

    times: list[float] = []
    ticks = SPARSE if rate < TICKS / SPARSE * 4 else DENSE
    timeline = isobar.Timeline(
        rate * ticks / TICKS * 60,
        output_device=Timed() if mute else Timed("isobar", virtual=True),
    )
    timeline.schedule(
        {
            "note": isobar.PSequence([48 + place for place in range(24)]),
            "duration": ticks / TICKS,
            "gate": 0.4,
        },
        count=notes,
    )
    timeline.background()
    try:
        stats, load = _perform(Output(), hold, [], notes / rate)
    finally:
        timeline.stop()
        thread = getattr(timeline, "thread", None)
        if thread is not None:
            thread.join(END_SECONDS)
    off = np.array(times) - np.arange(len(times)) / rate
    # Nobody knows when it meant to begin, so that it is given the beginning that suits it best.
    off = 1000 * np.abs(off - np.median(off)) if len(off) else np.zeros(1)
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


def _perform(sound: Output, hold: "_Hold", plays: list[PlayCue], seconds: float):
    """Perform with a picture that holds the interpreter; give the stats and the load meanwhile."""
    outputs = [sound] if Screen.missing() else [sound, Screen()]
    image = np.zeros((*SIZE, 3), np.uint8)

    def draw(now):
        hold()
        return image

    performance = Performance(LiveClock(BPM, METER), SIZE, FPS, "bench")
    stats = Stage(performance, outputs, draw=draw, plays=plays).perform(seconds)
    return stats, round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _better(run: dict, runs: list[dict]) -> float | None:
    """Give how many times nearer to its time ours was than isobar at the same rate, 99 of 100."""
    for other in runs:
        if run["who"] == "capriccio" and other["who"] == "isobar" and other["rate"] == run["rate"]:
            return round(other["p99_ms"] / max(run["p99_ms"], 0.001), 1)
    return None


def _keeps(run: dict) -> bool:
    return (
        run["p99_ms"] <= P99_MS
        and run["max_ms"] <= MAX_MS
        and abs(run["drift_ms"]) < DRIFT_MS
        and (run["better"] is None or run["better"] >= BETTER)
    )


class _Mute(Midi):
    """A player that sends into the void, where there is no MIDI system."""

    def _place(self):
        return NOWHERE, ""


class _Hold:
    """Hold the interpreter, as a slow picture does: one call in C that never lets go of it.

    How much there is to do is corrected every time by what the processor took for it, since
    processors change gear; what other programs took meanwhile does not count.
    """

    def __init__(self, right: float = HOLD_SECONDS) -> None:
        self._count, self._taken, self._right = 100_000, right, right
        for _ in range(20):
            self()

    def __call__(self) -> None:
        begun = time.thread_time()
        sum(range(self._count))
        self._taken = max(time.thread_time() - begun, self._right / 100)
        right = self._count * self._right / self._taken
        self._count = max(1, round(self._count + 0.2 * (right - self._count)))

    def seconds(self) -> float:
        """Give how long it took the last time."""
        return self._taken


def _busy_model() -> Model | None:
    """Give the largest model that is installed, to run on one core; None where there is none."""
    files = [file for found in installed().found for file in found.part.models.values()]
    files = sorted((file for file in files if file.is_file()), key=lambda file: file.stat().st_size)
    return Model(files[-1], threads=1) if files else None


@contextmanager
def _running(model: Model | None):
    """Run a model again and again meanwhile, in a thread of its own."""
    ended = threading.Event()

    def run():
        arrays = {
            name: np.zeros([size or 1 for size in slot.shape], slot.dtype)
            for name, slot in model.inputs.items()
        }
        while not ended.is_set():
            model(**arrays)

    thread = threading.Thread(target=run, name="model", daemon=True)
    if model:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if model:
            thread.join()


def table(report: dict[str, Any]) -> Any:
    """Lay a report out as a rich table, under what it was made with."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    facts = report["machine"]
    lines: list[Any] = [
        Text(f"{facts['cpu']}, {facts['cores']} cores, {facts['system']}"),
        Text(", ".join(f"{name} {number}" for name, number in report["versions"].items())),
        Text(
            f"{report['port']}; {report['screen']}; the interpreter held for {report['hold_ms']:g} "
            f"ms of each frame at {FPS:g} fps; beside it the model {report['model']}"
        ),
        Text(""),
    ]
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
    lines.append(Text("drift is in ms; late are the frames that were dropped"))
    for run in report["runs"]:
        if run["better"] is not None:
            lines.append(
                Text(f"at {run['rate']} a second {run['better']:g} times as near as isobar")
            )
    if not any(run["who"] == "isobar" for run in report["runs"]):
        lines.append(
            Text("isobar is not installed or does not load; pip install isobar compares with it")
        )
    if pictures := report["pictures"]:
        lines.append(
            Text(
                f"pictures that take {1000 * PICTURE_SECONDS:g} ms, at {FPS:g} fps: "
                f"{pictures['frames']} in {pictures['seconds']:g} s, and "
                f"{100 * pictures['late_share']:.2f} % dropped, at a load of {pictures['load']}"
            )
        )
    promise = (
        f"p99 at most {P99_MS:g} ms, max {MAX_MS:g} ms, drift below {DRIFT_MS:g} ms, "
        f"{BETTER:g} times as near as isobar, at most {100 * LATE_SHARE:g} % of pictures dropped: "
    )
    kept = Text("kept", "green") if report["kept"] else Text("not kept", "bold red")
    lines.append(Text(promise).append_text(kept))
    return Group(*lines)
