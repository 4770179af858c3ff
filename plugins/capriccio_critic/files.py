"""Finds picture files."""

from collections.abc import Iterable
from pathlib import Path

ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}


def find_pictures(places: Iterable[Path]) -> list[Path]:
    """Give the files, and the pictures in the folders, in order and each once.

    Raises FileNotFoundError where there is nothing at a place.
    """
    found: dict[Path, None] = {}
    for place in places:
        if place.is_dir():
            inside = (path for path in place.rglob("*") if path.suffix.lower() in ENDINGS)
            found.update(dict.fromkeys(sorted(path for path in inside if path.is_file())))
        elif place.exists():
            found[place] = None
        else:
            raise FileNotFoundError(f"no picture and no folder {str(place)!r}")
    return list(found)
