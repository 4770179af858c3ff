"""What the engine keeps of one generator during a show: held knobs, its lock, its replacement."""

import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from .clock import Moment
from .errors import describe
from .log import warn_once
from .media import as_medium

if TYPE_CHECKING:
    from .parts import Generator


class KnobState:
    """The held knobs of a generator, its knobs as of the last call, and who takes over from it.

    A live draw cue and a live play cue may call one generator from two threads; they take turns.
    """

    def __init__(self) -> None:
        self._values = _Values()
        self._lock = threading.RLock()
        self._replacement: _Replacement | None = None

    @property
    def held(self) -> Mapping[str, Any]:
        """The knobs that are held from outside, by name."""
        return self._values.held

    @property
    def last(self) -> Mapping[str, Any]:
        """All knobs as they were at the last call."""
        return self._values.last

    @property
    def replaced(self) -> bool:
        """Whether another part takes over, or has done so."""
        return self._replacement is not None

    def hold(self, part: "Generator", name: str, value: Any) -> None:
        """Hold a knob at `value`, whatever the sketch passes; None releases it."""
        held = {knob: at for knob, at in self._values.held.items() if knob != name}
        if value is not None:
            held[name] = part.knobs[name].fit(value, str(part))
        self._values.held = (
            held  # a new one, so that a call in another thread sees all of it or none
        )

    def replace(self, part: "Generator", done: Callable[[], None] = lambda: None) -> None:
        """Replace the part by another: pictures fade over one beat, music goes on at once.

        `done` is called once it has taken over; a call to the old part then goes to the new one.
        """
        part.knob_state._values = self._values
        self._replacement = _Replacement(part, done)

    def generate(self, part: "Generator", now: Moment, knobs: dict[str, Any]) -> Any:
        """Call `part.generate` with the held knobs laid over `knobs`, and check what it returns."""
        values = self._values
        if values.held:
            knobs.update(values.held)
        values.last = knobs
        with self._lock:
            replacement = self._replacement
            if replacement is None:
                return as_medium(part.generate(now, **knobs), part)
            if replacement.finished:
                return as_medium(replacement.part.generate(now, **knobs), part)
            try:
                made = as_medium(replacement.part.generate(now, **knobs), part)
            except Exception as error:
                self._replacement = None
                warn_once(f"the replacement of {part} raised {describe(error)}; the old one stays")
                return as_medium(part.generate(now, **knobs), part)
            return replacement.fade(part, made, now, knobs)


class _Values:
    """The values of knobs, which a part shares with the one that takes over from it."""

    def __init__(self) -> None:
        self.held: Mapping[str, Any] = MappingProxyType({})
        self.last: Mapping[str, Any] = MappingProxyType({})


class _Replacement:
    """A part that takes over from another, over one beat from its first call on."""

    def __init__(self, part: "Generator", done: Callable[[], None]):
        self.part = part
        self.finished = False
        self._done = done
        self._since: float | None = None

    def fade(self, old_part: "Generator", made: Any, now: Moment, knobs: dict[str, Any]) -> Any:
        """Return what is seen at `now`: the old picture, the new one, or a mixture."""
        if self._since is None:
            self._since = now.beats
        share = now.beats - self._since  # of the one beat that it takes
        if share < 1 and isinstance(made, np.ndarray):
            old: Any = as_medium(old_part.generate(now, **knobs), old_part)
            if old.shape == made.shape:
                return (old + (made.astype(np.float32) - old) * max(0.0, share)).astype(np.uint8)
            return old
        self.finished = True
        self._done()
        return made
