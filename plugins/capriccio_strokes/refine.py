"""Betters marks before they are laid: all of them at once, up the slope of what each would gain.

A network sees at once about where a mark helps; how long, how wide, where to and where exactly is
then found by a few steps. Under a lattice that lies on a mark, the squared error that its best
colour takes away, and the slope of that gain, follow from a few sums over what is there: the cover
is the same for all marks, so they are products of one small matrix.
"""

import numpy as np

from .strokes import THIN

POINTS = 12  # of the lattice each way
REACH = 1.1  # the lattice goes a little over the edge, in halves of the mark's length and width
LEAST = 8  # pixels of the smallest canvas of the pyramid: a large mark is judged from afar
LONGEST = 64.0  # pixels: half the length of the longest mark
FIRST = 0.5  # the first step, as a share of half the mark's width
BLOCK = 128  # marks that are compared with all others at once
CHANNELS = 9  # gap and canvas in three colours, their products, and whether there is a canvas


def _lattice() -> tuple[np.ndarray, np.ndarray, float]:
    """Give the lattice's places, what is summed over it, and the side of a cell.

    (3, points): 1, and how far along and across from the middle, the edge being at 1;
    (points, 14): the cover and its square, its slopes, and their products with it.
    """
    cell = 2 * REACH / POINTS
    at = (np.arange(POINTS) + 0.5) * cell - REACH  # (12,)
    over = (1 - abs(at)) / cell + 0.5  # (12,) an edge as wide as a cell
    ramp, slope = over.clip(0, 1), np.where((over > 0) & (over < 1), -np.sign(at) / cell, 0)
    across, along = np.meshgrid(at, at, indexing="ij")  # twice (12, 12)
    cover = np.outer(ramp, ramp)  # (12, 12)
    lengthwise, sideways = np.outer(ramp, slope), np.outer(slope, ramp)  # twice (12, 12)
    slopes = [lengthwise, sideways, along * lengthwise, across * sideways,
              across * lengthwise, along * sideways]  # fmt: skip
    summed = [cover, cover**2, *slopes, *(cover * one for one in slopes)]
    points = [np.ones(along.size), along.ravel(), across.ravel()]
    return (
        np.array(points, np.float32),
        np.stack([each.ravel() for each in summed], 1).astype(np.float32),
        cell,
    )


LAID, SUMMED, CELL = _lattice()
HALVES = np.float32(0.5) ** np.arange(16, dtype=np.float32)


