"""What a brush leaves on the canvas: formulas, and the brushes that have a character of their own.

A mark is a row of `x, y, long, wide, cosine, sine`: its middle, half its length, half its width,
in pixels, and where it points. What it covers is worked out for the pixels around it alone.
"""

from functools import cache

import numpy as np

SIDE = 128  # pixels of the canvas that the network looks at
LOWEST = 8  # pixels of the smallest canvas that it also looks at, for the largest marks
STRIDE = 4  # one mark is proposed for so many pixels each way, on every canvas
LONG, WIDE = 9.0, 6.0  # pixels: half the length and half the width of the largest mark
THIN = 0.8  # pixels: half the width of the finest, which still covers a pixel whole
HAIRS = 32  # of a bristle brush
LINE = 0.55  # pixels: half the width of the pen's line; its lines lie twice as far apart


def cover(u, v, long, wide):
    """Say how much of each pixel a straight mark covers, 0..1; for arrays of numpy and of torch.

    `u` and `v` are distances in pixels from its middle, along and across; `long` and `wide` are
    half its length and half its width. A pixel on the edge is covered by the share that is inside.
    """
    return (long - abs(u) + 0.5).clip(0, 1) * (wide - abs(v) + 0.5).clip(0, 1)


def bristle(u, v, long, wide, scale, grain):
    """Drag a flat brush: ragged at both ends, and the paint gives out towards the last of them."""
    if wide < 1.5:  # a pixel or two show no hairs
        return cover(u, v, long, wide)
    starts, gaps = _hairs()
    hair = ((v / wide + 1) * (HAIRS / 2)).clip(0, HAIRS - 1).astype(np.intp)
    hair += grain % 16 * HAIRS
    mask = cover(u, v, long * (1 - 0.16 * starts[hair]), wide)
    return mask * (1 - gaps[hair] * (u * (0.2 / long) + 0.24).clip(0, 1))


def wash(u, v, long, wide, scale, grain):
    """Lay down water and pigment: translucent, soft, and darker where it dried at the edge."""
    inside = np.minimum(long - abs(u), wide - abs(v))
    edge = 0.5 + 0.2 * wide
    rim = (1 - abs(inside / edge - 1)).clip(0, 1)
    return (inside / edge + 0.5).clip(0, 1) * (0.7 + 0.16 * rim)


def pen(u, v, long, wide, scale, grain):
    """Hatch with lines of one width, back and forth."""
    lines = hatches(wide, scale)
    step = 2 * wide / lines
    away = abs((v + wide) % step - step / 2)
    return cover(u, v, long, wide) * (LINE * scale - away + 0.5).clip(0, 1)


def hatches(wide: float, scale: float) -> int:
    """Say in how many lines the pen fills a mark; `scale` is pixels a pixel of the sketch."""
    return max(1, round(wide / (1.5 * LINE * scale)))


BRUSHES = {"bristle": bristle, "wash": wash, "pen": pen}


@cache
def _hairs() -> tuple[np.ndarray, np.ndarray]:
    """Give where hairs begin and how dry they run, 0..1, for 16 brushes side by side."""
    chance = np.random.default_rng(3)
    rough = chance.random((2, 16, HAIRS))
    soft = (rough + np.roll(rough, 1, 2) + np.roll(rough, -1, 2)) / 3
    starts, gaps = (0.5 * rough + 0.5 * soft).astype(np.float32)
    return starts.ravel(), gaps.ravel()


def mask_of(brush: str, mark, shape: tuple[int, int], scale: float = 1.0, grain: int = 0):
    """Give the part of a canvas that a mark touches, as two slices, and how much it covers there.

    `shape` is (height, width) of the canvas, whose pixels are `scale` to one of the mark's. Gives
    None where the mark lies outside.
    """
    x, y, long, wide = (float(number) * scale for number in mark[:4])
    cosine, sine = float(mark[4]), float(mark[5])
    right = long * abs(cosine) + wide * abs(sine) + 1
    down = long * abs(sine) + wide * abs(cosine) + 1
    top, bottom = max(0, int(y - down)), min(shape[0], int(y + down) + 1)
    left, end = max(0, int(x - right)), min(shape[1], int(x + right) + 1)
    if top >= bottom or left >= end:
        return None
    dx = np.arange(left, end, dtype=np.float32) + np.float32(0.5 - x)
    dy = (np.arange(top, bottom, dtype=np.float32) + np.float32(0.5 - y))[:, None]
    u, v = dx * cosine + dy * sine, dy * cosine - dx * sine
    mask = BRUSHES[brush](u, v, max(long, 0.5), max(wide, 0.5), scale, grain)
    return (slice(top, bottom), slice(left, end)), mask[..., None]


def best_colour(mask, under, wanted) -> np.ndarray:
    """Give the colour in which a mark leaves the least squared error, (3,), in closed form.

    `mask` is (rows, columns, 1), what lies `under` it and what is `wanted` (rows, columns, 3).
    """
    bare = wanted - under + mask * under
    return mask.ravel() @ bare.reshape(-1, 3) / (np.vdot(mask, mask) + 1e-9)
