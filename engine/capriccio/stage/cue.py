"""Cues that play, and whose turn it is."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..clock import Moment
from ..media import Note, as_image

# A phrase that comes later than this has the notes dropped whose moment has passed.
LATE_SECONDS = 0.02


@dataclass
class PlayCue:
    """A function that is called every so many bars for the phrase to play.

    `number` is its place in the sketch. It has its first turn at the beat where it `begins`, and
    none from `until` on.
    """

    function: Callable[[Moment], list[Note] | None]
    bars: float
    calls: int = 0
    busy: bool = False
    number: int = 0
    begins: float = 0.0
    until: float = math.inf
    late: float = LATE_SECONDS

    @property
    def name(self) -> str:
        return f"play cue {name_of(self.function)!r}"

    def turn(self, meter: int) -> float:
        """Give the beats of its next turn."""
        return max(self.begins, self.calls * self.bars * meter)

    def span(self, meter: int) -> float:
        """Give the beats from its next turn to the one after it."""
        whole = self.bars * meter
        late = max(0.0, self.begins - self.calls * whole)
        return whole - late if late else whole


def name_of(cue: Callable) -> str:
    """Give the name of a cue: its function's, or its kind where it is another thing."""
    return getattr(cue, "__name__", type(cue).__name__)


def draw_cue(function: Callable) -> str:
    """Name a draw cue in what is told of it."""
    return f"draw cue {name_of(function)!r}"


def drawn(function: Callable, now: Moment, cue: str) -> np.ndarray:
    """Have a draw cue draw, and check what it drew."""
    return as_image(function(now), cue)


def next_turn(cues: list[PlayCue], meter: int, horizon: float) -> PlayCue | None:
    """Give the cue whose turn comes first, the one written first among equals, if by `horizon`."""
    if not cues:
        return None
    free = [cue for cue in cues if not cue.busy and cue.turn(meter) < cue.until]
    cue = min(free, key=lambda cue: cue.turn(meter), default=None)
    return cue if cue and cue.turn(meter) <= horizon else None
