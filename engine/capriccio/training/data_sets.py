"""Data sets larger than the memory: pictures in folders, zips and tars, and arrays on a disk."""

import os
import tarfile
import tempfile
import zipfile
from csv import DictReader
from functools import cache
from io import StringIO
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from ..image_io import SUFFIXES, image_files

ARCHIVES = {".zip", ".tar"}
LABELS = "labels.csv"


class PictureFile(NamedTuple):
    """A file of a data set.

    `name` is its path below the data set, or in its archive; `path` is that of the file, or of the
    archive that holds it; `inside` is where it lies there: an entry of a zip, or offset and size in
    a tar.
    """

    name: str
    path: Path
    inside: str | tuple[int, int] = ""

    def read(self) -> bytes:
        """Return its content."""
        if isinstance(self.inside, tuple):
            offset, size = self.inside
            with self.path.open("rb") as file:
                file.seek(offset)
                return file.read(size)
        if self.inside:
            return _opened(self.path, os.getpid()).read(self.inside)
        return self.path.read_bytes()


def picture_files(data: Path) -> list[PictureFile]:
    """Return the picture files of a data set, sorted by their names; nothing of them is read.

    Args:
        data: a folder, a zip, an uncompressed tar, or a folder with such archives (shards, as of
            WebDataset). Links to folders are followed.

    Raises:
        ValueError: an archive cannot be read.
    """
    found: list[PictureFile] = []
    archives = [data]
    if data.is_dir():
        found = [PictureFile(path.relative_to(data).as_posix(), path) for path in image_files(data)]
        archives = sorted(path for path in data.rglob("*") if path.suffix.lower() in ARCHIVES)
    for path in archives:
        found += [one for one in archive_files(path) if _suffix(one.name) in SUFFIXES]
    return sorted(found, key=lambda one: PurePosixPath(one.name))


def read_labels(data: Path) -> dict[str, dict[str, str]]:
    """Return the rows of `labels.csv` by the pictures' paths; none where there is no such file.

    A folder of collections, or its archive, has none itself, and one in each sub-folder.

    Args:
        data: a folder or an archive.

    Raises:
        ValueError: it has no column `path`, or an archive cannot be read.
    """
    if data.is_dir():
        paths = [data / LABELS, *sorted(data.glob(f"*/{LABELS}"))]
        files = [PictureFile(one.relative_to(data).as_posix(), one) for one in paths]
        files = [one for one in files if one.path.is_file()]
    else:
        inside = sorted(archive_files(data))
        files = [one for one in inside if one.name == LABELS]
        files += [one for one in inside if PurePosixPath(one.name).match(f"*/{LABELS}")]
    rows: dict[str, dict[str, str]] = {}
    for file in files[:1] if files and files[0].name == LABELS else files:
        folder = PurePosixPath(file.name).parent
        reader = DictReader(StringIO(file.read().decode("utf-8-sig"), newline=""))
        if "path" not in (reader.fieldnames or ()):
            columns, where = ", ".join(map(repr, reader.fieldnames or ())), str(data / file.name)
            raise ValueError(f"expected a column 'path' in {where!r}, got {columns}")
        for row in reader:
            rows[(folder / row["path"]).as_posix()] = {k: v or "" for k, v in row.items() if k}
    return rows


def disk_array(shape: tuple[int, ...], dtype: Any) -> np.ndarray[Any, Any]:
    """Return zeros of a `shape`, `(count, …)`, and `dtype` on a disk, not in memory.

    Its file has no name, and is gone when the array is; what is not written takes no space.
    """
    with tempfile.TemporaryFile(prefix="capriccio-") as file:
        return np.memmap(file, dtype, "w+", shape=(max(1, shape[0]), *shape[1:]))[: shape[0]]


@cache
def _opened(path: Path, process: int) -> zipfile.ZipFile:
    """Return a zip opened by a process: two must not share the place where they read."""
    return zipfile.ZipFile(path)


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def archive_files(path: Path) -> list[PictureFile]:
    """Return the files in an archive; ValueError: it cannot be read."""
    places: list[tuple[str, str | tuple[int, int]]]
    try:
        if _suffix(path.name) == ".zip":
            entries = _opened(path, os.getpid()).infolist()
            places = [(entry.filename, entry.filename) for entry in entries if not entry.is_dir()]
        else:
            with tarfile.open(path, "r:") as opened:
                places = [(one.name, (one.offset_data, one.size)) for one in opened if one.isfile()]
    except (OSError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise ValueError(f"{str(path)!r} cannot be read: {error}") from None
    # Tar writes ./name for what lies in a folder that it was called for.
    return [PictureFile(PurePosixPath(name).as_posix(), path, inside) for name, inside in places]
