"""What a stroke covers on the canvas, for each kind of brush.

A stroke is a row of x and y of its middle, half length, half width, and cosine and sine of its
angle, lengths in pixels. Its coverage is computed for the pixels around it alone.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

SIDE = 128  # pixels: the canvas that the network sees
MIN_SIDE = 8  # pixels: the smallest canvas that it also sees, for the largest strokes
STRIDE = 4  # pixels: on every canvas one stroke is proposed for each 4 x 4 of them
MAX_HALF_LENGTH, MAX_HALF_WIDTH = 9.0, 6.0  # pixels: of the largest stroke on each canvas
MIN_HALF_WIDTH = 0.8  # pixels: of the finest stroke, which still covers a pixel whole
BRISTLES = 32
PEN_HALF_WIDTH = 0.55  # pixels; lines of the pen lie twice as far apart


def coverage(u: Any, v: Any, half_length: Any, half_width: Any) -> Any:
    """Return how much of each pixel a straight stroke covers, 0..1; numpy arrays or tensors.

    Args:
        u: pixels from the middle of the stroke, along it; `v` across it.
    """
    # A pixel on the edge is covered by the share that lies inside.
    return (half_length - abs(u) + 0.5).clip(0, 1) * (half_width - abs(v) + 0.5).clip(0, 1)


def bristle(
    u: np.ndarray, v: np.ndarray, half_length: float, half_width: float, scale: float, number: int
) -> np.ndarray:
    """Return the coverage of a flat brush: ragged at both ends, paint running out at the last."""
    if half_width < 1.5:  # a pixel or two show no bristles
        return coverage(u, v, half_length, half_width)
    starts, dryness = _bristles()
    at = ((v / half_width + 1) * (BRISTLES / 2)).clip(0, BRISTLES - 1).astype(np.intp)
    at += number % 16 * BRISTLES
    mask = coverage(u, v, half_length * (1 - 0.16 * starts[at]), half_width)
    return mask * (1 - dryness[at] * (u * (0.2 / half_length) + 0.24).clip(0, 1))


def wash(
    u: np.ndarray, v: np.ndarray, half_length: float, half_width: float, scale: float, number: int
) -> np.ndarray:
    """Return the coverage of watercolor: translucent, soft, darker where it dried at the edge."""
    inside = np.minimum(half_length - abs(u), half_width - abs(v))
    edge = 0.5 + 0.2 * half_width
    rim = (1 - abs(inside / edge - 1)).clip(0, 1)
    return (inside / edge + 0.5).clip(0, 1) * (0.7 + 0.16 * rim)


def pen(
    u: np.ndarray, v: np.ndarray, half_length: float, half_width: float, scale: float, number: int
) -> np.ndarray:
    """Return the coverage of hatching with lines of one width."""
    step = 2 * half_width / hatch_lines(half_width, scale)
    distance = abs((v + half_width) % step - step / 2)
    line = (PEN_HALF_WIDTH * scale - distance + 0.5).clip(0, 1)
    return coverage(u, v, half_length, half_width) * line


def hatch_lines(half_width: float, scale: float) -> int:
    """Return the number of lines with which the pen fills a stroke."""
    return max(1, round(half_width / (1.5 * PEN_HALF_WIDTH * scale)))


BRUSHES = {"bristle": bristle, "wash": wash, "pen": pen}


@cache
def _bristles() -> tuple[np.ndarray, np.ndarray]:
    """Return where bristles begin and how dry they run, 0..1, of 16 brushes side by side."""
    random = np.random.default_rng(3)
    rough = random.random((2, 16, BRISTLES))
    soft = (rough + np.roll(rough, 1, 2) + np.roll(rough, -1, 2)) / 3
    starts, dryness = (0.5 * rough + 0.5 * soft).astype(np.float32)
    return starts.ravel(), dryness.ravel()


def stroke_mask(
    brush: str,
    stroke: Sequence[float] | np.ndarray,
    shape: tuple[int, ...],
    scale: float = 1.0,
    number: int = 0,
) -> tuple[tuple[slice, slice], np.ndarray] | None:
    """Return the part of a canvas that a stroke touches, and the coverage there.

    Args:
        brush: one of `BRUSHES`.
        shape: (height, width) of the canvas.
        scale: pixels of the canvas to one of the stroke's.
        number: of the stroke in its painting, which chooses the bristles.

    Returns:
        Slices of rows and columns, and (rows, columns, 1) floats 0..1; None outside the canvas.
    """
    x, y, half_length, half_width = (float(number) * scale for number in stroke[:4])
    cosine, sine = float(stroke[4]), float(stroke[5])
    right = half_length * abs(cosine) + half_width * abs(sine) + 1
    down = half_length * abs(sine) + half_width * abs(cosine) + 1
    top, bottom = max(0, int(y - down)), min(shape[0], int(y + down) + 1)
    left, end = max(0, int(x - right)), min(shape[1], int(x + right) + 1)
    if top >= bottom or left >= end:
        return None
    dx = np.arange(left, end, dtype=np.float32) + np.float32(0.5 - x)
    dy = (np.arange(top, bottom, dtype=np.float32) + np.float32(0.5 - y))[:, None]
    u, v = dx * cosine + dy * sine, dy * cosine - dx * sine
    mask = BRUSHES[brush](u, v, max(half_length, 0.5), max(half_width, 0.5), scale, number)
    return (slice(top, bottom), slice(left, end)), mask[..., None]


def best_color(mask: np.ndarray, canvas: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the colour in which a stroke leaves the least squared error, (3,), in closed form.

    Args:
        mask: coverage, (rows, columns, 1).
        canvas: what lies under the stroke, (rows, columns, 3), and `target` what is wanted there.
    """
    bare = target - canvas + mask * canvas
    return mask.ravel() @ bare.reshape(-1, 3) / (np.vdot(mask, mask) + 1e-9)
