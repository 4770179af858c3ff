"""The picture on a screen: an SDL window."""

import ctypes
import os
import signal
import time
from collections import deque
from contextlib import suppress
from typing import Any

from ...errors import ShowError
from ...log import info, warn_once
from ...parts import Output
from .displays import Display, awake, connected, meant, opened, rest
from .screen_controls import CARD, FILL, FREEZE, ScreenControls
from .test_card import painted_card

# A window as large as this part of its display still shows its frame.
ROOM = 0.9
# How often we look which displays are connected, and what the test card says is renewed, in
# seconds of the show.
LOOK_SECONDS, CARD_SECONDS = 0.5, 1.0


class Screen(Output):
    """Show the picture in a window: `screen`, `screen:1` on display 1, or `screen:HDMI` by name.

    f switches between window and full screen, Esc leaves the show, and so does closing the
    window; h prints what the other keys do. The picture keeps its aspect, black around it; the
    graphics card scales it.
    """

    name = "screen"
    window: Any = None  # pygame's, while it is open

    @classmethod
    def missing(cls) -> str:
        try:
            awake()
        except ShowError as error:
            return str(error)
        rest()
        return ""

    def __init__(self, target: str = ""):
        super().__init__(target)
        self.fullscreen = self._pointed = False

    def start(self, performance):
        pygame = awake()
        try:
            self._known = connected(pygame)
            self._home = self._display = meant(self.target, self._known, self)
        except ShowError:
            rest()
            raise
        self._looked, self._away = 0.0, False  # away from a display that was unplugged
        self._picture, self._card = None, None  # textures
        self._renewed = 0.0
        self._painted: deque[float] = deque(maxlen=120)  # when frames were shown
        self._title, self._size, self._fps = performance.title, performance.size, performance.fps
        self.booth = next(
            (
                screen.booth
                for screen in opened
                if screen.booth.parameters is performance.parameters
            ),
            None,
        ) or ScreenControls(performance.parameters)
        for control in self.booth.controls():
            performance.parameters.add(control)
        try:
            self._open(pygame)
        except pygame.error as error:
            self.close()
            raise ShowError(f"{self} cannot open a window: {error}") from None

    def show(self, image, now):
        self._hear()
        if self.window is None:
            return
        import pygame

        if abs(now.seconds - self._looked) >= LOOK_SECONDS:
            self._looked = now.seconds
            self._follow(pygame)
        if not (self.booth.on(FREEZE) and self._picture):
            self._picture = self._laid(pygame, self._picture, image)
        self._painted.append(now.seconds)
        if self.booth.on(CARD):
            self._paint_card(pygame, now.seconds)
        self._paint(pygame, self.booth.black(now.seconds))

    def close(self):
        if self in opened:
            opened.remove(self)
        if self.window is None or _lost:
            return
        import pygame

        self._picture = self._card = self._renderer = None
        self.window.destroy()
        self.window = None
        pygame.mouse.set_visible(True)
        _hide_the_pointer(pygame)
        rest()

    # -- the window ---------------------------------------------------------------------------

    def _open(self, pygame) -> None:
        from pygame._sdl2 import video

        self.window = pygame.Window(
            self._title,
            self._room(self._display),
            self._display.middle,
            resizable=True,
            allow_high_dpi=True,
        )
        opened.append(self)
        if pygame.display.get_driver() == "x11":
            _outlive_the_server()
        # Without waiting for the display's beat: the wait would hold the interpreter.
        self._renderer = video.Renderer(self.window)
        pygame.display.set_allow_screensaver(False)
        self._paint(pygame)
        self._hear()

    def _room(self, display: Display) -> tuple[int, int]:
        """Give the size of the window on a display: that of the picture, or as large as fits."""
        width, height = self._size
        scale = min(1.0, ROOM * display.width / width, ROOM * display.height / height)
        return max(1, round(width * scale)), max(1, round(height * scale))

    def _toggle(self, pygame) -> None:
        if self.window is None:
            return
        self.fullscreen = not self.fullscreen
        if self.fullscreen:
            self.window.set_fullscreen(desktop=True)
        else:
            self.window.set_windowed()
        _hide_the_pointer(pygame)

    def _follow(self, pygame) -> None:
        """Move to another display where ours was unplugged, and back when it has returned."""
        title = " - ".join(filter(None, (self._title, self.booth.state)))
        if self.window.title != title:
            self.window.title = title
        known = connected(pygame)
        if known == self._known:
            return
        self._known = known
        home = _same(self._home, known)
        if home:
            if self._away:
                info(f"{self}: display {home} is back")
            if self._away or home.number != self._home.number:
                self._move(home)
            self._home, self._away = home, False
            return
        self._away = True
        if not known:
            warn_once(
                f"{self}: display {self._home} is gone, and there is no other; the show goes on"
            )
            return
        warn_once(f"{self}: display {self._home} is gone; the picture goes on on {known[0]}")
        self._move(known[0])

    def _move(self, display: Display) -> None:
        self._display = display
        if self.fullscreen:  # which holds a window where it is
            self.window.set_windowed()
        self.window.size = self._room(display)
        self.window.position = display.middle
        if self.fullscreen:
            self.window.set_fullscreen(desktop=True)
        self.window.restore()
        self.window.show()

    # -- what is seen -------------------------------------------------------------------------

    def _laid(self, pygame, texture, image):
        """Give a texture that shows an image: the one there is, unless its size is another."""
        from pygame._sdl2 import video

        height, width = image.shape[:2]
        if texture is None or (texture.width, texture.height) != (width, height):
            texture = video.Texture(
                self._renderer,
                (width, height),
                streaming=True,
                scale_quality=video.SCALEQUALITY_LINEAR,
            )
        # SDL reads the image's own memory: nothing is copied before it goes to the card.
        pixels = memoryview(image if image.flags.c_contiguous else image.copy())
        texture.update(pygame.image.frombuffer(pixels, (width, height), "RGB"))
        return texture

    def _paint_card(self, pygame, seconds: float) -> None:
        """Draw the test card, and now and then what it says anew."""
        size = self._renderer.get_viewport().size
        fresh = 0 <= seconds - self._renewed < CARD_SECONDS
        if self._card and fresh and (self._card.width, self._card.height) == tuple(size):
            return
        shown = [at for at in self._painted if 0 <= seconds - at < CARD_SECONDS]
        words = [
            self._title,
            f"display {self._display.number} {self._display.name}".strip(),
            f"{size[0]}x{size[1]}, picture {self._size[0]}x{self._size[1]}",
            f"{len(shown) / CARD_SECONDS:.0f} of {self._fps:g} frames a second",
        ]
        self._renewed = seconds
        place = placed(self._size, size, self.booth.on(FILL))
        self._card = self._laid(pygame, self._card, painted_card(size, place, words))

    def _paint(self, pygame, black: float = 0.0) -> None:
        self._renderer.draw_color = (0, 0, 0, 255)
        self._renderer.clear()
        view = self._renderer.get_viewport()
        card = self.booth.on(CARD) and self._card
        if card:
            card.draw(dstrect=view)
        elif self._picture:
            shape = self._picture.width, self._picture.height
            place = placed(shape, view.size, self.booth.on(FILL))
            self._picture.draw(dstrect=pygame.Rect(place))
        if black > 0:
            self._renderer.draw_blend_mode = pygame.BLENDMODE_BLEND
            self._renderer.draw_color = (0, 0, 0, round(255 * min(1.0, black)))
            self._renderer.fill_rect(view)
        self._renderer.present()

    # -- what is pressed ----------------------------------------------------------------------

    def _hear(self) -> None:
        """Take what keys and windows have to say, and hand it to the screen it is for."""
        import pygame

        for event in pygame.event.get():
            for screen in list(opened):
                if event.type == pygame.QUIT or getattr(event, "window", None) == screen.window:
                    screen._take(pygame, event)

    def _take(self, pygame, event) -> None:
        if event.type in (pygame.QUIT, pygame.WINDOWCLOSE) or (
            event.type == pygame.KEYDOWN and event.key == pygame.K_ESCAPE
        ):
            self.closed = True
        elif event.type == pygame.KEYDOWN and event.key == pygame.K_f:
            self._toggle(pygame)
        elif event.type == pygame.KEYDOWN:
            asked = getattr(event, "unicode", "") == "?"
            self.booth.parameters.press_key("h" if asked else key_of(pygame, event))
        elif event.type in (pygame.WINDOWENTER, pygame.WINDOWLEAVE):
            self._pointed = event.type == pygame.WINDOWENTER
            _hide_the_pointer(pygame)
        elif event.type == pygame.WINDOWDISPLAYCHANGED:
            self._settle(pygame, event.display_index)

    def _settle(self, pygame, number: int) -> None:
        """Be told that the window is on another display, which a hand may have dragged it to."""
        known = connected(pygame)
        if not self._away and known == self._known and number < len(known):
            self._home = self._display = known[number]


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
    warn_once("the display has gone away; the show ends")
    os.kill(os.getpid(), signal.SIGTERM)
    while True:  # whoever was told ends the process from another thread
        with suppress(KeyboardInterrupt):
            time.sleep(1)


