"""Times what the engine adds to a network: the bare network, the part, a whole offline frame."""

import os
import platform
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from itertools import count
from time import perf_counter
from typing import Any

from ..clock import OfflineClock
from ..errors import PartError, ShowError
from ..media import Stroke, rasterise
from ..models.model import Model
from ..parts import Generator, Output
from ..performance import Performance
from ..registry import Found, generator, installed
from ..stage.cues import PlayCue
from ..stage.stage import Stage

# A whole frame costs at most a thirtieth more than its bare network, or so many milliseconds.
RATIO, OVER_MS = 1.03, 0.2
# Frames that are played before any is timed: caches fill, and processors change gear.
WARM = 20
# A bar lasts two seconds of the show; how long it takes to compose does not depend on it.
BPM, METER, FPS, SIZE = 120.0, 4, 30.0, (512, 512)


def measure(
    part: str | None, frames: int, say: Callable[[str], None] = lambda words: None
) -> dict[str, Any]:
    """Time the generator `part`, such as `rnn` or `rnn:chorales`, or all that have a model.

    Each is timed for so many frames, or bars if it writes phrases; `say` is told before each.
    The report holds nothing but what JSON knows. Raises PartError, ShowError or ValueError where
    there is nothing to time, and whatever the part itself raises.
    """
    reports = []
    for found, model in list(_wanted(part)):
        say(f"{found.part.name}:{model}, {frames} times in turn with its bare network")
        reports.append(_measured(found, model, frames))
    return {
        "machine": machine(),
        "versions": versions(*(["torch"] if "plain torch" in str(reports) else [])),
        "parts": reports,
    }


def _wanted(words: str | None) -> Iterator[tuple[Found, str]]:
    """Give the generators asked for, each with the name or the file of a model."""
    playing = [found for found in installed().found if issubclass(found.part, Generator)]
    name, _, model = (words or "").partition(":")
    if words is not None:
        part = installed().find(Generator, name)
        playing = [found for found in playing if found.part is part]
        if not part.models:
            raise PartError(f"generator {name!r} has no model; those that have one are timed")
        part.model_path(model or next(iter(part.models)))  # raises where there is no such model
    elif not any(found.part.models for found in playing):
        raise ShowError("no generator has a model; capriccio doctor may know why")
    for found in playing:
        for each in [model] if model else found.part.models:
            yield found, each


def _measured(found: Found, model: str, frames: int) -> dict[str, Any]:
    part = generator(f"{found.plugin}/{found.part.name}", model=model)
    # Turned to where they stand by default, so that what it costs to turn them is in it.
    knobs = {knob.name: knob.default for knob in part.knobs.values() if knob.kind == "number"}
    clock = OfflineClock(BPM, METER)
    # One part and one session for all, since the threads of a second would be in the way; so
    # whoever plays it takes the next bar, and its music goes on without a gap.
    bars = (clock.moment(beats=bar * METER, span=METER) for bar in count())

    def play(now=None):
        return part(next(bars), **knobs)

    def drawn(now):
        return rasterise(play(), SIZE)

    try:
        made = play()
        phrase = isinstance(made, list) and not (made and isinstance(made[0], Stroke))
        picture = drawn if isinstance(made, list) else play
        stage = Stage(
            Performance(clock, SIZE, BPM / 60 / METER if phrase else FPS),
            [Output()],
            draw=None if phrase else picture,
            plays=[PlayCue(play, bars=1)] if phrase else [],
        )
        with _Heard() as heard:
            for _ in range(WARM):
                if not heard.calls:
                    play()
            if not heard.calls:
                raise ShowError(f"{part} does not call its network; there is nothing to compare")
            if not phrase:
                heard.rest()
            turns = _Turns(heard, play, _plain_torch(found, model))
            stage.perform((WARM + frames) / stage.performance.fps, turns)
    finally:
        part.close()
    rows = turns.rows(phrase)
    whole = next(row for row in rows if row["what"].startswith("whole"))
    return {
        "part": part.name,
        "model": model,
        "plugin": f"{found.distribution} {found.version}",
        "provider": ", ".join(dict.fromkeys(network.provider for network, _ in heard.calls)),
        "timed": frames,
        "rows": rows,
        "kept": whole["ratio"] <= RATIO or whole["over_ms"] <= OVER_MS,
    }


class _Heard:
    """Count the calls of all networks, and keep what the first of them were handed."""

    def __enter__(self) -> "_Heard":
        self.calls: list[tuple[Model, dict[str, Any]]] = []
        self.count, self.keeping = 0, True
        self._call = call = Model.__call__

        def heard(model, **arrays):
            self.count += 1
            if self.keeping:
                # Copies: a part may write the next call's numbers into the same arrays.
                self.calls.append((model, {name: array.copy() for name, array in arrays.items()}))
            return call(model, **arrays)

        Model.__call__ = heard  # type: ignore[assignment, method-assign]
        return self

    def __exit__(self, *failure) -> None:
        self.rest()

    def rest(self) -> None:
        """Count no more: a picture is always as many calls, and to count them takes time."""
        Model.__call__ = self._call  # type: ignore[method-assign]


