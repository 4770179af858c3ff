"""Paths: polygons, curves through points, and the path data of SVG."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..media import Array
from .skia_library import load_skia

COMMAND = re.compile(r"([MLHVCQSTAZmlhvcqstaz])([^A-Za-z]*(?:[eE][-+]?\d+[^A-Za-z]*)*)")
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
# How many numbers each command takes.
NUMBERS = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "A": 7, "Z": 0}


def as_points(points: Any, who: str) -> Array:
    """Return points as an array `(n, 2)` of floats, all of them finite.

    Raises:
        ValueError: they are not, or there are none.
    """
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 2 or not len(array):
        raise ValueError(f"{who} needs points (n, 2), got an array of shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{who} needs finite numbers, got points with NaN or infinity")
    return array


def polygon_path(points: Array, closed: bool) -> Any:
    """Return the path from point to point, in pixels."""
    skia = load_skia()
    return skia.Path.Polygon([skia.Point(x, y) for x, y in points.tolist()], closed)


def curve_path(points: Array, closed: bool) -> Any:
    """Return a smooth curve through all points, in pixels: a Catmull-Rom spline."""
    path = load_skia().Path()
    count = len(points)
    path.moveTo(*points[0].tolist())
    if closed:
        around = np.concatenate([points[-1:], points, points[:2]])
    else:
        around = np.concatenate([points[:1], points, points[-1:]])
    for before, begin, end, after in zip(around, around[1:], around[2:], around[3:], strict=False):
        first, second = begin + (end - before) / 6, end - (after - begin) / 6
        path.cubicTo(*first.tolist(), *second.tolist(), *end.tolist())
    if closed and count > 1:
        path.close()
    return path


def svg_path(data: str) -> Any:
    """Return the path that SVG's path data describe.

    Raises:
        ValueError: a command is unknown, or has too few numbers.
    """
    skia = load_skia()
    path = skia.Path()
    last = (0.0, 0.0)  # where the pen is
    start = (0.0, 0.0)  # of this contour
    control: tuple[str, float, float] = ("", 0.0, 0.0)  # that S and T reflect
    for letter, numbers in _commands(data):
        kind, relative = letter.upper(), letter.islower()
        dx, dy = last if relative else (0.0, 0.0)
        if kind == "Z":
            path.close()
            last, control = start, ("", 0.0, 0.0)
            continue
        if kind == "H":
            numbers, kind = [numbers[0] + dx, last[1]], "L"
        elif kind == "V":
            numbers, kind = [last[0], numbers[0] + dy], "L"
        elif kind == "A":
            numbers = [*numbers[:5], numbers[5] + dx, numbers[6] + dy]
        elif relative:
            numbers = [one + (dy if at % 2 else dx) for at, one in enumerate(numbers)]
        if kind in "ST":
            family = "CS" if kind == "S" else "QT"
            known = control[0] and control[0] in family
            mirrored = [2 * last[0] - control[1], 2 * last[1] - control[2]]
            numbers = [*(mirrored if known else last), *numbers]
        control = (kind, *numbers[-4:-2]) if kind in "CSQT" else ("", 0.0, 0.0)  # type: ignore[assignment]
        last = (numbers[-2], numbers[-1])
        if kind == "M":
            path.moveTo(*last)
            start = last
        elif kind == "L":
            path.lineTo(*last)
        elif kind in "CS":
            path.cubicTo(*numbers)
        elif kind in "QT":
            path.quadTo(*numbers)
        else:
            size = skia.Path.kLarge_ArcSize if numbers[3] else skia.Path.kSmall_ArcSize
            turn = skia.PathDirection.kCW if numbers[4] else skia.PathDirection.kCCW
            path.arcTo(*numbers[:3], size, turn, *last)
    return path


def _commands(data: str) -> Iterator[tuple[str, list[float]]]:
    if COMMAND.sub("", data).strip():
        raise ValueError(f"no path data: {data[:60]!r}; expected such as 'M 0 0 L 1 1 Z'")
    for letter, text in COMMAND.findall(data):
        numbers = [float(one) for one in NUMBER.findall(text)]
        takes = NUMBERS[letter.upper()]
        if takes == 0:
            yield letter, []
            continue
        if not numbers or len(numbers) % takes:
            raise ValueError(
                f"path command {letter!r} takes {takes} numbers at a time, got {len(numbers)}"
            )
        for at in range(0, len(numbers), takes):
            # What follows the first pair of a move are lines.
            kind = {"M": "L", "m": "l"}.get(letter, letter) if at else letter
            yield kind, numbers[at : at + takes]


def finite(who: str, *numbers: float) -> None:
    """Raise ValueError: one of the numbers is none, or infinite."""
    raise ValueError(f"{who} needs finite numbers, got {_listed(numbers)}")


def _listed(numbers: Sequence[Any]) -> str:
    return ", ".join(f"{one:g}" if isinstance(one, float) else repr(one) for one in numbers)
