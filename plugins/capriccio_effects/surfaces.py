"""What a picture is printed on, and how it was lit: grain and vignette."""

from functools import lru_cache
from typing import Any, Literal

import numpy as np
from capriccio import Generator, Moment, skia_image

from .fragments import drawn
from .opengl import Device, OnDevice
from .pictures import Array, as_words, grey, multiplied, picture_of, split

RATE = 24  # grains change so often in a second
INNER = 0.9  # of the way to a corner: the light part of a vignette of full size
TILE = 512  # pixels of the side of a tile of grain


class Grain(OnDevice, Generator):
    """Lay the grain of a film, or of paper, over a picture.

    Args:
        device: "gpu" computes it on a graphics card; see `OnDevice`.
    """

    seekable = "now"

    def __init__(self, *, seed: int = 0, device: Device = "cpu") -> None:
        super().__init__(device=device)
        self.reset(seed)

    def reset(self, seed: int = 0) -> None:
        """Draw other grains; the same seed draws the same."""
        self._seed = seed

    def generate(
        self,
        now: Moment,
        *,
        over: Any = None,
        amount: float = 0.4,
        size: float = 0.2,
        kind: Literal["film", "paper"] = "film",
    ) -> Array:
        """Return the picture with grain.

        Args:
            over: the picture.
            amount: how strong it is.
            size: that of a grain.
            kind: that of a film changes 24 times a second, that of paper stays.
        """
        image = picture_of(over, self)
        height, width = image.shape[:2]
        number = int(now.seconds * RATE) if kind == "film" else 0
        seed = self._seed % 2**32
        top, left = np.random.default_rng([seed, number]).integers(0, TILE, 2).tolist()
        if opengl := self.opengl():
            tile = _tile_image(seed, round(size * 5), kind)
            uniforms = {"place": (left, top), "amount": amount / 2}
            return drawn(opengl, "grain", image, uniforms=uniforms, tile=tile)
        lighter, darker = _wide_tile(seed, round(size * 5), kind, round(amount * 100), width)
        rows, columns = image.reshape(height, -1), slice(3 * left, 3 * (left + width))
        result = np.empty_like(rows)
        place = 0
        while place < height:  # as many rows as are left of the tile
            begin = (place + top) % TILE
            part = slice(place, min(height, place + min(24, TILE - begin)))
            end = begin + part.stop - part.start
            # Levels do not pass white, and then not black.
            room = ~rows[part]
            np.minimum(room, lighter[begin:end, columns], out=room)
            room += rows[part]
            np.subtract(room, np.minimum(room, darker[begin:end, columns]), out=result[part])
            place = part.stop
        return result.reshape(image.shape)


@lru_cache(4)
def _wide_tile(seed: int, size: int, kind: str, amount: int, width: int) -> tuple[Array, Array]:
    """Return how much lighter and darker levels become, (512, 3 * (width + 512)) uint8 each."""
    tile = (_tile(seed, size, kind) * (amount / 200)).astype(np.int16)
    columns = np.arange(width + TILE) % TILE
    wide = [grey(one.clip(0, 255).astype(np.uint8).take(columns, axis=1)) for one in (tile, -tile)]
    return wide[0].reshape(TILE, -1), wide[1].reshape(TILE, -1)


@lru_cache(8)
def _tile(seed: int, size: int, kind: str) -> Array:
    """Return a tile of grain, (512, 512) floats about 0, without a seam."""
    random = np.random.default_rng([seed, size, kind == "paper"])
    noise = np.fft.fft2(random.standard_normal((TILE, TILE)))
    fy, fx = np.abs(np.fft.fftfreq(TILE))[:, None], np.abs(np.fft.fftfreq(TILE))[None]
    far = np.hypot(fx, fy)
    # Film is noise without its finest and coarsest waves; paper has fibres of every length.
    width = 0.5 / (1 + size)
    shape = np.exp(-((far / width) ** 2)) if kind == "film" else 1 / (0.02 + far) ** 0.9
    shape[0, 0] = 0
    grain = np.fft.ifft2(noise * shape).real
    return (grain / grain.std() * 48).astype(np.float32)


@lru_cache(4)
def _tile_image(seed: int, size: int, kind: str) -> Any:
    """Return a tile as an image of skia: lighter in red, darker in green."""
    tile = _tile(seed, size, kind)
    lighter, darker = tile.clip(0, 255), (-tile).clip(0, 255)
    return skia_image(np.stack([lighter, darker, 0 * tile], -1).round().astype(np.uint8))


class Vignette(OnDevice, Generator):
    """Darken a picture towards its corners.

    Args:
        device: "gpu" computes it on a graphics card; see `OnDevice`.
    """

    def generate(
        self, now: Moment, *, over: Any = None, amount: float = 0.6, size: float = 0.5
    ) -> Array:
        """Return the picture, darker at its edge.

        Args:
            over: the picture.
            amount: how dark the corners are.
            size: how large the light part in the middle is.
        """
        image = picture_of(over, self)
        height, width = image.shape[:2]
        if opengl := self.opengl():
            uniforms = {"amount": amount, "inner": INNER * size}
            return drawn(opengl, "vignette", image, uniforms=uniforms)
        return multiplied(image, _falloff(height, width, round(amount * 200), round(size * 200)))


@lru_cache(8)
def _falloff(height: int, width: int, amount: int, size: int) -> Array:
    """Return how light each level stays, as `split` takes them apart."""
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    far = np.hypot(x, y) / np.sqrt(2)
    inner = INNER * size / 200
    dark = np.clip((far - inner) / (1.0 - inner), 0, 1)
    level = 255 * (1 - amount / 200 * dark * dark * (3 - 2 * dark))
    return split(as_words(grey(level.astype(np.uint8))))
