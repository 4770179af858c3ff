"""Shows the picture in an SDL window."""

import ctypes
import os
import signal
import time
from collections import deque
from contextlib import suppress
from typing import Any

from ...clock import Moment
from ...errors import ShowError
from ...log import info, warn_once
from ...media import Array
from ...parts import Output
from ...performance import MAX_SIDE, SIZE, Performance
from . import displays
from .displays import Display, open_screens
from .keys import KeyEvents
from .mouse import MouseEvents
from .screen_controls import CARD, FILL, FREEZE, ScreenControls
from .test_card import draw_test_card

# A window is at most this part of its display, so that its frame can be seen.
MAX_WINDOW = 0.9
# How often the displays are checked, and the text of the test card is renewed, in seconds of the
# show.
CHECK_SECONDS, CARD_SECONDS = 0.5, 1.0


class Screen(Output):
    """Show the picture in a window: `screen`, `screen:1` on display 1, or `screen:HDMI` by name.

    f switches between window and full screen, Esc or closing the window ends the show, and h
    prints what the other keys do. The picture keeps its aspect, with black around it; the graphics
    card scales it.
    """

    name = "screen"
    window: Any = None  # pygame's, as its renderer, while they are open
    renderer: Any = None
    _picture: Any = None  # textures
    _card: Any = None

    @classmethod
    def missing(cls) -> str:
        try:
            displays.init_video()
        except ShowError as error:
            return str(error)
        displays.quit_video()
        return ""

    def __init__(self, target: str = ""):
        super().__init__(target)
        self.fullscreen = self.pointer_inside = False

    def start(self, performance: Performance) -> None:
        displays.init_video()
        import pygame  # after the hints that `init_video` sets

        try:
            self._known = displays.connected_displays()
            self._home = self._display = displays.match_display(self.target, self._known, self)
        except ShowError:
            displays.quit_video()
            raise
        self._checked, self._away = 0.0, False  # away from a display that was unplugged
        self._picture, self._card, self._card_drawn = None, None, 0.0
        self._shown: deque[float] = deque(maxlen=120)  # when frames were shown
        self._title, self._size, self._fps = performance.title, performance.size, performance.fps
        self._performance, self._followed = performance, (0, 0)
        self._parameters = parameters = performance.parameters
        self._keys, self.mouse = KeyEvents(parameters), MouseEvents(parameters)
        shared = (one.controls for one in open_screens if one.controls.belong_to(parameters))
        self.controls: ScreenControls = next(shared, None) or ScreenControls(parameters)
        for parameter in self.controls.parameters():
            parameters.add(parameter)
        try:
            self._open_window()
        except pygame.error as error:
            self.close()
            raise ShowError(f"{self} cannot open a window: {error}") from None

    def show(self, image: Array, now: Moment) -> None:
        handle_events()
        if self.window is None:
            return
        if abs(now.seconds - self._checked) >= CHECK_SECONDS:
            self._checked = now.seconds
            self._check_displays()
        if not (self.controls.on(FREEZE) and self._picture):
            self._picture = self._upload(self._picture, image)
        self._shown.append(now.seconds)
        if self.controls.on(CARD):
            self._update_card(now.seconds)
        self._draw(self.controls.black(now.seconds))
        self._follow()

    def close(self) -> None:
        if self in open_screens:
            open_screens.remove(self)
        if self.window is None or _lost_servers:
            return
        import pygame

        self._picture = self._card = self.renderer = None
        self.window.destroy()
        self.window = None
        pygame.mouse.set_visible(True)
        _show_or_hide_pointer()
        displays.quit_video()

    def handle(self, event: Any) -> None:
        """Act on an event of pygame that belongs to this window."""
        import pygame

        self._keys.handle(event)
        if self.mouse.handle(event, self._picture_place()):
            return
        key = event.key if event.type == pygame.KEYDOWN else None
        if event.type in (pygame.QUIT, pygame.WINDOWCLOSE) or key == pygame.K_ESCAPE:
            self.closed = True
        elif key == pygame.K_f:
            self.toggle_fullscreen()
        elif event.type == pygame.KEYDOWN:
            is_question = getattr(event, "unicode", "") == "?"
            self._parameters.press_key("h" if is_question else key_name(event))
        elif event.type in (pygame.WINDOWENTER, pygame.WINDOWLEAVE):
            self.pointer_inside = event.type == pygame.WINDOWENTER
            _show_or_hide_pointer()
        elif event.type == pygame.WINDOWDISPLAYCHANGED:
            self._settle(event.display_index)

    def _picture_place(self) -> tuple[int, int, int, int]:
        """Return x, y, width and height of the picture in the window, as its events count."""
        if any(self._followed):  # also while the picture still has the size from before
            return (0, 0, *self.window.size)
        shape = (self._picture.width, self._picture.height) if self._picture else self._size
        return scaled_rectangle(shape, self.window.size, self.controls.on(FILL))

    def _follow(self) -> None:
        """Ask for a picture of the size of this window, where the sketch follows its first one."""
        size = tuple(self.renderer.get_viewport().size)  # in true pixels, its events in points
        first = next(one for one in open_screens if one.controls is self.controls)
        if self._performance.follows_window and first is self and size != self._followed:
            self._followed = size
            words = "x".join(str(min(max(side, 16), MAX_SIDE)) for side in size)
            self._parameters.set(SIZE, words)

    def toggle_fullscreen(self) -> None:
        """Switch between full screen and a window."""
        if self.window is None:
            return
        self.fullscreen = not self.fullscreen
        if self.fullscreen:
            self.window.set_fullscreen(desktop=True)
        else:
            self.window.set_windowed()
        _show_or_hide_pointer()

    def _open_window(self) -> None:
        import pygame
        from pygame._sdl2 import video

        size, position = self._window_size(self._display), self._display.center
        self.window = pygame.Window(
            self._title, size, position, resizable=True, allow_high_dpi=True
        )
        open_screens.append(self)
        if pygame.display.get_driver() == "x11":
            # Where its server goes away Xlib would exit at once, notes sounding and files half
            # written; and it exits as soon as its handler returns.
            with suppress(OSError):
                ctypes.CDLL("libX11.so.6").XSetIOErrorHandler(_io_error_handler)
        # Without waiting for the display's refresh: the wait would hold the interpreter.
        self.renderer = video.Renderer(self.window)
        pygame.display.set_allow_screensaver(False)
        self._draw()
        handle_events()
        self._follow()

    def _window_size(self, display: Display) -> tuple[int, int]:
        """Return the size of the window on a display: that of the picture, or what fits."""
        width, height = self._size
        scale = min(1.0, MAX_WINDOW * display.width / width, MAX_WINDOW * display.height / height)
        return max(1, round(width * scale)), max(1, round(height * scale))

    def _check_displays(self) -> None:
        """Move to another display where ours was unplugged, and back when it has returned."""
        title = " - ".join(filter(None, (self._title, self.controls.state)))
        if self.window.title != title:
            self.window.title = title
        known = displays.connected_displays()
        if known == self._known:
            return
        self._known = known
        home = _find_again(self._home, known)
        if home:
            if self._away:
                info(f"{self}: display {home} is back")
            if self._away or home.number != self._home.number:
                self._move(home)
            self._home, self._away = home, False
            return
        self._away = True
        gone = f"{self}: display {self._home} is gone"
        if not known:
            warn_once(f"{gone}, and there is no other; the show goes on")
            return
        warn_once(f"{gone}; the picture moves to {known[0]}")
        self._move(known[0])

    def _move(self, display: Display) -> None:
        self._display = display
        if self.fullscreen:  # which holds a window where it is
            self.window.set_windowed()
        self.window.size = self._window_size(display)
        self.window.position = display.center
        if self.fullscreen:
            self.window.set_fullscreen(desktop=True)
        self.window.restore()
        self.window.show()

    def _settle(self, number: int) -> None:
        """Stay on the display to which the window was dragged."""
        known = displays.connected_displays()
        if not self._away and known == self._known and number < len(known):
            self._home = self._display = known[number]

    def _upload(self, texture: Any, image: Array) -> Any:
        """Return a texture with an image: `texture`, unless its size is another."""
        import pygame
        from pygame._sdl2 import video

        height, width = image.shape[:2]
        if texture is None or (texture.width, texture.height) != (width, height):
            quality = video.SCALEQUALITY_LINEAR
            texture = video.Texture(
                self.renderer, (width, height), streaming=True, scale_quality=quality
            )
        # SDL reads the image's own memory: nothing is copied before it goes to the card.
        pixels = (image if image.flags.c_contiguous else image.copy()).data
        texture.update(pygame.image.frombuffer(pixels, (width, height), "RGB"))
        return texture

    def _update_card(self, seconds: float) -> None:
        """Draw the test card where its size has changed or its text is old."""
        size = self.renderer.get_viewport().size
        fresh = 0 <= seconds - self._card_drawn < CARD_SECONDS
        if self._card and fresh and (self._card.width, self._card.height) == tuple(size):
            return
        shown = [at for at in self._shown if 0 <= seconds - at < CARD_SECONDS]
        lines = [
            self._title,
            f"display {self._display.number} {self._display.name}".strip(),
            f"{size[0]}x{size[1]}, picture {'x'.join(map(str, self._performance.size))}",
            f"{len(shown) / CARD_SECONDS:.0f} of {self._fps:g} frames a second",
        ]
        self._card_drawn = seconds
        picture = scaled_rectangle(self._performance.size, size, self.controls.on(FILL))
        self._card = self._upload(self._card, draw_test_card(size, picture, lines))

    def _draw(self, black: float = 0.0) -> None:
        import pygame

        self.renderer.draw_color = (0, 0, 0, 255)
        self.renderer.clear()
        view = self.renderer.get_viewport()
        if self.controls.on(CARD) and self._card:
            self._card.draw(dstrect=view)
        elif self._picture:
            shape = self._picture.width, self._picture.height
            rectangle = scaled_rectangle(shape, view.size, self.controls.on(FILL))
            self._picture.draw(dstrect=pygame.Rect(rectangle))
        if black > 0:
            self.renderer.draw_blend_mode = pygame.BLENDMODE_BLEND
            self.renderer.draw_color = (0, 0, 0, round(255 * min(1.0, black)))
            self.renderer.fill_rect(view)
        self.renderer.present()


