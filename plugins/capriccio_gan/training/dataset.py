"""Read pictures for training, from folders, zips and tars: square images, the facts of each."""

import hashlib
import os
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path, PurePosixPath

import numpy as np
from capriccio import open_image
from capriccio.training import (
    PictureFile,
    check_picture_count,
    disk_array,
    picture_files,
    read_labels,
)
from rich.progress import track

from .attributes import Attributes, measure_attributes
from .captions import Facts, facts_of, words_of
from .scans import prepare_scan

MIN_VALIDATION = 8  # or a fifth of few pictures
MIN_WORD_COUNT = 5  # pictures that a word must describe to be learned


@dataclass
class Pictures:
    """Images, `(pictures, size, size, 3)` uint8, on a disk, and the facts of each of them."""

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
    """Return pictures for training, and others for validation.

    A `labels.csv` with a column `path` names the kind of each picture (`kind` or `genre`, or the
    columns of the watercolours' catalogue) and perhaps its `split`; sub-folders may have one each.
    Without it sub-folders name the kinds,
    and a tenth of the files, chosen by a hash of their content, is for validation. Unreadable
    files are skipped with a message.

    Args:
        data: a folder, a zip or a tar, or a folder with several of them.
        size: of the images, in pixels.
        max_count: the most files to read, evenly chosen.

    Raises:
        ValueError: fewer than 10 can be read.
    """
    rows = read_labels(data)
    files = [one for one in picture_files(data) if not rows or one.name in rows]
    if max_count and len(files) > max_count:
        files = [files[i * len(files) // max_count] for i in range(max_count)]
    shape = (len(files), size, size, 3)
    images = {one: disk_array(shape, np.uint8) for one in (False, True)}  # whether they validate
    facts: dict[bool, list[Facts]] = {False: [], True: []}
    prepared = zip(files, _prepare_all(files, size), strict=True)
    for file, one in track(prepared, "reading pictures", len(files), disable=not files):
        if one.error:
            print(f"skipped {data / file.name}: {one.error}", flush=True)
            continue
        row = rows.get(file.name, {"kind": PurePosixPath(file.name).parent.name})
        if row.get("split", "") not in ("", "train", "val"):
            continue  # held out for the final test
        validates = row["split"] == "val" if row.get("split") else one.validates
        images[validates][len(facts[validates])] = one.image
        facts[validates].append(facts_of(row, one.attributes))
    count = len(facts[False]) + len(facts[True])
    check_picture_count(data, count)
    least = min(MIN_VALIDATION, count // 5)
    if (has := len(facts[True])) < least:  # too few files for the hash
        images[True][has : has + least] = images[False][:least]
        images[False] = images[False][least:]
        facts[True] += facts[False][:least]
        del facts[False][:least]
    training, validation = (
        Pictures(images[one][: len(facts[one])], facts[one]) for one in (False, True)
    )
    return training, validation


def vocabulary_of(pictures: Pictures) -> list[str]:
    """Return the words that describe enough pictures, the most common first."""
    counts = Counter(word for facts in pictures.facts for word in words_of(facts))
    least = min(MIN_WORD_COUNT, max(1, len(pictures) // 20))
    return sorted(
        (w for w, n in counts.items() if n >= least), key=lambda word: (-counts[word], word)
    )


def _prepare_all(files: list[PictureFile], size: int) -> Iterator[Prepared]:
    tasks = [(file, size) for file in files]
    workers = min(os.cpu_count() or 1, 16, len(files) // 200)
    if workers < 2 or sys.platform != "linux":
        # Elsewhere a process starts by running the caller's script again, which may not expect it.
        yield from map(_prepare_one, tasks)
        return
    with ProcessPoolExecutor(workers, get_context("fork")) as pool:
        yield from pool.map(_prepare_one, tasks, chunksize=32)


def _prepare_one(task: tuple[PictureFile, int]) -> Prepared:
    file, size = task
    try:
        content = file.read()
        validates = hashlib.sha256(content).digest()[0] < 26  # a tenth of 256
        with open_image(BytesIO(content)) as picture:
            scan = prepare_scan(picture, size)
    except (OSError, ValueError) as error:
        return Prepared(np.empty(0), error=str(error) or type(error).__name__)
    return Prepared(scan.image, measure_attributes(scan), validates)
