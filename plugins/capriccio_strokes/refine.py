"""Refine strokes before they are painted: all at once, along the gradient of what each gains.

The network predicts only roughly where a stroke helps; its exact place, length, width and angle
are then found by a few gradient steps. The gain of a stroke, which is the squared error that its
best colour takes away, and the gradient of this gain follow from a few sums over a lattice of
points on the stroke. Its coverage is the same for all strokes, so the sums are products with one
small matrix.
"""

import numpy as np

from .strokes import MAX_BEND, MIN_HALF_WIDTH

POINTS = 12  # of the lattice each way
REACH = 1.1  # the lattice goes a little over the edge, in half lengths and half widths
MIN_SIDE = 8  # pixels of the smallest level of the pyramid, on which large strokes are measured
MAX_HALF_LENGTH = 64.0  # pixels
FIRST_STEP = 0.5  # as a share of the stroke's half width
SHORTER = 0.5  # times a step that led too far
SLENDER = 1.6  # times its width: how long a stroke is at least, so that it has a direction
# What is changed together: everything, the line that a stroke follows, its place and size.
GROUPS = np.array([[1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 1, 1], [1, 1, 1, 1, 0, 0]], np.float32)
BLOCK = 128  # strokes that are compared with all others at once
CHANNELS = 9  # gap and canvas in three colours, their products, and whether there is a canvas


def _lattice() -> tuple[np.ndarray, np.ndarray, float]:
    """Return the lattice's points, the factors of the sums, and the side of a cell.

    (4, points): 1, the position along and across from the middle, the edge being at 1, and how
    far a bend moves it; (points, 16): the coverage and its square, its slopes, and their products
    with it.
    """
    cell = 2 * REACH / POINTS
    position = (np.arange(POINTS) + 0.5) * cell - REACH  # (12,)
    over = (1 - abs(position)) / cell + 0.5  # (12,) an edge as wide as a cell
    ramp = over.clip(0, 1)  # (12,)
    slope = np.where((over > 0) & (over < 1), -np.sign(position) / cell, 0)  # (12,)
    across, along = np.meshgrid(position, position, indexing="ij")  # twice (12, 12)
    cover = np.outer(ramp, ramp)  # (12, 12)
    lengthwise, sideways = np.outer(ramp, slope), np.outer(slope, ramp)  # twice (12, 12)
    bow = along**2 - 1 / 3  # (12, 12)
    slopes = [lengthwise, sideways, along * lengthwise, across * sideways,
              across * lengthwise, along * sideways, bow * sideways]  # fmt: skip
    factors = [cover, cover**2, *slopes, *(cover * one for one in slopes)]
    points = [np.ones(along.size), along.ravel(), across.ravel(), bow.ravel()]
    return (
        np.array(points, np.float32),
        np.stack([each.ravel() for each in factors], 1).astype(np.float32),
        cell,
    )


LATTICE, FACTORS, CELL = _lattice()
HALVES = np.float32(0.5) ** np.arange(16, dtype=np.float32)


