"""Times what the engine adds to a network: the bare network, the part, a whole offline frame."""

import os
import platform
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib import import_module
from importlib.util import find_spec
from itertools import count, cycle
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from ..canvas.strokes import rasterise
from ..clock import Moment, OfflineClock
from ..errors import PartError, ShowError, describe, suggest
from ..media import Note, Stroke
from ..models.model import Model
from ..parts import Analyzer, Generator, Output
from ..performance import Performance
from ..registry import Found, analyzer, generator, installed
from ..sketch_provenance import versions
from ..stage.cues import PlayCue
from ..stage.stage import Stage

# A whole frame takes at most this much longer than its bare network: by factor, or in ms.
MAX_RATIO, MAX_OVER_MS = 1.03, 0.2
# Frames before the first that is timed: caches fill, and processors change their clock rate.
WARM_UP_FRAMES = 20
# A bar lasts two seconds of the show; how long it takes to compose does not depend on it.
BPM, METER, FPS, SIZE = 120.0, 4, 30.0, (512, 512)
# Frames of the moving test picture until it begins again, and its sides in pixels.
MOVING_FRAMES, MOVING_SIDE = 32, 256
# The distributions whose versions every report names.
ENGINE = ("capriccio", "numpy", "onnxruntime", "onnxruntime-gpu")

Report = dict[str, Any]
Calls = list[tuple[Model, dict[str, Any]]]


def measure(
    part: str | None, frames: int, progress: Callable[[str], None] = lambda message: None
) -> Report:
    """Time a generator or analyzer such as `rnn` or `rnn:chorales`, or all that are installed.

    `frames` are bars where a part writes phrases. In the report, which can be written as JSON, a
    part that fails has an `error`, and the others are timed all the same.
    """
    reports: list[Report] = []
    for found, model in list(_wanted(part)):
        name = _label(found.part.name, model)
        progress(f"{name}: {frames} times, in turn with its bare network")
        facts: Report = {
            "part": found.part.name,
            "model": model,
            "plugin": f"{found.distribution} {found.version}".strip(),
        }
        time = _time_analyzer if issubclass(found.part, Analyzer) else _time_generator
        try:
            reports.append(facts | time(found, model, frames))
        except Exception as error:
            progress(f"{name} failed: {describe(error)}")
            reports.append(facts | {"error": describe(error), "rows": [], "kept": None})
    return {
        "machine": machine(),
        "versions": versions(*ENGINE, *(["torch"] if "plain torch" in str(reports) else [])),
        "parts": reports,
    }


def _wanted(words: str | None) -> Iterator[tuple[Found, str]]:
    """Yield the parts asked for, each with the name or the file of a model, "" for none."""
    parts = [one for one in installed().found if issubclass(one.part, Generator | Analyzer)]
    if not parts:
        raise ShowError("no generator or analyzer is installed; capriccio doctor may know why")
    name, _, model = (words or "").partition(":")
    if words is not None:
        short = name.rpartition("/")[2]
        roles = {one.part.name: one.part for one in parts[::-1]}
        if short not in roles:
            raise PartError(
                f"no generator or analyzer is named {name!r}{suggest(name, roles)}"
                f"{installed().missed()}"
            )
        role = Generator if issubclass(roles[short], Generator) else Analyzer
        part = installed().find(role, name)  # raises where there are two of the name
        parts = [one for one in parts if one.part is part]
        if model:
            part.model_path(model)  # raises where there is no such model
    for found in parts:
        for each in [model] if model else found.part.models or [""]:
            yield found, each


def _label(part: str, model: str) -> str:
    return f"{part}:{model}".rstrip(":")


