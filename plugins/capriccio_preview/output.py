"""Shows the picture in a terminal: for work over SSH, where there is no screen."""

import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from capriccio import Moment, Output, Performance, ShowError

from .encodings import as_blocks, as_kitty, as_sixel

# Pictures a second at most, so that a slow line is not flooded.
RATES = {"blocks": 12.0, "kitty": 12.0, "sixel": 6.0}
ENCODINGS: dict[str, Callable[[np.ndarray[Any, Any]], str]] = {
    "blocks": as_blocks,
    "kitty": as_kitty,
    "sixel": as_sixel,
}
HOME, HIDE, SHOW, CLEAR = "\x1b[H", "\x1b[?25l", "\x1b[?25h", "\x1b[2J"
# Terminals by what they write into TERM_PROGRAM, or by the beginning of TERM.
KITTY_PROGRAMS, KITTY_TERMS = ("wezterm", "ghostty"), ("xterm-kitty", "xterm-ghostty")
SIXEL_PROGRAMS, SIXEL_TERMS = ("iterm.app", "mintty"), ("foot", "mlterm", "contour", "yaft")


class Terminal(Output):
    """Show the picture in the terminal: `terminal`, or `terminal:blocks`, `:kitty` or `:sixel`.

    A terminal that is known to have the graphics of kitty, or those of DEC, sixel, shows the
    picture in pixels, any other in coloured half blocks.
    """

    name = "terminal"

    @classmethod
    def missing(cls) -> str:
        return "" if sys.stdout.isatty() else "standard output is no terminal"

    def __init__(self, target: str = ""):
        super().__init__(target)
        if target and target not in ENCODINGS:
            known = ", ".join(f"'terminal:{one}'" for one in ENCODINGS)
            raise ShowError(f"{self} is none of 'terminal', {known}")
        self._started = False

    def start(self, performance: Performance) -> None:
        kind = self.target or known_graphics()
        self._encode, self._rest = ENCODINGS[kind], 1 / RATES[kind]
        self._next, self._started = 0.0, True
        sys.stdout.write(HIDE + CLEAR)

    def show(self, image: np.ndarray[Any, Any], now: Moment) -> None:
        if 0 <= self._next - now.seconds <= self._rest and self._next:
            return
        self._next = now.seconds + self._rest
        sys.stdout.write(HOME + self._encode(image))
        sys.stdout.flush()

    def close(self) -> None:
        if self._started:
            self._started = False
            sys.stdout.write(SHOW + "\n")
            sys.stdout.flush()


def known_graphics() -> str:
    """Return what the terminal shows best, by what it says of itself in the environment."""
    term, program = os.environ.get("TERM", ""), os.environ.get("TERM_PROGRAM", "").lower()
    if program in KITTY_PROGRAMS or term.startswith(KITTY_TERMS):
        return "kitty"
    return "sixel" if program in SIXEL_PROGRAMS or term.startswith(SIXEL_TERMS) else "blocks"
