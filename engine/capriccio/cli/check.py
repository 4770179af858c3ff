"""The command `check`: a report card for the author of a plugin."""

import sys
import tempfile
import time
import tomllib
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import chdir, closing
from importlib.metadata import EntryPoint
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from .options import json_option, plain_errors, print_result

if TYPE_CHECKING:
    from ..parts import Part
    from ..registry import Found, Registry

# How often and for how long a part is called to time it; the calls before that are not counted.
CALLS, CALL_SECONDS, WARM_UP_CALLS = 200, 2.0, 3
# How many calls are watched for memory that they keep, and how much each may keep.
MEMORY_CALLS, MAX_KEPT_KB = 20, 64.0
# How much of an entry of a model's card is shown.
MAX_LETTERS = 70


class Line(NamedTuple):
    """One line of a report: `state` is "ok", "missing" or "broken"."""

    part: str
    name: str
    state: str
    found: str


@click.command()
@click.argument("name")
@click.option("--target", default="", help="What outputs and inputs are opened with.")
@json_option
def check(name: str, target: str, as_json: bool) -> None:
    """Check a plugin, or one part, against what docs/plugins.md asks for.

    \b
      capriccio check glow                 an installed plugin, or a part
      capriccio check capriccio-glow/      the folder of a package, not installed
      capriccio check glow.py              a module with hooks

    For each part: whether it keeps the contract (the same seed gives the same, both ends of every
    knob, values beyond them and NaN, every choice, what is returned), the time of a call, the
    memory that calls keep, whether it is described, and the cards of its models. The exit code is
    0 unless something is broken.
    """
    with plain_errors():
        lines = report(name, target)
    print_result([line._asdict() for line in lines], as_json, lambda: [table(lines)])
    sys.exit(any(line.state == "broken" for line in lines))


def report(name: str, target: str = "") -> list[Line]:
    """Return the report on an installed plugin or part, a folder or a module.

    Raises:
        ShowError: there is no such plugin or part, or nothing in it.
    """
    from ..errors import ShowError, suggest

    registry, plugins = _registry_of(name)
    found = [one for one in registry.found if one.plugin in plugins]
    if not plugins:
        found = [one for one in registry.found if name in _names_of(one)]
    lines = [
        Line(one.plugin, "loading", "broken", one.reason)
        for one in registry.broken
        if one.plugin in plugins
    ]
    if not found and not lines:
        if plugins:
            raise ShowError(f"plugin {name!r} has no parts to check")
        known = {name for one in registry.found for name in (one.plugin, one.part.name)}
        raise ShowError(f"no plugin or part is named {name!r}{suggest(name, known)}")
    lines += [Line(one, "written for", *_written_for(registry, one)) for one in sorted(plugins)]
    for one in found:
        lines += _check_part(one.part, target)
    return lines


def _written_for(registry: "Registry", plugin: str) -> tuple[str, str]:
    from ..hookspecs import CONTRACT

    if plugin in registry.deprecated:
        return "missing", registry.deprecated[plugin]
    declared = registry.contracts.get(plugin)
    if declared is None:
        return "missing", f"no contract; write CONTRACT = {CONTRACT} in its module"
    return "ok", f"contract {declared}"


def _names_of(found: "Found") -> tuple[str, str]:
    return found.part.name, f"{found.plugin}/{found.part.name}"


def _registry_of(name: str) -> tuple["Registry", set[str]]:
    """Return where the parts are found, and the plugins that `name` stands for; none for a part."""
    from ..errors import ShowError
    from ..plugin_probe import reasons_against
    from ..registry import GROUP, Registry, installed, plugin_points

    path = Path(name)
    if path.suffix == ".py" and path.is_file():
        points = [EntryPoint(path.stem, path.stem, GROUP)]
        folders = [path.parent]
    elif path.is_dir():
        points, folders = _points_in(path), [path, path / "src"]
    else:
        names = {point.name for point in plugin_points()}
        return installed(), {name} & names
    for folder in folders:
        if str(folder.resolve()) not in sys.path:
            sys.path.insert(0, str(folder.resolve()))
    if not points:
        raise ShowError(f"{name!r} names no plugin: expected [project.entry-points.{GROUP}] in it")
    return Registry(points, probe=reasons_against), {point.name for point in points}


def _points_in(folder: Path) -> list[EntryPoint]:
    """Return the entry points that the `pyproject.toml` of a folder names."""
    from ..errors import ShowError
    from ..registry import GROUP

    file = folder / "pyproject.toml"
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
        points = content.get("project", {}).get("entry-points", {}).get(GROUP, {})
        return [EntryPoint(name, str(value), GROUP) for name, value in points.items()]
    except OSError as error:
        raise ShowError(f"cannot read {str(file)!r}: {error.strerror}") from None
    except (ValueError, AttributeError) as error:
        raise ShowError(f"{str(file)!r} cannot be read as TOML: {error}") from None


