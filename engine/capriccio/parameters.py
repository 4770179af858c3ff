"""Everything that can be set from outside during a show, by address, applied between frames."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from .errors import suggest
from .events import Event, ParameterSet, ReadingTaken

# Changes that may wait for the next frame; of a flood beyond that the oldest are lost.
MAX_PENDING = 4096


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value that is set from outside, or one button that is pressed.

    Args:
        address: as in OSC, such as `/garden/bloom`.
        kind: that of a knob ("number", "words", "choice"), or "press", which takes no value.
        description: one sentence for people.
        apply: called with the converted value, between two frames; with None a knob is released.
        convert: returns a value as `apply` takes it, or raises ValueError or TypeError.
        value: returns the present value.
        choices: the values of a "choice".
        span: the ends of the range of a "number".
        key: the key of the window that presses it, such as "b" or "shift+1".
        is_held: whether something outside holds it now; None where it cannot be released.
        relays: it only sets other parameters, which are published instead of it.
        replayable: False where a replay leaves it alone, since its effects are recorded by
            themselves or belonged to that evening.
        hidden: it has no effect now, as a knob that the loaded model ignores, and is not listed.
        immediate: `apply` does not wait for the next frame, and is called from any thread.
    """

    address: str
    kind: str
    description: str
    apply: Callable[[Any], None]
    convert: Callable[[Any], Any] = lambda value: value
    value: Callable[[], Any] = lambda: None
    choices: tuple[str, ...] = ()
    span: tuple[float, float] = (0.0, 1.0)
    key: str = ""
    is_held: Callable[[], bool] | None = None
    relays: bool = False
    replayable: bool = True
    immediate: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Gauge:
    """One figure to watch during a show, with a `name` and a `description`.

    `read` returns it as text, "" while there is none; `good` whether it is as it should be. Both
    are called from any thread.
    """

    name: str
    description: str
    read: Callable[[], str]
    good: Callable[[], bool] = lambda: True


class Parameters:
    """The parameters of one show, and the changes that wait for the next frame.

    Inputs (controllers, OSC, the panel, the keyboard) call `set` from any thread. The stage calls
    `apply_pending` before each frame, so that a cue sees one state from beginning to end, and a
    show can be replayed from what was set and when.
    """

    def __init__(self) -> None:
        self.by_address: dict[str, Parameter] = {}
        self.gauges: dict[str, Gauge] = {}
        self.seconds = 0.0  # of the frame that is being drawn
        self.names: dict[int, str] = {}  # of what is read during the show, by its id
        self._subscribers: list[Callable[[Event], None]] = []
        self._automations: list[Callable[[float], None]] = []
        self._pending: deque[tuple[Parameter, Any]] = deque(maxlen=MAX_PENDING)
        self._lock = threading.Lock()  # changes are applied one after the other

    def add(self, parameter: Parameter) -> None:
        """Add a parameter, in the place of one with the same address."""
        self.by_address[parameter.address] = parameter

    @property
    def listed(self) -> list[Parameter]:
        """The parameters to show to people."""
        return [one for one in list(self.by_address.values()) if not one.hidden]

    def remove(self, addresses: set[str]) -> None:
        """Remove the parameters of these addresses."""
        self.by_address = {at: it for at, it in self.by_address.items() if at not in addresses}

    def add_gauge(self, gauge: Gauge) -> None:
        """Add a gauge, in the place of one with the same name."""
        self.gauges[gauge.name] = gauge

    def subscribe(self, subscriber: Callable[[Event], None]) -> None:
        """Call `subscriber` with every event, in the thread in which it happens."""
        self._subscribers.append(subscriber)

    def unsubscribe(self, subscriber: Callable[[Event], None]) -> None:
        """Stop calling a subscriber."""
        if subscriber in self._subscribers:
            self._subscribers.remove(subscriber)

    def add_automation(self, automation: Callable[[float], None]) -> None:
        """Call `automation` with the seconds of each frame, to set parameters in time with it."""
        self._automations.append(automation)

    def set(self, address: str, value: Any = None) -> None:
        """Set a parameter at the next frame, or at once where it is immediate.

        Args:
            address: of one of the parameters.
            value: None releases a knob, and presses a button.

        Raises:
            LookupError: there is no such parameter.
            ValueError, TypeError: it cannot take the value.
        """
        parameter = self.by_address.get(address)
        if parameter is None:
            raise LookupError(f"no control {address!r}{suggest(address, self.by_address)}")
        if value is not None:
            value = parameter.convert(value)
        if parameter.immediate:
            parameter.apply(value)
            self.publish(ParameterSet(self.seconds, address, value))
        else:
            self._pending.append((parameter, value))

    def press_key(self, key: str) -> bool:
        """Press what a key of the window is for; return whether there is anything."""
        for parameter in list(self.by_address.values()):
            if parameter.key == key:
                self.set(parameter.address)
                return True
        return False

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be applied, and nothing moves by itself."""
        return not (self._pending or self._automations)

    def apply_pending(self, seconds: float) -> None:
        """Apply everything that was set since the last frame; this one is at `seconds`."""
        self.seconds = seconds
        self._apply_all(seconds)
        for automation in self._automations:
            automation(seconds)
        self._apply_all(seconds)

    def _apply_all(self, seconds: float) -> None:
        if not self._pending:
            return
        with self._lock:
            while self._pending:
                parameter, value = self._pending.popleft()
                parameter.apply(value)
                if not parameter.relays:
                    self.publish(ParameterSet(seconds, parameter.address, value))

    def publish(self, event: Event) -> None:
        """Pass an event to all subscribers."""
        for subscriber in self._subscribers:
            subscriber(event)

    def publish_readings(self, thing: object, kind: str, values: tuple[float, ...]) -> None:
        """Record in takes what `thing` reads, from the frame that is drawn on."""
        self.publish(ReadingTaken(self.seconds, self.name_of(thing, kind), values))

    def name_of(self, thing: object, kind: str) -> str:
        """Return one name for what is read in a show: the sketch's, or its kind and a number."""
        if id(thing) not in self.names:
            numbers = (f"{kind} {number}" for number in count(1))
            taken = set(self.names.values())
            self.names[id(thing)] = next(name for name in numbers if name not in taken)
        return self.names[id(thing)]
