"""Draw strokes, and make an image of a drawing."""

from typing import Any

import numpy as np

from ..media import Array, Stroke, as_drawing, rasterise_with_pillow
from .colors import argb
from .pixels import image_info, rgb_of
from .skia_library import load_skia, skia_is_available


def rasterise(
    drawing: list[Stroke],
    size: tuple[int, int],
    background: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> Array:
    """Return a drawing as an anti-aliased image of `size` (width, height), stroke over stroke.

    The `background` is red, green and blue in 0..1.
    Where skia-python does not load, Pillow draws it, a hundred times as slowly.
    """
    if not skia_is_available():
        return rasterise_with_pillow(drawing, size, background)
    pixels = np.empty((size[1], size[0], 4), np.uint8)
    skia, info = load_skia(), image_info(size, alpha=False)
    canvas = skia.Surface.MakeRasterDirect(info, pixels, 4 * size[0]).getCanvas()
    canvas.clear(argb(background))
    draw_strokes(canvas, drawing, size)
    return rgb_of(pixels)


def draw_strokes(canvas: Any, drawing: list[Stroke], size: tuple[int, int]) -> None:
    """Draw strokes on a canvas of skia as large as `size` (width, height).

    Strokes of two points, as the marks of a brush are, get flat ends, the others round ones.
    """
    skia = load_skia()
    paint = skia.Paint(AntiAlias=True)
    paint.setStyle(skia.Paint.kStroke_Style)
    paint.setStrokeJoin(skia.Paint.kRound_Join)
    side = min(size)
    for stroke in as_drawing(drawing, "a drawing", "is"):
        points = (np.asarray(stroke.points, np.float64) * size).tolist()
        paint.setColor(argb((*stroke.color, stroke.opacity)))
        paint.setStrokeWidth(max(1.0, stroke.width * side))
        if len(points) == 2:
            paint.setStrokeCap(skia.Paint.kButt_Cap)
            (x1, y1), (x2, y2) = points
            canvas.drawLine(x1, y1, x2, y2, paint)
            continue
        paint.setStrokeCap(skia.Paint.kRound_Cap)
        path = skia.Path.Polygon([skia.Point(x, y) for x, y in points], False)
        if len(points) == 1:
            path.lineTo(*points[0])  # a dot
        canvas.drawPath(path, paint)
