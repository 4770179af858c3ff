"""The command `capriccio critique`."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from capriccio import cluster_workers, read_image, write_image

from .analyzer import Critic
from .comparison import EarlierWorks, read_works
from .descriptions import Explanation, examine
from .files import find_pictures
from .personal_taste import Taste, open_taste
from .progress import MIN_COUNT, MIN_EXPLAINED, ProgressBar
from .readings import NUMBERS, Readings

MAX_REPORTED = 200  # pictures on a page
COLUMNS = ("quality", "novelty", "harmony", "balance", "taste")


class Task(NamedTuple):
    """A picture to read, and what with; a worker gets it."""

    path: Path
    model: str
    explains: bool
    mine: EarlierWorks | None
    taste: Path | None


class Read(NamedTuple):
    """What was read of a picture, or why it was not."""

    error: str = ""
    readings: Readings | None = None
    explained: Explanation | None = None
    liked: float | None = None  # by the taste


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a picture and line.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PAGE.html",
    help="Write pictures, heat maps and explanations into one HTML file, of at most "
    f"{MAX_REPORTED} pictures.",
)
@click.option(
    "--keep",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.jsonl",
    help="Append readings to this file; pictures that are in it are not read again.",
)
@click.option("--explain", is_flag=True, help="Describe each picture and what would improve it.")
@click.option(
    "--mine",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Explain what changed from these earlier works of yours.",
)
@click.option(
    "--tried",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Explain, and write each suggestion there as a PNG, before and after, and a study.",
)
@click.option(
    "--taste",
    type=click.Path(path_type=Path),
    metavar="FILE.onnx",
    help="Say how a person would like it: a taste of capriccio critic learn.",
)
@click.option(
    "--model",
    default="paintings",
    show_default=True,
    metavar="MODEL",
    help="A model of your own: capriccio train critic --data FOLDER --out MODEL.onnx.",
)
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Read on the workers of a Dask cluster: local, or tcp://HOST:8786.",
)
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, metavar="N",
              help="How many workers of the cluster are used at once.")  # fmt: skip
def critique(
    files: tuple[Path, ...],
    as_json: bool,
    report: Path | None,
    keep: Path | None,
    explain: bool,
    mine: Path | None,
    tried: Path | None,
    taste: Path | None,
    model: str,
    cluster: str | None,
    workers: int,
) -> None:
    """Read pictures, and the pictures in folders, with the critic.

    \b
      capriccio critique garden.png
      capriccio critique takes/ --report takes.html
      capriccio critique new.png --explain --mine portfolio/
      capriccio critique new.png --tried ideas/
      capriccio critique takes/ --taste anna.onnx
      capriccio critique pictures/ --json --keep pictures.jsonl
      capriccio critique pictures/ --json --cluster local --workers 4

    The critic names the movement that a picture looks like, with its probability. Novelty measures
    how unlike the training pictures it is; harmony, balance, contrast and sharpness are formulas.
    Quality is not beauty: it was learned from old European paintings and degraded copies of them
    (blurred, posterised, discoloured, badly cut, compressed, paler, harsher), and measures only how
    intact a picture is.

    With --explain up to three changes are suggested; each has been tried, and you read what the
    critic made of it. --report shows them before and after.

    Files that cannot be read are reported and skipped; the exit code is then 1.
    """
    critic = Critic(model=model)  # it is told at once where there is no such model
    if taste is not None:
        open_taste(taste)
    pictures = find_pictures(files)
    if not pictures:
        raise click.UsageError(f"no pictures in {', '.join(map(str, files))}")
    if report and len(pictures) > MAX_REPORTED:
        raise click.UsageError(
            f"a report holds at most {MAX_REPORTED} pictures, got {len(pictures)}"
        )
    kept = _read_kept(keep)
    keys = [_file_key(path) for path in pictures]
    explain = explain or mine is not None or tried is not None
    anew = bool(report or explain or taste)
    works = None if mine is None else _read_earlier(critic, mine, pictures)
    tasks = [
        Task(path, model, bool(report or explain), works, taste)
        for path, key in zip(pictures, keys, strict=True)
        if anew or key not in kept
    ]
    fewest = MIN_EXPLAINED if report or explain else MIN_COUNT
    failed = 0
    rows: list[dict[str, Any]] = []
    pages: list[tuple[Path, np.ndarray[Any, Any], Readings, Explanation]] = []
    with ExitStack() as opened:
        read: Iterator[Read] = map(read_picture, tasks)
        if cluster is not None:
            read = opened.enter_context(cluster_workers(cluster, workers)).map(read_picture, tasks)
        advance = opened.enter_context(ProgressBar(len(pictures), fewest))
        for path, key in zip(pictures, keys, strict=True):
            advance()
            row = None if anew else kept.get(key)
            if row is None:
                found = next(read)
                if found.readings is None:
                    click.echo(f"capriccio: {found.error}", err=True)
                    failed += 1
                    continue
                row = as_plain(path, found.readings)
                if keep and key not in kept:
                    with keep.open("a", encoding="utf-8") as file:
                        line = json.dumps({"key": key, "readings": row}, ensure_ascii=False)
                        file.write(f"{line}\n")
                if found.liked is not None:
                    row["taste"] = round(found.liked, 4)
                if found.explained:
                    row["explained"] = found.explained.words
                    if tried:
                        _write_tried(tried, len(rows) + 1, path, found)
                    if report:
                        pages.append((path, read_image(path), found.readings, found.explained))
            rows.append(row)
            if as_json:
                click.echo(json.dumps(row, ensure_ascii=False))
    if not as_json and rows:
        _print_table(rows, explain)
    if report and pages:
        from .report import write_report

        write_report(report, pages)
        click.echo(f"{report}: {len(pages)} pictures", err=True)
    if failed:
        click.echo(f"capriccio: {failed} of {len(pictures)} could not be read", err=True)
        sys.exit(1)


def read_picture(task: Task) -> Read:
    """Return the error, or the readings of a picture and what else is wanted of it."""
    critic = _critic_of(task.model)
    taste = None if task.taste is None else _taste_of(task.taste)
    try:
        image = read_image(task.path)
    except ValueError as error:
        return Read(str(error))
    readings = critic.analyze(image)
    explained = examine(critic, image, mine=task.mine, taste=taste) if task.explains else None
    liked = None if taste is None else taste.score(critic, image, readings)
    return Read("", readings, explained, liked)


def _read_earlier(critic: Critic, folder: Path, pictures: Sequence[Path]) -> EarlierWorks:
    """Return what is measured of the pictures in a folder, but for those that are to be read.

    Raises:
        ValueError: none of them can be read.
    """
    new = {path.resolve() for path in pictures}
    files = [path for path in find_pictures([folder]) if path.resolve() not in new]

    def works(advance: Callable[[], None]) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
        for path in files:
            advance()
            try:
                yield path.name, read_image(path)
            except ValueError as error:
                click.echo(f"capriccio: {error}", err=True)

    with ProgressBar(len(files)) as advance:
        try:
            return read_works(critic, works(advance))
        except ValueError:
            raise ValueError(
                f"--mine expected a folder with at least one earlier work, got {str(folder)!r} "
                "with none that can be read"
            ) from None


def _write_tried(folder: Path, number: int, path: Path, found: Read) -> None:
    """Write what was tried on a picture, before and after, and a study of it, as PNG files."""
    from .study import draw_before_and_after, draw_study

    if found.readings is None or found.explained is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    image, name = read_image(path), f"{number:03}-{path.stem}"
    for place, one in enumerate(found.explained.suggestions, 1):
        write_image(draw_before_and_after(image, one), folder / f"{name}-{place}.png")
    study = draw_study(image, found.readings, found.explained.box)
    write_image(study, folder / f"{name}-study.png")


@cache
def _critic_of(model: str) -> Critic:
    """Return the critic of a model; a worker keeps it."""
    return Critic(model=model)


@cache
def _taste_of(path: Path) -> Taste:
    """Return the taste in a file; a worker keeps it."""
    return open_taste(path)


def as_plain(path: Path, readings: Readings) -> dict[str, Any]:
    """Return readings as JSON values, after the name of the file."""
    plain: dict[str, Any] = {"file": str(path)}
    for name, value in readings._asdict().items():
        if name in NUMBERS:
            plain[name] = round(float(value), 4)
        elif isinstance(value, np.ndarray):
            plain[name] = np.round(value.astype(float), 3).tolist()
        elif isinstance(value, tuple):
            plain[name] = {other: round(share, 4) for other, share in value}
        else:
            plain[name] = value
    return plain


def _file_key(path: Path) -> str:
    """Return what identifies a file and its present content."""
    status = path.stat()
    return f"{path.resolve()} {status.st_size} {status.st_mtime_ns}"


def _read_kept(keep: Path | None) -> dict[str, dict[str, Any]]:
    """Return the kept readings by key; drop a last line that a crash cut off.

    Raises:
        ValueError: another line holds no readings.
    """
    if keep is None or not keep.exists():
        return {}
    lines = keep.read_bytes().split(b"\n")
    if lines[-1]:
        keep.write_bytes(b"".join(line + b"\n" for line in lines[:-1]))
    kept = {}
    for number, line in enumerate(lines[:-1], 1):
        try:
            row = json.loads(line)
            kept[row["key"]] = dict(row["readings"])
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"line {number} of {str(keep)!r} holds no readings") from None
    return kept


def _print_table(rows: list[dict[str, Any]], explain: bool) -> None:
    """Print a table, one picture a line, and the explanations below it."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table("picture", "looks like", header_style="bold", box=SIMPLE_HEAD)
    columns = [name for name in COLUMNS if name in rows[0]]
    for name in columns:
        table.add_column(name, no_wrap=True)
    for row in rows:
        movement = f"{row['movement']} {row['certainty']:.0%}"
        numbers = (f"{row[name]:.2f}" for name in columns)
        table.add_row(Text(Path(row["file"]).name, overflow="fold"), movement, *numbers)
    console.print(table)
    if explain:
        for row in rows:
            console.print(Text(f"\n{row['file']}", style="bold"))
            console.print(Text(row["explained"]))
