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
from .parameters import Parameters


@dataclass(frozen=True, slots=True)
class Performance:
    """The facts of one performance.

    Args:
        clock: live or offline.
        size: (width, height) in pixels.
        fps: frames a second.
        title: the sketch's name.
        parameters: what can be set from outside, and the events of the show.
        provenance: returns what files say of how they were made.
        take: the take that is replayed, if one is.
        simulation: plays the controls where no person does.
        read: how an analyzer is read during this show; None reads at once and waits.
        instruments: what plays each channel, a name or a program 1..128 of General MIDI.
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


# The performance whose cue is being called.
current_performance: ContextVar[Performance | None] = ContextVar("performance", default=None)
# The moment of the frame whose draw cue is being called: what such a cue reads is as it was then,
# however late it reads, so that a show can be replayed.
current_frame: ContextVar[Moment | None] = ContextVar("frame", default=None)


def check_size(size: tuple[int, int]) -> None:
    """Raise ShowError unless `size` is (width, height), whole pixels from 16 to 16384."""
    sides = size if isinstance(size, tuple | list) else ()
    if len(sides) != 2 or not all(isinstance(side, int) and 16 <= side <= 16384 for side in sides):
        raise ShowError(f"size must be (width, height) from 16 to 16384 pixels each, got {size!r}")
