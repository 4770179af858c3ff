"""The displays of this machine: SDL with its display, and nothing else of it, awake."""

import ctypes
import os
import sys
from typing import NamedTuple

from ...errors import ShowError, suggest

# What SDL is asked for before it wakes; a performer's own settings go before.
HINTS = {
    "PYGAME_HIDE_SUPPORT_PROMPT": "1",
    "SDL_NO_SIGNAL_HANDLERS": "1",  # Ctrl-C and SIGTERM are the stage's
    "SDL_APP_NAME": "capriccio",
    "SDL_VIDEO_X11_WMCLASS": "capriccio",
    "SDL_VIDEO_MINIMIZE_ON_FOCUS_LOSS": "0",  # a click on the other monitor must not end it
    "SDL_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR": "0",  # the desktop's other windows stay as they are
}
# Drivers of SDL that draw where nobody sees it.
BLIND = ("offscreen", "dummy", "evdev", "")
# SDL's word for the middle of a display, to which its number is added.
_MIDDLE = 0x2FFF0000


class Display(NamedTuple):
    """One display: its number, its size in pixels, and its name where SDL knows one."""

    number: int
    width: int
    height: int
    name: str = ""

    def __str__(self) -> str:
        words = [str(self.number), self.name and repr(self.name), f"({self.width}x{self.height})"]
        return " ".join(filter(None, words))

    @property
    def middle(self) -> tuple[int, int]:
        """Where a window is to be put, so that it stands in the middle of this display."""
        return _MIDDLE + self.number, _MIDDLE + self.number


def displays() -> list[Display]:
    """List the displays of this machine; raise ShowError with the reason where there is none."""
    known = connected(awake())
    rest()
    return known


def connected(pygame) -> list[Display]:
    """List the displays that are connected now, while SDL is awake."""
    sizes = pygame.display.get_desktop_sizes()
    return [
        Display(number, width, height, _name(pygame, number))
        for number, (width, height) in enumerate(sizes)
    ]


def meant(target: str, known: list[Display], who: object) -> Display:
    """Give the display that is meant by a number, or by enough of a name to know it by.

    Raises ShowError, with those that are connected, where there is none, or more than one.
    """
    names = [display.name for display in known]
    fits = [display for display in known if str(display.number) == (target or "0")]
    if not target.isdecimal():
        word = target.casefold()
        fits = fits or [one for one in known if one.name.casefold() == word]
        fits = fits or [one for one in known if word in one.name.casefold()]
    if len(fits) == 1:
        return fits[0]
    listed = f"connected: {', '.join(map(str, known))}"
    if fits:
        raise ShowError(f"{who} could be on {len(fits)} displays {target!r}; {listed}")
    if target.isdecimal() or not target:
        raise ShowError(f"{who} has no display {target or 0}; {listed}")
    near = suggest(target, filter(None, names))
    near = near if "did you mean" in near else ""
    raise ShowError(f"{who} has no display {target!r}{near}; {listed}")


def awake():
    """Give pygame with its display, and nothing else of it, awake; raise ShowError where none."""
    if (
        sys.platform not in ("darwin", "win32")
        and not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
        and not os.environ.get("SDL_VIDEODRIVER")
    ):
        raise ShowError("no display: neither DISPLAY nor WAYLAND_DISPLAY is set")
    for hint, value in HINTS.items():
        os.environ.setdefault(hint, value)
    try:
        import pygame

        pygame.display.init()
    except ImportError as error:
        raise ShowError(f"no display: pygame-ce does not load: {error}") from None
    except pygame.error as error:
        raise ShowError(f"no display: {error}") from None
    driver = pygame.display.get_driver()
    if driver in BLIND and os.environ.get("SDL_VIDEODRIVER", "") != driver:
        rest()
        raise ShowError("no display: the one that DISPLAY or WAYLAND_DISPLAY names does not answer")
    return pygame


# The windows that are open now; while there is one SDL stays awake.
opened: list = []


def rest() -> None:
    """Let go of the display, unless a window is open."""
    import pygame

    if not opened:
        pygame.display.quit()


def _name(pygame, number: int) -> str:
    """Ask SDL, which pygame does not, what a display is called; "" where it cannot say."""
    try:
        # Of a library that is loaded already; on Windows it has a name of its own.
        place = "SDL2.dll" if sys.platform == "win32" else pygame.base.__file__
        ask = ctypes.CDLL(place).SDL_GetDisplayName
    except (OSError, AttributeError):
        return ""
    ask.restype = ctypes.c_char_p
    return (ask(ctypes.c_int(number)) or b"").decode(errors="replace")
