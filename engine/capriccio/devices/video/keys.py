"""The computer's keys, as they are held down over a window of a show; recorded in takes."""

from typing import Any

from ...parameters import Parameter, Parameters
from ...performance import Performance, current_performance

HELD = "/keys/held"
BETWEEN = "+"


def keys() -> "Keys":
    """Return the computer's keys: `held = keys()`, then `held["space"]` is 1 while it is down.

    The keys that a window uses itself, such as f for full screen, do that as well.
    """
    return Keys()


class Keys:
    """The keys as a cue sees them: those held when its frame began, or tapped since the last one.

    They are called as pygame calls them: "a", "1", "space", "return", "left", "left shift", "f1".
    """

    def __init__(self) -> None:
        self._performance: Performance | None = None

    def __getitem__(self, key: str) -> float:
        """Return 1 while a key is held down, else 0."""
        return float(key in self.held)

    @property
    def held(self) -> frozenset[str]:
        """The names of all keys that are held down."""
        performance = current_performance.get() or self._performance
        if performance is None:
            return frozenset()
        if performance is not self._performance:
            self._performance = performance
            add_keys(performance.parameters)
        words = str(performance.parameters.by_address[HELD].value())
        return frozenset(words.split(BETWEEN)) - {""}


def add_keys(parameters: Parameters) -> None:
    """Add the keys to the parameters of a show, where they are not there yet."""
    if HELD in parameters.by_address:
        return
    held: set[str] = set()
    tapped: set[str] = set()  # in the frame at `frame` seconds
    frame = [-1.0]

    def apply(words: str | None) -> None:
        if parameters.seconds != frame[0]:
            tapped.clear()
            frame[0] = parameters.seconds
        now = set((words or "").split(BETWEEN)) - {""}
        tapped.update(now - held)
        held.clear()
        held.update(now)

    def read() -> str:
        shown = held | tapped if parameters.seconds == frame[0] else held
        return BETWEEN.join(sorted(shown))

    def convert(words: Any) -> str:
        if not isinstance(words, str):
            raise TypeError(f"keys are words such as 'a+left shift', got {words!r}")
        return words

    parameters.add(Parameter(HELD, "words", "the keys that are held down", apply, convert, read))


class KeyEvents:
    """Turns the events of a window into the parameter of the keys.

    Args:
        parameters: of the show.
    """

    def __init__(self, parameters: Parameters):
        self._parameters = parameters
        self._held: set[str] = set()

    def handle(self, event: Any) -> None:
        """Act on an event of pygame, if it is of a key or the window has lost them."""
        import pygame

        if event.type == pygame.KEYDOWN:
            self._held.add(pygame.key.name(event.key))
        elif event.type == pygame.KEYUP:
            self._held.discard(pygame.key.name(event.key))
        elif event.type == pygame.WINDOWFOCUSLOST:
            self._held.clear()
        else:
            return
        if HELD in self._parameters.by_address:  # somebody reads it
            names = sorted(name for name in self._held if name and BETWEEN not in name)
            self._parameters.set(HELD, BETWEEN.join(names))
