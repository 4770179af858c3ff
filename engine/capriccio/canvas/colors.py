"""Read colours: names, hexadecimal, grey, RGB and HSB in 0..1."""

import colorsys
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from ..log import warn_once

OPAQUE = 255 << 24


def argb(color: Sequence[Any], hsb: bool = False) -> int:
    """Return a colour as a whole number 0xAARRGGBB.

    Args:
        color: a name of CSS, "#ff8800" or "hsl(30, 100%, 50%)"; grey; red, green and blue; or one
            of them with alpha behind it; numbers are 0..1 and clipped.
        hsb: three numbers are hue, saturation and brightness.

    Raises:
        ValueError: it is none of these.
    """
    if (
        len(color) in (3, 4) and not hsb
    ):  # as nearly always, and a sketch may ask thousands of times
        try:
            red, green, blue, alpha = color if len(color) == 4 else (*color, 1)
            if 0 <= red <= 1 and 0 <= green <= 1 and 0 <= blue <= 1 and 0 <= alpha <= 1:
                return (
                    int(alpha * 255 + 0.5) << 24
                    | int(red * 255 + 0.5) << 16
                    | int(green * 255 + 0.5) << 8
                    | int(blue * 255 + 0.5)
                )
        except (TypeError, ValueError):  # no numbers
            pass
    if color and hasattr(color[0], "__len__") and not isinstance(color[0], str):
        color = (*color[0], *color[1:])  # a tuple or an array, and alpha behind it
    try:
        return _argb(tuple(one if isinstance(one, str) else float(one) for one in color), hsb)
    except TypeError:
        raise ValueError(f"no colour {color!r}; give a name, grey, or numbers 0..1") from None


@lru_cache(4096)
def _argb(color: tuple[Any, ...], hsb: bool) -> int:
    if color and isinstance(color[0], str) and len(color) <= 2:
        red, green, blue, *alpha = _named(color[0])
        alpha = alpha or [255]
        if len(color) == 2:
            alpha = [_byte(color[1])]
        return alpha[0] << 24 | red << 16 | green << 8 | blue
    if any(isinstance(one, str) or one != one for one in color) or not 1 <= len(color) <= 4:
        raise ValueError(f"no colour {color!r}; give a name, grey, or red, green and blue in 0..1")
    if max(color) >= 2 and not hsb:
        told = f"colours are numbers 0..1, got {color!r}; divide levels of 255 by 255"
        warn_once(told, "levels of 255")
    transparency = OPAQUE
    if len(color) in (2, 4):
        transparency = _byte(color[-1]) << 24
        color = color[:-1]
    if len(color) == 1:
        color = color * 3
    elif hsb:
        hue = color[0] if 0 <= color[0] <= 1 else color[0] % 1.0
        color = colorsys.hsv_to_rgb(hue, *(min(max(one, 0.0), 1.0) for one in color[1:]))
    red, green, blue = map(_byte, color)
    return transparency | red << 16 | green << 8 | blue


def _named(name: str) -> tuple[int, ...]:
    from PIL import ImageColor

    try:
        return ImageColor.getrgb(name)
    except ValueError:
        raise ValueError(
            f"no colour is called {name!r}; give a name of CSS, such as 'tomato', or '#ff6347'"
        ) from None


def _byte(level: float) -> int:
    return int(min(max(level, 0.0), 1.0) * 255 + 0.5)