def _hide_the_pointer(pygame) -> None:
    """Hide the mouse's pointer on a full screen; it is seen within a window beside it."""
    if opened:
        hidden = any(screen.fullscreen for screen in opened)
        beside = any(screen._pointed and not screen.fullscreen for screen in opened)
        pygame.mouse.set_visible(beside or not hidden)


def _same(display: Display, known: list[Display]) -> Display | None:
    """Find a display again by its name, or by its number where it has none."""
    same = [
        one
        for one in known
        if (one.name == display.name if display.name else one.number == display.number)
    ]
    # Two of one kind may have one name.
    return next((one for one in same if one.number == display.number), same[0] if same else None)


def key_of(pygame, event) -> str:
    """Name a key that is pressed as the parameters does: "b", "shift+1".

    Digits are where they stand on a keyboard, since some languages need shift for them.
    """
    first = pygame.KSCAN_1
    digit = event.scancode - first + 1
    name = str(digit) if 1 <= digit <= 9 else pygame.key.name(event.key)
    return f"shift+{name}" if event.mod & pygame.KMOD_SHIFT else name


def placed(
    inner: tuple[int, int], outer: tuple[int, int], fill: bool = False
) -> tuple[int, int, int, int]:
    """Give x, y, width and height of `inner` scaled into the middle of `outer`, aspect kept.

    All of it is within, or where it is to `fill` all of `outer` is covered.
    """
    scale = (max if fill else min)(outer[0] / inner[0], outer[1] / inner[1])
    width, height = max(1, round(inner[0] * scale)), max(1, round(inner[1] * scale))
    return (outer[0] - width) // 2, (outer[1] - height) // 2, width, height
