"""What a canvas is made of: its pixels, its settings, its transformations."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..media import Array
from ..performance import Performance, current_frame, current_performance
from .colors import OPAQUE, argb
from .drawing_surface import DrawingSurface
from .geometry import finite
from .skia_library import load_skia
from .style import CAPS, JOINS, Style, skia_blend_mode

DEFAULT_SIZE = (512, 512)
UNITS = ("relative", "pixels")


class CanvasState:
    """What a canvas is made of: pixels, settings and transformations; see `Canvas`."""

    def __init__(
        self, width: int | None = None, height: int | None = None, *, units: str = "relative"
    ):
        if units not in UNITS:
            raise ValueError(f"units of a canvas are 'relative' or 'pixels', got {units!r}")
        self._fixed: tuple[int, int] | None = None
        if width is not None or height is not None:
            self._fixed = _checked_size(width, height)
        self._relative = units == "relative"
        self._surface: DrawingSurface | None = None
        self._frame: Any = None
        self._performance: Performance | None = None
        self._styles: list[Style] = []
        self._style = Style()
        self._first_style: Style | None = None  # as the first show found it
        self._x = self._y = self._length = 1.0  # pixels of one unit

    # -- what it is made of -------------------------------------------------------------------

    @property
    def size(self) -> tuple[int, int]:
        """Its (width, height) in pixels."""
        return self._open().size

    @property
    def width(self) -> int:
        """Its width in pixels."""
        return self.size[0]

    @property
    def height(self) -> int:
        """Its height in pixels."""
        return self.size[1]

    @property
    def pixels(self) -> Array:
        """What it shows: an image `(height, width, 3)` uint8; transparent parts lie on black."""
        return self._open().image()

    @property
    def rgba(self) -> Array:
        """What it shows, with alpha: `(height, width, 4)` uint8."""
        return self._open().rgba()

    @property
    def skia(self) -> Any:
        """The `skia.Canvas` that draws, for everything else; its coordinates are pixels."""
        return self._open().canvas

    def snapshot(self) -> Any:
        """Return what it shows as a `skia.Image`, which stays as it is."""
        return self._open().snapshot()

    def premultiplied(self) -> Array:
        """Return its own pixels: red, green, blue times alpha, and alpha, `(height, width, 4)`."""
        return self._open().premultiplied()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self.pixels if dtype is None else self.pixels.astype(dtype)

    def _open(self) -> DrawingSurface:
        """Return its surface, as a frame begins with it."""
        surface = self._surface
        if surface is not None and current_frame.get() is self._frame:
            return surface
        performance = current_performance.get()
        begins = performance is not None and performance is not self._performance
        self._frame = current_frame.get()
        size = self._fixed or (performance.size if performance else DEFAULT_SIZE)
        resized = surface is not None and performance is not None and size != surface.size
        if surface is not None and begins and self._fixed:
            surface.begin_show()
        elif surface is None or begins or resized:
            surface = self._surface = DrawingSurface(size)
            if self._relative:
                self._x, self._y = map(float, size)
                self._length = float(min(size))
        surface.reset()
        if self._styles:
            self._style, self._styles = self._styles[0], []
        if begins:
            self._performance = performance
            # The same show again begins with the same style.
            self._first_style = self._first_style or self._style.copy()
            self._style = self._first_style.copy()
        return surface

    # -- colours and lines --------------------------------------------------------------------

    @property
    def settings(self) -> Style:
        """Its colours, line, blend mode and type."""
        if self._surface is None or current_frame.get() is not self._frame:
            self._open()
        return self._style

    def background(self, *color: Any) -> None:
        """Cover everything with a colour; one with alpha lets what was there shine through."""
        surface, level = self._open(), argb(color, self._style.hsb)
        if level >= OPAQUE and not surface.clipped:
            surface.forget()
        skia = load_skia()
        surface.canvas.drawColor(level, skia.BlendMode.kSrcOver)

    def clear(self) -> None:
        """Make everything transparent."""
        surface = self._open()
        if not surface.clipped:
            surface.forget()
        surface.canvas.clear(0)

    def color_mode(self, mode: str) -> None:
        """Read three numbers as "rgb", or as "hsb": hue, saturation and brightness, 0..1."""
        if mode.lower() not in ("rgb", "hsb"):
            raise ValueError(f"colour modes are 'rgb' and 'hsb', got {mode!r}")
        self.settings.hsb = mode.lower() == "hsb"

    def fill(self, *color: Any) -> None:
        """Fill shapes, and set text, in a colour."""
        style = self.settings
        style.fill.setColor(argb(color, style.hsb))
        style.filled = True

    def no_fill(self) -> None:
        """Leave shapes empty."""
        self.settings.filled = False

    def stroke(self, *color: Any) -> None:
        """Draw lines in a colour."""
        style = self.settings
        style.stroke.setColor(argb(color, style.hsb))
        style.stroked = True

    def no_stroke(self) -> None:
        """Draw no lines."""
        self.settings.stroked = False

    def stroke_weight(self, weight: float) -> None:
        """Set the width of lines; it is one pixel at first."""
        style = self.settings
        if not math.isfinite(weight):
            finite("stroke_weight", weight)
        style.weight = weight
        style.stroke.setStrokeWidth(max(0.0, weight) * self._length)

    def stroke_cap(self, cap: str) -> None:
        """End lines "round", "square" or "butt"."""
        paint = load_skia().Paint
        self.settings.stroke.setStrokeCap(getattr(paint, choice(cap, CAPS, "line ends")))

    def stroke_join(self, join: str) -> None:
        """Join lines "round", "miter" or "bevel"."""
        paint = load_skia().Paint
        self.settings.stroke.setStrokeJoin(getattr(paint, choice(join, JOINS, "joins of lines")))

    def blend(self, mode: str) -> None:
        """Lay what is drawn over what is there by a mode: "multiply", say; "normal" at first."""
        found, style = skia_blend_mode(mode), self.settings
        style.fill.setBlendMode(found)
        style.stroke.setBlendMode(found)

    # -- transformations ----------------------------------------------------------------------

    @contextmanager
    def pushed(self) -> Iterator[None]:
        """Keep settings and transformations; they return at the end of the `with` block."""
        self.push()
        try:
            yield
        finally:
            self.pop()

    def push(self) -> None:
        """Keep settings and transformations for `pop`."""
        self._open().push()
        self._styles.append(self._style)
        self._style = self._style.copy()

    def pop(self) -> None:
        """Return to settings and transformations of the last `push`."""
        surface = self._open()
        if not self._styles:
            raise ValueError("pop without a push before it in this frame")
        surface.pop()
        self._style = self._styles.pop()

    def translate(self, x: float, y: float) -> None:
        """Move the origin."""
        canvas = self._open().canvas
        if not math.isfinite(x + y):
            finite("translate", x, y)
        canvas.translate(x * self._x, y * self._y)

    def rotate(self, angle: float) -> None:
        """Turn what follows clockwise about the origin, by radians."""
        if not math.isfinite(angle):
            finite("rotate", angle)
        self._open().canvas.rotate(math.degrees(angle))

    def scale(self, x: float, y: float | None = None) -> None:
        """Draw what follows larger, or smaller."""
        y = x if y is None else y
        if not math.isfinite(x + y):
            finite("scale", x, y)
        self._open().canvas.scale(x, y)


def choice(value: str, choices: dict[str, str], what: str) -> str:
    if value not in choices:
        raise ValueError(f"{what} are {', '.join(map(repr, choices))}, got {value!r}")
    return choices[value]


def _checked_size(width: Any, height: Any) -> tuple[int, int]:
    sides = (width, height)
    if not all(isinstance(side, int | np.integer) and 1 <= side <= 16384 for side in sides):
        raise ValueError(f"a canvas has 1 to 16384 pixels a side, got {width!r} x {height!r}")
    return int(width), int(height)
