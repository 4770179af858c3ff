"""Play cues, and which of them is called next."""

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..canvas.pixels import is_drawing, opaque
from ..canvas.strokes import rasterise
from ..clock import Moment
from ..media import Note, as_image
from .feel import Feel

# The types of the functions that a sketch decorates.
DrawFunction = Callable[[Moment], Any]
PlayFunction = Callable[[Moment], list[Note] | None]

# Notes whose start has passed by more than this are dropped, where a phrase comes late.
LATE_SECONDS = 0.02


@dataclass
class PlayCue:
    """A function that is called every `bars` for the phrase to play.

    `number` is its place in the sketch. Its first turn is at the beat `begins`, and it has none
    from `until` on. `late` is by how many seconds a note may be late, `feel` how it
    is played.
    """

    function: PlayFunction
    bars: float
    calls: int = 0
    busy: bool = False
    number: int = 0
    begins: float = 0.0
    until: float = math.inf
    late: float = LATE_SECONDS
    feel: Feel = field(default_factory=Feel)

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"play cue {cue_name(self.function)!r}"

    def turn(self, meter: int) -> float:
        """Return the beats of its next turn."""
        return max(self.begins, self.calls * self.bars * meter)

    def span(self, meter: int) -> float:
        """Return the beats from its next turn to the one after it."""
        whole = self.bars * meter
        late = max(0.0, self.begins - self.calls * whole)
        return whole - late if late else whole


def cue_name(function: Callable[..., Any]) -> str:
    """Return the name of a cue: its function's, or its type's where it is another callable."""
    name: str = getattr(function, "__name__", type(function).__name__)
    return name


def check_cue(function: Callable[..., Any], kind: str, *arguments: str) -> None:
    """Raise TypeError unless a cue of this kind can be called with these arguments."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of a function written in C
        return
    try:
        signature.bind(*arguments)
    except TypeError:
        name, needed = cue_name(function), ", ".join(arguments)
        raise TypeError(
            f"{kind} cue {name!r} must take {needed}, got {name}{signature}; "
            f"write def {name}({needed}):"
        ) from None


def draw_cue_name(function: DrawFunction) -> str:
    """Return what messages call a draw cue."""
    return f"draw cue {cue_name(function)!r}"


def call_draw(
    function: DrawFunction, now: Moment, name: str, size: tuple[int, int]
) -> np.ndarray[Any, Any]:
    """Call a draw cue and return its image, checked.

    A canvas and a PIL image become arrays, an RGBA one is laid on black, and a drawing is
    rasterised.

    Args:
        function: the draw cue.
        now: the moment of the frame.
        name: what errors call the cue.
        size: (width, height) at which a drawing is rasterised.
    """
    made = function(now)
    if made.__class__ is not np.ndarray or made.shape[-1:] == (4,):
        made = rasterise(made, size) if is_drawing(made) else opaque(made)
    return as_image(made, name)


def next_turn(cues: list[PlayCue], meter: int, horizon: float) -> PlayCue | None:
    """Return the cue whose turn comes first, the first written among equals, if by `horizon`."""
    if not cues:
        return None
    free = [cue for cue in cues if not cue.busy and cue.turn(meter) < cue.until]
    cue = min(free, key=lambda cue: cue.turn(meter), default=None)
    return cue if cue and cue.turn(meter) <= horizon else None


def add_cue(cues: list[Any], cue: Any) -> None:
    """Add a cue, or put it in the place of an older version of itself.

    A cell of a notebook that is run again compiles its function anew; a loop that makes several
    cues of one name does not.
    """
    code = getattr(cue.function, "__code__", None)
    for place, old in enumerate(cues):
        old_code = getattr(old.function, "__code__", None)
        if cue_name(old.function) == cue_name(cue.function) != "<lambda>" and code is not old_code:
            cues[place] = cue
            return
    cues.append(cue)
