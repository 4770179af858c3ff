"""How a sketch is performed, as a record that its files carry, and how two records differ."""

import hashlib
import os
import platform
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from . import __version__
from .models.model import open_models
from .recording.provenance import printable
from .registry import installed

if TYPE_CHECKING:
    from .sketch import Sketch

# Another version of these may draw a pixel differently.
LIBRARIES = ("numpy", "pillow")
RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino")
# How many plugins, versions or models are compared: a stranger's record may name thousands.
MAX_DIFFERENCES = 50


def provenance_of(
    sketch: "Sketch", file: Path | None = None, **flags: Any
) -> Callable[[], dict[str, Any]]:
    """Return a function that returns the record of a show: sketch, versions, models opened so far.

    It has no date and no folder, so that the same show leaves the same files everywhere. `flags`
    are further facts; those that are None are left out.
    """
    file = file or sketch.file
    source: dict[str, Any] = {"sketch": file.name if file else sketch.title}
    if file and file.is_file():
        source["sha256"] = sketch_digest(file)
        source["imports"] = _imports(sketch, file.resolve().parent)
    facts = {
        "capriccio": __version__,
        **{name: value for name, value in {**source, **flags}.items() if value not in (None, {})},
        "bpm": sketch.bpm,
        "meter": sketch.meter,
        "fps": sketch.fps,
        "size": sketch.size,
        "plugins": _plugins(sketch),
        "versions": versions(*LIBRARIES, *RUNTIMES),
        "machine": f"{platform.system()} {platform.machine()}",
    }

    def record() -> dict[str, Any]:
        models = open_models()
        return {**facts, "models": models} if models else facts

    return record


def for_take(
    provenance: Callable[[], dict[str, Any]], file: Path, take: Path
) -> Callable[[], dict[str, Any]]:
    """Return a provenance with the path of the sketch, relative to the take; ours have none."""

    def located() -> dict[str, Any]:
        if file.parent == sketches_folder():
            return provenance()
        path = os.path.relpath(file, take.resolve().parent)
        return {**provenance(), "path": Path(path).as_posix()}

    return located


def is_plain_name(name: Any) -> bool:
    """Return whether this is the name of a Python file in any folder, and no path or flag."""
    return isinstance(name, str) and re.fullmatch(r"[^\W-][^/\\:\0]*\.py", name) is not None


def sketch_digest(file: Path) -> str:
    """Return the SHA-256 of the file of a sketch; "" where it cannot be read."""
    with suppress(OSError), file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
    return ""


def sketches_folder() -> Path | None:
    """Return the folder of the sketches that come with Capriccio, in a wheel or a checkout."""
    root = Path(__file__).parents[1]
    for folder in (root / "capriccio_sketches", root.parent / "sketches"):
        if (folder / "first.py").is_file():
            return folder
    return None


def _plugins(sketch: "Sketch") -> dict[str, str]:
    """Return the plugins of the sketch's parts, with their versions."""
    kinds = {type(thing) for thing in sketch.names.values()}
    used = [found for found in installed().found if found.part in kinds]
    return {one.plugin: f"{one.distribution} {one.version}".strip() for one in used}


def _imports(sketch: "Sketch", folder: Path) -> dict[str, str]:
    """Return the digests of the modules in a folder that the sketch has by their names."""
    things = [thing for thing in sketch.names.values() if isinstance(thing, ModuleType)]
    files = [Path(file) for thing in things if (file := getattr(thing, "__file__", None))]
    return {file.name: sketch_digest(file) for file in files if file.parent == folder}


def versions(*distributions: str) -> dict[str, str]:
    """Return the versions of Python and of those distributions that are installed."""
    found = {"python": platform.python_version()}
    for name in distributions:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def differences(then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """Yield a sentence for everything that may make a replay differ from the show."""
    for name in ("capriccio", "machine"):
        if then.get(name) not in (None, now.get(name)):
            yield f"{name} was {printable(then[name])} and is {printable(now[name])}"
    for name in ("imports", "plugins", "versions", "models"):
        before, after = then.get(name), now.get(name, {})
        compared = before.items() if isinstance(before, dict) else ()
        for key, was in islice(compared, MAX_DIFFERENCES):
            what, is_now = f"{name.removesuffix('s')} {printable(key)}", after.get(key)
            if was == is_now:
                continue
            if name == "imports":
                yield f"{what} has changed"
            elif name != "models" or not isinstance(was, dict):
                yield f"{what} was {printable(was)} and is {printable(is_now or 'not installed')}"
            elif is_now and was.get("sha256") != is_now["sha256"]:
                yield f"{what} has changed"
            elif is_now:
                provider = printable(was.get("provider"))
                yield f"{what} ran on {provider} and runs on {is_now['provider']}"


def command_of(record: dict[str, Any]) -> str:
    """Return the command that makes again what was made offline, from its record.

    It has SKETCH for what is no plain name: a command from a stranger's file may be pasted.
    """
    name = record.get("sketch")
    words = ["capriccio", "run", str(name) if is_plain_name(name) else "SKETCH", "--offline"]
    for flag in ("seconds", "seed", "bpm", "fps"):
        if isinstance(value := record.get(flag), int | float):
            words += [f"--{flag}", f"{value:g}" if flag != "seed" else str(value)]
    if isinstance(size := record.get("size"), list):
        words += ["--size", "x".join(map(str, size))]
    if simulated := record.get("simulate"):
        words += ["--simulate", *([] if simulated is True else [str(simulated)])]
    if soundfont := record.get("soundfont"):
        words += ["--soundfont", str(soundfont)]
    return printable(shlex.join(words))
