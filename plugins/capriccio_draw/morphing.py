"""What lies between two drawings: by the latents of both, or stroke by stroke."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from capriccio import Stroke

from .latents import DrawingEncoder
from .lines import smoothed
from .pen import Pen, PenModel
from .pen_moves import strokes_of

Array = np.ndarray[Any, Any]

POINTS = 32  # of a stroke between two others
ATTEMPTS = 8  # to draw from latents; the one is taken whose own are the nearest
SMOOTHNESS = 0.5


def through_latents(
    model: PenModel,
    encoder: DrawingEncoder,
    ends: tuple[Sequence[Stroke], Sequence[Stroke]],
    position: float,
    key: list[int],
    heat: float,
) -> list[Stroke]:
    """Return the drawing at a position 0..1 between two, drawn from the latents between theirs.

    Place and size lie between those of the two as well, and so does the look of their first
    strokes.

    Args:
        key: of its random numbers.
    """

    def mixed(begin: Any, end: Any) -> Array:
        return np.asarray(begin) + position * (np.asarray(end) - np.asarray(begin))

    own = [[np.asarray(stroke.points, np.float64) for stroke in drawing] for drawing in ends]
    goal = mixed(*(encoder.latents(strokes) for strokes in own))
    made = nearest_drawn(model, encoder, goal, key, heat)
    place, size = (mixed(*parts) for parts in zip(*map(box_of, own), strict=True))
    from_place, from_size = box_of(made)
    first, last = (drawing[0] for drawing in ends)
    width, opacity = mixed(first.width, last.width), mixed(first.opacity, last.opacity)
    red, green, blue = mixed(first.color, last.color).tolist()
    return [
        Stroke(
            place + (smoothed(points, SMOOTHNESS) - from_place) * (size / from_size),
            float(width),
            (red, green, blue),
            float(opacity),
        )
        for points in made
    ]


def nearest_drawn(
    model: PenModel, encoder: DrawingEncoder, goal: Array, key: list[int], heat: float
) -> list[Array]:
    """Return of some drawings from latents, as strokes, the one whose own latents are nearest."""
    weights, drawn = model.latent_weights(goal), []
    for attempt in range(ATTEMPTS):
        pen = Pen(model, [*key, 2, attempt], weights)
        while not pen.ended:
            pen.move(heat)
        strokes = strokes_of(np.array(pen.moves))
        drawn.append((float(np.square(encoder.latents(strokes) - goal).sum()), attempt, strokes))
    return min(drawn, key=lambda one: one[:2])[2]


def box_of(strokes: Sequence[Array]) -> tuple[Array, float]:
    """Return the middle of the box around strokes, and its larger side."""
    places = np.concatenate(strokes)
    low, high = places.min(0), places.max(0)
    return (low + high) / 2, max(float((high - low).max()), 1e-9)


def between(one: Sequence[Stroke], other: Sequence[Stroke], position: float) -> list[Stroke]:
    """Return the drawing at a position 0..1 between two.

    The strokes that lie nearest correspond, whichever end they begin at. Where one drawing has
    more, the others grow from the point in their middle.
    """
    ones, others = ([spread(stroke.points) for stroke in drawing] for drawing in (one, other))
    made: list[Stroke] = []
    for first, second in pairs(ones, others):
        stroke = one[first] if first >= 0 else other[second]
        if first < 0 or second < 0:
            whole = ones[first] if first >= 0 else others[second]
            size = 1 - position if first >= 0 else position
            points = whole.mean(0) + size * (whole - whole.mean(0))
            if size > 0:
                made.append(stroke._replace(points=points, opacity=stroke.opacity * size))
            continue
        begin, end, goal = ones[first], others[second], other[second]
        if way(begin, end[::-1]) < way(begin, end):
            end = end[::-1]
        mixed = (np.array(a) + position * (np.array(b) - np.array(a)) for a, b in (
            (begin, end), (stroke.width, goal.width), (stroke.color, goal.color),
            (stroke.opacity, goal.opacity)))  # fmt: skip
        points, width, color, opacity = mixed
        red, green, blue = color.tolist()
        made.append(Stroke(points, float(width), (red, green, blue), float(opacity)))
    return made


def spread(points: Array) -> Array:
    """Return POINTS points spread evenly along a line, (POINTS, 2)."""
    points = np.asarray(points, np.float64)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    at = np.linspace(0, along[-1], POINTS)
    return np.stack([np.interp(at, along, points[:, axis]) for axis in (0, 1)], axis=1)


def way(begin: Array, end: Array) -> float:
    """Return how far the points of a line move on the way to another."""
    return float(np.hypot(*(end - begin).T).mean())


def pairs(ones: list[Array], others: list[Array]) -> list[tuple[int, int]]:
    """Return which lines correspond, those of the first in order; -1 where none does."""
    ways = [
        (min(way(begin, end), way(begin, end[::-1])), first, second)
        for first, begin in enumerate(ones)
        for second, end in enumerate(others)
    ]
    found: dict[int, int] = {}
    for _, first, second in sorted(ways):
        if first not in found and second not in found.values():
            found[first] = second
    alone = [(-1, second) for second in range(len(others)) if second not in found.values()]
    return [(first, found.get(first, -1)) for first in range(len(ones))] + alone
