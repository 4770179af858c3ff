"""What the outputs that write files share: a checked target, and one sentence when it fails."""

import errno
import os
from contextlib import contextmanager
from pathlib import Path

from ..errors import ShowError


def target_path(target: str, who: str, example: str) -> Path:
    """Give the path in the words behind the colon; raise ShowError where there are none."""
    if not target:
        raise ShowError(f"{who} has no place to go; write {example}")
    return Path(target).expanduser()


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, where they are missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None


@contextmanager
def writing(path: Path, who: str):
    """Turn an OSError about `path` into a ShowError of one clear sentence."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ShowError(
            f"{who} cannot write {str(path)!r}: {reason}; free the place or choose another"
        ) from error
