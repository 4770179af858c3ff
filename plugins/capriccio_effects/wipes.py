"""From one picture to another."""

from functools import lru_cache
from typing import Any, Literal

import numpy as np
from capriccio import Generator, Moment, skia_image

from .fragments import drawn
from .opengl import OnDevice
from .pictures import (
    Array,
    as_picture,
    as_words,
    grey,
    join,
    mixed,
    picture_of,
    resized,
    sample,
    split,
    word_bands,
)

KINDS = Literal["fade", "right", "down", "diagonal", "iris", "clock", "blinds", "dissolve"]


class Wipe(OnDevice, Generator):
    """Go from one picture to another: fade, or wipe it over.

    Args:
        device: "gpu" computes it on a graphics card; see `OnDevice`.
    """

    def generate(
        self,
        now: Moment,
        *,
        over: Any = None,
        to: Any = None,
        position: float = 0.5,
        softness: float = 0.1,
        kind: KINDS = "right",
    ) -> Array:
        """Return a picture between two.

        Args:
            over: the one that it starts from.
            to: the one that it ends with.
            position: how far it has come; 0 is the first, 1 the second.
            softness: how wide the border between them is.
            kind: of the wipe.
        """
        image = picture_of(over, self)
        height, width = image.shape[:2]
        other = _other(width, height) if to is None else picture_of(to, self)
        other = resized(np.ascontiguousarray(other), (width, height))
        if position in (0.0, 1.0):
            return (other if position else image).copy()
        soft = max(1, round(softness * 255))
        if opengl := self.opengl():
            uniforms = {"is_fade": kind == "fade", "position": position, "soft": soft}
            ramp = _ramp_image(height, width, kind)
            return drawn(opengl, "wipe", image, uniforms=uniforms, other=other, ramp=ramp)
        if kind == "fade":
            return mixed(image, other, position)
        # 0 where the other picture comes first, 255 where it comes last.
        ramp = _ramp(height, width, kind)
        reach = position * (255 + soft)
        table = np.clip((reach - np.arange(256)) / soft * 255, 0, 255).astype(np.uint8).tobytes()
        shares = np.frombuffer(ramp.translate(table), np.uint8).reshape(image.shape)
        under, above, alpha = as_words(image), as_words(other), as_words(shares)
        result = np.empty_like(under)
        for part, (share, levels, below) in word_bands(under, 3):
            split(above[part], levels)
            levels *= split(alpha[part], share)
            np.subtract(np.uint16(255), share, out=share)
            share *= split(under[part], below)
            levels += share
            levels += np.uint16(255)
            levels >>= 8
            join(levels, result[part])
        return as_picture(result, width)


@lru_cache(4)
def _other(width: int, height: int) -> Array:
    """Return what a wipe leads to where nothing is given: the sample, turned round."""
    return resized(np.ascontiguousarray(sample()[:, ::-1]), (width, height))


@lru_cache(8)
def _ramp(height: int, width: int, kind: str) -> bytes:
    """Return when each level of a picture is reached, as the bytes of an image."""
    y = np.linspace(0, 1, height)[:, None] + np.zeros((1, width))
    x = np.linspace(0, 1, width)[None] + np.zeros((height, 1))
    if kind == "right":
        ramp = x
    elif kind == "down":
        ramp = y
    elif kind == "diagonal":
        ramp = (x + y) / 2
    elif kind == "iris":
        ramp = np.hypot((x - 0.5) * width, (y - 0.5) * height) / np.hypot(width, height) * 2
    elif kind == "clock":
        ramp = np.arctan2((x - 0.5) * width, (0.5 - y) * height) / (2 * np.pi) % 1
    elif kind == "blinds":
        ramp = x * 12 % 1
    else:
        ramp = np.random.default_rng(0).random((height, width))
    return grey((ramp.clip(0, 1) * 255).astype(np.uint8)).tobytes()


@lru_cache(8)
def _ramp_image(height: int, width: int, kind: str) -> Any:
    """Return a ramp as an image of skia, which stays on a card while it is used."""
    shape = (height, width, 3)
    return skia_image(np.frombuffer(_ramp(height, width, kind), np.uint8).reshape(shape))
