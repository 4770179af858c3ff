"""What a stroke covers on the canvas on which strokes are computed, for each kind of brush.

A stroke is a row of x and y of its middle, half length, half width, cosine and sine of its angle,
and its bend, lengths in pixels. Its middle line is an arc of a parabola, which is a curve of three
control points. Its coverage is computed for the pixels around it alone.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

SIDE = 128  # pixels: the canvas that the network sees
MIN_SIDE = 8  # pixels: the smallest canvas that it also sees, for the largest strokes
STRIDE = 4  # pixels: on every canvas one stroke is proposed for each 4 x 4 of them
MAX_HALF_LENGTH, MAX_HALF_WIDTH = 9.0, 6.0  # pixels: of the largest stroke on each canvas
MIN_HALF_WIDTH = 0.8  # pixels: of the finest stroke, which still covers a pixel whole
MAX_BEND = 0.45  # by how much of its half length an end may lie beside the middle, times 3 / 2
PEN_HALF_WIDTH = 0.3  # pixels; lines of the pen lie twice as far apart
BRUSHES = ("bristle", "wash", "pen")
WASH = 0.8  # of watercolour: alpha


def coverage(u: Any, v: Any, half_length: Any, half_width: Any) -> Any:
    """Return how much of each pixel a straight stroke covers, 0..1; numpy arrays or tensors.

    Args:
        u: pixels from the middle of the stroke, along it; `v` across it.
    """
    # A pixel on the edge is covered by the share that lies inside.
    return (half_length - abs(u) + 0.5).clip(0, 1) * (half_width - abs(v) + 0.5).clip(0, 1)


def hatch_lines(half_width: float) -> int:
    """Return the number of lines with which the pen fills a stroke."""
    return max(1, round(half_width / (1.5 * PEN_HALF_WIDTH)))


def control_points(place: Any) -> np.ndarray:
    """Return the three control points of the middle lines of strokes, (..., 3, 2)."""
    place = np.asarray(place, np.float64)
    x, y, half_length, _, cosine, sine, bend = (place[..., i, None] for i in range(7))
    along = half_length * np.array([-1, 0, 1])
    across = bend * half_length * np.array([2 / 3, -4 / 3, 2 / 3])
    points = [x + along * cosine - across * sine, y + along * sine + across * cosine]
    return np.stack(points, -1)


def stroke_mask(
    brush: str, stroke: Sequence[float] | np.ndarray, shape: tuple[int, ...]
) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray] | None:
    """Return the part of a canvas that a stroke touches, how much it covers, and where it is.

    What hairs leave is averaged: they are seen on a larger canvas.

    Args:
        brush: one of `BRUSHES`.
        shape: (height, width) of the canvas.

    Returns:
        Slices of rows and columns; (rows, columns, 1) floats 0..1; and how far along the stroke
        each pixel lies, from -1 to 1 and beyond. None outside the canvas.
    """
    x, y, half_length, half_width, cosine, sine, bend = map(float, stroke[:7])
    beside = 2 / 3 * abs(bend) * half_length
    right = half_length * abs(cosine) + (half_width + beside) * abs(sine) + 1
    down = half_length * abs(sine) + (half_width + beside) * abs(cosine) + 1
    top, bottom = max(0, int(y - down)), min(shape[0], int(y + down) + 1)
    left, end = max(0, int(x - right)), min(shape[1], int(x + right) + 1)
    if top >= bottom or left >= end:
        return None
    dx = np.arange(left, end, dtype=np.float32) + np.float32(0.5 - x)
    dy = (np.arange(top, bottom, dtype=np.float32) + np.float32(0.5 - y))[:, None]
    half_length, half_width = max(half_length, 0.5), max(half_width, 0.5)
    u, v = dx * cosine + dy * sine, dy * cosine - dx * sine
    along = u * np.float32(1 / half_length)
    if bend:
        v -= (along * along - np.float32(1 / 3)) * np.float32(bend * half_length)
    mask = coverage(u, v, half_length, half_width)
    if brush == "wash":
        mask *= np.float32(WASH)
    elif brush == "pen":
        share = min(1.0, hatch_lines(half_width) * PEN_HALF_WIDTH / half_width)
        mask *= np.float32(share)
    elif half_width > 1:  # it runs out of paint at the end
        mask *= np.float32(0.96) - (along - np.float32(0.2)).clip(0, 1) * np.float32(0.55)
    return (slice(top, bottom), slice(left, end)), mask[..., None], along


def best_color(mask: np.ndarray, canvas: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the colour in which a stroke leaves the least squared error, (3,), in closed form.

    Args:
        mask: coverage, (rows, columns, 1).
        canvas: what lies under the stroke, (rows, columns, 3), and `target` what is wanted there.
    """
    bare = target - canvas + mask * canvas
    return mask.ravel() @ bare.reshape(-1, 3) / (np.vdot(mask, mask) + 1e-9)
