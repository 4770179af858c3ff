"""Data sets larger than the memory: pictures in folders, zips and tars, and arrays on a disk."""

import os
import tarfile
import tempfile
import zipfile
import zlib
from csv import DictReader
from functools import cache
from io import BytesIO, StringIO
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
        """Return its content; ValueError: the archive is damaged where it lies."""
        if isinstance(self.inside, tuple):
            offset, size = self.inside
            with self.path.open("rb") as file:
                file.seek(offset)
                return file.read(size)
        if self.inside:
            try:
                return _opened(self.path, os.getpid()).read(self.inside)
            except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
                raise ValueError(f"{str(self.path)!r} cannot be read: {error}") from None
        return self.path.read_bytes()

    def openable(self) -> Path | BytesIO:
        """Return what `capriccio.open_image` takes: its path, or the bytes of one in an archive."""
        return BytesIO(self.read()) if self.inside else self.path


def picture_files(data: Path) -> list[PictureFile]:
    """Return the picture files of a data set, sorted by their names; nothing of them is read.

    Args:
        data: a folder, a zip, an uncompressed tar, or a folder with such archives (shards, as of
            WebDataset). Links to folders are followed.

    Raises:
        ValueError: an archive cannot be read.
    """
    found: list[PictureFile] = []
    if data.is_dir():
        found = [PictureFile(path.relative_to(data).as_posix(), path) for path in image_files(data)]
    found += [one for one in _files_in_archives(data) if _suffix(one.name) in SUFFIXES]
    return sorted(found, key=lambda one: PurePosixPath(one.name))


def read_labels(data: Path) -> dict[str, dict[str, str]]:
    """Return the rows of `labels.csv` by the pictures' paths; none where there is no such file.

    Args:
        data: a folder or an archive; `label_tables` says where its labels may be.

    Raises:
        ValueError: as by `label_tables`.
    """
    return {path: row for table in label_tables(data).values() for path, row in table.items()}


def label_tables(data: Path) -> dict[str, dict[str, dict[str, str]]]:
    """Return the rows of each `labels.csv` by the pictures' paths, by the folder that it lies in.

    That of the data set itself is "."; where it has no labels, each sub-folder may have some, and
    where none has, the archives in it (shards) may.

    Args:
        data: a folder or an archive.

    Raises:
        ValueError: a file has no column `path`, two name a picture and differ, or an archive cannot
            be read.
    """
    files: list[PictureFile] = []
    if data.is_dir():
        paths = [data / LABELS, *sorted(data.glob(f"*/{LABELS}"))]
        files = [PictureFile(one.relative_to(data).as_posix(), one) for one in paths]
        files = [one for one in files if one.path.is_file()]
    if not files:
        inside = sorted(_files_in_archives(data))
        files = [one for one in inside if PurePosixPath(one.name).match(f"*/{LABELS}")]
        files = [one for one in inside if one.name == LABELS] + files
    tables: dict[str, dict[str, dict[str, str]]] = {}
    for file in [one for one in files if one.name == LABELS] or files:
        folder = PurePosixPath(file.name).parent
        reader = DictReader(StringIO(file.read().decode("utf-8-sig"), newline=""))
        if "path" not in (reader.fieldnames or ()):
            columns, where = ", ".join(map(repr, reader.fieldnames or ())), str(data / file.name)
            raise ValueError(f"expected a column 'path' in {where!r}, got {columns}")
        rows = {(folder / row["path"]).as_posix(): {k: v or "" for k, v in row.items() if k}
                for row in reader}  # fmt: skip
        table = tables.setdefault(folder.as_posix(), {})
        for path in rows.keys() & table.keys():
            if rows[path] != table[path]:
                raise ValueError(f"two files {LABELS} in {str(data)!r} differ about {path!r}")
        table.update(rows)
    return tables


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


def _files_in_archives(data: Path) -> list[PictureFile]:
    """Return the files in an archive, or in those of a folder."""
    found = data.rglob("*") if data.is_dir() else ()
    shards = sorted(path for path in found if path.suffix.lower() in ARCHIVES)
    return [one for path in (shards if data.is_dir() else [data]) for one in archive_files(path)]


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
