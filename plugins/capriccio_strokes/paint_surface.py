"""The canvas that is looked at: strokes of paint, drawn with skia at any size."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from capriccio import Canvas

from .strokes import PEN_HALF_WIDTH, control_points, hatch_lines
from .textures import MARGIN, TURNS, WIDEST, atlas

SEGMENTS = 6  # of a curved stroke
LIGHT = -2.2  # angle of the light, which comes from the top left


class BrushStroke(NamedTuple):
    """A stroke of a painting.

    Args:
        place: x, y, half length, half width, cosine, sine and bend, in pixels of the target.
        color: (3,) floats 0..1, where the stroke begins.
        last: (3,) the colour where it ends, with what it took up on its way.
        brush: one of `BRUSHES`.
        number: of the stroke in the painting, which chooses the hairs.
        relief: how strong the light is on its paint, 0..1.
    """

    place: tuple[float, ...]
    color: np.ndarray
    last: np.ndarray
    brush: str
    number: int
    relief: float = 0.0


class PaintSurface:
    """Pixels that strokes are painted on.

    Args:
        shape: (height, width) in pixels.
        ground: (3,) floats 0..1.

    Raises:
        ShowError: skia does not load; the message says what to install.
    """

    def __init__(self, shape: tuple[int, ...], ground: np.ndarray):
        Canvas(1, 1)  # says what to install where skia does not load
        import skia

        height, width = shape[:2]
        self._pixels = np.empty((height, width, 4), np.uint8)  # blue first, as skia is fastest
        self._pixels[..., :3] = (ground[::-1].clip(0, 1) * 255 + 0.5).astype(np.uint8)
        self._pixels[..., 3] = 255
        info = skia.ImageInfo.Make(width, height, skia.kBGRA_8888_ColorType, skia.kPremul_AlphaType)
        self._surface = skia.Surface.MakeRasterDirect(info, self._pixels, 4 * width)
        self._canvas = self._surface.getCanvas()
        self._side = max(height, width)

    def paint(self, strokes: Iterable[BrushStroke], scale: float) -> None:
        """Paint strokes in order, on a canvas `scale` times as large as theirs."""
        for (brush, relief), some in groupby(strokes, lambda one: (one.brush, one.relief)):
            if brush == "pen":
                for stroke in some:
                    self._hatch(stroke, scale)
            else:
                self._brush(list(some), scale, brush, relief)

    def image(self) -> np.ndarray:
        """Return what is seen, (height, width, 3) uint8."""
        image = np.empty((*self._pixels.shape[:2], 3), np.uint8)
        for channel in range(3):  # one after the other is five times as fast as all at once
            image[..., channel] = self._pixels[..., 2 - channel]
        return image

    def halved(self) -> np.ndarray:
        """Return it at half the size, each pixel the mean of four, float32 0..1."""
        rows = self._pixels[::2].astype(np.uint16)
        rows += self._pixels[1::2]
        four = rows[:, ::2] + rows[:, 1::2]
        return four[..., 2::-1] * np.float32(1 / (4 * 255))

    def _brush(self, strokes: list[BrushStroke], scale: float, brush: str, relief: float) -> None:
        """Draw strokes as bent strips of a texture, all at once."""
        import skia

        place = np.array([stroke.place for stroke in strokes])
        numbers = np.array([stroke.number for stroke in strokes])
        colors = np.array([(stroke.color, stroke.last) for stroke in strokes])  # (n, 2, 3)
        image, strips, levels = _textures(brush, relief)
        # The kind goes by the width as a part of the canvas, the copy by that in pixels.
        half_width = np.maximum(place[:, 3] * scale, 0.5)
        kind = np.searchsorted(WIDEST, half_width / self._side) if len(strips) > 1 else 0 * numbers
        variant = numbers * 7 % strips.shape[1]
        # The light comes from one of few directions; a mirrored strip has those of the other side.
        turn = LIGHT - np.arctan2(place[:, 5], place[:, 4])
        turn = (turn + np.pi) % (2 * np.pi) - np.pi
        mirrored = turn < 0
        step = np.rint(abs(turn) / np.pi * (TURNS - 1)).astype(int)
        rows = strips[kind, variant, step][..., 3]  # (n, copies)
        copy = np.maximum((rows >= 2 * half_width[:, None]).sum(1) - 1, 0)
        left, top, columns, high = strips[kind, variant, step, copy].T
        points = _mesh(place, scale, half_width)  # (n, SEGMENTS + 1, 2, 2)
        share = np.linspace(0, 1, SEGMENTS + 1)
        texture = np.empty_like(points)
        texture[..., 0] = (left[:, None] + columns[:, None] * share)[:, :, None]
        ends = np.stack([top, top + high], 1)[:, None]
        texture[..., 1] = np.where(mirrored[:, None, None], ends[..., ::-1], ends)
        # What was taken up shows more and more to the end.
        mixed = colors[:, :1] + (colors[:, 1:] - colors[:, :1]) * (share**2)[:, None]
        mixed = mixed[:, :, None].repeat(2, 2) / levels[kind, variant, step][:, None, None, None]
        red, green, blue = np.moveaxis((mixed.clip(0, 1) * 255 + 0.5).astype(np.int64), -1, 0)
        packed = (255 << 24) + (red << 16) + (green << 8) + blue
        count = 2 * (SEGMENTS + 1)
        corners = np.array([0, 1, 2, 1, 2, 3]) + 2 * np.arange(SEGMENTS)[:, None]
        corners = corners.ravel() + count * np.arange(len(strokes))[:, None]
        point = skia.Point
        most = 65536 // count  # vertices are counted with 16 bits
        for begin in range(0, len(strokes), most):
            some = slice(begin, begin + most)
            mesh = skia.Vertices(
                skia.Vertices.kTriangles_VertexMode,
                [point(*both) for both in points[some].reshape(-1, 2).tolist()],
                [point(*both) for both in texture[some].reshape(-1, 2).tolist()],
                packed[some].ravel().tolist(),
                (corners[some] - count * begin).ravel().tolist(),
            )
            nearest = skia.SamplingOptions()
            paint = skia.Paint(
                Shader=image.makeShader(skia.TileMode.kClamp, skia.TileMode.kClamp, nearest)
            )
            self._canvas.drawVertices(mesh, paint, skia.BlendMode.kModulate)

    def _hatch(self, stroke: BrushStroke, scale: float) -> None:
        """Draw a stroke as lines of a pen, back and forth."""
        import skia

        red, green, blue = ((stroke.color + stroke.last) / 2).clip(0, 1).tolist()
        paint = skia.Paint(AntiAlias=True, Color4f=skia.Color4f(red, green, blue, 1))
        paint.setStyle(skia.Paint.kStroke_Style)
        paint.setStrokeWidth(max(1.0, 2 * PEN_HALF_WIDTH * scale))
        paint.setStrokeCap(skia.Paint.kRound_Cap)
        paint.setStrokeJoin(skia.Paint.kRound_Join)
        path = skia.Path()
        path.addPoly([skia.Point(*both) for both in (line_points(stroke) * scale).tolist()], False)
        self._canvas.drawPath(path, paint)


def line_points(stroke: BrushStroke) -> np.ndarray:
    """Return the line of a stroke for a pen or a plotter, (n, 2), in pixels of the target.

    A brush goes along the middle; the pen goes back and forth from edge to edge.
    """
    share = np.linspace(0, 1, SEGMENTS + 3)[:, None]
    first, middle, last = control_points(stroke.place)
    curve = (1 - share) ** 2 * first + 2 * share * (1 - share) * middle + share**2 * last
    if stroke.brush != "pen":
        return curve
    _, _, _, half_width, cosine, sine, _ = stroke.place
    lines = hatch_lines(half_width)
    across = half_width * np.array([-sine, cosine])
    return np.concatenate([
        curve[:: 1 if line % 2 == 0 else -1] + ((2 * line + 1) / lines - 1) * across
        for line in range(lines)
    ])  # fmt: skip


def _mesh(place: np.ndarray, scale: float, half_width: np.ndarray) -> np.ndarray:
    """Return both sides of strokes at each of their segments, (n, SEGMENTS + 1, 2, 2)."""
    first, middle, last = np.moveaxis(control_points(place), 1, 0)[:, :, None] * scale
    share = 0.5 + MARGIN * np.linspace(-0.5, 0.5, SEGMENTS + 1)[:, None]
    points = (1 - share) ** 2 * first + 2 * share * (1 - share) * middle + share**2 * last
    forward = (1 - share) * (middle - first) + share * (last - middle)
    forward /= np.hypot(forward[..., :1], forward[..., 1:]) + 1e-9
    across = np.stack([-forward[..., 1], forward[..., 0]], -1)
    across *= (MARGIN * half_width)[:, None, None]
    return np.stack([points - across, points + across], 2)


_IMAGES: dict[tuple[str, float], Any] = {}


def _textures(brush: str, relief: float) -> tuple[Any, np.ndarray, np.ndarray]:
    """Return the strips of a brush as a picture of skia, their places and levels."""
    import skia

    pixels, strips, levels = atlas(brush, relief)
    if (brush, relief) not in _IMAGES:
        height, width = pixels.shape[:2]
        info = skia.ImageInfo.Make(width, height, skia.kBGRA_8888_ColorType, skia.kPremul_AlphaType)
        _IMAGES[brush, relief] = skia.Image.MakeRasterCopy(skia.Pixmap(info, pixels, 4 * width))
    return _IMAGES[brush, relief], strips, levels
