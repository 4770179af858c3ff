"""Blur and glow, computed on a smaller picture where they are wide."""

from typing import Any

import numpy as np
from capriccio import Generator, Moment

from .pictures import Array, bands, mixed, picture_of

WIDEST = 0.08  # of the shorter side: the radius of a full blur
FINEST = 3.0  # pixels of radius that are left after the picture was made smaller


class Blur(Generator):
    """Blur a picture."""

    def generate(self, now: Moment, *, over: Any = None, amount: float = 0.4) -> Array:
        """Return the picture, blurred.

        Args:
            over: the picture.
            amount: how much; 0 leaves it as it is.
        """
        image = picture_of(over, self)
        return blurred(image, amount**2 * WIDEST * min(image.shape[:2]))


class Glow(Generator):
    """Let what is light shine into what is dark around it."""

    def generate(
        self,
        now: Moment,
        *,
        over: Any = None,
        amount: float = 0.6,
        radius: float = 0.5,
        threshold: float = 0.5,
    ) -> Array:
        """Return the picture with light around what is light.

        Args:
            over: the picture.
            amount: how bright the glow is.
            radius: how far it reaches.
            threshold: how light a place must be to shine.
        """
        image = picture_of(over, self)
        if amount == 0:
            return image.copy()
        low = np.uint8(round(threshold * 250))
        small, factor = reduced(image, max(1.0, min(image.shape[:2]) / 180))
        bright = np.maximum(small, low) - low
        stretched = bright.astype(np.uint16) * 255 // (255 - int(low))
        pixels = (0.1 + radius) * WIDEST * min(image.shape[:2]) / factor
        light = _gauss(stretched.astype(np.uint8), pixels)
        return mixed(image, enlarged(light, image), amount, "screen")


def blurred(image: Array, radius: float) -> Array:
    """Return an image blurred by a radius in pixels."""
    if radius < 0.3:
        return image.copy()
    small, factor = reduced(image, radius / FINEST)
    return enlarged(_gauss(small, radius / factor), image)


def reduced(image: Array, factor: float) -> tuple[Array, int]:
    """Return an image made smaller by a whole factor, at most the one given, and that factor."""
    from PIL import Image

    whole = max(1, int(factor))
    if whole == 1:
        return image, 1
    return np.asarray(Image.fromarray(image).reduce(whole)), whole


def enlarged(small: Array, image: Array) -> Array:
    """Return a small image, smooth, at the size of another."""
    height, width = image.shape[:2]
    if small.shape[:2] == (height, width):
        return small
    (top, bottom, down), (left, right, along) = (
        _between(len(small), height),
        _between(small.shape[1], width),
    )
    along = np.repeat(along, 3).reshape(1, width, 3)  # so that the inner loop is long
    result = np.empty_like(image)
    for part in bands(height):
        share = down[part].reshape(-1, 1, 1)
        rows = (small[top[part]] * (256 - share) + small[bottom[part]] * share) >> 8
        wide = rows.take(left, 1)
        wide *= 256 - along
        other = rows.take(right, 1)
        other *= along
        wide += other
        wide >>= 8
        result[part] = wide
    return result


def _between(count: int, length: int) -> tuple[Array, Array, Array]:
    """Return, for each of `length` places, the two of `count` it lies between, and its share."""
    at = (np.arange(length) + 0.5) * count / length - 0.5
    first = np.clip(np.floor(at).astype(int), 0, count - 1)
    second = np.clip(first + 1, 0, count - 1)
    return first, second, np.clip((at - first) * 256, 0, 256).astype(np.uint16)


def _gauss(image: Array, radius: float) -> Array:
    from PIL import Image, ImageFilter

    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))
