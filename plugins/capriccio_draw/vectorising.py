"""Redraw a picture: its edges or its lines as strokes, in the order in which a person draws."""

from typing import Any

import numpy as np

from .lines import simplified

Array = np.ndarray[Any, Any]

SIDE = 192  # pixels of the longer side of the picture that is looked at
INK_SHARE = 0.25  # of the pixels at most that ink covers in a picture of lines
PAPER, INK = 0.75, 0.45  # brightness of paper and of ink in a picture of lines
THICK = 0.025  # of the picture's side: half the width of the thickest line
SHAPES = 0.05  # of the ink that may lie within shapes
WEAK = 0.45  # of the strength of a sure edge, that one beside it needs
FEWEST, MOST = 20, 220  # strokes at detail 0 and 1
SHORTEST = 5  # pixels of a stroke
TOLERANCE = 0.8  # pixels that a stroke may be off
# The eight neighbours of a pixel, clockwise from above.
AROUND = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))


def vectorised(image: Array, detail: float) -> list[Array]:
    """Return the lines of a picture as strokes (points, 2) in 0..1 of its larger side, centred.

    A picture of dark lines on light paper is traced along their middle, another one along its
    edges.

    Args:
        image: (height, width, 3) uint8.
        detail: 0..1, from the strongest edges to fine ones.
    """
    grey = shrunk(image.astype(np.float32).mean(axis=2) / 255)
    lines = line_pixels(grey)
    mask = edge_pixels(grey, detail) if lines is None else lines
    strokes = traced(thinned(mask))
    strokes.sort(key=len, reverse=True)
    count = round(FEWEST * (MOST / FEWEST) ** detail)
    strokes = [simplified(points, TOLERANCE) for points in strokes[:count]]
    height, width = grey.shape
    side = max(height, width) - 1 or 1
    shift = (side - np.array([width - 1, height - 1])) / 2
    return as_drawn([(points + shift) / side for points in strokes])


def shrunk(grey: Array) -> Array:
    """Return a grey picture whose longer side is SIDE, or that of one that is smaller."""
    from PIL import Image

    height, width = grey.shape
    scale = SIDE / max(height, width)
    if scale >= 1:
        return grey
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BOX))


def line_pixels(grey: Array) -> Array | None:
    """Return which pixels are ink where a picture is one of dark lines on light paper."""
    ink = grey < (PAPER + INK) / 2
    if not (np.median(grey) > PAPER and 0 < ink.mean() < INK_SHARE and grey[ink].mean() < INK):
        return None
    # What is dark all round is no line but a shape, which has edges.
    reach = max(2, round(THICK * max(grey.shape)))
    padded, inside = np.pad(ink, reach), ink.copy()
    height, width = grey.shape
    for dy, dx in AROUND:
        down, right = (1 + dy) * reach, (1 + dx) * reach
        inside &= padded[down : down + height, right : right + width]
    return None if inside.sum() > SHAPES * ink.sum() else ink


