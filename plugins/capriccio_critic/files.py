"""Find image files."""

from collections.abc import Iterable
from pathlib import Path

IMAGE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"))


def find_pictures(paths: Iterable[Path]) -> list[Path]:
    """Return the given files and the image files below the given folders, each once.

    Raises:
        FileNotFoundError: nothing exists at one of the paths.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update(dict.fromkeys(_pictures_below(path)))
        elif path.exists():
            found[path] = None
        else:
            raise FileNotFoundError(f"no file or folder {str(path)!r}")
    return list(found)


def _pictures_below(root: Path) -> list[Path]:
    """Return the image files below a folder, sorted; symbolic links are followed.

    Every folder is read once, under its own path rather than that of a link to it, so that links
    may form loops.
    """
    found: list[Path] = []
    folders: list[Path] = [root]
    links: list[Path] = []
    visited: set[tuple[int, int]] = set()
    while folders or links:
        folder = folders.pop() if folders else links.pop(0)
        try:
            status, entries = folder.stat(), sorted(folder.iterdir())
        except PermissionError:
            continue
        identity = status.st_dev, status.st_ino
        if identity in visited:
            continue
        visited.add(identity)
        for path in entries:
            if path.is_dir():
                (links if path.is_symlink() else folders).append(path)
            elif path.suffix.lower() in IMAGE_SUFFIXES and path.is_file():
                found.append(path)
    return sorted(found)
