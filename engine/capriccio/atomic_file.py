"""Writes files whole or not at all, so that a run that is stopped never leaves half a file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path, private: bool = False) -> Iterator[Path]:
    """Yield a path to write to, which takes the place of `path` once the block has succeeded.

    Args:
        path: of the file.
        private: nobody but its owner may read the file.
    """
    part = create_part(path, private)
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def create_part(path: Path, private: bool = False) -> Path:
    """Create an empty file beside `path`, to be written and renamed to it, and return its path.

    In a folder that others may write to, a link of that name would lead our bytes elsewhere: one
    that is there is removed, and one that comes in between is an error.
    """
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    os.close(os.open(part, flags, 0o600 if private else 0o666))
    return part


def write_bytes(path: Path, content: bytes, private: bool = False) -> None:
    """Write a file, with the folders above it, and wait until it is on the disk.

    A link stays one: the file that it leads to is written.
    """
    path = path.resolve()
    path.parent.mkdir(mode=0o700 if private else 0o777, parents=True, exist_ok=True)
    with replacing(path, private) as part, part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
