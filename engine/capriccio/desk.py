"""The desk: all that hands do to a show from outside, by address, taken in between cues."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

from .errors import suggest

# Turns that may wait for the next frame; of a flood beyond that the oldest are lost.
MOST_WAITING = 4096


class Turn(NamedTuple):
    """One thing that was done: when, in seconds of the show, at which address, and its value."""

    seconds: float
    address: str
    value: Any


@dataclass(frozen=True, slots=True)
class Control:
    """One thing on the desk that is turned, chosen, written or pressed.

    `address` is that of OSC, such as `/garden/bloom`; `kind` is a knob's, or "press", which takes
    no value. `fit` gives a value as the control may have it, or raises; `act` does what is asked;
    `value` tells where it stands now, and `held`, of one that can be let go, whether a hand holds
    it. A number runs from the one end of `span` to the other. `key` presses it in the window: its
    name, as in "b" or "shift+1". One that `relays` only turns others, which are told to listeners
    instead of it. One that is not for `again` is left alone when the show is performed again: it is
    of that evening, or what it led to comes by itself. What is `at_once` does not wait for the next
    frame: `act` is called from any thread.
    """

    address: str
    kind: str
    says: str
    act: Callable[[Any], None]
    fit: Callable[[Any], Any] = lambda value: value
    value: Callable[[], Any] = lambda: None
    choices: tuple[str, ...] = ()
    span: tuple[float, float] = (0.0, 1.0)
    key: str = ""
    held: Callable[[], bool] | None = None
    relays: bool = False
    again: bool = True
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Meter:
    """One figure to watch during a show: `read` gives it in words, "" while there is none.

    `good` says whether all is well with it. Both may be called from any thread.
    """

    name: str
    says: str
    read: Callable[[], str]
    good: Callable[[], bool] = lambda: True


class Desk:
    """Everything that can be turned during a show, and the turns that wait for the next frame.

    Whoever has hands (a controller, OSC, the panel, the keyboard) calls `turn`, from any thread.
    The stage calls `take_in` before each frame, so that a cue sees one state from beginning to end
    and a show can be performed again from what was done and when. Whoever wants to know adds a
    function to `listeners`; it is called with each `Turn` when it is taken in, and with whatever is
    announced. Whoever turns in time with the show adds one to `movers`; it is called with the
    seconds of each frame, when what hands did before it has been taken in.
    """

    def __init__(self) -> None:
        self.controls: dict[str, Control] = {}
        self.meters: dict[str, Meter] = {}
        self.listeners: list[Callable[[Turn], None]] = []
        self.movers: list[Callable[[float], None]] = []
        self.seconds = 0.0  # of the frame that is being drawn
        self.names: dict[int, str] = {}  # of what is read, by its id
        self._waiting: deque[tuple[Control, Any]] = deque(maxlen=MOST_WAITING)
        self._lock = threading.Lock()  # turns are taken in one after the other

    def place(self, control: Control) -> None:
        """Put a control on the desk, in the place of one with the same address."""
        self.controls[control.address] = control

    def watch(self, meter: Meter) -> None:
        """Put a meter beside the controls, in the place of one with the same name."""
        self.meters[meter.name] = meter

    def turn(self, address: str, value: Any = None) -> None:
        """Do something at the next frame, or at once: None lets go of a knob, and presses a press.

        Raises LookupError where there is no such control, ValueError or TypeError where it cannot
        take the value.
        """
        control = self.controls.get(address)
        if control is None:
            raise LookupError(f"no control {address!r}{suggest(address, self.controls)}")
        if value is not None:
            value = control.fit(value)
        if control.at_once:
            control.act(value)
            self.announce(self.seconds, address, value)
        else:
            self._waiting.append((control, value))

    def strike(self, key: str) -> bool:
        """Press what a key of the window is for; say whether there is any."""
        for control in list(self.controls.values()):
            if control.key == key:
                self.turn(control.address)
                return True
        return False

    @property
    def idle(self) -> bool:
        """Whether there is nothing to take in."""
        return not (self._waiting or self.movers)

    def take_in(self, seconds: float) -> None:
        """Do all that was asked for since the last frame; this one is at `seconds` of the show."""
        self.seconds = seconds
        self._do_all(seconds)
        for move in self.movers:
            move(seconds)
        self._do_all(seconds)

    def _do_all(self, seconds: float) -> None:
        if not self._waiting:
            return
        with self._lock:
            while self._waiting:
                control, value = self._waiting.popleft()
                control.act(value)
                if not control.relays:
                    self.announce(seconds, control.address, value)

    def announce(self, seconds: float, address: str, value: Any) -> None:
        """Tell the listeners of a turn, or of what came about without one, such as a phrase."""
        for listener in self.listeners:
            listener(Turn(seconds, address, value))

    def name_of(self, thing: Any, kind: str) -> str:
        """Give what is read during a show one name for it, its kind and a number; see `names`."""
        if id(thing) not in self.names:
            numbers = (f"{kind} {number}" for number in count(1))
            taken = set(self.names.values())
            self.names[id(thing)] = next(name for name in numbers if name not in taken)
        return self.names[id(thing)]
