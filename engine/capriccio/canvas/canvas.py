"""A canvas to draw on: shapes, lines, curves, text and pictures, named as in p5."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from ..media import Array, Stroke
from . import geometry, vectors
from .canvas_state import CanvasState, choice
from .drawing_surface import DrawingSurface
from .geometry import as_points, finite
from .pixels import skia_image
from .skia_library import load_skia
from .strokes import draw_strokes
from .type_setting import Paragraph, check_font


class Canvas(CanvasState):
    """A picture that is drawn step by step; a draw cue may return it.

    Positions are 0..1 of width and height, from the top left corner; lengths such as a diameter,
    the weight of a line or the size of type are parts of the shorter side. With `units="pixels"`
    all of them are pixels, as in p5. Angles are radians; colours are names, "#ff8800", grey, or
    red, green and blue in 0..1, with alpha behind them.

    A canvas is transparent at first and keeps what was drawn on it until `background` or `clear`.
    Transformations and clips end with the frame; colours and other settings stay.

    Args:
        width: in pixels; without it and `height` it has the size of the sketch that is performed.
        height: in pixels.
        units: "relative" or "pixels".
    """

    # -- shapes -------------------------------------------------------------------------------

    def point(self, x: float, y: float) -> None:
        """Draw a dot as large as lines are wide."""
        self.line(x, y, x, y)

    def line(self, x1: float, y1: float, x2: float, y2: float) -> None:
        """Draw a line."""
        canvas, style = self._open().canvas, self._style
        if not math.isfinite(x1 + y1 + x2 + y2):
            finite("line", x1, y1, x2, y2)
        if style.stroked:
            across, down = self._x, self._y
            canvas.drawLine(x1 * across, y1 * down, x2 * across, y2 * down, style.stroke)

    def circle(self, x: float, y: float, diameter: float) -> None:
        """Draw a circle about (x, y)."""
        canvas, style = self._open().canvas, self._style
        if not math.isfinite(x + y + diameter):
            finite("circle", x, y, diameter)
        x, y, radius = x * self._x, y * self._y, diameter * self._length / 2
        if style.filled:
            canvas.drawCircle(x, y, radius, style.fill)
        if style.stroked:
            canvas.drawCircle(x, y, radius, style.stroke)

    def ellipse(self, x: float, y: float, width: float, height: float | None = None) -> None:
        """Draw an ellipse about (x, y)."""
        surface = self._open()
        width, height = self._extent(width, height)
        x, y = x * self._x - width / 2, y * self._y - height / 2
        self._paint(surface, "drawOval", self._rect("ellipse", x, y, width, height))

    def rect(
        self, x: float, y: float, width: float, height: float | None = None, corner: float = 0.0
    ) -> None:
        """Draw a rectangle from its top left corner, with corners of a radius if you like."""
        surface = self._open()
        width, height = self._extent(width, height)
        rect = self._rect("rect", x * self._x, y * self._y, width, height)
        if corner:
            radius = corner * self._length
            self._paint(surface, "drawRoundRect", rect, radius, radius)
        else:
            self._paint(surface, "drawRect", rect)

    def square(self, x: float, y: float, side: float) -> None:
        """Draw a square from its top left corner."""
        surface, side = self._open(), side * self._length
        self._paint(surface, "drawRect", self._rect("square", x * self._x, y * self._y, side, side))

    def arc(
        self, x: float, y: float, width: float, height: float, start: float, stop: float
    ) -> None:
        """Draw a slice of an ellipse about (x, y), from the angle `start` to `stop`."""
        surface = self._open()
        width, height = self._extent(width, height)
        rect = self._rect("arc", x * self._x - width / 2, y * self._y - height / 2, width, height)
        if not math.isfinite(start + stop):
            finite("arc", start, stop)
        angles = math.degrees(start), math.degrees(stop - start)
        style = self._style
        if style.filled:
            surface.canvas.drawArc(rect, *angles, True, style.fill)
        if style.stroked:
            surface.canvas.drawArc(rect, *angles, False, style.stroke)

    def triangle(self, x1: float, y1: float, x2: float, y2: float, x3: float, y3: float) -> None:
        """Draw a triangle."""
        self.polygon([(x1, y1), (x2, y2), (x3, y3)])

    def quad(self, *corners: float) -> None:
        """Draw a shape of four corners: x1, y1 to x4, y4."""
        self.polygon(np.reshape(_eight(corners, "quad"), (4, 2)))

    def polygon(self, points: Any, closed: bool = True) -> None:
        """Draw a shape from its points `(n, 2)`, or a line where it is not `closed`."""
        surface = self._open()
        self._paint(surface, "drawPath", self._path(points, closed, "polygon"))

    def curve(self, points: Any, closed: bool = False) -> None:
        """Draw a smooth curve through points `(n, 2)`, or a `closed` one: p5's `spline`."""
        surface = self._open()
        path = geometry.curve_path(self._scaled(points, "curve"), closed)
        self._paint(surface, "drawPath", path)

    def bezier(self, *coordinates: float) -> None:
        """Draw a Bézier curve; its coordinates are x1, y1, two control points, and x4, y4."""
        x1, y1, *rest = _eight(coordinates, "bezier")
        self.path(f"M{x1} {y1}C" + " ".join(map(str, rest)))

    def path(self, data: str) -> None:
        """Draw the path that path data of SVG describe: "M 0 0 L 1 1 Z"."""
        surface = self._open()
        self._paint(surface, "drawPath", self._path(data, True, "path"))

    def drawing(self, strokes: list[Stroke]) -> None:
        """Draw a drawing: `strokes` is a list of `Stroke` in 0..1 of the canvas."""
        surface = self._open()
        draw_strokes(surface.canvas, strokes, surface.size)

    # -- pictures and text --------------------------------------------------------------------

    def image(
        self,
        picture: Any,
        x: float | None = None,
        y: float | None = None,
        width: float | None = None,
        height: float | None = None,
        *,
        opacity: float = 1.0,
    ) -> None:
        """Draw a picture: an image with alpha or without, a canvas, or a PIL image.

        Without a place it covers the canvas, its aspect kept. At (x, y), its top left corner, it
        has its own size in pixels, or a width or a height; with both it is stretched. An `opacity`
        of 0 hides it, 1 is as it is.
        """
        surface, skia = self._open(), load_skia()
        if math.isnan(opacity):
            finite("image", opacity)
        found = skia_image(picture)
        wide, high = found.width(), found.height()
        if x is None and y is None and width is None and height is None:
            rect = _covering(surface.size, (wide, high))
            covers = opacity >= 1 and found.isOpaque() and not surface.clipped and not self._styles
            plain = self._style.fill.getBlendMode() in (
                skia.BlendMode.kSrcOver,
                skia.BlendMode.kSrc,
            )
            if covers and plain and surface.canvas.getTotalMatrix().isIdentity():
                surface.forget()
        else:
            left, top = (x or 0.0) * self._x, (y or 0.0) * self._y
            if width is not None and height is not None:
                wide, high = width * self._x, height * self._y
            elif width is not None:
                wide, high = width * self._x, high * width * self._x / wide
            elif height is not None:
                wide, high = wide * height * self._y / high, height * self._y
            rect = self._rect("image", left, top, wide, high)
        paint = skia.Paint(AntiAlias=True)
        paint.setBlendMode(self._style.fill.getBlendMode())
        paint.setAlphaf(min(max(float(opacity), 0.0), 1.0))
        exact = (rect.width(), rect.height()) == (found.width(), found.height())
        mode = skia.FilterMode.kNearest if exact else skia.FilterMode.kLinear
        shrinks = rect.width() < found.width() / 2
        mipmap = skia.MipmapMode.kLinear if shrinks else skia.MipmapMode.kNone
        surface.canvas.drawImageRect(found, rect, skia.SamplingOptions(mode, mipmap), paint)
        surface.count(4 * found.width() * found.height())

    def text_font(self, name: str = "", *, bold: bool = False) -> None:
        """Set text in a font, `bold` or not, by its family or file; "" is Inter, which is shipped.

        Raises:
            LookupError: there is no such font on this machine.
        """
        check_font(name, bold)
        style = self.settings
        style.font, style.bold = name, bold

    def text_size(self, size: float) -> None:
        """Set the size of type, 1/16 of the shorter side at first; ValueError: not positive."""
        if not (math.isfinite(size) and size > 0):
            raise ValueError(f"text_size must be more than 0, got {size!r}")
        self.settings.text_size = size

    def text_align(self, across: str, down: str = "baseline") -> None:
        """Align text across ("left", "center", "right") and down.

        It is placed by its "top", "center", "baseline" or "bottom".
        """
        style = self.settings
        style.across = choice(across, {one: one for one in ("left", "center", "right")}, "across")
        downs = ("top", "center", "baseline", "bottom")
        style.down = choice(down, {one: one for one in downs}, "down")

    def text_leading(self, leading: float) -> None:
        """Set the leading, from line to line, as a multiple of the size of type; 1.25 at first."""
        self.settings.leading = leading

    def text(self, words: str, x: float, y: float, width: float | None = None) -> None:
        """Set text at (x, y), broken into lines where a width is given.

        Scripts from right to left, and those whose letters join, are shaped as they should be.
        Letters that the font lacks come from the fonts of this machine.
        """
        surface = self._open()
        if not math.isfinite(x + y):
            finite("text", x, y)
        limit = None if width is None else width * self._x
        self._paragraph(words, limit).draw(surface.canvas, x * self._x, y * self._y)

    def text_width(self, words: str) -> float:
        """Return how wide a line of text is."""
        self._open()
        return self._paragraph(words, None).width / self._x

    def _paragraph(self, words: str, width: float | None) -> Paragraph:
        style = self._style
        size = min(self.size) / 16 if style.text_size is None else style.text_size * self._length
        return Paragraph(str(words), style, size, width)

    # -- files --------------------------------------------------------------------------------

    def svg(self) -> str:
        """Return everything drawn since the last full `background` as the text of an SVG file.

        Text becomes outlines. SVG has no blend modes, and pictures stay pixels.
        """
        return vectors.as_svg_text(self._open())

    def save(self, path: Path | str) -> None:
        """Save it as a file: .svg, .pdf or .png, which keeps its alpha.

        Raises:
            ValueError: the ending is another.
        """
        vectors.save(self._open(), Path(path))

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        return {"image/png": vectors.as_png_bytes(self._open())}

    def clip(self, shape: Any) -> None:
        """Draw only within a shape: points, path data of SVG, or (x, y, width, height)."""
        surface = self._open()
        if isinstance(shape, tuple) and len(shape) == 4 and not hasattr(shape[0], "__len__"):
            x, y, width, height = shape
            shape = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
        surface.clip(self._path(shape, True, "clip"))

    # -- in pixels ----------------------------------------------------------------------------

    def _extent(self, width: float, height: float | None) -> tuple[float, float]:
        if height is None:
            return width * self._length, width * self._length
        return width * self._x, height * self._y

    def _rect(self, who: str, x: float, y: float, width: float, height: float) -> Any:
        if not math.isfinite(x + y + width + height):
            finite(who, x, y, width, height)
        return load_skia().Rect.MakeXYWH(x, y, width, height)

    def _scaled(self, points: Any, who: str) -> Array:
        return as_points(points, who) * (self._x, self._y)

    def _path(self, shape: Any, closed: bool, who: str) -> Any:
        if not isinstance(shape, str):
            return geometry.polygon_path(self._scaled(shape, who), closed)
        path = geometry.svg_path(shape)
        if self._relative:
            path = _transformed(path, load_skia().Matrix.Scale(self._x, self._y))
        return path

    def _paint(self, surface: DrawingSurface, method: str, *shape: Any) -> None:
        style, draw = self._style, getattr(surface.canvas, method)
        if style.filled:
            draw(*shape, style.fill)
        if style.stroked:
            draw(*shape, style.stroke)


def _eight(numbers: tuple[float, ...], who: str) -> tuple[float, ...]:
    if len(numbers) != 8:
        raise TypeError(f"{who} takes x and y of four points, got {len(numbers)} numbers")
    if not math.isfinite(sum(numbers)):
        finite(who, *numbers)
    return numbers


def _transformed(path: Any, matrix: Any) -> Any:
    found = load_skia().Path()
    path.transform(matrix, found)
    return found


def _covering(outer: tuple[int, int], inner: tuple[int, int]) -> Any:
    """Return the rectangle in which a picture covers a canvas, its aspect kept."""
    scale = max(outer[0] / inner[0], outer[1] / inner[1])
    width, height = inner[0] * scale, inner[1] * scale
    return load_skia().Rect.MakeXYWH((outer[0] - width) / 2, (outer[1] - height) / 2, width, height)
