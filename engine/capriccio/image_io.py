"""Find and read image files of every kind."""

import math
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .media import as_image, is_canvas

if TYPE_CHECKING:
    from PIL import Image

# What names an image file.
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"})
# The formats of those files, as Pillow names them. It would try dozens on a file of any name: an
# EPS called .jpg would start Ghostscript.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
DRAFT_SIDE = 1024  # pixels; a picture much larger is read at a fraction of its size
MAX_PIXELS = 40_000_000  # a file that unpacks to more is a decompression bomb
# A small file that unpacks to much is one as well: photographs have about one pixel a byte.
FREE_PIXELS, PIXELS_A_BYTE = 16_000_000, 8
MAX_SIDE = 30_000  # pixels; Pillow keeps an address for every row
HALVED = {"WEBP"}  # its decoder holds the picture twice: half as many pixels are allowed
ORIENTATION = 0x0112  # the Exif tag
MAX_LOADED = 8  # images of files that are kept
READ_PIXELS = 8_000_000  # at most, of the image that is returned
STRIPE_PIXELS = 2_000_000  # converted at once, so that a large picture is not held twice

_loaded: dict[str, tuple[int, np.ndarray]] = {}  # when a file was changed, and its image


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


@contextmanager
def open_image(path: Path | str | BytesIO, draft: int | None = None) -> Iterator["Image.Image"]:
    """Open and decode an image file; yield it as Pillow's image, as it is stored.

    Args:
        path: of the file, or its bytes.
        draft: a JPEG may be decoded at a fraction of its size, no smaller than this many pixels.

    Raises:
        ValueError: it cannot be read, has too many pixels, or is none of `FORMATS`; the message
            has its name and the reason in one line.
    """
    from PIL import Image, UnidentifiedImageError

    name = "" if isinstance(path, BytesIO) else f"{path}: "
    try:
        size = len(path.getbuffer()) if isinstance(path, BytesIO) else Path(path).stat().st_size
        picture = _quiet(Image.open)(path, formats=FORMATS)
        width, height = picture.size
        fitting = FREE_PIXELS + PIXELS_A_BYTE * size
        allowed = min(MAX_PIXELS, fitting // 2 if picture.format in HALVED else fitting)
        if width * height > allowed:
            raise ValueError(
                f"{width} x {height} pixels, at most {allowed / 1e6:.0f} million are allowed"
                + (" in a file of its size" if allowed < MAX_PIXELS else "")
            )
        if max(width, height) > MAX_SIDE:
            raise ValueError(f"{width} x {height} pixels, at most {MAX_SIDE} a side are allowed")
        if draft is not None:
            picture.draft("RGB", (draft, draft))
        _quiet(picture.load)()
    except UnidentifiedImageError:
        raise ValueError(f"{name}is not an image file of {', '.join(FORMATS)}") from None
    except Exception as error:  # decoders raise whatever they come upon
        words = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{name}cannot be read: {words}") from None
    with picture:
        yield picture


def load_image(thing: Any, maker: object, knob: str) -> np.ndarray:
    """Return what a knob is given as an image, `(height, width, 3)` uint8.

    Args:
        thing: an image, or the path of a file, which is read once while it does not change,
            and kept where it is gone.
        maker: the part whose knob it is, which errors name.
        knob: its name.

    Raises:
        TypeError: it is neither.
        ValueError: the file cannot be read, or the array is no image.
    """
    if isinstance(thing, str | Path):
        return _read_once(str(thing))
    if not isinstance(thing, np.ndarray) and not is_canvas(thing):
        raise TypeError(
            f"knob {knob!r} of {maker} must be an image, a numpy array (height, width, 3), or "
            f"the path of one, got {type(thing).__name__!r}"
        )
    return as_image(thing, maker, "got")


def _quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function without its warnings, of what is odd about a stranger's file."""

    def call(*arguments: Any, **options: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*arguments, **options)

    return call


def read_image(path: Path | str) -> np.ndarray[Any, Any]:
    """Return an image file as an image, `(height, width, 3)` uint8, upright.

    Transparent images are laid on white, 16 bits are scaled to 8, and the first frame of an
    animation is taken. An image of more than 2048 pixels on its shorter side, or of 8 million
    in all, is returned smaller.

    Raises:
        ValueError: as of `open_image`.
    """
    from PIL import ImageOps

    with open_image(path, DRAFT_SIDE) as picture:
        try:
            small = _as_rgb(picture)
            if turned := _quiet(picture.getexif)().get(ORIENTATION):
                small.getexif()[ORIENTATION] = turned
            return np.asarray(ImageOps.exif_transpose(small))
        except Exception as error:
            words = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(f"{path}: cannot be converted: {words}") from None


def _as_rgb(picture: "Image.Image") -> "Image.Image":
    """Return a picture as RGB, not much larger than `DRAFT_SIDE` and `READ_PIXELS`."""
    from PIL import Image

    width, height = picture.size
    by_area = math.ceil(math.sqrt(width * height / READ_PIXELS))
    factor = max(1, min(width, height) // DRAFT_SIDE, by_area)
    step = max(1, STRIPE_PIXELS // (width * factor)) * factor
    extrema: Any = picture.getextrema() if picture.mode == "F" else (0.0, 0.0)
    if step >= height:
        return _stripe_as_rgb(picture, extrema[1], factor)
    whole = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    for top in range(0, height, step):
        stripe = picture.crop((0, top, width, min(height, top + step)))
        whole.paste(_stripe_as_rgb(stripe, extrema[1], factor), (0, top // factor))
    return whole


def _stripe_as_rgb(picture: "Image.Image", brightest: float, factor: int) -> "Image.Image":
    from PIL import Image

    if picture.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        grey = np.asarray(picture).astype(np.float64)
        top = 65535 if picture.mode != "F" else max(1.0, brightest)
        picture = Image.fromarray((grey / top * 255).clip(0, 255).astype(np.uint8))
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    picture = picture.convert("RGB")
    return picture.reduce(factor) if factor > 1 else picture


def _read_once(path: str) -> np.ndarray:
    """Return the image of a file; one that is gone is shown as it was."""
    known = _loaded.get(path)
    changed = os.stat(path).st_mtime_ns if os.path.isfile(path) else None
    if known is not None and changed in (None, known[0]):
        return known[1]
    image = read_image(path)
    if len(_loaded) >= MAX_LOADED:
        _loaded.pop(next(iter(_loaded)))
    _loaded[path] = changed or 0, image
    return image
