"""The command `capriccio critique`."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
from capriccio import read_image

from .analyzer import Critic
from .files import find_pictures
from .readings import NUMBERS, Readings

MANY = 200  # pictures; a page of more is no longer looked at, and a table scrolls away
SHOWN = ("quality", "novelty", "harmony", "balance")


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="As JSON, one object a picture, a line each.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PAGE.html",
    help=f"Write a page with pictures, heat maps and words, all in one file; of {MANY} at most.",
)
@click.option(
    "--keep",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.jsonl",
    help="Keep readings there as they come; pictures that are in it already are not read again.",
)
@click.option("--explain", is_flag=True, help="Say of each in words what it sees, what would help.")
@click.option(
    "--model",
    default="paintings",
    show_default=True,
    metavar="MODEL",
    help="A critic of your own: capriccio train critic --data FOLDER --out MODEL.onnx.",
)
def critique(files, as_json, report, keep, explain, model) -> None:
    """Read pictures, and the pictures in folders, with the critic.

    \b
      capriccio critique garden.png
      capriccio critique takes/ --report takes.html
      capriccio critique pictures/ --json --keep pictures.jsonl

    It names the movement a picture looks like, and how sure it is; novelty is how unlike what it
    learned from; harmony, balance, contrast and sharpness are formulas. Quality is not beauty: it
    was learned from old European paintings against spoiled copies of them (blurred, posterised,
    discoloured, badly cut, compressed, paler, harsher), and tells how whole a picture is, nothing
    more.

    What cannot be read is named, and the exit code is then 1; the others are read all the same.
    """
    critic = Critic(model=model)
    wanted = find_pictures(files)
    if not wanted:
        raise click.UsageError(f"no pictures in {', '.join(map(str, files))}")
    if report and len(wanted) > MANY:
        raise click.UsageError(
            f"{len(wanted)} pictures are too many for a page; give at most {MANY}"
        )
    done = _kept(keep)
    failed, rows, pages = 0, [], []
    with _bar(len(wanted)) as step:
        for path in wanted:
            step()
            row = done.get(_key(path))
            if row is not None and not (report or explain):
                rows.append(row)
                if as_json:
                    click.echo(json.dumps(row["readings"], ensure_ascii=False))
                continue
            try:
                image = read_image(path)
            except ValueError as error:
                click.echo(f"capriccio: {error}", err=True)
                failed += 1
                continue
            readings = critic.analyze(image)
            row = {"key": _key(path), "readings": as_plain(path, readings)}
            words = ""
            if report or explain:
                words = critic.explain(image)
                row["readings"]["explained"] = words
            rows.append(row)
            if keep and row["key"] not in done:
                with keep.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
            if report:
                pages.append((path, image, readings, words))
            if as_json:
                click.echo(json.dumps(row["readings"], ensure_ascii=False))
    if not as_json and rows:
        _tell([row["readings"] for row in rows], explain)
    if report and pages:
        from .report import write_page

        write_page(report, pages)
        click.echo(f"{report}: {len(pages)} pictures", err=True)
    if failed:
        click.echo(f"capriccio: {failed} of {len(wanted)} could not be read", err=True)
        sys.exit(1)


def as_plain(path: Path, readings: Readings) -> dict[str, Any]:
    """Give readings as JSON has them, with the file's name first."""
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


def _key(path: Path) -> str:
    """Tell a file from all others, and from what it was before it was changed."""
    facts = os.stat(path)
    return f"{path.resolve()} {facts.st_size} {facts.st_mtime_ns}"


def _kept(keep: Path | None) -> dict[str, dict[str, Any]]:
    """Read what was kept; a last line that was cut off by a crash is read again."""
    if keep is None or not keep.exists():
        return {}
    lines = keep.read_bytes().split(b"\n")
    if lines[-1]:
        keep.write_bytes(b"".join(line + b"\n" for line in lines[:-1]))
    rows = {}
    for number, line in enumerate(lines[:-1], 1):
        try:
            row = json.loads(line)
            rows[row["key"]] = {"key": row["key"], "readings": dict(row["readings"])}
        except (ValueError, KeyError, TypeError):
            raise ValueError(
                f"line {number} of {str(keep)!r} holds no readings; give another file"
            ) from None
    return rows


class _bar:
    """Draw a bar of progress on a terminal where there are many pictures."""

    def __init__(self, count: int):
        self._count, self._bar = count, None

    def __enter__(self):
        if self._count < 20:
            return lambda: None
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        self._bar = Progress(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
                             console=Console(stderr=True))  # fmt: skip
        task = self._bar.add_task("", total=self._count)
        self._bar.start()
        return lambda: self._bar.advance(task)

    def __exit__(self, *failure):
        if self._bar:
            self._bar.stop()


def _tell(rows: list[dict[str, Any]], explain: bool) -> None:
    """Print a table, a picture a line, and what was said of each."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table("picture", "looks like", header_style="bold", box=SIMPLE_HEAD)
    for name in SHOWN:
        table.add_column(name, no_wrap=True)
    for row in rows:
        likeness = f"{row['movement']} {row['certainty']:.0%}"
        numbers = (f"{row[name]:.2f}" for name in SHOWN)
        table.add_row(Text(Path(row["file"]).name, overflow="fold"), likeness, *numbers)
    console.print(table)
    if explain:
        for row in rows:
            console.print(Text(f"\n{row['file']}", style="bold"))
            console.print(Text(row["explained"]))
