"""The facts of one performance, and how code far below the stage knows of the running one.

Time is an argument everywhere: a cue and a part are handed `now`. Only analyzers and `controls()`,
which a cue calls without it, ask the two context variables here.
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from .clock import Moment, OfflineClock
from .errors import ShowError
from .parameters import Parameter, Parameters

# Its address, and the longest side that it takes.
SIZE, MAX_SIDE = "/show/size", 8192


@dataclass(slots=True, eq=False)
class Performance:
    """The facts of one performance.

    Args:
        clock: live or offline.
        size: (width, height) in pixels; it changes where `add_size` has made it a parameter.
        fps: frames a second.
        title: the sketch's name.
        parameters: what can be set from outside, and the events of the show.
        provenance: returns what files say of how they were made.
        take: the take that is replayed, if one is.
        simulation: plays the controls where no person does.
        read: how an analyzer is read during this show; None reads at once and waits.
        instruments: what plays each channel, a name or a program 1..128 of General MIDI.
        follows_window: the picture has the size of its window; see `add_size`.
        soundfont: the file of the soundfont that plays them, "" for our own instruments.
        open_sound: returns what renders the sound of this performance, for a film; None where
            nothing is played, or no plugin can.
    """

    clock: OfflineClock
    size: tuple[int, int] = (512, 512)
    fps: float = 30.0
    title: str = "capriccio"
    parameters: Parameters = field(default_factory=Parameters)
    provenance: Callable[[], Mapping[str, Any]] = dict
    take: Any = None
    simulation: Any = None
    read: Callable[[Any, Any], Any] | None = None
    instruments: Mapping[int, str | int] = field(default_factory=dict)
    soundfont: str = ""
    open_sound: Callable[["Performance"], Any] | None = None
    follows_window: bool = False

    def add_size(self) -> None:
        """Make the size of the picture a parameter, `/show/size`, with values as "1280x720"."""

        def apply(words: str | None) -> None:
            if words is not None:
                width, height = map(int, words.split("x"))
                self.size = width, height

        def value() -> str:
            return "x".join(map(str, self.size))

        description = "Size of the picture in pixels, that of the window"
        self.parameters.add(Parameter(SIZE, "words", description, apply, _as_size, value))


current_performance: ContextVar[Performance | None] = ContextVar("performance", default=None)
"""The performance whose cue is being called."""
# The moment of the frame whose draw cue is being called: what such a cue reads is as it was then,
# however late it reads, so that a show can be replayed.
current_frame: ContextVar[Moment | None] = ContextVar("frame", default=None)


def check_size(size: tuple[int, int]) -> None:
    """Raise ShowError unless `size` is (width, height), whole pixels from 16 to 16384."""
    sides = size if isinstance(size, tuple | list) else ()
    if len(sides) != 2 or not all(isinstance(side, int) and 16 <= side <= 16384 for side in sides):
        raise ShowError(f"size must be (width, height) from 16 to 16384 pixels each, got {size!r}")


def _as_size(words: Any) -> str:
    """Return a size as "1280x720"; raise ValueError where it is none."""
    sides = str(words).lower().split("x")
    if len(sides) != 2 or not all(one.isdecimal() and 16 <= int(one) <= MAX_SIDE for one in sides):
        raise ValueError(f"a size is from 16x16 to {MAX_SIDE}x{MAX_SIDE} pixels, got {words!r}")
    return "x".join(str(int(one)) for one in sides)
