"""Pixelate and mosaic: a picture of larger pieces."""

from functools import lru_cache
from typing import Any

import numpy as np
from capriccio import Generator, Moment

from .fragments import drawn
from .opengl import OnDevice, OpenGL
from .pictures import Array, as_words, grey, multiplied, picture_of, split

LARGEST = 0.12  # of the shorter side: a block at size 1


class Pixelate(OnDevice, Generator):
    """Show a picture in large square pixels.

    Args:
        device: "gpu" computes it on a graphics card; see `OnDevice`.
    """

    def generate(self, now: Moment, *, over: Any = None, size: float = 0.4) -> Array:
        """Return the picture in blocks.

        Args:
            over: the picture.
            size: that of a block; 0 leaves the picture as it is.
        """
        image = picture_of(over, self)
        side = _side(image, size)
        opengl = self.opengl()
        if opengl and side > 1:
            return _laid_by(opengl, image, side, 0, 0.0)
        return _blocks(image, side, 0)


class Mosaic(OnDevice, Generator):
    """Lay a picture from tiles with joints between them, every second row half a tile aside.

    Args:
        device: "gpu" computes it on a graphics card; see `OnDevice`.
    """

    def generate(
        self, now: Moment, *, over: Any = None, size: float = 0.4, joints: float = 0.4
    ) -> Array:
        """Return the picture in tiles.

        Args:
            over: the picture.
            size: that of a tile.
            joints: how wide and dark the joints are.
        """
        image = picture_of(over, self)
        side = max(4, _side(image, size))
        if opengl := self.opengl():
            return _laid_by(opengl, image, side, side // 2, joints)
        tiles = _blocks(image, side, side // 2)
        return multiplied(tiles, _joints(*image.shape[:2], side, round(joints * 100)))


def _side(image: Array, size: float) -> int:
    return max(1, round(size**2 * LARGEST * min(image.shape[:2])))


def _blocks(image: Array, side: int, shift: int) -> Array:
    """Return an image in blocks of their mean, odd rows of them moved by `shift` pixels."""
    from PIL import Image

    if side == 1:
        return image.copy()
    height, width = image.shape[:2]
    picture = Image.fromarray(image)
    plain = np.asarray(picture.reduce(side))
    rows = np.arange(height) // side
    columns = np.arange(width) // side
    if not shift or width <= shift:
        return plain.take(columns, axis=1).take(rows, axis=0)
    # The first block of a moved row is the half that lies at the edge.
    other = np.asarray(picture.reduce(side, (shift, 0, width, height)))
    aside = ((np.arange(width) - shift) // side).clip(0, other.shape[1] - 1)
    small = plain.take(columns, axis=1)
    small[1::2] = other[1::2].take(aside, axis=1)
    return small.take(rows, axis=0)


@lru_cache(8)
def _joints(height: int, width: int, side: int, strength: int) -> Array:
    """Return how light levels stay, as `split` takes them apart: dark in the joints."""
    y, x = np.mgrid[0:height, 0:width]
    x = x + np.where(y // side % 2 == 1, side - side // 2, 0)
    inside_x, inside_y = x % side, y % side
    edge = np.minimum.reduce([inside_x, inside_y, side - 1 - inside_x, side - 1 - inside_y])
    joint = _joint(side, strength / 100)
    slope = (inside_x + inside_y) / (2 * side)
    level = 255 * (1 - 0.25 * strength / 100 * slope)
    level = np.where(edge < joint, 255 * (1 - 0.8 * strength / 100), level)
    return split(as_words(grey(level.astype(np.uint8))))


def _joint(side: int, strength: float) -> int:
    """Return how wide joints are on each side of a tile, in pixels."""
    return max(1, round(side * 0.12 * strength)) if strength else 0


def _laid_by(opengl: OpenGL, image: Array, side: int, aside: int, strength: float) -> Array:
    """Return what `_blocks` and `_joints` make of an image."""
    height, width = image.shape[:2]
    aside = aside if width > aside else 0
    rows = {"side": side, "aside": aside}
    size = -(-width // side), -(-height // side)
    blocks = drawn(opengl, "mean", image, to_size=size, uniforms=rows)
    joints = {"whole": (width, height), "strength": strength, "joint": _joint(side, strength)}
    return drawn(opengl, "tiles", blocks, to_size=(width, height), uniforms=rows | joints)