def _time_generator(found: Found, model: str, frames: int) -> Report:
    part = generator(f"{found.plugin}/{found.part.name}", **({"model": model} if model else {}))
    # Set to their defaults explicitly, so that the cost of setting them is included.
    knobs = {knob.name: knob.default for knob in part.knobs.values() if knob.kind == "number"}
    targets: dict[str, Iterator[Any]] = {}
    clock = OfflineClock(BPM, METER)
    # One part and one session for all, since the threads of a second would be in the way. Each
    # way of playing takes the next bar, so that the music goes on without a gap.
    bars = (clock.moment(beats=bar * METER, span=METER) for bar in count())

    def play(now: Moment | None = None) -> Any:
        return part(next(bars), **knobs)

    def play_moving(now: Moment | None = None) -> Any:
        return part(next(bars), **knobs, **{name: next(it) for name, it in targets.items()})

    with closing(part):
        made = play()
        with CallRecorder() as recorder:
            _warm_up(play, recorder)
            target = next((one.name for one in part.knobs.values() if one.kind == "thing"), None)
            if target and part.models and not recorder.calls:
                targets[target] = cycle(moving_picture())
                play = play_moving
                _warm_up(play, recorder)
            phrase = isinstance(made, list) and not (made and isinstance(made[0], Stroke))

            def draw(now: Moment) -> Any:
                image = play()
                if isinstance(image, str):  # how it looks is the sketch's business
                    image = []
                return rasterise(image, SIZE) if isinstance(image, list) else image

            stage = Stage(
                Performance(clock, SIZE, BPM / 60 / METER if phrase else FPS),
                [Output()],
                draw=None if phrase else draw if isinstance(made, list | str) else play,
                plays=[PlayCue(play, bars=1)] if phrase else [],
            )
            by_call = bool(recorder.calls) and (phrase or bool(targets))
            if not by_call:
                recorder.stop()
            timer = Timer(recorder, play, _plain_torch(found, model) if model else None)
            stage.perform((WARM_UP_FRAMES + frames) / stage.performance.fps, timer.frame_done)
    rows = timer.rows("bar" if phrase else "frame", by_call)
    report = {"provider": recorder.providers, "timed": frames, "rows": rows, "kept": None}
    if recorder.calls and not targets:  # a moving target is painted, mostly without the network
        whole = next(row for row in rows if row["what"].startswith("whole"))
        report["kept"] = whole["ratio"] <= MAX_RATIO or whole["over_ms"] <= MAX_OVER_MS
    if targets:
        report["note"] = f"knob {target!r} was given a moving test picture"
    return report


def _time_analyzer(found: Found, model: str, frames: int) -> Report:
    options = {"model": model} if model else {}
    with closing(analyzer(f"{found.plugin}/{found.part.name}", **options)) as part:
        kind, thing = _accepted(part)
        with CallRecorder() as recorder:
            part.read(thing)
            recorder.stop()
            timer = Timer(recorder, lambda: part.read(thing), None)
            for frame in range(WARM_UP_FRAMES + frames):
                timer.frame_done(frame + 1)
    return {
        "provider": recorder.providers,
        "timed": frames,
        "rows": timer.rows("", False),
        "kept": None,
        "note": f"it was given {kind}",
    }


def _accepted(part: Analyzer) -> tuple[str, Any]:
    """Return the first of a test picture, a phrase and a drawing that an analyzer can read."""
    things = {
        "a picture of 256 x 256": moving_picture()[0],
        "a phrase of four voices": [
            Note(pitch, beat, 1.0, channel=voice)
            for beat, bass in enumerate((48, 53, 55, 48) * 2)
            for voice, pitch in enumerate((bass + 24, bass + 19, bass + 16, bass), 1)
        ],
        "a drawing of 32 strokes": [
            Stroke(np.array([(0.1, at / 32), (0.9, 1 - at / 32)])) for at in range(32)
        ],
    }
    errors = []
    for kind, thing in things.items():
        try:
            part.read(thing)
            return kind, thing
        except Exception as error:
            errors.append(f"{kind} ({describe(error)})")
    raise ShowError(f"{part} reads none of {', '.join(errors)}")


def moving_picture() -> list[np.ndarray[Any, Any]]:
    """Return the frames of a test picture: a disc that circles over a gradient, uint8."""
    y, x = np.mgrid[0:MOVING_SIDE, 0:MOVING_SIDE] / MOVING_SIDE
    frames = []
    for angle in np.linspace(0, 2 * np.pi, MOVING_FRAMES, endpoint=False):
        disc = np.hypot(x - 0.5 - 0.25 * np.cos(angle), y - 0.5 - 0.25 * np.sin(angle)) < 0.2
        image = np.stack([x, y, 1 - x], axis=2)
        image[disc] = 0.9, 0.3, 0.2
        frames.append((255 * image).astype(np.uint8))
    return frames


