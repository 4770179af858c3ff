"""The picture on a screen: an SDL window."""

import ctypes
import os
import signal
import sys
import time
from contextlib import suppress
from typing import NamedTuple

from ..errors import ShowError, tell
from ..hookspecs import Output

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
# A window as large as this part of its display still shows its frame.
ROOM = 0.9


class Display(NamedTuple):
    """One display: its number, and its size in pixels."""

    number: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.number} ({self.width}x{self.height})"


def displays() -> list[Display]:
    """List the displays of this machine; raise ShowError with the reason where there is none."""
    known = _displays(_awake())
    _rest()
    return known


class Screen(Output):
    """Show the picture in a window: `screen`, or `screen:1` on display 1.

    f switches between window and full screen, Esc leaves the show, and so does closing the
    window. The picture keeps its aspect, black around it; the graphics card scales it.
    """

    name = "screen"
    window = None  # pygame's, while it is open

    @classmethod
    def missing(cls) -> str:
        try:
            displays()
        except ShowError as error:
            return str(error)
        return ""

    def __init__(self, target: str = ""):
        super().__init__(target)
        if not (target.isdecimal() or not target):
            raise ShowError(f"{self} has no display {target!r}; write screen, or screen:1")
        self.number = int(target or 0)
        self.fullscreen = False

    def start(self, performance):
        pygame = _awake()
        known = _displays(pygame)
        if self.number >= len(known):
            _rest()
            raise ShowError(
                f"{self} has no display {self.number}; connected: {', '.join(map(str, known))}"
            )
        self._texture, self._shape = None, None
        self._desk = performance.desk
        try:
            self._open(pygame, performance, known[self.number], len(known) > 1)
        except pygame.error as error:
            self.close()
            raise ShowError(f"{self} cannot open a window: {error}") from None

    def show(self, image, now):
        self._hear()
        if self.window is None:
            return
        import pygame

        height, width = image.shape[:2]
        if self._shape != (width, height):
            self._texture, self._shape = self._canvas(width, height), (width, height)
        # SDL reads the image's own memory: nothing is copied before it goes to the card.
        pixels = memoryview(image if image.flags.c_contiguous else image.copy())
        self._texture.update(pygame.image.frombuffer(pixels, (width, height), "RGB"))
        self._paint(pygame)

    def close(self):
        if self in _open:
            _open.remove(self)
        if self.window is None or _lost:
            return
        import pygame

        if self.fullscreen:
            pygame.mouse.set_visible(True)
        self._texture = self._renderer = None
        self.window.destroy()
        self.window = None
        _rest()

    def _open(self, pygame, performance, display: Display, several: bool) -> None:
        from pygame._sdl2 import video

        width, height = performance.size
        scale = min(1.0, ROOM * display.width / width, ROOM * display.height / height)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        position = _middle(pygame, display.number, size) if several else video.WINDOWPOS_CENTERED
        self.window = pygame.Window(
            performance.title, size, position, resizable=True, allow_high_dpi=True
        )
        _open.append(self)
        if pygame.display.get_driver() == "x11":
            _outlive_the_server()
        # Without waiting for the display's beat: the wait would hold the interpreter.
        self._renderer = video.Renderer(self.window)
        pygame.display.set_allow_screensaver(False)
        self._paint(pygame)
        self._hear()

    def _canvas(self, width: int, height: int):
        from pygame._sdl2 import video

        return video.Texture(
            self._renderer,
            (width, height),
            streaming=True,
            scale_quality=video.SCALEQUALITY_LINEAR,
        )

    def _paint(self, pygame) -> None:
        self._renderer.draw_color = (0, 0, 0, 255)
        self._renderer.clear()
        if self._texture is not None:
            view = self._renderer.get_viewport()
            self._texture.draw(dstrect=pygame.Rect(letterbox(self._shape, view.size)))
        self._renderer.present()

    def _hear(self) -> None:
        """Take what keys and windows have to say, and hand it to the screen it is for."""
        import pygame

        for event in pygame.event.get():
            for screen in list(_open):
                if event.type == pygame.QUIT or getattr(event, "window", None) == screen.window:
                    screen._take(pygame, event)

    def _take(self, pygame, event) -> None:
        if event.type in (pygame.QUIT, pygame.WINDOWCLOSE) or (
            event.type == pygame.KEYDOWN and event.key == pygame.K_ESCAPE
        ):
            self.left = True
        elif event.type == pygame.KEYDOWN and event.key == pygame.K_f:
            self._toggle(pygame)
        elif event.type == pygame.KEYDOWN:
            self._desk.strike(key_of(pygame, event))

    def _toggle(self, pygame) -> None:
        if self.window is None:
            return
        self.fullscreen = not self.fullscreen
        if self.fullscreen:
            self.window.set_fullscreen(desktop=True)
        else:
            self.window.set_windowed()
        pygame.mouse.set_visible(not self.fullscreen)


# The screens that are open now: SDL has one stream of events for all of them.
_open: list[Screen] = []


# The displays whose X server has gone away.
_lost: list[int] = []


def _outlive_the_server() -> None:
    """Have the show end in order where the X server goes away.

    Xlib would leave the process at once, notes sounding and files half written; and it leaves as
    soon as its handler returns.
    """
    with suppress(OSError):
        ctypes.CDLL("libX11.so.6").XSetIOErrorHandler(_leave)


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
def _leave(display):
    _lost.append(display)
    tell("the display has gone away; the show ends")
    os.kill(os.getpid(), signal.SIGTERM)
    while True:  # whoever was told ends the process from another thread
        with suppress(KeyboardInterrupt):
            time.sleep(1)


def key_of(pygame, event) -> str:
    """Name a key that is pressed as the desk does: "b", "shift+1".

    Digits are where they stand on a keyboard, since some languages need shift for them.
    """
    first = pygame.KSCAN_1
    digit = event.scancode - first + 1
    name = str(digit) if 1 <= digit <= 9 else pygame.key.name(event.key)
    return f"shift+{name}" if event.mod & pygame.KMOD_SHIFT else name


def letterbox(inner: tuple[int, int], outer: tuple[int, int]) -> tuple[int, int, int, int]:
    """Give x, y, width and height of `inner` scaled into the middle of `outer`, aspect kept."""
    scale = min(outer[0] / inner[0], outer[1] / inner[1])
    width, height = max(1, round(inner[0] * scale)), max(1, round(inner[1] * scale))
    return (outer[0] - width) // 2, (outer[1] - height) // 2, width, height


def _awake():
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
        _rest()
        raise ShowError("no display: the one that DISPLAY or WAYLAND_DISPLAY names does not answer")
    return pygame


def _displays(pygame) -> list[Display]:
    sizes = pygame.display.get_desktop_sizes()
    return [Display(number, *size) for number, size in enumerate(sizes)]


def _rest() -> None:
    """Let go of the display, unless a screen is open."""
    import pygame

    if not _open:
        pygame.display.quit()


def _middle(pygame, number: int, size: tuple[int, int]) -> tuple[int, int]:
    """Give the position of a window of `size` in the middle of a display.

    SDL knows where the displays lie; pygame only says where a window has been put on one.
    """
    side = 64
    pygame.display.set_mode((side, side), pygame.HIDDEN | pygame.NOFRAME, display=number)
    x, y = pygame.display.get_window_position()
    return x + (side - size[0]) // 2, y + (side - size[1]) // 2