def edge_pixels(grey: Array, detail: float) -> Array:
    """Return which pixels are edges, by the method of Canny: suppressed beside stronger ones."""
    if min(grey.shape) < 3:
        return np.zeros(grey.shape, bool)
    smooth = blurred(grey)
    down, right = np.gradient(smooth)
    strength = np.hypot(down, right)
    if strength.max() < 1e-3:
        return np.zeros(grey.shape, bool)
    sector = np.round(np.arctan2(down, right) / (np.pi / 4)).astype(int) % 4
    padded, ridge = np.pad(strength, 1), np.zeros(grey.shape, bool)
    height, width = grey.shape
    for number, (dy, dx) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        one = padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
        other = padded[1 - dy : 1 - dy + height, 1 - dx : 1 - dx + width]
        ridge |= (sector == number) & (strength >= one) & (strength > other)
    share = 0.97 - 0.17 * detail  # of all pixels that are no sure edge
    sure = max(float(np.quantile(strength, share)), 0.01)
    grown = ridge & (strength > sure)
    possible = ridge & (strength > WEAK * sure)
    while True:
        more = grown.copy()
        held = np.pad(grown, 1)
        for dy, dx in AROUND:
            more |= held[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
        more &= possible
        if (more == grown).all():
            return grown
        grown = more


def blurred(grey: Array) -> Array:
    """Return a picture blurred by a binomial of nine pixels, its border repeated."""
    kernel = np.array([1, 8, 28, 56, 70, 56, 28, 8, 1]) / 256
    height, width = grey.shape
    padded = np.pad(grey, 4, mode="edge")
    rows = sum(weight * padded[at : at + height] for at, weight in enumerate(kernel))
    return sum(weight * rows[:, at : at + width] for at, weight in enumerate(kernel))


def thinned(mask: Array) -> Array:
    """Return a mask whose lines are one pixel wide (Zhang and Suen, 1984)."""
    mask = np.pad(mask, 1)
    while True:
        before = mask.sum()
        for first in (True, False):
            ring = [np.roll(mask, (-dy, -dx), (0, 1)) for dy, dx in AROUND]
            count = sum(one.astype(int) for one in ring)
            rises = sum((~ring[at] & ring[(at + 1) % 8]).astype(int) for at in range(8))
            up, right, down, left = ring[0], ring[2], ring[4], ring[6]
            if first:
                border = ~(up & right & down) & ~(right & down & left)
            else:
                border = ~(up & right & left) & ~(up & down & left)
            mask = mask & ~((count >= 2) & (count <= 6) & (rises == 1) & border)
        if mask.sum() == before:
            return mask[1:-1, 1:-1]


def traced(mask: Array) -> list[Array]:
    """Return the lines of a thin mask as points (x, y), from end to end or round."""
    left = {(int(y), int(x)) for y, x in np.argwhere(mask)}

    def neighbours(place: tuple[int, int]) -> list[tuple[int, int]]:
        y, x = place
        return [(y + dy, x + dx) for dy, dx in AROUND if (y + dy, x + dx) in left]

    found = []
    ends = sorted(place for place in left if len(neighbours(place)) == 1)
    for start in [*ends, *sorted(left)]:
        if start not in left:
            continue
        left.discard(start)
        line = [start]
        while near := neighbours(line[-1]):
            # Straight neighbours before diagonal ones, so that no pixel of a stair is left over;
            # among them straight on, where the line forks.
            here, before = line[-1], line[-min(len(line), 4)]
            dy, dx = here[0] - before[0], here[1] - before[1]
            near.sort(
                key=lambda at: (
                    abs(at[0] - here[0]) + abs(at[1] - here[1]),
                    -((at[0] - here[0]) * dy + (at[1] - here[1]) * dx),
                )
            )
            line.append(near[0])
            left.discard(near[0])
        if len(line) > 8 and max(abs(a - b) for a, b in zip(line[0], line[-1], strict=True)) <= 2:
            line.append(line[0])  # round
        if len(line) >= SHORTEST:
            found.append(np.array(line, float)[:, ::-1])
    return found


def as_drawn(strokes: list[Array]) -> list[Array]:
    """Return strokes in the order and direction in which a person draws.

    The longest comes first, as an outline does; then the one that begins nearest, long ones before
    short ones at the same distance. A stroke is drawn from left to right or downwards.
    """
    if not strokes:
        return []
    turned = []
    for points in strokes:
        along = points[-1] - points[0]
        turned.append(points[::-1] if along.sum() < 0 else points)
    lengths = [float(np.hypot(*np.diff(points, axis=0).T).sum()) for points in turned]
    order = [int(np.argmax(lengths))]
    waiting = set(range(len(turned))) - set(order)
    while waiting:
        place = turned[order[-1]][-1]
        nearest = min(
            waiting,
            key=lambda at: float(np.hypot(*(turned[at][0] - place))) - 0.5 * lengths[at],
        )
        order.append(nearest)
        waiting.discard(nearest)
    return [turned[at] for at in order]
