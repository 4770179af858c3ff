"""Find the image files that a user names."""

from collections.abc import Iterable
from pathlib import Path

from capriccio import image_files


def find_pictures(paths: Iterable[Path]) -> list[Path]:
    """Return the given files and the image files in and below the given folders, each once.

    Raises:
        FileNotFoundError: nothing exists at one of the paths.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update(dict.fromkeys(file for file in image_files(path) if file.is_file()))
        elif path.exists():
            found[path] = None
        else:
            raise FileNotFoundError(f"no file or folder {str(path)!r}")
    return list(found)
