"""What can be set about the sound during a show, for all that sounds in it."""

from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from capriccio import Parameter, Performance

# Called with what is set, the channel (0 is all of them) and its new value.
Listener = Callable[[str, int, float], None]
WORDS = {
    "volume": "How loud {} is",
    "reverb": "How much of the room is heard around {}",
}
DEFAULTS = {"volume": 0.8, "reverb": 0.5}


class Settings:
    """The volume and the reverb of all and of each channel, and whether all is muted.

    Values are 0..1. At 0.8 a volume is as it was calibrated, at 0.5 the reverb.
    """

    def __init__(self, performance: Performance):
        self.values: dict[tuple[str, int], float] = {}
        self.muted = False
        self._listeners: list[Listener] = []
        parameters = performance.parameters
        for channel in (0, *sorted(performance.instruments)):
            who = f"channel {channel}" if channel else "the sound"
            place = f"{channel}/" if channel else ""
            for what, words in WORDS.items():
                self.values[what, channel] = DEFAULTS[what]
                parameters.add(
                    Parameter(
                        f"/audio/{place}{what}",
                        "number",
                        words.format(who),
                        apply=partial(self._set, what, channel),
                        convert=as_share,
                        value=partial(self.values.get, (what, channel)),
                    )
                )
        parameters.add(
            Parameter("/audio/mute", "press", "Mute the sound, or sound again", self._mute, key="m")
        )

    def listen(self, listener: Listener) -> None:
        """Call `listener` with everything that is set from now on."""
        self._listeners.append(listener)

    def _set(self, what: str, channel: int, value: float | None) -> None:
        value = DEFAULTS[what] if value is None else value
        self.values[what, channel] = value
        self._tell(what, channel, value)

    def _mute(self, value: Any) -> None:
        self.muted = not self.muted
        self._tell("mute", 0, float(self.muted))

    def _tell(self, what: str, channel: int, value: float) -> None:
        for listener in self._listeners:
            listener(what, channel, value)


_all: "WeakKeyDictionary[Any, Settings]" = WeakKeyDictionary()


def settings_of(performance: Performance) -> Settings:
    """Return the settings of a performance, which all that sounds in it shares."""
    if performance.parameters not in _all:
        _all[performance.parameters] = Settings(performance)
    return _all[performance.parameters]


def as_share(value: Any) -> float:
    """Return a number clipped to 0..1, or raise ValueError where it is NaN."""
    number = float(value)
    if number != number:
        raise ValueError(f"a volume or a reverb is 0..1, got {value!r}")
    return min(max(number, 0.0), 1.0)
