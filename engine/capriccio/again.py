"""The commands `replay` and `inspect`: shows again, and how files were made."""

import hashlib
import json
import os
import platform
import shlex
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:  # what they import would make every command slow to start
    from .recipe import Carried
    from .sketch import Sketch
    from .take import Take

from . import __version__
from .errors import ShowError
from .terminal import Number, Size, plain_errors, printable, progress

# What draws, whatever the sketch: another version may draw a pixel otherwise.
LIBRARIES = ("numpy", "pillow")
RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino")


# -- recipes ----------------------------------------------------------------------------------


def recipe_of(sketch: "Sketch", file: Path, **flags) -> Callable[[], dict[str, Any]]:
    """Give what says at any time of a show how it is made; `flags` are further facts.

    No clock is in it and no folder, so that the same show leaves the same files everywhere.
    """
    from .inference import open_models

    facts = {
        "capriccio": __version__,
        "sketch": file.name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        **{name: value for name, value in flags.items() if value is not None},
        "bpm": sketch.bpm,
        "meter": sketch.meter,
        "fps": sketch.fps,
        "size": sketch.size,
        "plugins": _plugins(sketch),
        "versions": _versions(),
        "machine": f"{platform.system()} {platform.machine()}",
    }

    def recipe() -> dict[str, Any]:
        models = open_models()
        return {**facts, "models": models} if models else facts

    return recipe


def in_take(recipe: Callable[[], dict[str, Any]], file: Path, take: Path):
    """Give a recipe that says as well where the sketch is, seen from the take."""

    def located() -> dict[str, Any]:
        there = "" if file.parent == _sketches() else os.path.relpath(file, take.resolve().parent)
        return {**recipe(), **({"path": Path(there).as_posix()} if there else {})}

    return located


def _sketches() -> Path | None:
    """Give the folder of the sketches that came with Capriccio."""
    places = getattr(find_spec("capriccio_sketches"), "submodule_search_locations", None)
    return Path(next(iter(places))) if places else None


def _plugins(sketch: "Sketch") -> dict[str, str]:
    """Name the plugins that the sketch has its parts from, with their versions."""
    from .registry import installed

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
    """Yield a sentence for all that may make another show of a recipe than it made then."""
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
    """Give the command that makes again what was made offline."""
    words = ["capriccio", "run", str(recipe.get("sketch")), "--offline"]
    for flag in ("seconds", "seed", "bpm", "fps"):
        if isinstance(value := recipe.get(flag), int | float):
            words += [f"--{flag}", f"{value:g}" if flag != "seed" else str(value)]
    if isinstance(size := recipe.get("size"), list):
        words += ["--size", "x".join(map(str, size))]
    if played := recipe.get("simulate"):
        words += ["--simulate", *([] if played is True else [str(played)])]
    return printable(shlex.join(words))


# -- commands ---------------------------------------------------------------------------------


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--to",
    multiple=True,
    metavar="OUTPUT",
    help="video:FILE.mp4, frames:DIR, midifile:FILE.mid; one --to for each.  [default: a film and "
    "a MIDI file beside the take, or a folder with the picture]",
)
@click.option("--size", type=Size(), help="Picture in pixels.  [default: as it was]")
@click.option("--fps", type=Number(0.1, 1000), metavar="N", help="Frames a second, likewise.")
@click.option("--seconds", type=Number(0.01), metavar="S", help="The beginning alone.")
@click.option(
    "--sketch",
    "sketch_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The sketch, where it is no longer where it was.",
)
@click.option(
    "--as-shown",
    is_flag=True,
    help="Leave out the frames that were dropped live: a piece that paints on in its own last "
    "picture comes out the same only so.",
)
@click.option("--device", metavar="NAME", help="Where models run.  [default: as it was]")
def replay(file: Path, to, size, fps, seconds, sketch_file, as_shown, device) -> None:
    """Perform a show again from its take, or make the picture of a still again.

    \b
      capriccio replay takes/nocturne-20260314-203000.jsonl
      capriccio replay takes/nocturne-20260314-203000.jsonl --to video:big.mp4 --size 2048x2048
      capriccio replay takes/nocturne-20260314-203000-0083.400s.png --to frames:again

    The notes are always those of the show, and at the same size and frame rate and on the same
    device the pictures are too. What is no longer as it was is said before: the sketch, a
    version, a model.
    """
    from .inference import use_device
    from .recipe import carried
    from .registry import output, use_seed
    from .sketch import load_sketch
    from .stage import frames_in

    with plain_errors(sketch_file):
        take = take_in(carried(file), file)
        then = take.recipe
        sketch_file = sketch_file or find_sketch(then, file)
        use_device(device or str(then.get("device", "auto")))
        use_seed(_whole(then, "seed"), _whole(then, "chance") or 0)
        sketch = load_sketch(sketch_file)
        sketch.bpm, sketch.fps = then["bpm"], fps or then["fps"]
        sketch.size = size or tuple(then["size"])
        recipe = recipe_of(sketch, sketch_file, again=file.name)
        if recipe()["sha256"] != then["sha256"]:
            _say(f"sketch {sketch_file.name} is not as it was; it is performed as it is now")
        if take.sketches:
            times = f"{len(take.sketches)} times" if len(take.sketches) > 1 else "once"
            _say(f"the sketch was changed {times} during the show; it is performed as it is now")
        for words in differences({**then, "models": {}}, recipe()):
            _say(words)
        outputs = [output(words) for words in to or _default_outputs(take, file)]
        told: set[str] = set()
        with progress(sketch.title) as done:

            def go_on(of: int, frames: int) -> None:
                # A model is known when it has played for the first time.
                for words in differences({"models": take.models}, recipe()):
                    if words not in told:
                        told.add(words)
                        _say(words)
                done(frames, of)

            of = frames_in(min(seconds or take.seconds, take.seconds), sketch.fps)
            tally = sketch.perform_again(
                take,
                outputs,
                seconds=seconds,
                progress=partial(go_on, of),
                recipe=recipe,
                as_shown=as_shown,
            )
        names = ", ".join(f"{one.name}:{one.target}" for one in outputs)
        made = f"{tally.frames} frames and {tally.notes} notes"
        if take.moment is not None:
            made = f"the picture at {take.moment:g} s"
        click.echo(f"{sketch.title}: {made} to {names}", err=True)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
