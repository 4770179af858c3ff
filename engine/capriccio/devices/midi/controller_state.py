"""Where dials and keys stand after the messages that were heard."""

import math
from collections import deque
from collections.abc import Iterable

from .controller_events import ControllerParser, bend

# Notes that are remembered.
MOST_NOTES = 8192
# Controllers with which a keyboard says that nothing sounds any more.
SILENCES = (120, 123)


class ControllerState:
    """The dials and keys of all devices together; `place` is until when it has followed a take."""

    def __init__(self) -> None:
        self.place = -math.inf
        self.dials: dict[int, float] = {}
        self.places: dict[tuple[str, int], float] = {}  # of what takes more than a message
        self.held: dict[tuple[int, int], PressedKey] = {}
        self.presses: deque[PressedKey] = deque(maxlen=MOST_NOTES)
        self.begun = 0  # presses in this show
        self.bend, self.pressure = 0.5, 0.0
        self._moves: dict[str, ControllerParser] = {}  # of each device

    def begin(self) -> None:
        """Turn to another show: dials stay where they are, and nothing has been played yet."""
        self.place, self.begun = -math.inf, 0
        self.held.clear()
        self.presses.clear()

    def follow(self, events: Iterable[tuple[float, str, bytes, float]]) -> None:
        """Follow messages by device, after when they were heard and with the beats of each."""
        for _, device, message, beats in events:
            self.hear(device, message, beats)

    def hear(self, device: str, message: bytes, beats: float) -> None:
        """Follow a message that was played at so many beats of the show."""
        kind, channel = message[0] & 0xF0, (message[0] & 0x0F) + 1
        for move in self._moves.setdefault(device, ControllerParser()).take(message):
            if move.kind in ("cc14", "nrpn", "poly"):
                self.places[move.kind, move.number] = move.value
        if kind == 0x90 and message[2]:
            self._let_go(channel, message[1], beats)  # struck again
            press = PressedKey(message[1], message[2] / 127, channel, beats)
            self.held[channel, message[1]] = press
            self.presses.append(press)
            self.begun += 1
        elif kind in (0x80, 0x90):
            self._let_go(channel, message[1], beats)
        elif kind == 0xB0:
            self.dials[message[1]] = message[2] / 127
            if message[1] in SILENCES:
                for _, pitch in [key for key in self.held if key[0] == channel]:
                    self._let_go(channel, pitch, beats)
        elif kind in (0xA0, 0xD0):
            self.pressure = message[-1] / 127
        elif kind == 0xE0:
            self.bend = bend(message)

    def _let_go(self, channel: int, pitch: int, beats: float) -> None:
        press = self.held.pop((channel, pitch), None)
        if press:
            press.end = beats


class PressedKey:
    """A key pressed: from when until when, in beats of the show."""

    __slots__ = ("channel", "end", "pitch", "start", "velocity")

    def __init__(self, pitch: int, velocity: float, channel: int, start: float):
        self.pitch, self.velocity, self.channel, self.start = pitch, velocity, channel, start
        self.end = float("inf")
