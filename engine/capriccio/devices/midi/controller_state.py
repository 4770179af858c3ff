"""The state of controllers and keys after the messages that were received."""

import math
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass

from .controller_events import ControllerParser

# Notes that are remembered.
MAX_NOTES = 8192
# The sustain pedal, which is down from a value on.
PEDAL, DOWN = 64, 64
# The controllers "all sound off" and "all notes off", which release every key of a channel.
ALL_OFF = (120, 123)


class ControllerState:
    """The controllers and keys of all devices together."""

    def __init__(self) -> None:
        self.until = -math.inf  # when a list of events was followed up to, in its own unit
        self.values: dict[tuple[str, int], float] = {}  # of "cc", "cc14", "nrpn" and "poly"
        self.held: dict[tuple[int, int], PressedKey] = {}  # by channel and pitch
        self.pedals: set[int] = set()  # channels whose pedal is down
        self.presses: deque[PressedKey] = deque(maxlen=MAX_NOTES)
        self.press_count = 0  # in this show
        self.bend, self.pressure = 0.5, 0.0
        self._parsers: defaultdict[str, ControllerParser] = defaultdict(ControllerParser)

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
        for kind, number, channel, value in self._parsers[device].parse(message):
            if kind in ("cc14", "nrpn", "poly"):
                self.values[kind, number] = value
            if kind in ("poly", "pressure"):
                self.pressure = value
            elif kind == "bend":
                self.bend = value
            elif kind == "note":
                self._release(channel, number, beats)  # it may be played again
                if value:
                    press = self.held[channel, number] = PressedKey(number, value, channel, beats)
                    self.presses.append(press)
                    self.press_count += 1
        if message[0] & 0xF0 == 0xB0:  # also where it is a part of something else
            self.values["cc", message[1]] = message[2] / 127
            channel = (message[0] & 0x0F) + 1
            if message[1] in ALL_OFF:
                for _, pitch in [key for key in self.held if key[0] == channel]:
                    self._release(channel, pitch, beats)
            if message[1] == PEDAL and message[2] >= DOWN:
                self.pedals.add(channel)
            elif message[1] in (PEDAL, *ALL_OFF):
                self.pedals.discard(channel)
                for press in self.presses:
                    if press.channel == channel and press.end <= beats < press.silent:
                        press.silent = beats

    def _release(self, channel: int, pitch: int, beats: float) -> None:
        if press := self.held.pop((channel, pitch), None):
            press.end = beats
            press.silent = math.inf if channel in self.pedals else beats


@dataclass(slots=True)
class PressedKey:
    """A key that was pressed, from `start` to `end` in beats of the show.

    The sustain pedal may hold its sound until `silent`.
    """

    pitch: int
    velocity: float
    channel: int
    start: float
    end: float = math.inf
    silent: float = math.inf
