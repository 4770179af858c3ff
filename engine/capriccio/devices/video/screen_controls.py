"""What changes all screens of a show at once: black, freeze, test card, fill; and its keys."""

from dataclasses import dataclass
from functools import partial

from ...log import info
from ...parameters import Parameter, Parameters
from ...parts import Knob

# How long the key takes from the picture to black, or back, in seconds.
FADE_SECONDS = 1.0
OFF_ON = ("off", "on")
# Keys that act on their own window; all others press parameters.
FULL_SCREEN = "Switch this window between full screen and a window"
WINDOW_KEYS = {"f": FULL_SCREEN, "escape": "End the show"}
BLACK, FREEZE, CARD, FILL = "/show/black", "/show/freeze", "/show/card", "/show/fill"
SWITCHES = {
    FREEZE: ("z", "Keep the picture as it is on all screens, while the show goes on"),
    CARD: ("c", "Show a test card in place of the picture: edges, aspect, colours, frame rate"),
    FILL: ("a", "Fill the screen with the picture, its edges cut off, or show all of it"),
}


@dataclass(frozen=True, slots=True)
class Fade:
    """A fade of the screens, from 0 (the picture) to 1 (black), that starts at `since` seconds."""

    start: float = 0.0
    since: float = 0.0
    end: float = 0.0

    def at(self, seconds: float) -> float:
        """Return how black the screens are at `seconds` of the show, 0..1."""
        change = max(0.0, seconds - self.since) / FADE_SECONDS
        if self.end < self.start:
            return max(self.end, self.start - change)
        return min(self.end, self.start + change)


class ScreenControls:
    """How the screens of one show display what was drawn.

    A parameter that is pressed without a value is switched over. Takes record what was drawn, so
    none of this changes them.
    """

    def __init__(self, parameters: Parameters):
        self._parameters = parameters
        self._fade = Fade()
        self._on = dict.fromkeys(SWITCHES, "off")

    def belong_to(self, parameters: Parameters) -> bool:
        """Return whether these are the controls of the show with these parameters."""
        return self._parameters is parameters

    def black(self, seconds: float) -> float:
        """Return how black the screens are at `seconds`, 0..1."""
        return self._fade.at(seconds)

    def on(self, address: str) -> bool:
        """Return whether one of the switches is on."""
        return self._on[address] == "on"

    @property
    def state(self) -> str:
        """What is not as the sketch draws it, such as "black, freeze", or ""."""
        words = [BLACK] if self._fade.end >= 1 else []
        words += [address for address in SWITCHES if self.on(address)]
        return ", ".join(word.rpartition("/")[2] for word in words)

    def parameters(self) -> list[Parameter]:
        """Return the parameters that a screen adds to its show."""
        fade = Parameter(
            BLACK,
            "number",
            "Make all screens black: 0 to 1, or there and back; the show goes on",
            self._darken,
            partial(Knob(BLACK, "number", 0.0).fit, part="all screens"),
            lambda: self.black(self._parameters.seconds),
            key="b",
            replayable=False,
        )
        keys = Parameter(
            "/show/keys",
            "press",
            "Print what the keys of the window do",
            lambda _: info(describe_keys(self._parameters)),
            key="h",
            replayable=False,
        )
        return [fade, *map(self._switch, SWITCHES), keys]

    def _switch(self, address: str) -> Parameter:
        def apply(value: str | None) -> None:
            self._on[address] = value or OFF_ON[not self.on(address)]

        key, description = SWITCHES[address]
        return Parameter(
            address,
            "choice",
            description,
            apply,
            partial(Knob(address, "choice", "off", OFF_ON).fit, part="all screens"),
            lambda: self._on[address],
            OFF_ON,
            key=key,
            replayable=False,
        )

    def _darken(self, value: float | None) -> None:
        now = self._parameters.seconds
        if value is None:
            self._fade = Fade(self.black(now), now, 0.0 if self._fade.end > 0 else 1.0)
        else:
            self._fade = Fade(value, now, value)


def describe_keys(parameters: Parameters) -> str:
    """Return what each key of the window does, one a line."""
    keys = {one.key: one.description for one in parameters.by_address.values() if one.key}
    lines = {**WINDOW_KEYS, **keys}
    return "keys of the window" + "".join(f"\n  {key:8} {what}" for key, what in lines.items())
