"""The picture that an effect is laid over, and arithmetic on its levels."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from capriccio import as_image, layers

Array = np.ndarray[Any, Any]


def picture_of(over: Any, effect: object) -> Array:
    """Return what an effect is laid over as an image; without anything it is a sample."""
    if over is None:
        return sample()
    if hasattr(over, "getbands"):  # a PIL image
        over = np.asarray(over.convert("RGB"))
    if isinstance(over, np.ndarray) and over.ndim == 3 and over.shape[2] == 4:
        over = np.ascontiguousarray(layers(over, name="", size=(over.shape[1], over.shape[0])))
    return np.ascontiguousarray(as_image(over, f"what {effect} is laid over", "is"))


@cache
def sample() -> Array:
    """Return a landscape, to try an effect with, 256 by 256."""
    y, x = np.mgrid[0:256, 0:256] / np.float32(255)
    image = np.empty((256, 256, 3), np.float32)
    image[:] = np.array([0.98, 0.72, 0.42]) * (1 - y[..., None]) + 0.2 * y[..., None]
    image[np.hypot(x - 0.65, y - 0.35) < 0.12] = (1.0, 0.95, 0.7)
    for at, color in enumerate([(0.45, 0.35, 0.5), (0.25, 0.3, 0.45), (0.1, 0.18, 0.25)]):
        ridge = 0.5 + 0.15 * at + 0.06 * np.sin((5 + 3 * at) * x + 2 * at)
        image[y > ridge] = color
    image[(x * 16 % 1 < 0.12) & (y > 0.8)] = (0.85, 0.3, 0.2)
    found = (image.clip(0, 1) * 255 + 0.5).astype(np.uint8)
    found.flags.writeable = False
    return found


def bands(height: int, rows: int = 24) -> Iterator[slice]:
    """Yield slices of some rows each: work on them stays in the processor's cache."""
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def mixed(under: Array, over: Array, share: float, mode: str = "normal") -> Array:
    """Return one image laid over another of the same size, by a share 0..1."""
    size = under.shape[1], under.shape[0]
    return layers(under, (over, mode, share), size=size, name="")


def resized(image: Array, size: tuple[int, int]) -> Array:
    """Return an image stretched to `size` (width, height)."""
    if image.shape[:2] == (size[1], size[0]):
        return image
    from PIL import Image

    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))


def luminance(image: Array) -> Array:
    """Return how light each pixel is, `(height, width)` uint8."""
    # A quarter red, five eighths green, an eighth blue: near enough, in whole numbers.
    sum_ = image[..., 1].astype(np.uint16)
    sum_ *= 5
    sum_ += image[..., 0]
    sum_ += image[..., 0]
    sum_ += image[..., 2]
    sum_ >>= 3
    return sum_.astype(np.uint8)
