"""Strokes in an order that saves a plotter travel."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from capriccio import Stroke

JOINED = 1e-3  # of the canvas: strokes of one pen that meet so closely become one
ROUNDS = 3  # of turning parts of the tour round
MOST_TURNED = 1500  # strokes; with more, only the nearest is searched


def for_plotter(drawing: Sequence[Stroke]) -> list[Stroke]:
    """Return strokes sorted, turned and merged, so that a lifted pen travels less.

    Strokes of one colour and width stay together. From the top left corner the nearest end comes
    next; then parts of the tour are turned round while that makes it shorter (2-opt).
    """
    made: list[Stroke] = []
    for pen in dict.fromkeys(map(pen_of, drawing)):
        own = [stroke for stroke in drawing if pen_of(stroke) == pen]
        made += merged(shortened(nearest_first(own)))
    return made


def pen_of(stroke: Stroke) -> tuple[object, ...]:
    """Return what a pen has that draws a stroke: colour, width and opacity."""
    return tuple(stroke.color), stroke.width, stroke.opacity


def travel(drawing: Sequence[Stroke]) -> float:
    """Return how far a lifted pen travels from stroke to stroke, in sides of the canvas."""
    ends = [(np.asarray(s.points)[0], np.asarray(s.points)[-1]) for s in drawing]
    return float(sum(np.hypot(*(begin - end)) for (_, end), (begin, _) in pairwise(ends)))


def nearest_first(drawing: list[Stroke]) -> list[Stroke]:
    """Return strokes so that each begins nearest to where the one before ends."""
    begins = np.array([np.asarray(stroke.points)[0] for stroke in drawing]).reshape(-1, 2)
    ends = np.array([np.asarray(stroke.points)[-1] for stroke in drawing]).reshape(-1, 2)
    left = np.ones(len(drawing), bool)
    place, made = np.zeros(2), []
    for _ in drawing:
        to_begin, to_end = (
            np.where(left, np.hypot(*(points - place).T), np.inf) for points in (begins, ends)
        )
        forth, back = int(to_begin.argmin()), int(to_end.argmin())
        is_turned = to_end[back] < to_begin[forth]
        number = back if is_turned else forth
        made.append(turned(drawing[number]) if is_turned else drawing[number])
        place = begins[number] if is_turned else ends[number]
        left[number] = False
    return made


def turned(stroke: Stroke) -> Stroke:
    """Return a stroke drawn from its other end."""
    return stroke._replace(points=np.asarray(stroke.points)[::-1])


def shortened(drawing: list[Stroke]) -> list[Stroke]:
    """Return strokes of which parts are turned round where that saves travel."""
    if not 2 < len(drawing) <= MOST_TURNED:
        return drawing
    for _ in range(ROUNDS):
        improved = False
        for first in range(len(drawing) - 1):
            ends = np.array([np.asarray(stroke.points)[[0, -1]] for stroke in drawing])
            before = ends[first - 1, 1] if first else np.zeros(2)
            lasts = np.arange(first + 1, len(drawing))
            after = np.concatenate([ends[first + 2 :, 0], ends[-1:, 1]])  # (lasts, 2)
            now = np.hypot(*(ends[first, 0] - before)) + np.hypot(*(after - ends[lasts, 1]).T)
            then = np.hypot(*(ends[lasts, 1] - before).T) + np.hypot(*(after - ends[first, 0]).T)
            now[-1] -= np.hypot(*(after[-1] - ends[-1, 1]))  # nothing follows the last
            then[-1] -= np.hypot(*(after[-1] - ends[first, 0]))
            saved = now - then
            best = int(saved.argmax())
            if saved[best] > 1e-9:
                part = slice(first, int(lasts[best]) + 1)
                drawing[part] = [turned(stroke) for stroke in drawing[part]][::-1]
                improved = True
        if not improved:
            break
    return drawing


def merged(drawing: list[Stroke]) -> list[Stroke]:
    """Return strokes of which those that meet are one."""
    made: list[Stroke] = []
    for stroke in drawing:
        points = np.asarray(stroke.points)
        if made:
            before = np.asarray(made[-1].points)
            if np.hypot(*(points[0] - before[-1])) < JOINED:
                made[-1] = stroke._replace(points=np.concatenate([before, points[1:]]))
                continue
        made.append(stroke)
    return made
