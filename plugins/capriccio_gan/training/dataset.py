"""Reads a folder of pictures for training: squares, and what is known of each."""

import hashlib
import os
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from csv import DictReader
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from .attributes import look
from .captions import Facts, facts_of, words_of
from .scans import prepare

FEWEST = 50  # with fewer pictures there is nothing to learn from
COMMON = 5  # pictures a word must be said of to be learned
ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}


@dataclass
class Pictures:
    """Squares, `(pictures, size, size, 3) uint8`, and the facts of each, in the same order."""

    squares: np.ndarray
    facts: list[Facts] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.squares)


def read_pictures(data: Path, size: int, most: int | None = None) -> tuple[Pictures, Pictures]:
    """Read a folder: the pictures to learn from and those to check with.

    A `labels.csv` with a column `path` says what each picture is (`kind`, or the columns of the
    watercolours' catalogue) and perhaps its `split`; otherwise sub-folders name the kinds, and a
    tenth of the files, chosen by the hash of their content, is kept to check with. Broken files
    are skipped and named. Raises ValueError where fewer than 50 pictures are left.
    """
    rows = _catalogue(data)
    files = sorted(path for path in data.rglob("*") if path.suffix.lower() in ENDINGS)
    if rows:
        files = [path for path in files if path.relative_to(data).as_posix() in rows]
    if most and len(files) > most:
        files = [files[i * len(files) // most] for i in range(most)]
    squares: dict[bool, list] = {False: [], True: []}
    facts: dict[bool, list] = {False: [], True: []}
    for path, (square, seen, chosen, trouble) in zip(files, _prepared(files, size), strict=True):
        if trouble:
            print(f"skipped {path}: {trouble}", flush=True)
            continue
        name = path.relative_to(data).as_posix()
        kind = path.parent.name if path.parent != data else ""
        row = rows.get(name, {"kind": kind})
        if row.get("split", "") not in ("", "train", "val"):
            continue  # held back for the very end
        checks = row["split"] == "val" if row.get("split") else chosen
        squares[checks].append(square)
        facts[checks].append(facts_of(row, seen))
    count = len(squares[False]) + len(squares[True])
    if count < FEWEST:
        raise ValueError(f"{str(data)!r} holds {count} readable pictures; give at least {FEWEST}")
    if len(squares[True]) < 8:  # too few files for the hash to choose from
        for kept in (squares, facts):
            kept[True] += kept[False][:8]
            del kept[False][:8]
    return tuple(Pictures(np.stack(squares[one]), facts[one]) for one in (False, True))  # type: ignore[return-value]


def vocabulary_of(pictures: Pictures) -> list[str]:
    """Give the words that enough pictures are described with, the most common first."""
    counts = Counter(word for facts in pictures.facts for word in words_of(facts))
    few = min(COMMON, max(1, len(pictures) // 20))
    return sorted(
        (w for w, n in counts.items() if n >= few), key=lambda word: (-counts[word], word)
    )


def _catalogue(data: Path) -> dict[str, dict[str, str]]:
    """Read `labels.csv`, if there is one, by the pictures' paths."""
    path = data / "labels.csv"
    if not path.is_file():
        return {}
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = DictReader(file)
        if "path" not in (reader.fieldnames or ()):
            columns = ", ".join(map(repr, reader.fieldnames or ()))
            raise ValueError(f"{str(path)!r} has the columns {columns}; one must be 'path'")
        return {row["path"]: {k: v or "" for k, v in row.items() if k} for row in reader}


def _prepared(files: list[Path], size: int) -> Iterator[tuple]:
    tasks = [(path, size) for path in files]
    workers = min(os.cpu_count() or 1, 16, len(files) // 200)
    if workers < 2 or sys.platform != "linux":
        # Elsewhere a process begins by running the caller's script again, which may not expect it.
        yield from map(_one, tasks)
        return
    with ProcessPoolExecutor(workers, get_context("fork")) as pool:
        yield from pool.map(_one, tasks, chunksize=32)


def _one(task: tuple[Path, int]) -> tuple:
    from PIL import Image

    path, size = task
    try:
        chosen = hashlib.sha256(path.read_bytes()).digest()[0] < 26  # a tenth of 256
        with Image.open(path) as picture:
            page = prepare(picture, size)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return None, None, False, str(error) or type(error).__name__
    return page.square, look(page), chosen, ""
