"""The command `replay`: performs a show again from its take."""

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ShowError
from .inspect import record_in
from .options import Number, Size, plain_errors, progress

if TYPE_CHECKING:  # what they import would make every command slow to start
    from ..recording.provenance import Carried
    from ..recording.take import Take


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
def replay(
    file: Path,
    to: tuple[str, ...],
    size: tuple[int, int] | None,
    fps: float | None,
    seconds: float | None,
    sketch_file: Path | None,
    as_shown: bool,
    device: str | None,
) -> None:
    """Perform a show again from its take, or make the picture of a still again.

    \b
      capriccio replay takes/nocturne-20260314-203000.jsonl
      capriccio replay takes/nocturne-20260314-203000.jsonl --to video:big.mp4 --size 2048x2048
      capriccio replay takes/nocturne-20260314-203000-0083.400s.png --to frames:again

    The notes are always those of the show, and at the same size and frame rate and on the same
    device the pictures are too. What is no longer as it was is said before: the sketch, a
    version, a model.
    """
    from ..loader import load_sketch
    from ..models.model import use_device
    from ..recording.provenance import carried
    from ..registry import output, use_seed
    from ..sketch_provenance import differences, provenance_of
    from ..stage.stats import frame_count

    with plain_errors(sketch_file):
        take = take_in(carried(file), file)
        then = take.recipe
        sketch_file = sketch_file or find_sketch(then, file)
        use_device(device or str(then.get("device", "auto")))
        use_seed(_whole(then, "seed"), _whole(then, "chance") or 0)
        sketch = load_sketch(sketch_file)
        sketch.bpm, sketch.fps = then["bpm"], fps or then["fps"]
        sketch.size = size or tuple(then["size"])
        recipe = provenance_of(sketch, sketch_file, again=file.name)
        if recipe().get("sha256") != then["sha256"]:
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

            of = frame_count(min(seconds or take.seconds, take.seconds), sketch.fps)
            stats = sketch.replay(
                take,
                outputs,
                seconds=seconds,
                progress=partial(go_on, of),
                provenance=recipe,
                as_shown=as_shown,
            )
        names = ", ".join(f"{one.name}:{one.target}" for one in outputs)
        made = f"{stats.frames} frames and {stats.notes} notes"
        if take.moment is not None:
            made = f"the picture at {take.moment:g} s"
        click.echo(f"{sketch.title}: {made} to {names}", err=True)


def take_in(found: "Carried", file: Path) -> "Take":
    """Give the take that a file carries; raise ShowError with what to do where it has none."""
    from ..recording.take import read_take
    from ..sketch_provenance import command_of

    if not found.text:
        raise ShowError(f"{file.name!r} carries no recipe; Capriccio did not make it")
    recipe = record_in(found, file)
    if "take" in recipe or found.kind == "take":
        return read_take(found.text, file.name)
    if recipe.get("live"):
        raise ShowError(f"{file.name!r} was made live; give the take of that show, in takes/")
    raise ShowError(f"{file.name!r} was made offline; make it again with: {command_of(recipe)}")


def find_sketch(recipe: dict[str, Any], file: Path) -> Path:
    """Find the sketch of a recipe; raise ShowError where it is no longer where it was."""
    from ..recording.provenance import printable
    from ..sketch_provenance import sketches_folder

    name, there = recipe["sketch"], recipe.get("path")
    places = [file.parent / there] if isinstance(there, str) and there else []
    places += [folder / name for folder in (Path(), file.parent, sketches_folder()) if folder]
    for place in places:
        if place.is_file():
            return Path(os.path.normpath(place))
    raise ShowError(f"no sketch {printable(name)!r} where it was; say where with --sketch FILE")


def _default_outputs(take: "Take", file: Path) -> list[str]:
    base = file.with_name(f"{file.stem}-again")
    return [f"frames:{base}"] if take.moment is not None else [
        f"video:{base}.mp4", f"midifile:{base}.mid"
    ]  # fmt: skip


def _whole(recipe: dict[str, Any], name: str) -> int | None:
    value = recipe.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _say(words: str) -> None:
    click.echo(f"differs: {words}", err=True)
