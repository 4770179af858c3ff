"""How a sketch is performed, as a record that its files carry; and what differs from one."""

import hashlib
import os
import platform
import shlex
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import __version__
from .models.model import open_models
from .recording.provenance import printable
from .registry import installed

if TYPE_CHECKING:
    from .sketch import Sketch

# What draws, whatever the sketch: another version may draw a pixel otherwise.
LIBRARIES = ("numpy", "pillow")
RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino")


def provenance_of(
    sketch: "Sketch", file: Path | None = None, **flags: Any
) -> Callable[[], dict[str, Any]]:
    """Return a function that says at any time of a show how it is made.

    No clock is in it and no folder, so that the same show leaves the same files everywhere.

    Args:
        sketch: the piece.
        file: of the sketch; by default the one that its cues come from.
        flags: further facts, where they are not None.
    """
    if file is None and (known := sketch.names.get("__file__")):
        file = Path(str(known))
    source = {"sketch": file.name if file else sketch.title}
    if file and file.is_file():
        source["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    facts = {
        "capriccio": __version__,
        **source,
        **{name: value for name, value in flags.items() if value is not None},
        "bpm": sketch.bpm,
        "meter": sketch.meter,
        "fps": sketch.fps,
        "size": sketch.size,
        "plugins": _plugins(sketch),
        "versions": _versions(),
        "machine": f"{platform.system()} {platform.machine()}",
    }

    def record() -> dict[str, Any]:
        models = open_models()
        return {**facts, "models": models} if models else facts

    return record


def for_take(
    provenance: Callable[[], dict[str, Any]], file: Path, take: Path
) -> Callable[[], dict[str, Any]]:
    """Return a provenance that also says where the sketch is, relative to the take."""

    def located() -> dict[str, Any]:
        there = (
            "" if file.parent == sketches_folder() else os.path.relpath(file, take.resolve().parent)
        )
        return {**provenance(), **({"path": Path(there).as_posix()} if there else {})}

    return located


def sketches_folder() -> Path | None:
    """Return the folder of the sketches that came with Capriccio, in a wheel or in a checkout."""
    root = Path(__file__).parents[1]
    for folder in (root / "capriccio_sketches", root.parent / "sketches"):
        if (folder / "first.py").is_file():
            return folder
    return None


def _plugins(sketch: "Sketch") -> dict[str, str]:
    """Return the plugins that the sketch has its parts from, with their versions."""
    kinds = {type(thing) for thing in sketch.names.values()}
    used = [found for found in installed().found if found.part in kinds]
    return {it.plugin: f"{it.distribution} {it.version}".strip() for it in used}


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in (*LIBRARIES, *RUNTIMES):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def differences(then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """Yield a sentence for everything that may make a replay differ from the show."""
    for name in ("capriccio", "machine"):
        if then.get(name) not in (None, now.get(name)):
            yield f"{name} was {printable(then[name])} and is {printable(now[name])}"
    for name in ("plugins", "versions", "models"):
        there, here = then.get(name), now.get(name, {})
        for key, was in (there if isinstance(there, dict) else {}).items():
            one, is_now = f"{name.removesuffix('s')} {printable(key)}", here.get(key)
            if was == is_now:
                continue
            if name != "models" or not isinstance(was, dict):
                yield f"{one} was {printable(was)} and is {printable(is_now or 'not there')}"
            elif is_now and was.get("sha256") != is_now["sha256"]:
                yield f"{one} is another one than it was"
            elif is_now:
                yield (
                    f"{one} ran on {printable(was.get('provider'))} and runs on "
                    + (is_now["provider"])
                )


def command_of(recipe: dict[str, Any]) -> str:
    """Return the command that makes again what was made offline."""
    words = ["capriccio", "run", str(recipe.get("sketch")), "--offline"]
    for flag in ("seconds", "seed", "bpm", "fps"):
        if isinstance(value := recipe.get(flag), int | float):
            words += [f"--{flag}", f"{value:g}" if flag != "seed" else str(value)]
    if isinstance(size := recipe.get("size"), list):
        words += ["--size", "x".join(map(str, size))]
    if played := recipe.get("simulate"):
        words += ["--simulate", *([] if played is True else [str(played)])]
    return printable(shlex.join(words))