def _warm_up(play: Callable[[], Any], recorder: "CallRecorder") -> None:
    """Play until a network is called, a few times at most."""
    for _ in range(WARM_UP_FRAMES):
        if not recorder.calls:
            play()


class CallRecorder:
    """Counts the calls of all networks, and keeps the arrays of those until it is timed."""

    def __enter__(self) -> "CallRecorder":
        self.calls: Calls = []
        self.count, self.keeping = 0, True
        self._call = call = Model.__call__

        def record(model: Model, **arrays: Any) -> Any:
            self.count += 1
            if self.keeping:
                # Copies: a part may write the next call's numbers into the same arrays.
                self.calls.append((model, {name: array.copy() for name, array in arrays.items()}))
            return call(model, **arrays)

        Model.__call__ = record  # type: ignore[assignment, method-assign]
        return self

    def __exit__(self, *failure: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop counting, which takes time and is of no use where all frames are alike."""
        Model.__call__ = self._call  # type: ignore[method-assign]

    @property
    def providers(self) -> str:
        """The devices that the networks run on."""
        return ", ".join(dict.fromkeys(network.provider for network, _ in self.calls))


class Timer:
    """Times the frames of a show and, in turn, between any two of them, the other ways to play.

    A whole frame lasts from the end of one call of `frame_done` to the beginning of the next. The
    other ways are the calls of networks in `recorder`, the part alone in `play`, and one step of
    the network in plain torch.
    """

    def __init__(
        self, recorder: CallRecorder, play: Callable[[], Any], plain: Callable[[], Any] | None
    ):
        self._recorder = recorder
        recorder.keeping = False
        self.sessions = [
            (network.session.run, list(network.outputs), arrays)
            for network, arrays in recorder.calls
        ]
        self._ways: dict[str, Callable[[], Any]] = {}
        if self.sessions:
            self._ways["bare"] = self._run
        self._ways["part"] = play
        if plain and self.sessions:
            # As often as the network is called, or its memory would be colder than the others'.
            self._ways["plain"] = lambda: [plain() for _ in self.sessions]
        # How long each took, in seconds, and how often it called its networks meanwhile.
        self._taken: dict[str, list[tuple[float, int]]] = {"whole": []}
        self._taken |= {name: [] for name in self._ways}
        self._since, self._before = perf_counter(), recorder.count

    def frame_done(self, done: int) -> None:
        """Time the frame that is done, and the other ways to play; the `progress` of a show."""
        recorder = self._recorder
        taken = {"whole": (perf_counter() - self._since, recorder.count - self._before)}
        names = list(self._ways)
        first = done % len(names)  # so that none always follows the same other one
        for name in names[first:] + names[:first]:
            before, since = recorder.count, perf_counter()
            self._ways[name]()
            taken[name] = (perf_counter() - since, recorder.count - before)
        if done > WARM_UP_FRAMES:
            for name, one in taken.items():
                self._taken[name].append(one)
        self._since, self._before = perf_counter(), recorder.count

    def _run(self) -> None:
        for run, names, arrays in self.sessions:
            run(names, arrays)

    def rows(self, noun: str, by_call: bool) -> list[Report]:
        """Return a row for each way to play; without a `noun`, bar or frame, the whole is left out.

        With `by_call` calls are compared, since not every frame or bar calls its network as often.
        """
        times = {name: [seconds for seconds, _ in taken] for name, taken in self._taken.items()}
        bare, of = times.get("bare"), ""
        if by_call and bare:
            of = ", a step" if noun == "bar" else ", a call"
            for name in ("bare", "plain"):
                if name in times:
                    times[name] = [seconds / len(self.sessions) for seconds in times[name]]
            bare = times["bare"]
            for name in ("part", "whole"):
                times[name] = [seconds / calls for seconds, calls in self._taken[name] if calls]
        names = {"bare": "bare network", "plain": "plain torch", "part": "part"}
        if noun:
            names["whole"] = f"whole {noun}"
        rows = [_row(f"{what}{of}", times[name], bare) for name, what in names.items()
                if name in times]  # fmt: skip
        if of:
            # What is composed ahead for one bar is spared in the next: one of average length.
            both = self._taken["part"] + self._taken["whole"]
            steps = sum(calls for _, calls in both) / len(both)
            for name, what in (("part", f"part, a {noun}"), ("whole", f"whole {noun}")):
                rows.append(_row(what, [seconds * steps for seconds in times[name]], None))
        return rows


def _row(what: str, times: list[float], bare: list[float] | None) -> Report:
    def percentile(times: list[float], share: int) -> float:
        return round(float(np.percentile(times, share)) * 1000, 4)

    shares = {"p50_ms": 50, "p95_ms": 95, "p99_ms": 99}
    row: Report = {"what": what}
    row |= {name: percentile(times, share) for name, share in shares.items()}
    if bare:
        network = percentile(bare, 50)
        row["ratio"] = round(row["p50_ms"] / network, 4)
        row["over_ms"] = round(row["p50_ms"] - network, 4)
    return row


def _plain_torch(found: Found, model: str) -> Callable[[], Any] | None:
    """Return the plugin's own step of the model's network in plain torch, where it has one."""
    if find_spec("torch") is None:
        return None
    try:
        trainer = import_module(installed().trainer(found.plugin).__module__)
    except (PartError, ImportError):
        return None
    plain: Callable[[], Any] | None = trainer.plain(model) if hasattr(trainer, "plain") else None
    return plain


def machine() -> Report:
    """Return what this machine is, and how busy."""
    info, cpu = Path("/proc/cpuinfo"), platform.processor() or platform.machine()
    if info.exists():  # on Linux
        cpu = next(iter(re.findall(r"^model name.*?:(.*)", info.read_text(), re.M)), cpu).strip()
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "system": platform.platform(terse=True),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def table(report: Report) -> Any:
    """Return a report as rich tables, one a model, under the machine that it was made on."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    facts = report["machine"]
    load = "" if facts["load"] is None else f", load {facts['load']:g}"
    lines = heading(report, load)
    for part in report["parts"]:
        title = _label(part["part"], part["model"])
        lines.append(Text(""))
        if "error" in part:
            lines.append(Text(f"{title} failed: {part['error']}", "bold red"))
            continue
        on = f" on {part['provider']}" if part["provider"] else ", which called no network"
        sheet = Table(title + on, header_style="bold", title_justify="left")
        for column in ("p50 ms", "p95 ms", "p99 ms", "ratio", "ms more"):
            sheet.add_column(column, justify="right")
        for row in part["rows"]:
            times = [f"{row[name]:.3f}" for name in ("p50_ms", "p95_ms", "p99_ms")]
            more = [f"{row['ratio']:.3f}", f"{row['over_ms']:+.3f}"] if "ratio" in row else []
            sheet.add_row(row["what"], *times, *more)
        lines.append(sheet)
        if "note" in part:
            lines.append(Text(part["note"]))
        if part["kept"] is not None:
            promise = f"at most {MAX_RATIO:g} times the bare network, or {MAX_OVER_MS:g} ms more: "
            lines.append(verdict(promise, part["kept"]))
    return Group(*lines)


def heading(report: Report, load: str = "") -> list[Any]:
    """Return the lines above a table: the machine, and the versions of what is timed."""
    from rich.text import Text

    facts = report["machine"]
    return [
        Text(f"{facts['cpu']}, {facts['cores']} cores, {facts['system']}{load}"),
        Text(", ".join(f"{name} {number}" for name, number in report["versions"].items())),
    ]


def verdict(promise: str, is_kept: bool) -> Any:
    """Return the line below a table: what was promised, and whether it was kept."""
    from rich.text import Text

    kept = Text("kept", "green") if is_kept else Text("not kept", "bold red")
    return Text(promise).append_text(kept)
