"""Find and read image files of every kind."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

# What names an image file.
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"})
DRAFT_SIDE = 1024  # pixels; a JPEG much larger is decoded at a fraction of its size at once
MAX_PIXELS = 200_000_000  # a file that unpacks to more is a decompression bomb


def image_files(folder: Path | str) -> list[Path]:
    """Return all image files in a folder and below it, sorted; links to folders are followed.

    A folder that can be reached in several ways is visited once, by its own path if it has one.
    """
    found: list[Path] = []
    visited: set[str] = set()
    tops = [str(folder)]
    while tops:
        for place, folders, names in os.walk(tops.pop(0)):
            if (real := os.path.realpath(place)) in visited:
                folders.clear()
                continue
            visited.add(real)
            folders.sort()  # the order must not depend on the file system
            inside = [os.path.join(place, name) for name in folders]
            tops += [path for path in inside if os.path.islink(path)]
            found += [Path(place, name) for name in names]
    return sorted(path for path in found if path.suffix.lower() in SUFFIXES)


def read_image(path: Path | str) -> np.ndarray[Any, Any]:
    """Return an image file as an image, `(height, width, 3)` uint8, upright.

    Transparent images are laid on white, 16 bits are scaled to 8, and the first frame of an
    animation is taken. A JPEG much larger than 1024 pixels a side is returned smaller. A file that
    cannot be read raises ValueError with its name and the reason in one line.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise ValueError(
                    f"{width} x {height} pixels, at most {MAX_PIXELS // 10**6} million are allowed"
                )
            picture.draft("RGB", (DRAFT_SIDE, DRAFT_SIDE))
            return np.asarray(_as_rgb(ImageOps.exif_transpose(picture)))
    except UnidentifiedImageError:
        raise ValueError(f"{path}: is not an image file") from None
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{path}: cannot be read: {words}") from None


def _as_rgb(picture: "Image.Image") -> "Image.Image":
    from PIL import Image

    if picture.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        grey = np.asarray(picture).astype(np.float64)
        top = 65535 if picture.mode != "F" else max(1.0, float(grey.max()))
        return Image.fromarray((grey / top * 255).clip(0, 255).astype(np.uint8)).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture.convert("RGB")
