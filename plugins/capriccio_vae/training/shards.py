"""Data sets larger than the memory: files in folders, zips and tars, and arrays on a disk."""

import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from capriccio import image_files

ARCHIVES = {".zip", ".tar"}
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}


class Member(NamedTuple):
    """A file of a data set: its name below the data set, and how it is read."""

    name: str
    read: Callable[[], bytes]


def members(data: Path) -> list[Member]:
    """Return the picture files of a data set, sorted by their names; nothing of them is read.

    Args:
        data: a folder, a zip, an uncompressed tar, or a folder with such archives (shards, as of
            WebDataset); a file in an archive has the name that it has there.

    Raises:
        ValueError: an archive cannot be read.
    """
    found: list[Member] = []
    archives = [data]
    if data.is_dir():
        found = [
            Member(path.relative_to(data).as_posix(), path.read_bytes) for path in image_files(data)
        ]
        archives = sorted(path for path in data.rglob("*") if path.suffix.lower() in ARCHIVES)
    for path in archives:
        try:
            inside = _in_zip(path) if path.suffix.lower() == ".zip" else _in_tar(path)
        except (OSError, zipfile.BadZipFile, tarfile.TarError) as error:
            raise ValueError(f"{str(path)!r} cannot be read: {error}") from None
        found += [one for one in inside if PurePosixPath(one.name).suffix.lower() in SUFFIXES]
    return sorted(found, key=lambda one: PurePosixPath(one.name))


def disk_array(shape: tuple[int, ...], dtype: Any) -> np.ndarray[Any, Any]:
    """Return an array on a disk, of which the system keeps in memory what is used just now.

    Its file has no name, and is gone when the array is.
    """
    with tempfile.TemporaryFile(prefix="capriccio-") as file:
        return np.memmap(file, dtype, "w+", shape=shape)


@cache
def _opened(path: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)


def _in_zip(path: Path) -> list[Member]:
    entries = [entry for entry in _opened(path).infolist() if not entry.is_dir()]
    return [
        Member(entry.filename, lambda entry=entry: _opened(path).read(entry))  # type: ignore[misc]
        for entry in entries
    ]


def _in_tar(path: Path) -> list[Member]:
    def read(at: int, size: int) -> bytes:
        with path.open("rb") as file:
            file.seek(at)
            return file.read(size)

    with tarfile.open(path, "r:") as opened:
        return [
            Member(entry.name, lambda at=entry.offset_data, size=entry.size: read(at, size))  # type: ignore[misc]
            for entry in opened
            if entry.isfile()
        ]
