"""Cues that play, and whose turn it is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..clock import Moment
from ..media import Note


@dataclass
class PlayCue:
    """A function that is called every so many bars for the phrase to play."""

    function: Callable[[Moment], list[Note] | None]
    bars: float
    calls: int = 0
    busy: bool = False

    @property
    def name(self) -> str:
        return f"play cue {name_of(self.function)!r}"

    def turn(self, meter: int) -> float:
        """Give the beats of its next turn."""
        return self.calls * self.bars * meter


def name_of(cue: Callable) -> str:
    """Give the name of a cue: its function's, or its kind where it is another thing."""
    return getattr(cue, "__name__", type(cue).__name__)


def next_turn(cues: Iterable[PlayCue], meter: int, horizon: float) -> PlayCue | None:
    """Give the cue whose turn comes first, the one written first among equals, if by `horizon`."""
    free = [cue for cue in cues if not cue.busy]
    cue = min(free, key=lambda cue: cue.turn(meter), default=None)
    return cue if cue and cue.turn(meter) <= horizon else None
