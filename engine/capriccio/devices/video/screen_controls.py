"""The projection booth: what hands do to all screens of a show, whatever the sketch draws."""

from dataclasses import dataclass
from typing import Any

from ...log import info
from ...parameters import Parameter, Parameters

# How long the key takes from the picture to black, or back, in seconds.
FADE_SECONDS = 1.0
OFF_ON = ("off", "on")
# What keys of a window do to it alone; all others are those of the parameters.
WINDOW_KEYS = {
    "f": "Switch this window between full screen and a window",
    "escape": "End the show",
}
BLACK, FREEZE, CARD, FILL = "/show/black", "/show/freeze", "/show/card", "/show/fill"
SWITCHES = {
    FREEZE: ("z", "Keep the picture as it is on all screens, while the show goes on"),
    CARD: ("c", "Show a test card in place of the picture: edges, aspect, colours, frame rate"),
    FILL: ("a", "Fill the screen with the picture, its edges cut off, or show all of it"),
}


@dataclass
class Fade:
    """The way to black: from where, since when (seconds of the show), to where."""

    start: float = 0.0
    since: float = 0.0
    end: float = 0.0

    def at(self, seconds: float) -> float:
        """Give 0..1, how black it is."""
        gone = max(0.0, seconds - self.since) / FADE_SECONDS
        if self.end < self.start:
            return max(self.end, self.start - gone)
        return min(self.end, self.start + gone)


class ScreenControls:
    """Keeps how the screens of one show are to show what they are handed.

    Each of its controls takes where it is to stand, and without a value changes over. A take holds
    what was drawn: nothing of this changes it.
    """

    def __init__(self, parameters: Parameters):
        self.parameters = parameters
        self._fade = Fade()
        self._on = dict.fromkeys(SWITCHES, "off")

    def black(self, seconds: float) -> float:
        """Give how black the screens are at `seconds`, 0..1."""
        return self._fade.at(seconds)

    def on(self, address: str) -> bool:
        """Say whether one of the switches is on."""
        return self._on[address] == "on"

    @property
    def state(self) -> str:
        """Say in a word or two what is not as the sketch draws it, or nothing."""
        words = [BLACK] if self._fade.end >= 1 else []
        words += [address for address in SWITCHES if self.on(address)]
        return ", ".join(word.rpartition("/")[2] for word in words)

    def parameters(self) -> list[Parameter]:
        """Give what a screen brings to the parameters."""
        fade = Parameter(
            BLACK,
            "number",
            "Make all screens black: 0 to 1, or there and back; the show goes on",
            act=self._darken,
            fit=_fit_black,
            value=lambda: self._fade.at(self.parameters.seconds),
            key="b",
            replayable=False,
        )
        keys = Parameter(
            "/show/keys",
            "press",
            "Print what the keys of the window do",
            act=lambda _: info(describe_keys(self.parameters)),
            key="h",
            replayable=False,
        )
        return [fade, *map(self._switch, SWITCHES), keys]

    def _switch(self, address: str) -> Parameter:
        key, says = SWITCHES[address]

        def act(value: str | None) -> None:
            self._on[address] = value or OFF_ON[not self.on(address)]

        return Parameter(
            address,
            "choice",
            says,
            act=act,
            fit=lambda value: _fit_switch(address, value),
            value=lambda: self._on[address],
            choices=OFF_ON,
            key=key,
            replayable=False,
        )

    def _darken(self, value: float | None) -> None:
        now = self.parameters.seconds
        if value is not None:
            self._fade = Fade(value, now, value)
        else:
            self._fade = Fade(self.black(now), now, 0.0 if self._fade.end > 0 else 1.0)


def describe_keys(parameters: Parameters) -> str:
    """Say what each key of the window does, one a line."""
    keys = {
        control.key: control.description
        for control in parameters.by_address.values()
        if control.key
    }
    lines = {**WINDOW_KEYS, **keys}
    return "keys of the window" + "".join(f"\n  {key:8} {says}" for key, says in lines.items())


def _fit_black(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"{BLACK} was given {value!r}; give a number 0..1") from None
    if number != number:
        raise ValueError(f"{BLACK} is nan; give a number 0..1")
    return min(max(number, 0.0), 1.0)


def _fit_switch(address: str, value: Any) -> str:
    if value not in OFF_ON:
        raise ValueError(f"{address} was given {value!r}; give 'off' or 'on'")
    return value
