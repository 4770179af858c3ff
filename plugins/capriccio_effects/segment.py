"""A person before a camera as a mask: what differs from the room as it was learnt."""

import math
from typing import Any

import numpy as np
from capriccio import Generator, Moment

from .echoes import Remembering
from .fragments import drawn
from .opengl import Device, OnDevice, OpenGL
from .pictures import Array, grey, picture_of

SMALL = 90  # pixels of the shorter side at which a person is searched
LEARNING = 1.0  # seconds in which the room is learnt
FOLLOWING = 4.0  # seconds in which the room follows its light, where nobody stands
QUICKEST, SLOWEST = 3.0, 120.0  # seconds in which somebody who stands still is forgotten
NOISE = 3.0  # levels of 255 by which a place differs from itself at least
SHADE = 0.35  # how much less a change of light counts than one of colour: shadows are such


class Segment(Remembering, OnDevice, Generator):
    """Find a person before a camera that stands still: a mask, white on black, for `layers`.

    It has no network: it learns the room in its first second, which must be empty of people, and
    shows what differs from it, in colour more than in light (as Pfinder: Wren et al., 1997). Light
    that changes slowly is followed. Clothes of the colour of the wall are not seen.

    Args:
        device: "gpu" makes the picture small, and the mask large, on a graphics card; see
            `OnDevice`. What lies between, with 90 rows, stays on the processor.
    """

    seekable = "run"

    def __init__(self, *, device: Device = "cpu") -> None:
        super().__init__(device=device)
        self._room = self._spread = np.zeros(0, np.float32)
        self._began = self._before = 0.0

    def generate(
        self,
        now: Moment,
        *,
        over: Any = None,
        threshold: float = 0.4,
        memory: float = 0.8,
        softness: float = 0.3,
    ) -> Array:
        """Return where somebody is.

        Args:
            over: the picture of the camera.
            threshold: how much a place must differ from the room.
            memory: how long somebody who stands still is seen, from 3 s to 2 minutes; 1 is for
                ever.
            softness: how soft the border of the mask is.
        """
        image = picture_of(over, self)
        opengl = self.opengl()
        seen = _colors(image, opengl)
        if self.begins(now, image) or self._room.shape != seen.shape:
            self._room, self._spread = seen, np.full_like(seen, NOISE**2)
            self._began = self._before = now.seconds
        gap = seen - self._room
        # How many deviations of its noise a place is from the room, squared, over light and colour.
        far = (gap * gap / self._spread) @ np.array([SHADE**2, 1.0, 1.0], np.float32)
        limit = (2.0 + 12.0 * threshold) ** 2
        elapsed, self._before = now.seconds - self._before, now.seconds
        if now.seconds - self._began < LEARNING:
            self._learn(gap, np.float32(min(1.0, 4 * elapsed / LEARNING)), gap)
            return np.zeros_like(image)
        rest = math.inf if memory == 1 else QUICKEST * (SLOWEST / QUICKEST) ** memory
        here = (far > limit)[..., None]
        rates = 1 - np.exp(-elapsed / np.where(here, rest, FOLLOWING)).astype(np.float32)
        self._learn(gap, rates, np.where(here, 0, gap))
        return _mask(far / limit, image, softness, opengl)

    def _learn(self, gap: Array, rate: Any, noise: Array) -> None:
        self._room = self._room + rate * gap
        spread = self._spread + rate * (noise * noise - self._spread)
        self._spread = np.clip(spread, NOISE**2, (6 * NOISE) ** 2)


def _colors(image: Array, opengl: OpenGL | None) -> Array:
    """Return an image made small as light and two differences of colour, (h, w, 3) float32."""
    from PIL import Image

    height, width = image.shape[:2]
    factor = max(1, min(height, width) // SMALL)
    if opengl:
        uniforms, size = {"side": factor, "aside": 0}, (-(-width // factor), -(-height // factor))
        found = drawn(opengl, "mean", image, to_size=size, uniforms=uniforms)
    else:
        found = np.asarray(Image.fromarray(image).reduce(factor))
    small = found.astype(np.float32)
    red, green, blue = small[..., 0], small[..., 1], small[..., 2]
    light = 0.25 * red + 0.625 * green + 0.125 * blue
    return np.stack([light, red - green, blue - green], -1)


def _mask(share: Array, image: Array, softness: float, opengl: OpenGL | None) -> Array:
    """Return a mask at the size of an image; a share of 1 is on its border."""
    from PIL import Image, ImageFilter

    height, width = image.shape[:2]
    mask = Image.fromarray((share > 1) * np.uint8(255))
    # Lone places go, then gaps close: most, some, and nearly all of 5x5 places decide.
    for least in (128, 6, 249):
        mask = mask.filter(ImageFilter.BoxBlur(2)).point([255 * (at >= least) for at in range(256)])
    # The border is where the blurred mask passes its middle.
    mask = mask.filter(ImageFilter.BoxBlur(1))
    steepness = 1 / (0.05 + 0.95 * softness)
    if opengl:
        uniforms = {"whole": (width, height), "steepness": steepness}
        small = grey(np.asarray(mask))
        return drawn(opengl, "mask", small, to_size=(width, height), uniforms=uniforms)
    large = mask.resize((width, height), Image.Resampling.BILINEAR)
    table = [min(255, max(0, round(128 + (level - 128) * steepness))) for level in range(256)]
    return grey(np.asarray(large.point(table)))
