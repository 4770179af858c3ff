"""The hand that moves the pen: when it comes to each point, and what is to be seen meanwhile."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from capriccio import Stroke

from .lines import SAMPLES, SPEED, move_seconds, slanted, smoothed
from .pen import Pen
from .pen_moves import DRAW
from .tools import stroke_with

Array = np.ndarray[Any, Any]

AHEAD = 2  # points that are known before the hand comes to them: a smooth line needs them

# A line: its points so far and the next, and how many pieces between them are drawn.
Line = tuple[Array, float]


class Hand:
    """Follows the moves of a pen in time.

    Attributes:
        pen: whose moves it follows.
    """

    def __init__(self, pen: Pen):
        self.pen = pen
        self._seconds = 0.0  # since the drawing began, at the pace of a hand
        self._look: tuple[float, float, float, str] | None = None
        self._finished: list[list[Stroke]] = []
        self._times: list[float] = []  # when it comes to the point of each move

    @property
    def ended_before(self) -> float | None:
        """How many seconds ago, at the pace of a hand, the drawing was finished, if it is."""
        if self.pen.ended and self._times and self._seconds >= self._times[-1]:
            return self._seconds - self._times[-1]
        return None

    def advance(self, seconds: float, heat: float) -> None:
        """Go on for so many seconds at the pace of a hand."""
        self._seconds += max(0.0, seconds)
        while not self.pen.ended and (
            len(self._times) <= AHEAD or self._times[-1 - AHEAD] <= self._seconds
        ):
            self.pen.move(heat)
            self._time_moves()

    def finish(self) -> None:
        """Come to the last point that is known."""
        self._time_moves()
        self._seconds = self._times[-1] if self._times else 0.0

    def drawing(self, smoothness: float, slant: float, width: float, tool: str) -> list[Stroke]:
        """Return what is drawn as strokes of a tool in 0..1 of the canvas.

        Strokes that are finished are kept from call to call, for a brush's are many.
        """
        look, lines = (smoothness, slant, width, tool), self.lines()
        if look != self._look:
            self._look, self._finished = look, []
        while len(self._finished) < len(lines) - 1:
            self._finished.append(drawing_of([lines[len(self._finished)]], *look))
        finished = [stroke for part in self._finished for stroke in part]
        return finished + drawing_of(lines[len(self._finished) :], *look)

    def lines(self) -> list[Line]:
        """Return the lines of the strokes that are drawn or begun, about the centre."""
        found: list[Line] = []
        places = np.cumsum([(dx, dy) for dx, dy, _ in self.pen.moves], axis=0)
        begin = 0
        for end, (_, _, state) in enumerate(self.pen.moves):
            if self._times[begin] > self._seconds:
                break
            if state == DRAW and end + 1 < len(self.pen.moves):
                continue
            found.append((places[begin : end + 1], self._pieces(begin, end)))
            begin = end + 1
            if begin >= len(self._times):
                break
        return found

    def _pieces(self, begin: int, end: int) -> float:
        """Return how many pieces of a stroke the hand has drawn."""
        times = np.array(self._times[begin : end + 1])
        return float(np.interp(self._seconds, times, np.arange(len(times))))

    def _time_moves(self) -> None:
        moves = self.pen.moves
        for number in range(len(self._times), len(moves)):
            dx, dy, _ = moves[number]
            lifted = number == 0 or moves[number - 1][2] != DRAW
            before = None if number == 0 else np.array(moves[number - 1][:2])
            # The hand begins where the drawing does.
            took = move_seconds(before, np.array([dx, dy]), lifted) if number else 0.0
            self._times.append((self._times[-1] if self._times else 0.0) + took)


def drawing_of(
    lines: Iterable[Line], smoothness: float, slant: float, width: float, tool: str = "pen"
) -> list[Stroke]:
    """Return lines about the centre as strokes of a tool in 0..1 of the canvas."""
    made: list[Stroke] = []
    for points, pieces in lines:
        line = smoothed(points, smoothness)
        each = SAMPLES if len(line) > len(points) else 1
        line = slanted(line, slant) + 0.5
        made += stroke_with(tool, line, cut(line, pieces * each), width)
    return made


def cut(line: Array, pieces: float) -> Array:
    """Return the first so many pieces of a line, the last of them perhaps in part."""
    whole = int(pieces)
    if whole + 1 >= len(line):
        return line
    tip = line[whole] + (pieces - whole) * (line[whole + 1] - line[whole])
    return np.concatenate([line[: whole + 1], tip[None]])


def grown(drawing: Sequence[Stroke], seconds: float) -> list[Stroke]:
    """Return what a hand has drawn of a drawing after so many seconds, at its own pace."""
    made = []
    for stroke, times in stroke_times(drawing):
        if times[0] > seconds:
            break
        pieces = float(np.interp(seconds, times, np.arange(len(times))))
        made.append(stroke._replace(points=cut(np.asarray(stroke.points), pieces)))
    return made


def drawing_seconds(drawing: Sequence[Stroke]) -> float:
    """Return how long a hand takes for a drawing."""
    return max((float(times[-1]) for _, times in stroke_times(drawing)), default=0.0)


def stroke_times(drawing: Sequence[Stroke]) -> Iterator[tuple[Stroke, Array]]:
    """Yield each stroke with the seconds at which a hand comes to its points."""
    clock, place = 0.0, None
    for stroke in drawing:
        points = np.asarray(stroke.points, np.float64)
        # The pieces of a brush's line follow each other without a lift.
        if place is not None and (points[0] != place).any():
            clock += move_seconds(None, points[0] - place, lifted=True)
        along = np.cumsum(np.hypot(*np.diff(points, axis=0).T)) / SPEED
        times = clock + np.concatenate([[0.0], along])
        yield stroke, times
        clock, place = float(times[-1]), points[-1]
