"""The mouse over any window of a show, as floats from 0 to 1; recorded in takes."""

import math
from functools import partial
from typing import Any

from ...parameters import Parameter, Parameters
from ...parts import Knob
from ...performance import Performance, current_performance

X, Y, WHEEL = "/mouse/x", "/mouse/y", "/mouse/wheel"
BUTTONS = {1: "/mouse/left", 2: "/mouse/middle", 3: "/mouse/right"}  # by their numbers in SDL
PLACES = {
    X: "where the mouse is across the picture",
    Y: "where it is down the picture",
    WHEEL: "the wheel, half way at first",
}
NOTCH = 0.05  # how far one notch of the wheel turns


def mouse(*, simulate: bool = False) -> "Mouse":
    """Return the mouse: `hand = mouse()`, then `hand.x`, `hand.y`, `hand.left`, `hand.wheel`.

    Offline nobody moves it; with `simulate`, and with `capriccio run --simulate`, it wanders.
    """
    return Mouse(simulate)


class Mouse:
    """The mouse as a cue sees it: as it was when its frame began, 0..1.

    `x` and `y` are 0..1 of the picture, from its top left corner, in whatever window it is; `left`,
    `middle` and `right` are 1 while a button is held, and in the frame in which it was clicked.
    """

    def __init__(self, simulate: bool = False):
        self._simulate = simulate
        self._performance: Performance | None = None

    @property
    def x(self) -> float:
        """Across the picture; 0 is left."""
        return self._read(X)

    @property
    def y(self) -> float:
        """Down the picture; 0 is the top."""
        return self._read(Y)

    @property
    def left(self) -> float:
        """1 while the left button is pressed, else 0."""
        return self._read(BUTTONS[1])

    @property
    def middle(self) -> float:
        """1 while the middle button is pressed, else 0."""
        return self._read(BUTTONS[2])

    @property
    def right(self) -> float:
        """1 while the right button is pressed, else 0."""
        return self._read(BUTTONS[3])

    @property
    def wheel(self) -> float:
        """What the wheel was turned to; 0.5 at first."""
        return self._read(WHEEL)

    def _read(self, address: str) -> float:
        performance = current_performance.get() or self._performance
        if performance is None:
            return 0.0 if address in BUTTONS.values() else 0.5
        if performance is not self._performance:
            self._performance = performance
            add_mouse(performance.parameters)
            if (self._simulate or performance.simulation) and performance.take is None:
                performance.parameters.add_automation(partial(wander, performance.parameters))
        return float(performance.parameters.by_address[address].value())


def add_mouse(parameters: Parameters) -> None:
    """Add what a mouse turns to the parameters of a show, where it is not there yet."""
    if X in parameters.by_address:
        return
    for address, description in PLACES.items():
        parameters.add(_place(address, description))
    for number, address in BUTTONS.items():
        parameters.add(button(address, f"button {number} of the mouse", parameters))


def _place(address: str, description: str) -> Parameter:
    at = [0.5]

    def apply(value: float) -> None:
        at[0] = 0.5 if value is None else value

    convert = partial(Knob(address, "number", 0.5).fit, part="the mouse")
    return Parameter(address, "number", description, apply, convert, lambda: at[0])


def button(address: str, description: str, parameters: Parameters) -> Parameter:
    """Return a parameter that is 1 while it is pressed, and in the frame of its press."""
    state = {"pressed": 0.0, "frame": -1.0}

    def apply(value: float) -> None:
        state["pressed"] = float(bool(value))
        if value:
            state["frame"] = parameters.seconds

    def read() -> float:
        return 1.0 if state["frame"] == parameters.seconds else state["pressed"]

    convert = partial(Knob(address, "number", 0.0).fit, part="the mouse")
    return Parameter(address, "number", description, apply, convert, read)


def wander(parameters: Parameters, seconds: float) -> None:
    """Move the mouse as a person might, from the seconds of the show."""
    parameters.set(X, 0.5 + 0.4 * math.sin(0.9 * seconds) * math.cos(0.23 * seconds))
    parameters.set(Y, 0.5 + 0.4 * math.sin(1.3 * seconds + 1.0))
    pressed = math.sin(0.7 * seconds) > 0.6
    if parameters.by_address[BUTTONS[1]].value() != pressed:
        parameters.set(BUTTONS[1], float(pressed))


class MouseEvents:
    """Turns the events of a window into parameters: of many moves the last before a frame.

    Args:
        parameters: of the show.
    """

    def __init__(self, parameters: Parameters):
        self._parameters = parameters
        self._place: tuple[float, float] | None = None

    def handle(self, event: Any, picture: tuple[float, float, float, float]) -> bool:
        """Act on an event of pygame, if it is of the mouse; return whether it is.

        Args:
            event: the event.
            picture: x, y, width and height of the picture within the window.
        """
        import pygame

        kinds = (pygame.MOUSEMOTION, pygame.MOUSEBUTTONDOWN, pygame.MOUSEBUTTONUP)
        if event.type not in (*kinds, pygame.MOUSEWHEEL):
            return False
        if X not in self._parameters.by_address:  # nobody reads it
            return True
        if event.type == pygame.MOUSEWHEEL:
            at = self._parameters.by_address[WHEEL].value()
            self._parameters.set(WHEEL, at + NOTCH * event.y)
            return True
        left, top, width, height = picture
        self._place = (event.pos[0] - left) / max(1, width), (event.pos[1] - top) / max(1, height)
        if event.type != pygame.MOUSEMOTION and event.button in BUTTONS:
            self.flush()
            pressed = event.type == pygame.MOUSEBUTTONDOWN
            self._parameters.set(BUTTONS[event.button], float(pressed))
        return True

    def flush(self) -> None:
        """Set where the mouse has come to."""
        place, self._place = self._place, None
        if place is not None:
            self._parameters.set(X, place[0])
            self._parameters.set(Y, place[1])
