"""The state of controllers and keys after the messages that were received."""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from .controller_events import ControllerParser, bend_value

# Notes that are remembered.
MAX_NOTES = 8192
# Controllers with which a keyboard says that nothing sounds any more.
ALL_OFF = (120, 123)


class ControllerState:
    """The controllers and keys of all devices together."""

    def __init__(self) -> None:
        self.until = -math.inf  # when a list of events was followed up to, in its own unit
        self.values: dict[tuple[str, int], float] = {}  # of "cc", "cc14", "nrpn" and "poly"
        self.held: dict[tuple[int, int], PressedKey] = {}  # by channel and pitch
        self.presses: deque[PressedKey] = deque(maxlen=MAX_NOTES)
        self.press_count = 0  # in this show
        self.bend, self.pressure = 0.5, 0.0
        self._parsers: dict[str, ControllerParser] = {}  # of each device

    def begin_show(self) -> None:
        """Forget what was played in another show; controllers stay where they are."""
        self.until, self.press_count = -math.inf, 0
        self.held.clear()
        self.presses.clear()

    def apply_all(self, events: Iterable[tuple[float, str, bytes, float]]) -> None:
        """Apply (anything, device, message, beats) in order."""
        for _, device, message, beats in events:
            self.apply(device, message, beats)

    def apply(self, device: str, message: bytes, beats: float) -> None:
        """Apply a message that was played on a device at `beats` of the show."""
        kind, channel = message[0] & 0xF0, (message[0] & 0x0F) + 1
        for event in self._parsers.setdefault(device, ControllerParser()).parse(message):
            if event.kind in ("cc14", "nrpn", "poly"):
                self.values[event.kind, event.number] = event.value
        if kind == 0x90 and message[2]:
            self._release(channel, message[1], beats)  # played again
            press = PressedKey(message[1], message[2] / 127, channel, beats)
            self.held[channel, message[1]] = press
            self.presses.append(press)
            self.press_count += 1
        elif kind in (0x80, 0x90):
            self._release(channel, message[1], beats)
        elif kind == 0xB0:
            self.values["cc", message[1]] = message[2] / 127
            if message[1] in ALL_OFF:
                for _, pitch in [key for key in self.held if key[0] == channel]:
                    self._release(channel, pitch, beats)
        elif kind in (0xA0, 0xD0):
            self.pressure = message[-1] / 127
        elif kind == 0xE0:
            self.bend = bend_value(message)

    def _release(self, channel: int, pitch: int, beats: float) -> None:
        if press := self.held.pop((channel, pitch), None):
            press.end = beats


@dataclass(slots=True)
class PressedKey:
    """A key that was pressed, from `start` to `end` in beats of the show."""

    pitch: int
    velocity: float
    channel: int
    start: float
    end: float = math.inf
