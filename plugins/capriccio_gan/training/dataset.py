"""Read a folder of pictures for training: square images, and the facts of each."""

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
from capriccio import open_image
from capriccio.training import check_picture_count

from .attributes import Attributes, measure_attributes
from .captions import Facts, facts_of, words_of
from .scans import prepare_scan

MIN_VALIDATION = 8  # or a fifth of few pictures
MIN_WORD_COUNT = 5  # pictures that a word must describe to be learned
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}


@dataclass
class Pictures:
    """Images, `(pictures, size, size, 3)` uint8, and the facts of each, in the same order."""

    images: np.ndarray
    facts: list[Facts] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Prepared:
    """One file as it was read: image, attributes and split, or the error."""

    image: np.ndarray
    attributes: Attributes = field(default_factory=Attributes)
    validates: bool = False
    error: str = ""


def read_pictures(data: Path, size: int, max_count: int | None = None) -> tuple[Pictures, Pictures]:
    """Return the pictures of a folder for training, and those for validation.

    A `labels.csv` with a column `path` names the kind of each picture (`kind` or `genre`, or the
    columns of the watercolours' catalogue) and perhaps its `split`; sub-folders may have one each.
    Without it sub-folders name the kinds,
    and a tenth of the files, chosen by a hash of their content, is for validation. Unreadable
    files are skipped with a message.

    Args:
        data: the folder; links in it are followed.
        size: of the images, in pixels.
        max_count: the most files to read, evenly chosen.

    Raises:
        ValueError: fewer than 10 can be read.
    """
    rows = _read_labels(data)
    files = _picture_files(data)
    if rows:
        files = [path for path in files if path.relative_to(data).as_posix() in rows]
    if max_count and len(files) > max_count:
        files = [files[i * len(files) // max_count] for i in range(max_count)]
    images: dict[bool, list[np.ndarray]] = {False: [], True: []}  # by whether they validate
    facts: dict[bool, list[Facts]] = {False: [], True: []}
    for path, one in zip(files, _prepare_all(files, size), strict=True):
        if one.error:
            print(f"skipped {path}: {one.error}", flush=True)
            continue
        kind = path.parent.name if path.parent != data else ""
        row = rows.get(path.relative_to(data).as_posix(), {"kind": kind})
        if row.get("split", "") not in ("", "train", "val"):
            continue  # held out for the final test
        validates = row["split"] == "val" if row.get("split") else one.validates
        images[validates].append(one.image)
        facts[validates].append(facts_of(row, one.attributes))
    count = len(images[False]) + len(images[True])
    check_picture_count(data, count)
    least = min(MIN_VALIDATION, count // 5)
    if len(images[True]) < least:  # too few files for the hash
        images[True] += images[False][:least]
        facts[True] += facts[False][:least]
        del images[False][:least], facts[False][:least]
    training, validation = (Pictures(np.stack(images[one]), facts[one]) for one in (False, True))
    return training, validation


def vocabulary_of(pictures: Pictures) -> list[str]:
    """Return the words that describe enough pictures, the most common first."""
    counts = Counter(word for facts in pictures.facts for word in words_of(facts))
    least = min(MIN_WORD_COUNT, max(1, len(pictures) // 20))
    return sorted(
        (w for w, n in counts.items() if n >= least), key=lambda word: (-counts[word], word)
    )


def _picture_files(data: Path) -> list[Path]:
    """Return the picture files in a folder and below, sorted; folders behind links too."""
    visited = set()
    files = []
    for folder, inner, names in os.walk(data, followlinks=True):
        real = os.path.realpath(folder)
        if real in visited:  # a link that leads back
            inner.clear()
            continue
        visited.add(real)
        files += [Path(folder, name) for name in names]
    return sorted(path for path in files if path.suffix.lower() in SUFFIXES)


def _read_labels(data: Path) -> dict[str, dict[str, str]]:
    """Return the rows of `labels.csv` by the pictures' paths; none where there is no such file.

    A folder of collections has none itself, and one in each sub-folder.
    """
    rows: dict[str, dict[str, str]] = {}
    own = data / "labels.csv"
    for path in [own] if own.is_file() else sorted(data.glob("*/labels.csv")):
        inner = path.parent.relative_to(data)
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = DictReader(file)
            if "path" not in (reader.fieldnames or ()):
                columns = ", ".join(map(repr, reader.fieldnames or ()))
                raise ValueError(f"expected a column 'path' in {str(path)!r}, got {columns}")
            for row in reader:
                rows[(inner / row["path"]).as_posix()] = {k: v or "" for k, v in row.items() if k}
    return rows


def _prepare_all(files: list[Path], size: int) -> Iterator[Prepared]:
    tasks = [(path, size) for path in files]
    workers = min(os.cpu_count() or 1, 16, len(files) // 200)
    if workers < 2 or sys.platform != "linux":
        # Elsewhere a process starts by running the caller's script again, which may not expect it.
        yield from map(_prepare_one, tasks)
        return
    with ProcessPoolExecutor(workers, get_context("fork")) as pool:
        yield from pool.map(_prepare_one, tasks, chunksize=32)


def _prepare_one(task: tuple[Path, int]) -> Prepared:
    path, size = task
    try:
        validates = hashlib.sha256(path.read_bytes()).digest()[0] < 26  # a tenth of 256
        with open_image(path) as picture:
            scan = prepare_scan(picture, size)
    except (OSError, ValueError) as error:
        return Prepared(np.empty(0), error=str(error) or type(error).__name__)
    return Prepared(scan.image, measure_attributes(scan), validates)