class ErrorPyramid:
    """The difference of target and canvas at several scales, on which strokes are measured.

    Args:
        target: (height, width, 3) float32 0..1, and `canvas` likewise.
    """

    def __init__(self, target: np.ndarray, canvas: np.ndarray):
        gap = target - canvas
        height, width = target.shape[:2]
        level = np.zeros((CHANNELS, height, width), np.float32)
        level[:3], level[3:6] = gap.transpose(2, 0, 1), canvas.transpose(2, 0, 1)
        level[6] = (level[:3] * level[3:6]).sum(0)
        level[7] = (level[3:6] * level[3:6]).sum(0)
        level[8] = 1
        flat, sides, begin = [], [], 0
        while True:
            height, width = level.shape[1:]
            # A border in which there is nothing, and so nothing to gain.
            framed = np.zeros((CHANNELS, height + 2, width + 2), np.float32)
            framed[:, 1:-1, 1:-1] = level
            flat.append(framed.reshape(CHANNELS, -1))
            sides.append((begin, height, width))
            begin += (height + 2) * (width + 2)
            if min(height, width) < 2 * MIN_SIDE:
                break
            level = level[:, : height // 2 * 2, : width // 2 * 2]  # an odd last row is left out
            pairs = level[:, ::2] + level[:, 1::2]
            level = (pairs[..., ::2] + pairs[..., 1::2]) * np.float32(0.25)
        self._flat = np.concatenate(flat, 1)  # (9, pixels)
        self._begins, *ends = np.array(sides, np.int32).T  # (levels,) each
        self._ends = np.array(ends, np.float32) + 1  # (2, levels): the places behind the last

    def gain(self, strokes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what strokes would gain, (strokes,), and the gradient, (strokes, 6).

        Args:
            strokes: rows of x, y, logarithms of half length and half width, angle and bend.
        """
        x, y, angle = strokes[:, 0], strokes[:, 1], strokes[:, 4]
        half_length, half_width = np.exp(strokes[:, 2:4]).T  # twice (strokes,)
        cosine, sine = np.cos(angle), np.sin(angle)
        step = CELL * np.sqrt(half_length * half_width)  # (strokes,) pixels between two points
        level = np.log2(np.maximum(step, 1)).round().astype(np.intp)  # (strokes,)
        level = np.minimum(level, len(self._begins) - 1)
        bottom, right = self._ends[:, level, None]  # twice (strokes, 1)
        scale = HALVES[level][:, None]  # (strokes, 1)
        bow = strokes[:, 5] * half_length  # (strokes,)
        columns = np.stack([x, half_length * cosine, -half_width * sine, -bow * sine], 1) * scale
        rows = np.stack([y, half_length * sine, half_width * cosine, bow * cosine], 1) * scale
        columns, rows = columns @ LATTICE + 1, rows @ LATTICE + 1  # twice (strokes, 144)
        columns = np.minimum(np.maximum(columns, 0), right).astype(np.int32)  # (strokes, 144)
        rows = np.minimum(np.maximum(rows, 0), bottom).astype(np.int32)  # (strokes, 144)
        where = rows * (right.astype(np.int32) + 1) + columns + self._begins[level, None]
        found = self._flat.take(where.ravel(), 1)  # (9, 144 strokes)
        sums = found.reshape(CHANNELS, len(strokes), len(FACTORS)) @ FACTORS  # (9, strokes, 16)
        gap, canvas, product, square, there = sums[:3], sums[3:6], sums[6], sums[7], sums[8]
        # The canvas becomes canvas + coverage (color - canvas): the best color is a least square.
        pulled, solid = gap[..., 0] + canvas[..., 1], there[:, 1]  # (3, strokes), (strokes,)
        color = (pulled / (solid + 1e-6)).clip(0, 1)  # (3, strokes)
        light = (color * color).sum(0)  # (strokes,)
        area = half_length * half_width * np.float32(CELL * CELL)  # (strokes,)
        gain = 2 * (color * pulled).sum(0) - light * solid - 2 * product[:, 0] - square[:, 1]
        # By how much the gain falls with the coverage of a point, summed with its slopes.
        slopes = product[:, 2:9] - np.einsum("cm,cmj->mj", color, gap[..., 2:9])
        slopes += square[:, 9:] + light[:, None] * there[:, 9:]
        slopes -= 2 * np.einsum("cm,cmj->mj", color, canvas[..., 9:])
        slopes *= 2 * area[:, None]  # (strokes, 7)
        along, across = slopes[:, 0] / half_length, slopes[:, 1] / half_width  # (strokes,)
        gradient = [
            along * cosine - across * sine,
            along * sine + across * cosine,
            slopes[:, 2],
            slopes[:, 3],
            slopes[:, 5] * half_length / half_width - slopes[:, 4] * half_width / half_length,
            slopes[:, 6] * half_length / half_width,
        ]
        return area * gain, np.stack(gradient, 1)


def refine(pyramid: ErrorPyramid, proposed: np.ndarray, steps: int, largest: float) -> np.ndarray:
    """Return proposed strokes, (strokes, 7), after gradient steps, with a bend: (strokes, 8).

    The last column is their gain.

    Args:
        largest: pixels of area; on a plain ground a stroke would grow for ever.
    """
    x, y, half_length, half_width, cosine, sine, _ = proposed.T
    angle, bend = np.arctan2(sine, cosine), np.zeros(len(proposed))
    best = np.stack([x, y, np.log(half_length), np.log(half_width), angle, bend], 1)
    best = _within(best.astype(np.float32), largest)  # (strokes, 6)
    most, gradient = pyramid.gain(best)
    size = np.full((len(best), 1), FIRST_STEP, np.float32)
    turn = np.zeros(len(best), np.intp)  # (strokes,) the part that is changed
    for _ in range(steps):
        thin = np.exp(best[:, 3])  # (strokes,)
        unit = np.ones_like(best)
        unit[:, 0] = unit[:, 1] = thin
        unit[:, 4] = unit[:, 5] = thin / np.exp(best[:, 2])
        step = gradient * unit * GROUPS[turn]  # (strokes, 6)
        step *= unit / (np.sqrt((step * step).sum(1, keepdims=True)) + np.float32(1e-12))
        tried = _within(best + size * step, largest)
        gain, other = pyramid.gain(tried)
        better = gain > most
        best[better], gradient[better], most[better] = tried[better], other[better], gain[better]
        size *= np.where(better, 1.2, SHORTER)[:, None]
        turn = np.where(better, turn, (turn + 1) % len(GROUPS))  # another part may still help
    half_length, half_width, angle = np.exp(best[:, 2]), np.exp(best[:, 3]), best[:, 4]
    refined = [best[:, 0], best[:, 1], half_length, half_width, np.cos(angle), np.sin(angle),
               best[:, 5], most]  # fmt: skip
    return np.stack(refined, 1).astype(np.float32)


def _within(strokes: np.ndarray, largest: float) -> np.ndarray:
    """Return strokes, (strokes, 6), changed as little as their limits allow."""
    slender = np.float32(np.log(SLENDER))
    short = np.maximum(strokes[:, 3] + slender - strokes[:, 2], 0)
    strokes[:, 2] += short / 2
    strokes[:, 3] -= short / 2
    over = np.maximum(strokes[:, 2] + strokes[:, 3] - np.float32(np.log(largest / 4)), 0)
    strokes[:, 2:4] -= over[:, None] / 2
    strokes[:, 2:4] = strokes[:, 2:4].clip(np.log(MIN_HALF_WIDTH), np.log(MAX_HALF_LENGTH))
    strokes[:, 5] = strokes[:, 5].clip(-MAX_BEND, MAX_BEND)
    return strokes


def distinct(strokes: np.ndarray) -> np.ndarray:
    """Return strokes, (strokes, 8), without those whose middle an earlier one covers."""
    x, y, half_length, half_width, cosine, sine = np.ascontiguousarray(strokes[:, :6].T)
    middles = np.stack([x, y])  # (2, strokes)
    kept = np.ones(len(strokes), bool)
    for begin in range(0, len(strokes), BLOCK):
        # What is dropped by now covers nothing; few at a time stay in the processor's cache.
        left = begin + np.flatnonzero(kept[begin : begin + BLOCK])  # (left,)
        forward = np.stack([cosine[left], sine[left]], 1)  # (left, 2)
        sideways = np.stack([-sine[left], cosine[left]], 1)
        own = np.stack([x[left], y[left]], 1)
        along = forward @ middles[:, begin:] - (forward * own).sum(1, keepdims=True)
        across = sideways @ middles[:, begin:] - (sideways * own).sum(1, keepdims=True)
        covers = (abs(along) < half_length[left, None]) & (abs(across) < half_width[left, None])
        for i, covered in zip(left, covers, strict=True):
            if kept[i]:
                kept[i + 1 :] &= ~covered[i + 1 - begin :]
    return strokes[kept]