def _check_part(part: "type[Part]", target: str) -> Iterator[Line]:
    from ..parts import Analyzer, Generator

    name = f"{part.role} {part.name}"
    state, words = _contract(part, target)
    yield Line(name, "contract", state, words)
    if state == "ok" and issubclass(part, Generator):  # the contract has been checked for both
        yield Line(name, "determinism", "ok", "the same seed gives the same bytes")
        yield Line(name, "bad input", "ok", "numbers beyond 0..1 are clipped, NaN is refused")
    if issubclass(part, Generator | Analyzer):
        try:
            yield from (Line(name, *row) for row in _measure(part))
        except Exception as error:
            yield Line(name, "speed", "broken", f"{type(error).__name__}: {error}")
    yield Line(name, "docs", *_documentation(part))
    for model, file in part.models.items():
        yield Line(name, f"model {model}", *card_of(file))


def _contract(part: Any, target: str) -> tuple[str, str]:
    from .. import testing
    from ..parts import Analyzer, Device

    check, found = getattr(testing, f"check_{part.role}"), "kept"
    try:
        with tempfile.TemporaryDirectory() as folder, chdir(folder):
            if issubclass(part, Analyzer):
                kind, things = _accepted(part)
                check(part, things)
                found = f"kept; it reads {kind}"
            else:
                check(part, *([target] if issubclass(part, Device) else []))
    except AssertionError as error:
        state = "missing" if "cannot be checked on this machine" in str(error) else "broken"
        return state, str(error)
    return "ok", found


def _accepted(part: Any) -> tuple[str, list[Any]]:
    """Return what an analyzer reads: the first kind of thing that it does not refuse."""
    from ..testing import drawings, images, phrases

    kinds: dict[str, list[Any]] = {"images": images(), "phrases": phrases(), "drawings": drawings()}
    with closing(part()) as analyzer:
        for kind, things in kinds.items():
            try:
                analyzer.read(things[0])
                return kind, things
            except Exception:
                continue
    return "images", kinds["images"]


def _measure(part: Any) -> Iterator[tuple[str, str, str]]:
    """Yield the lines on time and memory of one call after the other."""
    from ..clock import OfflineClock
    from ..parts import Generator

    clock, beats = OfflineClock(), count(step=4)
    made = part()
    with closing(made):
        if issubclass(part, Generator):

            def call() -> object:
                return made(clock.moment(beats=next(beats), span=4))
        else:
            _, (thing, *_) = _accepted(part)

            def call() -> object:
                return made.read(thing)

        yield "speed", "ok", _speed(call)
        kept = _kept_kb(call)
        words = f"a call keeps {max(kept, 0):.1f} kB"
        if kept > MAX_KEPT_KB:
            yield (
                "memory",
                "broken",
                f"{words}, expected at most {MAX_KEPT_KB:g}; a show lasts hours",
            )
        else:
            yield "memory", "ok", words


def _speed(call: Callable[[], object]) -> str:
    for _ in range(WARM_UP_CALLS):
        call()
    times: list[float] = []
    end = time.perf_counter() + CALL_SECONDS
    while len(times) < CALLS and (not times or time.perf_counter() < end):
        begun = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - begun))
    times.sort()
    middle, most = times[len(times) // 2], times[len(times) * 95 // 100]
    return f"a call takes {middle:.2f} ms, 95 % of {len(times)} at most {most:.2f} ms"


def _kept_kb(call: Callable[[], object]) -> float:
    """Return the memory that Python and numpy hold more after each call, in kB."""
    tracemalloc.start()
    try:
        call()
        before, _ = tracemalloc.get_traced_memory()
        for _ in islice(count(), MEMORY_CALLS):
            call()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (after - before) / 1000 / MEMORY_CALLS


def _documentation(part: Any) -> tuple[str, str]:
    from ..parts import Generator

    knobs = part.knobs.values() if issubclass(part, Generator) else ()
    silent = [knob.name for knob in knobs if not knob.description]
    says = (part.__doc__ or "").strip().partition("\n")[0]
    if not says:
        return "broken", "the class has no docstring; describe it in one sentence"
    if silent:
        return "missing", f"no sentence under Args: for {', '.join(silent)}"
    return "ok", says


def card_of(file: Path) -> tuple[str, str]:
    """Return the state of a model's file, and what its card says of data and licence."""
    from ..errors import ModelError
    from ..models.onnx_reader import read_spec

    try:
        card = read_spec(file).card
        size = f"{file.stat().st_size / 1e6:.1f} MB"
    except (ModelError, OSError) as error:
        return "broken", str(error)
    says = {key: card.get(key) for key in ("data", "licence")}
    says["licence"] = says["licence"] or card.get("license")
    if lacking := [key for key, value in says.items() if value in (None, "", "not stated")]:
        return "missing", f"{size}; its card does not name {' and '.join(lacking)}"
    return "ok", "; ".join([size, *(f"{key}: {str(it)[:MAX_LETTERS]}" for key, it in says.items())])


def table(lines: list[Line]) -> Any:
    """Return the report as a rich table: a mark, and what was found, part by part."""
    from rich.table import Table
    from rich.text import Text

    from .doctor import MARKS

    sheet = Table.grid(padding=(0, 2, 0, 0))
    part = None
    for line in lines:
        if line.part != part:
            sheet.add_row("", Text(line.part, "bold underline"), "")
            part = line.part
        mark, colour = MARKS[line.state]
        sheet.add_row(Text(mark, colour), Text(line.name, "bold"), Text(line.found))
    return sheet
