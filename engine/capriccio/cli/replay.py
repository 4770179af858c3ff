"""The command `replay`: performs a show again from its take."""

import os
import sys
from collections.abc import Container
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ShowError
from .inspect import record_in
from .options import FILE, Number, Size, plain_errors, progress, soundfont_option

if TYPE_CHECKING:  # what they import would make every command slow to start
    from ..recording.provenance import FileProvenance
    from ..recording.take import Take


@click.command()
@click.argument("file", type=FILE)
@click.option(
    "--to",
    multiple=True,
    metavar="OUTPUT",
    help="video:FILE.mp4, frames:DIR, midifile:FILE.mid; one --to for each.  [default: a film and "
    "a MIDI file beside the take, or a folder with the picture]",
)
@click.option("--size", type=Size(), help="Picture in pixels.  [default: as it was]")
@click.option(
    "--fps", type=Number(0.1, 1000), metavar="N", help="Frame rate.  [default: as it was]"
)
@click.option("--seconds", type=Number(0.01), metavar="S", help="Only the first S seconds.")
@click.option(
    "--sketch", "sketch_file", type=FILE, help="The file of the sketch, where it has been moved."
)
@click.option(
    "--as-shown",
    is_flag=True,
    help="Leave out the frames that were dropped live. A sketch that draws on its own last picture "
    "needs this to come out the same.",
)
@soundfont_option
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
    soundfont: str,
) -> None:
    """Perform a show again from its take, or make the picture of a still again.

    \b
      capriccio replay takes/nocturne-20260314-203000.jsonl
      capriccio replay takes/nocturne-20260314-203000.jsonl --to video:big.mp4 --size 2048x2048
      capriccio replay takes/nocturne-20260314-203000-0083.400s.png --to frames:again

    The notes are always those of the show; the pictures are too, at the same size, frame rate and
    device. What has changed since is listed first: the sketch, a version, a model.
    """
    from ..loader import load_sketch
    from ..models.model import use_device
    from ..recording.provenance import printable, read_provenance
    from ..registry import output, use_seed
    from ..sketch_provenance import differences, provenance_of
    from ..stage.stats import frame_count

    with plain_errors(sketch_file):
        take = take_in(read_provenance(file), file)
        then = take.record
        digest = None
        if sketch_file is None:
            # A sketch that was saved during the show is now as it was at the end.
            saved = {change.digest for change in take.sketches[-1:]}
            sketch_file, digest = find_sketch(then, file, {then["sha256"], *saved})
        use_device(device or str(then.get("device", "auto")))
        use_seed(_whole(then, "seed"), _whole(then, "chance") or 0)
        sketch = load_sketch(sketch_file, digest)
        sketch.bpm, sketch.fps = then["bpm"], fps or then["fps"]
        sketch.size = size or tuple(then["size"])
        sketch.follow_window = sketch.follow_window and size is None
        sketch.soundfont = soundfont or sketch.soundfont
        if (name := then.get("soundfont")) and not soundfont:
            _warn(f"it sounded by the soundfont {printable(name)!r}; name it with --soundfont FILE")
        provenance = provenance_of(sketch, sketch_file, again=file.name)
        if provenance().get("sha256") != then["sha256"]:
            _warn(f"sketch {sketch_file.name} has changed; it is performed as it is now")
        if take.sketches:
            times = f"{len(take.sketches)} times" if len(take.sketches) > 1 else "once"
            _warn(f"the sketch was changed {times} during the show; it is performed as it is now")
        for seconds_of_gap, count in take.gaps[:1]:
            _warn(f"the take lacks {count} events or more, from {seconds_of_gap:g} s on")
        for message in differences({**then, "models": {}}, provenance()):
            _warn(message)
        again = file.with_name(f"{file.stem}-again")
        if not to and take.moment is None:
            to = (f"video:{again}.mp4", f"midifile:{again}.mid")
        outputs = [output(words) for words in to or [f"frames:{again}"]]
        warned: set[str] = set()
        total = frame_count(min(seconds or take.seconds, take.seconds), sketch.fps)
        with progress(sketch.title) as done:

            def frame_done(frames: int) -> None:
                # A model is known once it has run.
                for message in differences({"models": take.models}, provenance()):
                    if message not in warned:
                        warned.add(message)
                        _warn(message)
                done(frames, total)

            stats = sketch.replay(
                take,
                outputs,
                seconds=seconds,
                progress=frame_done,
                provenance=provenance,
                as_shown=as_shown,
            )
        names = ", ".join(f"{one.name}:{one.target}" for one in outputs)
        made = f"{stats.frames} frames and {stats.notes} notes"
        if take.moment is not None:
            made = f"the picture at {take.moment:g} s"
        click.echo(f"{sketch.title}: {made} to {names}", err=True)


def take_in(found: "FileProvenance", file: Path) -> "Take":
    """Return the take that a file carries; raise ShowError where it has none."""
    from ..recording.take import read_take
    from ..sketch_provenance import command_of

    record = record_in(found, file)
    if "take" in record or found.kind == "take":
        return read_take(found.text, file.name, file.parent)
    if record.get("live"):
        raise ShowError(f"{file.name!r} was made live; replay the take of that show, in takes/")
    raise ShowError(f"{file.name!r} was made offline; make it again with: {command_of(record)}")


def find_sketch(
    record: dict[str, Any], file: Path, digests: Container[str]
) -> tuple[Path, str | None]:
    """Return the file of the sketch in a record, and the hash that it must have when it is loaded.

    A record may be a stranger's. Without a question only a plain name is looked for, beside the
    take and where ours are, and only a file whose hash is one of `digests` is returned.
    On a terminal the user may choose the file that the record names; it then has no hash.

    Raises:
        ShowError: there is none, and nobody to ask, or the answer was no.
    """
    from ..recording.provenance import printable
    from ..sketch_provenance import is_plain_name, sketch_digest, sketches_folder

    name, path = record["sketch"], record.get("path")
    asked, state = None, "has been moved"
    if is_plain_name(name):
        beside = file.resolve().parent
        around = beside.parent if beside.name == "takes" else None
        for folder in (beside, around, Path.cwd(), sketches_folder()):
            # A link may lead out of the folder, to what the stranger has not brought.
            if folder and (place := folder / name).is_file() and not place.is_symlink():
                if (digest := sketch_digest(place)) in digests:
                    return place, digest
                if asked is None:
                    asked, state = place, "has changed since the show"
    elif isinstance(name, str) and not isinstance(path, str):
        path = name
    if asked is None and isinstance(path, str):
        asked = Path(os.path.normpath(file.parent / path))  # not touched before the answer
    if asked is not None and asked.suffix == ".py" and sys.stdin.isatty():
        shown = printable(str(asked), 300)
        question = f"the take asks for {shown}, which {state} or may not be yours; perform it?"
        if click.confirm(question, err=True) and asked.is_file():
            return asked, None
    raise ShowError(f"sketch {printable(name)!r} {state}; name its file with --sketch FILE")


def _whole(record: dict[str, Any], name: str) -> int | None:
    value = record.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _warn(message: str) -> None:
    click.echo(f"differs: {message}", err=True)
