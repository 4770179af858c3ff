"""Converts the messages of a MIDI controller to events with values from 0 to 1."""

from typing import NamedTuple

# The kinds of events, and how many numbers there are of each on a channel; None where only one.
KINDS: dict[str, int | None] = {
    "cc": 128,
    "cc14": 32,  # controllers 0..31 with their lower 7 bits from controllers 32..63
    "nrpn": 16384,
    "note": 128,
    "poly": 128,  # the pressure of one key
    "pressure": None,
    "bend": None,
    "program": 128,
}
# Controllers that set parameters beyond the controllers: the value, and the parameter's number.
DATA_MSB, DATA_LSB, INCREMENT, DECREMENT, NRPN_LSB, NRPN_MSB = 6, 38, 96, 97, 98, 99
RPN = (100, 101)  # registered parameters: no NRPN is meant from then on
MAX_14_BITS = 16383
# More parameters than any device has; one that invents them must not fill the memory.
MAX_PARAMETERS = 4096


class ControllerEvent(NamedTuple):
    """One change: its kind, number (0 where there is one), channel, and value 0..1.

    The value of a "note" is its velocity, 0 where it ends; that of a "program" is 1.
    """

    kind: str
    number: int
    channel: int
    value: float


class ControllerParser:
    """Parses the messages of one device; values of 14 bits come in pieces of 7."""

    def __init__(self) -> None:
        self._msb: dict[tuple[int, int], int] = {}  # of controllers 0..31
        self._selected: dict[int, list[int | None]] = {}  # NRPN by channel, upper and lower 7 bits
        self._values: dict[tuple[int, int], int] = {}  # of NRPNs
        self._is_fine: set[tuple[int, int]] = set()  # NRPNs that are sent in 14 bits

    def parse(self, message: bytes) -> list[ControllerEvent]:
        """Return the events of one channel message: none, one, or a controller in 7 and 14 bits."""
        kind, channel = message[0] & 0xF0, (message[0] & 0x0F) + 1
        if kind == 0xB0:
            return self._control_change(channel, message[1], message[2])
        value = message[-1] / 127
        if kind in (0x80, 0x90):
            return [ControllerEvent("note", message[1], channel, value if kind == 0x90 else 0.0)]
        if kind == 0xA0:
            return [ControllerEvent("poly", message[1], channel, value)]
        if kind == 0xD0:
            return [ControllerEvent("pressure", 0, channel, value)]
        if kind == 0xE0:
            wheel = (message[1] | message[2] << 7) - 8192
            # The middle is exactly 0.5, though not that of 0..16383.
            value = 0.5 + wheel / (16384 if wheel < 0 else 2 * 8191)
            return [ControllerEvent("bend", 0, channel, value)]
        return [ControllerEvent("program", message[1], channel, 1.0)]

    def _control_change(self, channel: int, controller: int, data: int) -> list[ControllerEvent]:
        if controller in (NRPN_MSB, NRPN_LSB):
            self._selected.setdefault(channel, [None, None])[controller == NRPN_LSB] = data
            return []
        if controller in RPN:
            self._selected.pop(channel, None)
            return []
        if controller in (DATA_MSB, DATA_LSB, INCREMENT, DECREMENT):
            upper, lower = self._selected.get(channel, (None, None))
            if upper is not None and lower is not None:
                return self._data_entry(channel, upper << 7 | lower, controller, data)
        events = [ControllerEvent("cc", controller, channel, data / 127)]
        if controller < 32:
            self._msb[channel, controller] = data
            if data == 0:  # the lower bits of nothing need not be sent
                events.append(ControllerEvent("cc14", controller, channel, 0.0))
        elif controller < 64 and (upper := self._msb.get((channel, controller - 32))) is not None:
            value = (upper << 7 | data) / MAX_14_BITS
            events.append(ControllerEvent("cc14", controller - 32, channel, value))
        return events

    def _data_entry(
        self, channel: int, number: int, controller: int, data: int
    ) -> list[ControllerEvent]:
        """Set an NRPN, or 7 bits of it, or go one step up or down."""
        key = channel, number
        if len(self._values) > MAX_PARAMETERS:
            self._values.clear()
            self._is_fine.clear()
        before = self._values.get(key, 0)
        if controller == DATA_MSB:
            self._values[key] = data << 7
            if key in self._is_fine and data:
                return []  # the lower bits follow
            return [ControllerEvent("nrpn", number, channel, data / 127)]
        if controller == DATA_LSB:
            self._is_fine.add(key)
            self._values[key] = before & ~127 | data
        else:
            step = 1 if controller == INCREMENT else -1
            self._values[key] = min(max(before + step, 0), MAX_14_BITS)
        return [ControllerEvent("nrpn", number, channel, self._values[key] / MAX_14_BITS)]