def inspect(file: Path, as_json: bool) -> None:
    """Say how FILE was made, a PNG, MP4, MIDI or take of Capriccio.

    \b
      capriccio inspect takes/nocturne-20260314-203000-0083.400s.png
      capriccio inspect nocturne.mp4 --json
    """
    from .recipe import carried
    from .take import read_take

    with plain_errors():
        found = carried(file)
        if not found.text:
            raise ShowError(f"{file.name!r} carries no recipe; Capriccio did not make it")
        recipe, take = _recipe_in(found, file), None
        if "take" in recipe:
            take = read_take(found.text, file.name)
            recipe.setdefault("models", take.models)
    if as_json:
        source = {"source": found.source} if found.source else {}
        click.echo(json.dumps({"kind": found.kind, **recipe, **source}, indent=2))
        return
    for name, value in recipe.items():
        for line in _lines(name, value):
            click.echo(line)
    if found.source:
        click.echo(f"{'source':12}{found.source}")
    if take is not None:
        click.echo(
            f"{'the show':12}{take.seconds:.1f} s, {_so_many(take.turns, 'turn')} of the desk, "
            f"{_so_many(take.phrases, 'phrase')}"
        )
        again = f"capriccio replay {shlex.quote(str(file))}"
    else:
        again = command_of(recipe)
    if take is not None or not recipe.get("live"):
        click.echo(f"{'again':12}{again}")


def take_in(found: "Carried", file: Path) -> "Take":
    """Give the take that a file carries; raise ShowError with what to do where it has none."""
    from .take import read_take

    if not found.text:
        raise ShowError(f"{file.name!r} carries no recipe; Capriccio did not make it")
    recipe = _recipe_in(found, file)
    if "take" in recipe or found.kind == "take":
        return read_take(found.text, file.name)
    if recipe.get("live"):
        raise ShowError(f"{file.name!r} was made live; give the take of that show, in takes/")
    raise ShowError(f"{file.name!r} was made offline; make it again with: {command_of(recipe)}")


def find_sketch(recipe: dict[str, Any], file: Path) -> Path:
    """Find the sketch of a recipe; raise ShowError where it is no longer where it was."""
    name, there = recipe["sketch"], recipe.get("path")
    places = [file.parent / there] if isinstance(there, str) and there else []
    places += [folder / name for folder in (Path(), file.parent, _sketches()) if folder]
    for place in places:
        if place.is_file():
            return Path(os.path.normpath(place))
    raise ShowError(f"no sketch {printable(name)!r} where it was; say where with --sketch FILE")


def _recipe_in(found: "Carried", file: Path) -> dict[str, Any]:
    from .recipe import from_json

    try:
        recipe = from_json(found.text.partition("\n")[0])
    except ValueError as error:
        raise ShowError(f"{file.name!r} is no take: {error} (line 1)") from None
    if not isinstance(recipe, dict):
        raise ShowError(f"{file.name!r} has a recipe that is none: {printable(recipe, 60)}")
    return recipe


def _default_outputs(take: "Take", file: Path) -> list[str]:
    base = file.with_name(f"{file.stem}-again")
    return [f"frames:{base}"] if take.moment is not None else [
        f"video:{base}.mp4", f"midifile:{base}.mid"
    ]  # fmt: skip


def _lines(name: str, value: Any) -> Iterator[str]:
    """Yield the lines that show one fact of a recipe, and no more of them than anybody reads."""
    entries = list(value.items())[:50] if isinstance(value, dict) else [("", value)]
    for number, (key, one) in enumerate(entries):
        if isinstance(one, dict):
            one = "  ".join(printable(word, 80) for word in list(one.values())[:5])
        elif isinstance(one, list):
            one = " ".join(map(str, one[:20]))
        label = printable(name, 40) if not number else ""
        yield f"{label:12}{printable(str(key), 80)}{' ' if key else ''}{printable(one)}"


def _whole(recipe: dict[str, Any], name: str) -> int | None:
    value = recipe.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _so_many(things: list, noun: str) -> str:
    return f"{len(things)} {noun}{'s' * (len(things) != 1)}"


def _say(words: str) -> None:
    click.echo(f"differs: {words}", err=True)
