"""Drawings as rows of pen moves, what the network reads and writes, and back.

A row is (dx, dy, pen): the move to the next point, and what the pen does there: DRAW on, LIFT, or
END. The first move leads from the centre of the drawing to its first point, so that the network
knows where on its paper it is. Lengths are in units of the drawings' own file.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

DRAW, LIFT, END = range(3)  # what the pen does at a point
FEATURES = 10  # of the place of the pen, in `features_of`


def moves_of(strokes: Sequence[Array], center: Array | None = None) -> Array:
    """Return strokes, each (points, 2), as rows (n, 3); points that repeat are left out.

    Args:
        center: from where the first move leads; that of the bounding box by default.
    """
    kept = [without_repeats(np.asarray(points, np.float64)) for points in strokes]
    kept = [points for points in kept if len(points)]
    if not kept:
        return np.zeros((0, 3))
    places = np.concatenate(kept)
    if center is None:
        center = (places.min(0) + places.max(0)) / 2
    rows = np.zeros((len(places), 3))
    rows[:, :2] = np.diff(places, axis=0, prepend=center[None])
    rows[np.cumsum([len(points) for points in kept]) - 1, 2] = LIFT
    rows[-1, 2] = END
    return rows


def strokes_of(moves: Array) -> list[Array]:
    """Return rows (n, 3) as strokes, each (points, 2), about the centre (0, 0)."""
    if not len(moves):
        return []
    places = np.cumsum(moves[:, :2], axis=0)
    ends = np.flatnonzero(moves[:, 2] != DRAW) + 1
    return [points for points in np.split(places, ends) if len(points)]


def strokes_from_stroke3(rows: Array) -> list[Array]:
    """Return a drawing in the stroke-3 layout of sketch-rnn, (n, 3), as strokes.

    Its third column is 1 at the last point of a stroke. Where the first row is no zero, it is the
    first line of a stroke that begins at the origin.
    """
    rows = np.asarray(rows, np.float64)
    if len(rows) and rows[0, :2].any():
        rows = np.concatenate([[[0.0, 0.0, 0.0]], rows])
    places = np.cumsum(rows[:, :2], axis=0)
    ends = np.flatnonzero(rows[:, 2] > 0.5) + 1
    return [points for points in np.split(places, ends) if len(points)]


def without_repeats(points: Array) -> Array:
    """Return points (n, 2) without those that equal the one before."""
    moved = np.ones(len(points), bool)
    moved[1:] = (np.diff(points, axis=0) != 0).any(1)
    return points[moved]


def features_of(moves: Array) -> Array:
    """Return what the network knows of the pen before each row and after the last, (n + 1, …).

    They are where it is, its last move, where its stroke began, whether it is lifted, how many
    points its stroke has and how many strokes there are.
    """
    follower = PenFollower()
    rows = [follower.features]
    for dx, dy, pen in np.asarray(moves, np.float64).tolist():
        follower.move(dx, dy, int(pen))
        rows.append(follower.features)
    return np.array(rows, np.float32)


class PenFollower:
    """Follows the pen from move to move.

    Attributes:
        features: (FEATURES,) of the network, as in `features_of`.
    """

    def __init__(self) -> None:
        self._x = self._y = self._begun_x = self._begun_y = 0.0
        self._lifted, self._points, self._strokes = True, 0, 0
        self.features: tuple[float, ...] = (0.0,) * 6 + (1.0, 0.0, 0.0, 1.0)

    @property
    def place(self) -> tuple[float, float]:
        """Where the pen is, from the centre."""
        return self._x, self._y

    def move(self, dx: float, dy: float, pen: int) -> None:
        """Follow one move."""
        self._x, self._y = self._x + dx, self._y + dy
        if self._lifted:
            self._begun_x, self._begun_y, self._points = self._x, self._y, 0
            self._strokes += 1
        self._points += 1
        self._lifted = pen != DRAW
        self.features = (
            self._x,
            self._y,
            dx,
            dy,
            self._begun_x - self._x,
            self._begun_y - self._y,
            float(self._lifted),
            min(self._points, 32) / 16,
            min(self._strokes, 32) / 16,
            0.0,
        )


def augmented(
    strokes: Sequence[Array], random: np.random.Generator, *, drop_strokes: float = 0.0
) -> list[Array]:
    """Return strokes a little turned, sheared and scaled, some points left out."""
    turn, shear = random.normal(0, 0.04), random.normal(0, 0.05)
    scale = np.exp(random.normal(0, 0.07) + random.normal(0, 0.05, 2))
    cosine, sine = np.cos(turn), np.sin(turn)
    matrix = np.array([[cosine, sine], [-sine, cosine]]) @ np.array([[1, 0], [shear, 1]])
    matrix = matrix * scale
    if len(strokes) > 2 and random.random() < drop_strokes:
        gone = int(random.integers(len(strokes)))
        strokes = [points for number, points in enumerate(strokes) if number != gone]
    made = []
    for points in strokes:
        if len(points) > 3:
            kept = random.random(len(points)) > 0.06
            kept[[0, -1]] = True
            points = points[kept]
        made.append(points @ matrix)
    return made


def lengths(strokes: Iterable[Array]) -> int:
    """Return how many points strokes have together."""
    return sum(len(points) for points in strokes)
