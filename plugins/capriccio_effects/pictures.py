"""The picture that an effect is laid over, and arithmetic on its levels."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from capriccio import as_image, layers

Array = np.ndarray[Any, Any]
ROWS = 24  # that are computed at a time


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


def bands(height: int) -> Iterator[slice]:
    """Yield slices of some rows each: work on them stays in the processor's cache."""
    for top in range(0, height, ROWS):
        yield slice(top, min(top + ROWS, height))


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
    light = np.empty(image.shape[:2], np.uint8)
    for part in bands(len(image)):
        # A quarter red, five eighths green, an eighth blue: near enough, in whole numbers.
        red, green, blue = (image[part, :, channel].astype(np.uint16) for channel in range(3))
        green *= np.uint16(5)
        red <<= 1
        green += red
        green += blue
        green >>= 3
        light[part] = green
    return light


def grey(levels: Array) -> Array:
    """Return levels `(height, width)` as an image."""
    image = np.empty((*levels.shape, 3), np.uint8)
    for channel in range(3):
        image[..., channel] = levels
    return image


# Levels are computed two at a time, as the halves of numbers of 16 bits: numpy is slow where it
# makes 16 bits of 8 and 8 of 16.


def as_words(image: Array) -> Array:
    """Return the levels of an image as rows of numbers of 16 bits, two in each."""
    height, width = image.shape[:2]
    rows = image.reshape(height, 3 * width)
    if width % 2:
        rows = np.pad(rows, ((0, 0), (0, 1)))
    return rows.view(np.uint16)


def split(words: Array, levels: Array | None = None) -> Array:
    """Return the two levels of each word, `(2, rows, words)` uint16, in an array that is given."""
    if levels is None:
        levels = np.empty((2, *words.shape), np.uint16)
    np.bitwise_and(words, np.uint16(255), out=levels[0])
    np.right_shift(words, np.uint16(8), out=levels[1])
    return levels


def word_bands(words: Array, count: int) -> Iterator[tuple[slice, Array]]:
    """Yield slices of some rows each, and so many arrays for what `split` makes of them.

    They are the same arrays each time: new ones would cost more than what is computed in them.
    """
    buffers = np.empty((count, 2, ROWS, words.shape[1]), np.uint16)
    for part in bands(len(words)):
        yield part, buffers[:, :, : part.stop - part.start]


def join(levels: Array, words: Array) -> None:
    """Put what `split` has taken apart into words again."""
    np.left_shift(levels[1], np.uint16(8), out=words)
    words |= levels[0]


def as_picture(words: Array, width: int) -> Array:
    """Return rows of words as an image of a width."""
    rows = words.view(np.uint8)[:, : 3 * width]
    return np.ascontiguousarray(rows).reshape(len(rows), width, 3)


def multiplied(image: Array, shares: Array) -> Array:
    """Return an image times shares of 255, `(2, rows, words)` as `split` takes them apart."""
    words = as_words(image)
    result = np.empty_like(words)
    for part, (levels,) in word_bands(words, 1):
        split(words[part], levels)
        levels *= shares[:, part]
        levels += np.uint16(255)
        levels >>= 8
        join(levels, result[part])
    return as_picture(result, image.shape[1])
