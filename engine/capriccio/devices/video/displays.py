"""The displays of this machine, through SDL: nothing else of SDL is initialised."""

import ctypes
import os
import sys
from typing import Any, NamedTuple

from ...errors import ShowError, suggest

# SDL reads these when it starts; a performer's own settings take precedence.
HINTS = {
    "PYGAME_HIDE_SUPPORT_PROMPT": "1",
    "SDL_NO_SIGNAL_HANDLERS": "1",  # Ctrl-C and SIGTERM are the stage's
    "SDL_MOUSE_FOCUS_CLICKTHROUGH": "1",  # the click that brings the focus is one in the picture
    "SDL_APP_NAME": "capriccio",
    "SDL_VIDEO_X11_WMCLASS": "capriccio",
    "SDL_VIDEO_MINIMIZE_ON_FOCUS_LOSS": "0",  # a click on the other monitor must not end it
    "SDL_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR": "0",  # the desktop's other windows stay as they are
}
# SDL drivers that draw nothing that can be seen.
INVISIBLE_DRIVERS = ("offscreen", "dummy", "evdev", "")
# SDL_WINDOWPOS_CENTERED: the number of a display is added to it.
_CENTERED = 0x2FFF0000

# The screens that are open; while there is one, SDL stays initialised.
open_screens: list[Any] = []


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
    def center(self) -> tuple[int, int]:
        """The position for SDL that centres a window on this display."""
        return _CENTERED + self.number, _CENTERED + self.number


def list_displays() -> list[Display]:
    """Return the displays of this machine; raise ShowError with the reason where none works."""
    init_video()
    known = connected_displays()
    quit_video()
    return known


def connected_displays() -> list[Display]:
    """Return the displays that are connected now; SDL must be initialised."""
    import pygame

    return [
        Display(number, width, height, _display_name(number))
        for number, (width, height) in enumerate(pygame.display.get_desktop_sizes())
    ]


def match_display(target: str, known: list[Display], screen: object) -> Display:
    """Return the one display of a number, or of a name or a part of it; "" is display 0.

    Raises ShowError, whose message `screen` begins, where no display matches or several do.
    """
    matches = [display for display in known if str(display.number) == (target or "0")]
    if not target.isdecimal():
        word = target.casefold()
        matches = matches or [one for one in known if one.name.casefold() == word]
        matches = matches or [one for one in known if word in one.name.casefold()]
    if len(matches) == 1:
        return matches[0]
    listed = f"connected: {', '.join(map(str, known))}"
    if matches:
        raise ShowError(f"{screen}: {len(matches)} displays match {target!r}; {listed}")
    near = suggest(target, (display.name for display in known if display.name))
    near = near if "did you mean" in near else ""
    raise ShowError(f"{screen}: there is no display {target or '0'!r}{near}; {listed}")


def init_video() -> None:
    """Initialise SDL's video part; raise ShowError where there is no display."""
    named = any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")))
    if not named and sys.platform not in ("darwin", "win32"):
        raise ShowError("no display: neither DISPLAY nor WAYLAND_DISPLAY is set")
    for hint, value in HINTS.items():
        os.environ.setdefault(hint, value)
    try:
        import pygame
    except ImportError as error:
        raise ShowError(f"no display: pygame-ce does not load: {error}") from None
    try:
        pygame.display.init()
    except pygame.error as error:
        raise ShowError(f"no display: {error}") from None
    driver = pygame.display.get_driver()
    if driver in INVISIBLE_DRIVERS and os.environ.get("SDL_VIDEODRIVER", "") != driver:
        quit_video()
        raise ShowError("no display: the one that DISPLAY or WAYLAND_DISPLAY names does not answer")


def quit_video() -> None:
    """Release the display, unless a screen is open."""
    import pygame

    if not open_screens:
        pygame.display.quit()


def _display_name(number: int) -> str:
    """Return SDL's name of a display, for which pygame has no function; "" where it has none."""
    import pygame

    try:
        # Of the library that is loaded already; on Windows it is a file of its own.
        library = "SDL2.dll" if sys.platform == "win32" else pygame.base.__file__
        function = ctypes.CDLL(library).SDL_GetDisplayName
    except (OSError, AttributeError):
        return ""
    function.restype = ctypes.c_char_p
    name: bytes | None = function(ctypes.c_int(number))
    return (name or b"").decode(errors="replace")
