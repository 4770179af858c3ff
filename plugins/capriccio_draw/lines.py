"""Strokes as lines on the canvas: simplified, smoothed, slanted, and in the time of a hand."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

SAMPLES = 6  # points of a smooth line between two points of the network
CORNER = -0.2  # cosine of the turn from which on a corner stays a corner
MAX_SLANT = 0.5  # sideways, for each step up or down
# The pace of a hand: canvas sides a second on paper and above it, and what corners and lifts take.
SPEED, LIFTED_SPEED = 1.1, 2.5
CORNER_SECONDS, LIFT_SECONDS = 0.12, 0.06
MOST_POINTS = 4000  # of a stroke that is simplified


def move_seconds(before: Array | None, move: Array, lifted: bool) -> float:
    """Return how long a hand takes for a move; it slows down where the line turns.

    Args:
        before: the last move.
        lifted: whether the pen is above the paper.
    """
    far = float(np.hypot(*move))
    if lifted:
        return LIFT_SECONDS + far / LIFTED_SPEED
    turn = 0.0
    if before is not None and far > 0 and before.any():
        cosine = float(before @ move) / (far * float(np.hypot(*before)))
        turn = float(np.arccos(np.clip(cosine, -1, 1))) / np.pi
    return far / SPEED + CORNER_SECONDS * turn


def smoothed(points: Array, smoothness: float) -> Array:
    """Return a line through points (n, 2), from straight pieces to a smooth curve.

    Between each two points stand SAMPLES; those of the first n - 1 do not change when a point
    is added after the next (a Hermite spline whose tangents no corner has).
    """
    if len(points) < 3 or smoothness <= 0:
        return points
    steps = np.diff(points, axis=0)  # (n - 1, 2)
    far = np.hypot(*steps.T)  # (n - 1,)
    tangents = np.zeros_like(points)  # (n, 2)
    inner = (points[2:] - points[:-2]) / 2
    reach = np.hypot(*inner.T)
    # No further than the shorter neighbour, or the curve would overshoot.
    limit = np.minimum(far[1:], far[:-1])
    scale = np.minimum(1.0, limit / np.maximum(reach, 1e-9))
    cosine = (steps[1:] * steps[:-1]).sum(1) / np.maximum(far[1:] * far[:-1], 1e-12)
    tangents[1:-1] = inner * (scale * (cosine > CORNER) * min(1.0, 2 * smoothness))[:, None]
    t = np.arange(1, SAMPLES + 1)[:, None, None] / SAMPLES
    begin, end = points[:-1], points[1:]
    curve = (
        (2 * t**3 - 3 * t**2 + 1) * begin
        + (t**3 - 2 * t**2 + t) * tangents[:-1]
        + (3 * t**2 - 2 * t**3) * end
        + (t**3 - t**2) * tangents[1:]
    )  # (SAMPLES, n - 1, 2)
    curve = curve.transpose(1, 0, 2).reshape(-1, 2)
    line = np.concatenate([points[:1], curve])
    for _ in range(round(max(0.0, smoothness - 0.5) * 16)):  # rounder than its points
        line[1:-1] = 0.5 * line[1:-1] + 0.25 * (line[2:] + line[:-2])
    return line


def slanted(points: Array, slant: float) -> Array:
    """Return points about the centre (0, 0) leaning: 0 is to the left, 0.5 upright, 1 right."""
    lean = MAX_SLANT * (2 * slant - 1)
    return points - np.stack([lean * points[:, 1], np.zeros(len(points))], axis=1)


def simplified(points: Array, tolerance: float) -> Array:
    """Return the points of a line that matter: no other lies further off than `tolerance`.

    This is the algorithm of Ramer, Douglas and Peucker.
    """
    if len(points) > MOST_POINTS:
        points = points[np.linspace(0, len(points) - 1, MOST_POINTS).round().astype(int)]
    kept = np.zeros(len(points), bool)
    kept[[0, -1]] = True
    waiting = [(0, len(points) - 1)]
    while waiting:
        first, last = waiting.pop()
        if last - first < 2:
            continue
        inner = points[first + 1 : last] - points[first]
        along = points[last] - points[first]
        length = float(np.hypot(*along))
        if length > 0:
            share = np.clip(inner @ along / length**2, 0, 1)
            distance = np.hypot(*(inner - share[:, None] * along).T)
        else:
            distance = np.hypot(*inner.T)
        worst = int(distance.argmax())
        if distance[worst] > tolerance:
            middle = first + 1 + worst
            kept[middle] = True
            waiting += [(first, middle), (middle, last)]
    return points[kept]
