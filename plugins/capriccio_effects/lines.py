"""Edges: a picture as a drawing."""

from typing import Any, Literal

import numpy as np
from capriccio import Generator, Moment

from .fragments import drawn
from .opengl import OnDevice
from .pictures import Array, bands, grey, luminance, mixed, picture_of


class Edges(OnDevice, Generator):
    """Draw the edges of a picture: dark on paper, light on black, or over the picture itself.

    Args:
        device: "gpu" computes it on a graphics card; see `OnDevice`.
    """

    def generate(
        self,
        now: Moment,
        *,
        over: Any = None,
        amount: float = 0.5,
        width: float = 0.2,
        ground: Literal["paper", "night", "picture"] = "paper",
    ) -> Array:
        """Return the edges.

        Args:
            over: the picture.
            amount: how strong lines are, and how faint an edge may be to become one.
            width: of lines, from one to nine pixels.
            ground: what they are drawn on.
        """
        image = picture_of(over, self)
        height, across = image.shape[:2]
        step = 1 + round(4 * width)
        low, gain = np.int16(round(60 * (1 - amount))), np.int16(1 + round(7 * amount))
        if opengl := self.opengl():
            number = ("paper", "night", "picture").index(ground)
            uniforms = {"reach": step, "low": low, "gain": gain, "ground": number}
            return drawn(opengl, "edges", image, uniforms=uniforms)
        light = np.pad(luminance(image), step, mode="edge").astype(np.int16)
        ink = np.empty((height, across), np.uint8)
        for part in bands(height):
            begin, end = part.start, part.stop
            middle = light[begin + step : end + step]
            edge = middle[:, 2 * step :] - middle[:, : -2 * step]
            np.abs(edge, out=edge)
            down = light[begin + 2 * step : end + 2 * step, step : step + across]
            down = down - light[begin:end, step : step + across]
            np.abs(down, out=down)
            edge += down
            edge *= gain
            edge -= low
            np.clip(edge, 0, 255, out=edge)
            ink[part] = edge
        if ground == "picture":
            return mixed(image, grey(~ink), 1.0, "multiply")
        return grey(ink if ground == "night" else ~ink)
