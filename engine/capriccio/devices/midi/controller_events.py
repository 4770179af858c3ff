"""What was moved on a MIDI controller, and how far from 0 to 1, out of its messages."""

from typing import NamedTuple

# What can be moved, and how many of it there are on a channel; None where there is one.
KINDS: dict[str, int | None] = {
    "cc": 128,
    "cc14": 32,  # dials 0..31 made fine by dials 32..63
    "nrpn": 16384,
    "note": 128,
    "poly": 128,  # the pressure of one key
    "pressure": None,
    "bend": None,
    "program": 128,
}
# The dials that speak of parameters beyond the dials: which one, and its value.
COARSE, FINE, MORE, LESS, NUMBER_FINE, NUMBER_COARSE = 6, 38, 96, 97, 98, 99
REGISTERED = (100, 101)  # parameters of another kind: none of ours is meant from then on
HIGHEST = 16383  # in 14 bits
# More parameters than any device has; a device that invents them must not fill the memory.
MOST_PARAMETERS = 4096


class ControllerEvent(NamedTuple):
    """One thing that was moved: its kind, number (0 where there is one), channel, and value 0..1.

    For "note" the value is how hard it was struck, 0 where it was let go; for "program" it is 1.
    """

    kind: str
    number: int
    channel: int
    value: float


class ControllerParser:
    """Reads the whole messages of one device; values of 14 bits come in pieces of 7."""

    def __init__(self) -> None:
        self._coarse: dict[tuple[int, int], int] = {}
        self._fine: set[tuple[int, int]] = set()  # parameters that come in 14 bits
        self._chosen: dict[int, list[int | None]] = {}  # by channel, coarse and fine
        self._parameters: dict[tuple[int, int], int] = {}

    def take(self, message: bytes) -> list[ControllerEvent]:
        """Give what a message moves: nothing, one thing, or a dial in 7 and in 14 bits."""
        kind, channel = message[0] & 0xF0, (message[0] & 0x0F) + 1
        if kind == 0xB0:
            return self._dial(channel, message[1], message[2])
        level = message[-1] / 127
        if kind in (0x80, 0x90):
            return [ControllerEvent("note", message[1], channel, level if kind == 0x90 else 0.0)]
        if kind == 0xA0:
            return [ControllerEvent("poly", message[1], channel, level)]
        if kind == 0xD0:
            return [ControllerEvent("pressure", 0, channel, level)]
        if kind == 0xE0:
            return [ControllerEvent("bend", 0, channel, bend(message))]
        return [ControllerEvent("program", message[1], channel, 1.0)]

    def _dial(self, channel: int, dial: int, level: int) -> list[ControllerEvent]:
        if dial in (NUMBER_COARSE, NUMBER_FINE):
            self._chosen.setdefault(channel, [None, None])[dial == NUMBER_FINE] = level
            return []
        if dial in REGISTERED:
            self._chosen.pop(channel, None)
            return []
        if dial in (COARSE, FINE, MORE, LESS):
            coarse, fine = self._chosen.get(channel, (None, None))
            if coarse is not None and fine is not None:
                return self._enter(channel, coarse << 7 | fine, dial, level)
        moves = [ControllerEvent("cc", dial, channel, level / 127)]
        if dial < 32:
            self._coarse[channel, dial] = level
            if level == 0:  # the fine part of nothing need not be sent
                moves.append(ControllerEvent("cc14", dial, channel, 0.0))
        elif dial < 64 and (coarse := self._coarse.get((channel, dial - 32))) is not None:
            moves.append(
                ControllerEvent("cc14", dial - 32, channel, (coarse << 7 | level) / HIGHEST)
            )
        return moves

    def _enter(self, channel: int, number: int, dial: int, level: int) -> list[ControllerEvent]:
        """Set the parameter of a number, or a half of it, or go one step up or down."""
        key = channel, number
        if len(self._parameters) > MOST_PARAMETERS:
            self._parameters.clear()
            self._fine.clear()
        before = self._parameters.get(key, 0)
        if dial == COARSE:
            self._parameters[key] = level << 7
            if key in self._fine and level:
                return []  # the other half follows
            return [ControllerEvent("nrpn", number, channel, level / 127)]
        if dial == FINE:
            self._fine.add(key)
            self._parameters[key] = before & ~127 | level
        else:
            self._parameters[key] = min(max(before + (1 if dial == MORE else -1), 0), HIGHEST)
        return [ControllerEvent("nrpn", number, channel, self._parameters[key] / HIGHEST)]


def bend(message: bytes) -> float:
    """Give where the pitch wheel stands; its middle is 0.5 exactly, though not that of 0..16383."""
    wheel = (message[1] | message[2] << 7) - 8192
    return 0.5 + wheel / (16384 if wheel < 0 else 2 * 8191)