def handle_events() -> None:
    """Pass the events of keys and windows on to the screens they belong to."""
    import pygame

    for event in pygame.event.get():
        for screen in list(open_screens):
            if event.type == pygame.QUIT or getattr(event, "window", None) == screen.window:
                screen.handle(event)
    for screen in open_screens:
        screen.mouse.flush()


# The displays whose X server has gone away.
_lost_servers: list[int | None] = []


def _end_show(display: int | None) -> int:
    """End the show in order where the X server has gone away."""
    _lost_servers.append(display)
    warn_once("the display has gone away; the show ends")
    os.kill(os.getpid(), signal.SIGTERM)
    while True:  # another thread ends the process
        with suppress(KeyboardInterrupt):
            time.sleep(1)


# Kept, since Xlib has only its address.
_io_error_handler = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(_end_show)


def _show_or_hide_pointer() -> None:
    """Hide the mouse's pointer on a full screen; it is shown in a window beside it."""
    import pygame

    if open_screens:
        hidden = any(screen.fullscreen for screen in open_screens)
        beside = any(one.pointer_inside and not one.fullscreen for one in open_screens)
        pygame.mouse.set_visible(beside or not hidden)


def _find_again(display: Display, known: list[Display]) -> Display | None:
    """Return the same display in a new list, by its name, or by its number without one."""
    numbered = [one for one in known if one.number == display.number]
    same = [one for one in known if one.name == display.name] if display.name else numbered
    # Two of one make may have one name.
    return next((one for one in same if one in numbered), same[0] if same else None)


def key_name(event: Any) -> str:
    """Return the name of a pressed key as parameters have it: "b", "shift+1".

    Digits are found by their place on the keyboard, since some layouts need shift for them.
    """
    import pygame

    digit = event.scancode - pygame.KSCAN_1 + 1
    name = str(digit) if 1 <= digit <= 9 else pygame.key.name(event.key)
    return f"shift+{name}" if event.mod & pygame.KMOD_SHIFT else name


def scaled_rectangle(
    inner: tuple[int, int], outer: tuple[int, int], fill: bool = False
) -> tuple[int, int, int, int]:
    """Return x, y, width and height of `inner` scaled into the middle of `outer`, aspect kept.

    It lies within `outer`, or covers all of it where `fill` is true.
    """
    scale = (max if fill else min)(outer[0] / inner[0], outer[1] / inner[1])
    width, height = max(1, round(inner[0] * scale)), max(1, round(inner[1] * scale))
    return (outer[0] - width) // 2, (outer[1] - height) // 2, width, height
