"""Pixels, and the drawing commands that made them, so that a canvas can be saved as vectors."""

from typing import Any

import numpy as np

from ..media import Array
from .pixels import image_info, rgb_of
from .skia_library import load_skia

# What is kept for vector output: beyond it, the commands so far become one picture of pixels.
MAX_BYTES = 64_000_000
MAX_PICTURES = 4000


class DrawingSurface:
    """Pixels that are drawn when they are asked for.

    Args:
        size: (width, height) in pixels.
    """

    def __init__(self, size: tuple[int, int]):
        skia = load_skia()
        self.size = size
        self._pixels = np.zeros((size[1], size[0], 4), np.uint8)  # premultiplied
        self._surface = skia.Surface.MakeRasterDirect(image_info(size), self._pixels, 4 * size[0])
        self._bounds = skia.Rect(0, 0, *size)
        self._recorder = skia.PictureRecorder()
        self._pictures: list[Any] = []
        self._bytes = 0
        # Matrix and clips of each level of `push`, to go on after a recording was played.
        self._levels: list[tuple[Any, list[tuple[Any, Any]]]] = []
        self._clips: list[tuple[Any, Any]] = []
        self._first: tuple[Array, list[Any]] | None = None  # before the first show
        self.canvas: Any = self._begin()

    def _begin(self) -> Any:
        canvas = self._recorder.beginRecording(self._bounds)
        canvas.save()
        return canvas

    def begin_show(self) -> None:
        """Return to what was drawn before the first show."""
        self.flush()
        if self._first is None:
            self._first = self._pixels.copy(), list(self._pictures)
        self._pixels[:], self._pictures = self._first[0], list(self._first[1])

    @property
    def clipped(self) -> bool:
        """Whether a clip hides a part of what is drawn."""
        return bool(self._clips) or any(clips for _, clips in self._levels)

    @property
    def depth(self) -> int:
        """How many levels of `push` are open."""
        return len(self._levels)

    def push(self) -> None:
        """Keep matrix and clip for `pop`."""
        self._levels.append((self.canvas.getTotalMatrix(), self._clips))
        self._clips = []
        self.canvas.save()

    def pop(self) -> None:
        """Return to matrix and clip as they were at the last `push`."""
        _, self._clips = self._levels.pop()
        self.canvas.restore()

    def clip(self, path: Any) -> None:
        """Draw only within a path from now on."""
        self._clips.append((self.canvas.getTotalMatrix(), path))
        self.canvas.clipPath(path, load_skia().ClipOp.kIntersect, True)

    def reset(self) -> None:
        """Return to no transformation and no clip."""
        self._levels, self._clips = [], []
        self.canvas.restoreToCount(1)
        self.canvas.save()

    def forget(self) -> None:
        """Drop all commands so far: what comes covers everything."""
        self._restart()
        self._pictures, self._bytes = [], 0

    def count(self, amount: int) -> None:
        """Count the bytes of a picture that was drawn."""
        self._bytes += amount

    def flush(self) -> None:
        """Draw what was commanded since the last time."""
        picture = self._restart()
        if not picture.approximateOpCount():
            return
        self._surface.getCanvas().drawPicture(picture)
        self._pictures.append(picture)
        self._bytes += picture.approximateBytesUsed()
        if self._bytes > MAX_BYTES or len(self._pictures) > MAX_PICTURES:
            self._collapse()

    def _restart(self) -> Any:
        """Begin a recording that goes on where the present one ends; return the present one."""
        matrix = self.canvas.getTotalMatrix()
        picture = self._recorder.finishRecordingAsPicture()
        self.canvas = self._begin()
        for saved, clips in self._levels:
            self._apply(clips)
            self.canvas.setMatrix(saved)
            self.canvas.save()
        self._apply(self._clips)
        self.canvas.setMatrix(matrix)
        return picture

    def _apply(self, clips: list[tuple[Any, Any]]) -> None:
        for matrix, path in clips:
            self.canvas.setMatrix(matrix)
            self.canvas.clipPath(path, load_skia().ClipOp.kIntersect, True)

    def _collapse(self) -> None:
        """Keep the pixels in the place of all commands so far."""
        recorder = load_skia().PictureRecorder()
        recorder.beginRecording(self._bounds).drawImage(self._surface.makeImageSnapshot(), 0, 0)
        self._pictures = [recorder.finishRecordingAsPicture()]
        self._bytes = 0

    def image(self) -> Array:
        """Return the picture, `(height, width, 3)` uint8; what is transparent is laid on black."""
        self.flush()
        return rgb_of(self._pixels)

    def premultiplied(self) -> Array:
        """Return the pixels themselves, `(height, width, 4)`: the colours are times alpha."""
        self.flush()
        return self._pixels

    def rgba(self) -> Array:
        """Return a copy of the picture with its alpha, `(height, width, 4)` uint8."""
        self.flush()
        skia = load_skia()
        found = np.empty_like(self._pixels)
        info = skia.ImageInfo.Make(*self.size, skia.kRGBA_8888_ColorType, skia.kUnpremul_AlphaType)
        self._surface.readPixels(skia.Pixmap(info, found, 4 * self.size[0]))
        return found

    def snapshot(self) -> Any:
        """Return the picture as a `skia.Image`."""
        self.flush()
        return self._surface.makeImageSnapshot()

    def play(self, canvas: Any) -> None:
        """Draw everything again on another canvas of skia."""
        self.flush()
        for picture in self._pictures:
            canvas.drawPicture(picture)
