"""MIDI learn: finds out which control a person means by moving it."""

from ..devices.midi.controller_events import ControllerEvent
from ..parameters import Parameters
from .midi_map import Binding

# How far a control must move, of 0..1, to be meant: a fader trembles by itself.
MIN_MOVEMENT = 0.1
# Learning ends after so many seconds without a movement.
TIMEOUT_SECONDS = 60.0


def learnable_addresses(parameters: Parameters) -> list[str]:
    """Return the addresses that a controller can set: first those of parts, then the show's."""
    addresses = [one.address for one in parameters.listed if one.kind != "words"]
    return sorted(addresses, key=lambda address: address.startswith("/show/"))


class MidiLearn:
    """Reads events from `seconds` of the show on until one control was moved, and binds it.

    One movement makes several kinds of event: a 14-bit fader sends two controllers, and a key that
    is struck is also pressed. So only one control should be moved.
    """

    def __init__(self, address: str, seconds: float = 0.0):
        self.address, self._started = address, seconds
        self._ranges: dict[tuple[str, str, int, int], tuple[float, float]] = {}

    def is_over(self, seconds: float) -> bool:
        """Return whether nothing was moved for `TIMEOUT_SECONDS`."""
        return seconds - self._started > TIMEOUT_SECONDS

    def receive(self, device: str, event: ControllerEvent) -> Binding | None:
        """Take in an event; return the binding once it is clear which control was moved."""
        kind, number, channel, value = event
        low, high = self._ranges.get((device, kind, number, channel), (value, value))
        low, high = min(low, value), max(high, value)
        self._ranges[device, kind, number, channel] = low, high
        if kind == "cc14" or (kind == "note" and not value):
            return None
        if kind not in ("note", "program") and high - low < MIN_MOVEMENT:
            return None
        if kind == "cc" and number < 64:
            coarse, fine = number % 32, number % 32 + 32
            if all((device, kind, half, channel) in self._ranges for half in (coarse, fine)):
                return Binding(self.address, "cc14", coarse, channel)
        return Binding(self.address, kind, number, channel)
