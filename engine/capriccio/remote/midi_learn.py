"""A lesson: which control of which device is moved to be tied to one address of the parameters."""

from ..devices.midi.controller_events import ControllerEvent
from ..parameters import Parameters
from .midi_map import Binding

# So far something must be moved, 0..1, to be meant: a fader trembles by itself.
MEANT = 0.1
# After so long without a move the lesson is over, in seconds.
PATIENCE_SECONDS = 60.0


def learnable_addresses(parameters: Parameters) -> list[str]:
    """Give the addresses that a controller can turn, those of the show behind those of parts."""
    taught = [one.address for one in parameters.by_address.values() if one.kind != "words"]
    return sorted(taught, key=lambda address: address.startswith("/show/"))


class MidiLearn:
    """Hears moves until one control has been meant, and ties it to an address.

    A fader of 14 bits or a parameter says more than one thing at each move; a key that is struck
    is pressed on as well. Nothing else may be moved meanwhile.
    """

    def __init__(self, address: str, seconds: float = 0.0):
        self.address, self._since = address, seconds
        self._ends: dict[tuple[str, str, int, int], tuple[float, float]] = {}

    def over(self, seconds: float) -> bool:
        """Say whether nobody has moved anything for too long."""
        return seconds - self._since > PATIENCE_SECONDS

    def hear(self, device: str, move: ControllerEvent) -> Binding | None:
        """Give the tie once it is clear what was moved."""
        kind, number, channel, value = move
        low, high = self._ends.get((device, *move[:3]), (value, value))
        low, high = min(low, value), max(high, value)
        self._ends[device, kind, number, channel] = low, high
        if kind == "cc14" or (kind == "note" and not value):
            return None
        if kind not in ("note", "program") and high - low < MEANT:
            return None
        if kind == "cc" and number < 64:
            coarse, fine = number % 32, number % 32 + 32
            if all((device, kind, half, channel) in self._ends for half in (coarse, fine)):
                return Binding(self.address, "cc14", coarse, channel)
        return Binding(self.address, kind, number, channel)