class _Turns:
    """Times the frames of a show, and in turn, between any two of them, the other ways to play.

    It is the `progress` of an offline show: a whole frame lasts from the end of one turn to the
    beginning of the next.
    """

    def __init__(self, heard: _Heard, play: Callable[[], Any], plain: Callable[[], Any] | None):
        self.heard = heard
        heard.keeping = False
        self._bare = [
            (network.session.run, list(network.outputs), arrays) for network, arrays in heard.calls
        ]
        self._ways: dict[str, Callable[[], Any]] = {"bare": self._run, "part": play}
        if plain:
            # As often as the network is called, or its memory would be colder than the others'.
            self._ways["plain"] = lambda: [plain() for _ in self._bare]
        # What each took, in seconds, and how often it called its networks meanwhile.
        self._taken: dict[str, list[tuple[float, int]]] = {"whole": []}
        self._taken |= {name: [] for name in self._ways}
        self._since, self._before = perf_counter(), heard.count

    def __call__(self, done: int) -> None:
        taken = {"whole": (perf_counter() - self._since, self.heard.count - self._before)}
        names = list(self._ways)
        first = done % len(names)  # nobody is always the one who comes behind another
        for name in names[first:] + names[:first]:
            before, since = self.heard.count, perf_counter()
            self._ways[name]()
            taken[name] = (perf_counter() - since, self.heard.count - before)
        if done > WARM:
            for name, one in taken.items():
                self._taken[name].append(one)
        self._since, self._before = perf_counter(), self.heard.count

    def _run(self) -> None:
        for run, names, arrays in self._bare:
            run(names, arrays)

    def rows(self, phrase: bool) -> list[dict[str, Any]]:
        """Give a row for each way to play; phrases are compared step by step, a call each."""
        bare, of = [seconds for seconds, _ in self._taken["bare"]], ""
        times = {name: [seconds for seconds, _ in taken] for name, taken in self._taken.items()}
        if phrase:
            bare, of = [seconds / len(self._bare) for seconds in bare], ", a step"
            if "plain" in times:
                times["plain"] = [seconds / len(self._bare) for seconds in times["plain"]]
            for name in ("part", "whole"):
                times[name] = [seconds / calls for seconds, calls in self._taken[name] if calls]
        rows = [_row(f"bare network{of}", bare, bare)]
        if "plain" in times:
            rows.append(_row(f"plain torch{of}", times["plain"], bare))
        rows.append(_row(f"part{of}", times["part"], bare))
        rows.append(_row(f"whole {'bar' if phrase else 'frame'}{of}", times["whole"], bare))
        if phrase:
            # What is composed ahead for one bar is spared in the next: a bar of average length.
            both = self._taken["part"] + self._taken["whole"]
            steps = sum(calls for _, calls in both) / len(both)
            for name, what in (("part", "part, a bar"), ("whole", "whole bar")):
                rows.append(_row(what, [seconds * steps for seconds in times[name]], None))
        return rows


def _row(what: str, times: list[float], bare: list[float] | None) -> dict[str, Any]:
    import numpy as np

    def percentile(times: list[float], share: int) -> float:
        return round(float(np.percentile(times, share)) * 1000, 4)

    shares = {"p50_ms": 50, "p95_ms": 95, "p99_ms": 99}
    row: dict[str, Any] = {"what": what}
    row |= {name: percentile(times, share) for name, share in shares.items()}
    if bare:
        network = percentile(bare, 50)
        row["ratio"] = round(row["p50_ms"] / network, 4)
        row["over_ms"] = round(row["p50_ms"] - network, 4)
    return row


def _plain_torch(found: Found, model: str) -> Callable[[], Any] | None:
    """Give the plugin's own step of the model's network in plain torch, where it has one."""
    if find_spec("torch") is None:
        return None
    try:
        trainer = import_module(installed().trainer(found.plugin).__module__)
    except (PartError, ImportError):
        return None
    return trainer.plain(model) if hasattr(trainer, "plain") else None


def machine() -> dict[str, Any]:
    """Describe this machine, and how busy it is."""
    return {
        "cpu": _processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(terse=True),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def _processor() -> str:
    """Name the processor as its maker does."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:  # not Linux
        pass
    return platform.processor() or platform.machine()


def versions(*more: str) -> dict[str, str]:
    """Give the versions of what is timed, and of more distributions, where they are installed."""
    names = ["capriccio", "numpy", "onnxruntime", "onnxruntime-gpu", *more]
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def table(report: dict[str, Any]) -> Any:
    """Lay a report out as rich tables, one a model, under the machine that it was made on."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    machine = report["machine"]
    load = "" if machine["load"] is None else f", load {machine['load']:g}"
    versions = ", ".join(f"{name} {number}" for name, number in report["versions"].items())
    lines: list[Any] = [
        Text(f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}{load}"),
        Text(versions),
    ]
    for part in report["parts"]:
        sheet = Table(
            f"{part['part']}:{part['model']} on {part['provider']}",
            header_style="bold",
            title_justify="left",
        )
        for column in ("p50 ms", "p95 ms", "p99 ms", "ratio", "ms more"):
            sheet.add_column(column, justify="right")
        for row in part["rows"]:
            times = [f"{row[name]:.3f}" for name in ("p50_ms", "p95_ms", "p99_ms")]
            more = [f"{row['ratio']:.3f}", f"{row['over_ms']:+.3f}"] if "ratio" in row else []
            sheet.add_row(row["what"], *times, *more)
        kept = Text("kept", "green") if part["kept"] else Text("not kept", "bold red")
        promise = f"at most {RATIO:g} times the bare network, or {OVER_MS:g} ms more: "
        lines += [Text(""), sheet, Text(promise).append_text(kept)]
    return Group(*lines)