class Ground:
    """What marks are judged on: a target and the canvas so far, (height, width, 3), in 0..1."""

    def __init__(self, target: np.ndarray, canvas: np.ndarray):
        gap = target - canvas
        height, width = target.shape[:2]
        seen = np.zeros((CHANNELS, height, width), np.float32)
        seen[:3], seen[3:6] = gap.transpose(2, 0, 1), canvas.transpose(2, 0, 1)
        seen[6] = (seen[:3] * seen[3:6]).sum(0)
        seen[7] = (seen[3:6] * seen[3:6]).sum(0)
        seen[8] = 1
        flat, sides, begins = [], [], 0
        while True:
            height, width = seen.shape[1:]
            # Around it lies a frame where there is nothing, and so nothing to gain.
            framed = np.zeros((CHANNELS, height + 2, width + 2), np.float32)
            framed[:, 1:-1, 1:-1] = seen
            flat.append(framed.reshape(CHANNELS, -1))
            sides.append((begins, height, width))
            begins += (height + 2) * (width + 2)
            if min(height, width) < 2 * LEAST:
                break
            seen = seen[:, : height // 2 * 2, : width // 2 * 2]  # an odd last row is left out
            pairs = seen[:, ::2] + seen[:, 1::2]
            seen = (pairs[..., ::2] + pairs[..., 1::2]) * np.float32(0.25)
        self._flat = np.concatenate(flat, 1)  # (9, pixels)
        self._begins, *sides = np.array(sides, np.int32).T  # (levels,) each
        self._ends = np.array(sides, np.float32) + 1  # (2, levels): the places behind the last

    def gain(self, marks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give what marks would gain, (marks,), and its slopes, (marks, 5).

        Marks are rows of x, y, logarithms of half length and half width, and angle.
        """
        x, y, turn = marks[:, 0], marks[:, 1], marks[:, 4]
        long, wide = np.exp(marks[:, 2:4]).T  # twice (marks,)
        cosine, sine = np.cos(turn), np.sin(turn)
        step = CELL * np.sqrt(long * wide)  # (marks,) pixels between two points
        level = np.log2(np.maximum(step, 1)).round().astype(np.intp)  # (marks,)
        level = np.minimum(level, len(self._begins) - 1)
        bottom, right = self._ends[:, level, None]  # twice (marks, 1)
        scale = HALVES[level]
        columns = np.stack([x, long * cosine, -wide * sine], 1) * scale[:, None]  # (marks, 3)
        rows = np.stack([y, long * sine, wide * cosine], 1) * scale[:, None]  # (marks, 3)
        columns, rows = columns @ LAID + 1, rows @ LAID + 1  # twice (marks, 144)
        columns = np.minimum(np.maximum(columns, 0), right).astype(np.int32)  # (marks, 144)
        rows = np.minimum(np.maximum(rows, 0), bottom).astype(np.int32)  # (marks, 144)
        where = rows * (right.astype(np.int32) + 1) + columns + self._begins[level, None]
        found = self._flat.take(where.ravel(), 1)  # (9, 144 marks)
        sums = found.reshape(CHANNELS, len(marks), len(SUMMED)) @ SUMMED  # (9, marks, 14)
        gap, under, both, square, there = sums[:3], sums[3:6], sums[6], sums[7], sums[8]
        # The canvas becomes canvas + cover (colour - canvas): the best colour is a least square.
        pulled, solid = gap[..., 0] + under[..., 1], there[:, 1]  # (3, marks), (marks,)
        colour = (pulled / (solid + 1e-6)).clip(0, 1)  # (3, marks)
        light = (colour * colour).sum(0)  # (marks,)
        area = long * wide * np.float32(CELL * CELL)  # (marks,)
        gain = 2 * (colour * pulled).sum(0) - light * solid - 2 * both[:, 0] - square[:, 1]
        # By how much the gain falls with the cover of a point, summed with the cover's slopes.
        slopes = both[:, 2:8] - np.einsum("cm,cmj->mj", colour, gap[..., 2:8])
        slopes += square[:, 8:] + light[:, None] * there[:, 8:]
        slopes -= 2 * np.einsum("cm,cmj->mj", colour, under[..., 8:])
        slopes *= 2 * area[:, None]  # (marks, 6)
        forth, aside = slopes[:, 0] / long, slopes[:, 1] / wide  # (marks,)
        moved = [
            forth * cosine - aside * sine,
            forth * sine + aside * cosine,
            slopes[:, 2],
            slopes[:, 3],
            slopes[:, 5] * long / wide - slopes[:, 4] * wide / long,
        ]
        return area * gain, np.stack(moved, 1)


def refine(ground: Ground, proposed: np.ndarray, steps: int, largest: float) -> np.ndarray:
    """Better proposed marks, (marks, 7), by so many steps; the last column is what they gain.

    They grow no larger than `largest` pixels: on a plain ground a mark would grow for ever.
    """
    x, y, long, wide, cosine, sine, _ = proposed.T
    best = np.stack([x, y, np.log(long), np.log(wide), np.arctan2(sine, cosine)], 1)  # (marks, 5)
    best = best.astype(np.float32)
    most, slope = ground.gain(best)
    size = np.full((len(best), 1), FIRST, np.float32)
    for _ in range(steps):
        thin = np.exp(best[:, 2:4].min(1))  # (marks,)
        unit = np.ones_like(best)
        unit[:, 0] = unit[:, 1] = thin
        unit[:, 4] = thin / np.exp(best[:, 2])
        way = slope * unit  # (marks, 5)
        way *= unit / (np.sqrt((way * way).sum(1, keepdims=True)) + np.float32(1e-12))
        tried = best + size * way
        over = np.maximum(tried[:, 2] + tried[:, 3] - np.float32(np.log(largest / 4)), 0)
        tried[:, 2:4] -= over[:, None] / 2
        tried[:, 2:4] = tried[:, 2:4].clip(np.log(THIN), np.log(LONGEST))
        gain, other = ground.gain(tried)
        better = gain > most
        best[better], slope[better], most[better] = tried[better], other[better], gain[better]
        size *= np.where(better, 1.2, 0.4)[:, None]
    long, wide = np.exp(best[:, 2]), np.exp(best[:, 3])
    turn = best[:, 4] + np.where(wide > long, np.pi / 2, 0)  # a brush is dragged along its mark
    long, wide = np.maximum(long, wide), np.minimum(long, wide)
    made = [best[:, 0], best[:, 1], long, wide, np.cos(turn), np.sin(turn), most]
    return np.stack(made, 1).astype(np.float32)


def distinct(marks: np.ndarray) -> np.ndarray:
    """Leave out marks, (marks, 7), whose middle is covered by one that stands before them."""
    x, y, long, wide, cosine, sine = np.ascontiguousarray(marks[:, :6].T)
    middles = np.stack([x, y])  # (2, marks)
    stays = np.ones(len(marks), bool)
    for begin in range(0, len(marks), BLOCK):
        # Those that are gone by now cover nothing; few at a time stay in the processor's cache.
        left = begin + np.flatnonzero(stays[begin : begin + BLOCK])  # (left,)
        forth = np.stack([cosine[left], sine[left]], 1)  # (left, 2)
        aside = np.stack([-sine[left], cosine[left]], 1)
        own = np.stack([x[left], y[left]], 1)
        along = forth @ middles[:, begin:] - (forth * own).sum(1, keepdims=True)
        across = aside @ middles[:, begin:] - (aside * own).sum(1, keepdims=True)
        covers = (abs(along) < long[left, None]) & (abs(across) < wide[left, None])
        for i, covered in zip(left, covers, strict=True):
            if stays[i]:
                stays[i + 1 :] &= ~covered[i + 1 - begin :]
    return marks[stays]
