"""What a picture is printed on, and how it was lit: grain and vignette."""

from functools import lru_cache
from typing import Any, Literal

import numpy as np
from capriccio import Generator, Moment

from .pictures import Array, bands, picture_of

RATE = 24  # grains change so often in a second
TILE = 512  # pixels of the side of a tile of grain


class Grain(Generator):
    """Lay the grain of a film, or of paper, over a picture."""

    def __init__(self, *, seed: int = 0):
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
        tile = _tile(self._seed % 2**32, round(size * 5), kind)
        number = int(now.seconds * RATE) if kind == "film" else 0
        shift = np.random.default_rng([self._seed % 2**32, number]).integers(0, TILE, 2)
        rows = (np.arange(height) + shift[0]) % TILE
        columns = (np.arange(width) + shift[1]) % TILE
        scaled = (tile * (amount * 0.5)).astype(np.int16)
        wide = np.repeat(scaled.take(columns, axis=1)[..., None], 3, axis=2)  # (TILE, width, 3)
        result = np.empty_like(image)
        for part in bands(height):
            level = wide.take(rows[part], axis=0)
            level += image[part]
            np.clip(level, 0, 255, out=level)
            result[part] = level
        return result


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


class Vignette(Generator):
    """Darken a picture towards its corners."""

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
        mask = _falloff(height, width, round(amount * 200), round(size * 200))
        result = np.empty_like(image)
        for part in bands(height):
            level = mask[part] * image[part]
            level += 255
            level >>= 8
            result[part] = level
        return result


@lru_cache(8)
def _falloff(height: int, width: int, amount: int, size: int) -> Array:
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    far = np.hypot(x, y) / np.sqrt(2)
    inner = 0.9 * size / 200
    dark = np.clip((far - inner) / (1.0 - inner), 0, 1)
    level = 255 * (1 - amount / 200 * dark * dark * (3 - 2 * dark))
    return np.repeat(level[..., None], 3, axis=2).astype(np.uint16)
