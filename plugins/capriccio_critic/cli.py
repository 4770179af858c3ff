"""The command `capriccio critique`."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from capriccio import cluster_workers, read_image

from .analyzer import Critic
from .files import find_pictures
from .readings import NUMBERS, Readings

if TYPE_CHECKING:
    from rich.progress import Progress

# An error, or readings and their explanation.
Read = tuple[str, Readings | None, str]

MAX_REPORTED = 200  # pictures on a page
MIN_PROGRESS = 20  # pictures from which a progress bar is worth drawing
COLUMNS = ("quality", "novelty", "harmony", "balance")


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
    model: str,
    cluster: str | None,
    workers: int,
) -> None:
    """Read pictures, and the pictures in folders, with the critic.

    \b
      capriccio critique garden.png
      capriccio critique takes/ --report takes.html
      capriccio critique pictures/ --json --keep pictures.jsonl
      capriccio critique pictures/ --json --cluster local --workers 4

    The critic names the movement that a picture looks like, with its probability. Novelty measures
    how unlike the training pictures it is; harmony, balance, contrast and sharpness are formulas.
    Quality is not beauty: it was learned from old European paintings and degraded copies of them
    (blurred, posterised, discoloured, badly cut, compressed, paler, harsher), and measures only how
    intact a picture is.

    Files that cannot be read are reported and skipped; the exit code is then 1.
    """
    Critic(model=model)  # it is told at once where there is no such model
    pictures = find_pictures(files)
    if not pictures:
        raise click.UsageError(f"no pictures in {', '.join(map(str, files))}")
    if report and len(pictures) > MAX_REPORTED:
        raise click.UsageError(
            f"a report holds at most {MAX_REPORTED} pictures, got {len(pictures)}"
        )
    kept = _read_kept(keep)
    keys = [_file_key(path) for path in pictures]
    anew = bool(report or explain)
    tasks = [
        (path, model, anew)
        for path, key in zip(pictures, keys, strict=True)
        if anew or key not in kept
    ]
    failed, rows, pages = 0, [], []
    with ExitStack() as opened:
        read: Iterator[Read] = map(read_picture, tasks)
        if cluster is not None:
            read = opened.enter_context(cluster_workers(cluster, workers)).map(read_picture, tasks)
        advance = opened.enter_context(_ProgressBar(len(pictures)))
        for path, key in zip(pictures, keys, strict=True):
            advance()
            row = None if anew else kept.get(key)
            if row is None:
                error, readings, explained = next(read)
                if readings is None:
                    click.echo(f"capriccio: {error}", err=True)
                    failed += 1
                    continue
                row = as_plain(path, readings)
                if anew:
                    row["explained"] = explained
                if keep and key not in kept:
                    with keep.open("a", encoding="utf-8") as file:
                        line = json.dumps({"key": key, "readings": row}, ensure_ascii=False)
                        file.write(f"{line}\n")
                if report:
                    pages.append((path, read_image(path), readings, explained))
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


def read_picture(task: tuple[Path, str, bool]) -> Read:
    """Return the error, or the readings of a picture and their explanation where that is wanted."""
    path, model, explains = task
    critic = _critic_of(model)
    try:
        image = read_image(path)
    except ValueError as error:
        return str(error), None, ""
    return "", critic.analyze(image), critic.explain(image) if explains else ""


@cache
def _critic_of(model: str) -> Critic:
    """Return the critic of a model; a worker keeps it."""
    return Critic(model=model)


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


class _ProgressBar:
    """Draw a progress bar on standard error where there are many pictures."""

    def __init__(self, count: int):
        self._count = count
        self._bar: Progress | None = None

    def __enter__(self) -> Callable[[], None]:
        if self._count < MIN_PROGRESS:
            return lambda: None
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        bar = self._bar = Progress(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
                                   console=Console(stderr=True))  # fmt: skip
        task = bar.add_task("", total=self._count)
        bar.start()
        return lambda: bar.advance(task)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()


def _print_table(rows: list[dict[str, Any]], explain: bool) -> None:
    """Print a table, one picture a line, and the explanations below it."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table("picture", "looks like", header_style="bold", box=SIMPLE_HEAD)
    for name in COLUMNS:
        table.add_column(name, no_wrap=True)
    for row in rows:
        movement = f"{row['movement']} {row['certainty']:.0%}"
        numbers = (f"{row[name]:.2f}" for name in COLUMNS)
        table.add_row(Text(Path(row["file"]).name, overflow="fold"), movement, *numbers)
    console.print(table)
    if explain:
        for row in rows:
            console.print(Text(f"\n{row['file']}", style="bold"))
            console.print(Text(row["explained"]))
