"""What the outputs that write files share: a checked path, and one sentence when writing fails."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import ShowError


def target_path(target: str, writer: str, example: str, endings: Iterable[str] = ()) -> Path:
    """Return the path in the target of an output, which errors call `writer`.

    Raises ShowError where there is none, with an `example`, or its ending is none of `endings`.
    """
    if not target:
        raise ShowError(f"{writer} needs a path; write {example}")
    # A sketch may change the current folder.
    path, known = Path(target).expanduser().absolute(), list(endings)
    if known and path.suffix.lower() not in known:
        raise ShowError(f"{writer} writes {', '.join(known)} files, got {path.name!r}")
    return path


def make_folder(folder: Path) -> None:
    """Create a folder and its parents where they are missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None


@contextmanager
def writing(path: Path, writer: str) -> Iterator[None]:
    """Turn an OSError into a ShowError that names `path`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ShowError(
            f"{writer} cannot write {str(path)!r}: {reason}; make room or choose another path"
        ) from error
