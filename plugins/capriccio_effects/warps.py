"""Warps: every pixel is taken from another place of the picture."""

from functools import lru_cache
from typing import Any

import numpy as np
from capriccio import Generator, Moment

from .fragments import drawn
from .opengl import OnDevice
from .pictures import Array, bands, luminance, picture_of, resized

MOST_SEGMENTS = 16
FARTHEST = 0.12  # of the shorter side: a full displacement


class Kaleidoscope(OnDevice, Generator):
    """Mirror a wedge of a picture round its middle.

    Args:
        device: "gpu" computes it on a graphics card; see `OnDevice`.
    """

    seekable = "now"

    def generate(
        self,
        now: Moment,
        *,
        over: Any = None,
        segments: float = 0.3,
        turn: float = 0.0,
        zoom: float = 0.5,
    ) -> Array:
        """Return the picture in a kaleidoscope.

        Args:
            over: the picture.
            segments: how many mirrors, from 2 to 16.
            turn: how far the picture behind them is turned; 1 is once round.
            zoom: 0.5 takes the picture as it is, more goes nearer.
        """
        image = picture_of(over, self)
        height, width = image.shape[:2]
        count = 2 + round(segments * (MOST_SEGMENTS - 2))
        angle, scale = 2 * np.pi * turn, 2 ** (1 - 2 * zoom)
        if opengl := self.opengl():
            turned = np.cos(angle) * scale, np.sin(angle) * scale
            uniforms = {"wedge": 2 * np.pi / count, "turn": turned}
            return drawn(opengl, "kaleidoscope", image, uniforms=uniforms)
        x, y = _wedge(height, width, count)
        cosine, sine = np.float32(np.cos(angle) * scale), np.float32(np.sin(angle) * scale)
        result = np.empty_like(image)
        # The lower half mirrors the upper one and, of an even number, the right half the left one.
        upper, left = (height + 1) // 2, (width + 1) // 2 if count % 2 == 0 else width
        for part in bands(upper):
            column = x[part, :left] * cosine
            column -= y[part, :left] * sine
            row = x[part, :left] * sine
            row += y[part, :left] * cosine
            place = _folded(row, height)
            place *= np.int32(width)
            place += _folded(column, width)
            if left < width:
                place = np.concatenate([place, place[:, width - left - 1 :: -1]], axis=1)
            result[part] = _taken(image, place)
        result[height - upper :] = result[:upper][::-1]
        return result


@lru_cache(4)
def _wedge(height: int, width: int, segments: int) -> tuple[Array, Array]:
    """Return where in the wedge each pixel lies, in pixels from the middle, float32."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = x - (width - 1) / 2, y - (height - 1) / 2
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    wedge = 2 * np.pi / segments
    angle = np.abs((angle + wedge / 2) % wedge - wedge / 2)
    return radius * np.cos(angle), radius * np.sin(angle)


def _folded(place: Array, length: int) -> Array:
    """Return places from the middle as indices, mirrored at the edges."""
    place += np.float32((length - 1) / 2)
    index = place.astype(np.int32)
    if index.min() < 0 or index.max() >= length:
        period = max(1, 2 * length - 2)
        index %= period
        np.minimum(index, period - index, out=index)
    return index


def _taken(image: Array, places: Array) -> Array:
    """Return the pixels of an image at places (rows, columns), counted through all its rows."""
    index = places.reshape(-1).astype(np.intp)
    return image.reshape(-1, 3).take(index, axis=0, mode="clip").reshape(*places.shape, 3)


class Lens(OnDevice, Generator):
    """Hold a lens over a picture: it enlarges what is under it, or makes it smaller.

    Args:
        device: "gpu" computes it on a graphics card; see `OnDevice`.
    """

    def generate(
        self,
        now: Moment,
        *,
        over: Any = None,
        amount: float = 0.75,
        x: float = 0.5,
        y: float = 0.5,
        size: float = 0.5,
    ) -> Array:
        """Return the picture through a lens.

        Args:
            over: the picture.
            amount: 0.5 is a plain glass, more enlarges, less makes smaller.
            x: of its middle, from the left.
            y: of its middle, from the top.
            size: that of the lens.
        """
        image = picture_of(over, self)
        height, width = image.shape[:2]
        radius = 0.05 + 0.55 * size
        reach = max(1, round(radius * min(height, width)))
        middle_x, middle_y = round(x * (width - 1)), round(y * (height - 1))
        if opengl := self.opengl():
            uniforms = {"middle": (middle_x, middle_y), "reach": reach, "power": _power(amount)}
            return drawn(opengl, "lens", image, uniforms=uniforms)
        columns, rows = _bulge(reach, round(amount * 200))
        left, top = middle_x - reach, middle_y - reach
        # The part of the lens that lies on the picture.
        right, bottom = min(width, middle_x + reach + 1), min(height, middle_y + reach + 1)
        inner = (
            slice(max(0, -top), bottom - top),
            slice(max(0, -left), right - left),
        )
        result = image.copy()
        place = np.clip(rows[inner] + middle_y, 0, height - 1)
        place *= np.int32(width)
        place += np.clip(columns[inner] + middle_x, 0, width - 1)
        result[max(0, top) : bottom, max(0, left) : right] = _taken(image, place)
        return result


@lru_cache(8)
def _bulge(reach: int, amount: int) -> tuple[Array, Array]:
    """Return where each pixel under a lens is taken from, in pixels from its middle, int32."""
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    far = np.hypot(x, y) / reach
    scale = np.where(far < 1, np.maximum(far, 1e-3) ** (_power(amount / 200) - 1), 1.0)
    return np.rint(x * scale).astype(np.int32), np.rint(y * scale).astype(np.int32)


def _power(amount: float) -> float:
    """Return how a lens bends; 1, a plain glass, is in the middle of the knob."""
    return 4.0 ** (2 * amount - 1)


class Displace(OnDevice, Generator):
    """Move the pixels of a picture as another says: light to one side, dark to the other.

    Args:
        device: "gpu" computes it on a graphics card; see `OnDevice`.
    """

    seekable = "now"

    def generate(
        self,
        now: Moment,
        *,
        over: Any = None,
        by: Any = None,
        amount: float = 0.6,
        angle: float = 0.125,
    ) -> Array:
        """Return the picture, displaced.

        Args:
            over: the picture.
            by: the picture that moves it; itself by default.
            amount: how far.
            angle: in which direction; 0 is sideways, 0.25 down, 1 sideways again.
        """
        image = picture_of(over, self)
        height, width = image.shape[:2]
        other = image if by is None else resized(picture_of(by, self), (width, height))
        far = amount**2 * FARTHEST * min(height, width) / 128 * 65536
        along = np.int32(far * np.cos(2 * np.pi * angle))
        down = np.int32(far * np.sin(2 * np.pi * angle))
        if opengl := self.opengl():
            shares = int(along) / 65536, int(down) / 65536
            return drawn(opengl, "displace", image, uniforms={"far": shares}, by=other)
        columns = np.arange(width, dtype=np.int32)
        rows = np.arange(height, dtype=np.int32)[:, None]
        result = np.empty_like(image)
        for part in bands(height):
            light = luminance(other[part]).astype(np.int32)
            light -= 128
            dx, dy = light * along, light * down
            dx >>= 16
            dy >>= 16
            dx += columns
            dy += rows[part]
            np.clip(dx, 0, width - 1, out=dx)
            np.clip(dy, 0, height - 1, out=dy)
            dy *= np.int32(width)
            dy += dx
            result[part] = _taken(image, dy)
        return result
