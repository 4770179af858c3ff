"""Effects on colours: posterise, palette, chromatic shift."""

from typing import Any

import numpy as np
from capriccio import Generator, Moment

from .fragments import drawn
from .opengl import Device, OnDevice
from .pictures import Array, bands, picture_of

MOST_LEVELS, MOST_COLORS = 12, 32
WIDEST = 0.05  # of the shorter side: a full chromatic shift
BITS = 5  # of each colour that decide which of a palette is the nearest


class Posterise(OnDevice, Generator):
    """Print a picture with few levels of each colour.

    Args:
        device: "gpu" computes it on a graphics card; see `OnDevice`.
    """

    def generate(self, now: Moment, *, over: Any = None, levels: float = 0.2) -> Array:
        """Return the picture with few levels.

        Args:
            over: the picture.
            levels: of each colour, from 2 to 12.
        """
        image = picture_of(over, self)
        count = 2 + round(levels * (MOST_LEVELS - 2))
        if opengl := self.opengl():
            return drawn(opengl, "posterise", image, uniforms={"count": count})
        steps = np.minimum(np.arange(256) * count // 256, count - 1)
        table = (steps * 255 // (count - 1)).astype(np.uint8).tobytes()
        return np.frombuffer(bytearray(image).translate(table), np.uint8).reshape(image.shape)


class Palette(OnDevice, Generator):
    """Paint a picture in a few colours: its own, or those of another, such as a painting.

    Args:
        device: "gpu" computes it on a graphics card; see `OnDevice`.
    """

    seekable = "run"  # it keeps its colours for a beat

    def __init__(self, *, device: Device = "cpu") -> None:
        super().__init__(device=device)
        self._key: Any = self  # nothing yet
        self._count = 0
        self._colors = np.zeros((0, 3), np.uint8)
        self._table = np.zeros(0, np.uint8)  # which is the nearest to each of 32,768 colours

    def generate(
        self, now: Moment, *, over: Any = None, by: Any = None, colors: float = 0.3
    ) -> Array:
        """Return the picture in the colours of a palette.

        Args:
            over: the picture.
            by: the picture whose colours are taken, or colours (n, 3) of 0..255; itself by default.
            colors: how many, from 2 to 32.
        """
        from PIL import Image

        image = picture_of(over, self)
        count = 2 + round(colors * (MOST_COLORS - 2))
        # Its own colours are found once a beat, since that takes longer than a frame.
        key = (int(now.beats), image.shape) if by is None else by
        known = key == self._key if by is None else key is self._key
        if not known or count != self._count:
            self._key, self._count = key, count
            self._colors = palette_of(image if by is None else by, count, self)
            self._table = nearest(self._colors)
        if opengl := self.opengl():
            table = self._colors[self._table].reshape(-1, 256, 3)
            return drawn(opengl, "palette", image, nearest=table)
        numbers = np.empty(image.shape[:2], np.uint8)  # of the colours
        for part in bands(len(image)):
            red, green, blue = (image[part, :, channel].astype(np.uint16) for channel in range(3))
            red >>= 8 - BITS
            red <<= 2 * BITS
            green >>= 8 - BITS
            green <<= BITS
            blue >>= 8 - BITS
            red |= green
            red |= blue
            numbers[part] = self._table.take(red.astype(np.intp), mode="clip")
        picture = Image.fromarray(numbers)
        picture.putpalette(self._colors.tobytes())
        return np.array(picture.convert("RGB"))


def palette_of(by: Any, count: int, effect: object) -> Array:
    """Return the colours (n, 3) uint8 that a picture is best painted with, by median cut."""
    from PIL import Image

    if isinstance(by, np.ndarray | list | tuple) and np.ndim(by) == 2:
        colors = np.asarray(by)
        if colors.shape[1] != 3 or not 0 < len(colors) <= 256:
            raise ValueError(f"{effect} takes colours (n, 3), got an array of shape {colors.shape}")
        return colors.astype(np.uint8)
    image = picture_of(by, effect)
    step = max(1, max(image.shape[:2]) // 128)
    small = Image.fromarray(np.ascontiguousarray(image[::step, ::step]))
    reduced = small.quantize(count, Image.Quantize.MEDIANCUT, kmeans=2)
    flat = np.array(reduced.getpalette(), np.uint8).reshape(-1, 3)
    return flat[: max(1, len(reduced.getcolors() or [0]))]


def nearest(colors: Array) -> Array:
    """Return which colour is the nearest to each of 32,768, (32768,) uint8."""
    levels = (np.arange(2**BITS) + 0.5) * 2 ** (8 - BITS)
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
    # The eye is most exact in green.
    weights = np.sqrt([0.3, 0.59, 0.11])
    points, wanted = grid * weights, colors * weights
    far = (points**2).sum(1)[:, None] - 2 * points @ wanted.T + (wanted**2).sum(1)
    return far.argmin(1).astype(np.uint8)


class ChromaticShift(OnDevice, Generator):
    """Move red and blue apart, as a cheap lens does.

    Args:
        device: "gpu" computes it on a graphics card; see `OnDevice`.
    """

    name = "chromatic"

    def generate(
        self, now: Moment, *, over: Any = None, amount: float = 0.5, angle: float = 0.0
    ) -> Array:
        """Return the picture with its colours apart.

        Args:
            over: the picture.
            amount: how far.
            angle: in which direction; 0 is sideways, and so is 1.
        """
        image = picture_of(over, self)
        far = amount**2 * WIDEST * min(image.shape[:2])
        dx = round(far * np.cos(2 * np.pi * angle))
        dy = round(far * np.sin(2 * np.pi * angle))
        if opengl := self.opengl():
            return drawn(opengl, "chromatic", image, uniforms={"far": (dx, dy)})
        result = image.copy()
        _move(result[..., 0], image[..., 0], dx, dy)
        _move(result[..., 2], image[..., 2], -dx, -dy)
        return result


def _move(target: Array, source: Array, dx: int, dy: int) -> None:
    """Copy a channel, moved; its edge stays as it is."""
    height, width = source.shape
    to_y, from_y = slice(max(0, dy), height + min(0, dy)), slice(max(0, -dy), height + min(0, -dy))
    to_x, from_x = slice(max(0, dx), width + min(0, dx)), slice(max(0, -dx), width + min(0, -dx))
    target[to_y, to_x] = source[from_y, from_x]
