"""Effects that remember: feedback and slit scan."""

from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from capriccio import Generator, Moment, skia_image

from .fragments import drawn
from .opengl import Device, OnDevice, OpenGL, loaded_skia
from .pictures import (
    Array,
    as_picture,
    as_words,
    bands,
    grey,
    join,
    luminance,
    mixed,
    picture_of,
    split,
    word_bands,
)

MOST_FRAMES = 48  # that a slit scan looks back at most


class Remembering:
    """What an effect with a memory shares: it begins anew where time goes back."""

    _seconds, _shape = -1.0, (0, 0)

    def begins(self, now: Moment, image: Array) -> bool:
        """Return whether a show, or a picture of another size, begins."""
        begins = now.seconds < self._seconds or image.shape[:2] != self._shape
        self._seconds, self._shape = now.seconds, image.shape[:2]
        return begins or self._seconds < 0


class Feedback(Remembering, OnDevice, Generator):
    """Point a camera at its own screen: what was shown comes back, larger, turned and fainter.

    Args:
        device: "gpu" computes it on a graphics card; see `OnDevice`.
    """

    seekable = "run"

    def __init__(self, *, device: Device = "cpu") -> None:
        super().__init__(device=device)
        self._last: Array | None = None

    def generate(
        self,
        now: Moment,
        *,
        over: Any = None,
        amount: float = 0.8,
        zoom: float = 0.55,
        rotate: float = 0.5,
        mode: Literal["lighten", "mix", "screen", "difference"] = "lighten",
    ) -> Array:
        """Return the picture over the one before.

        Args:
            over: the picture.
            amount: how much of the one before is left; 1 never fades.
            zoom: 0.5 leaves its size, more enlarges it in every frame, less makes it smaller.
            rotate: 0.5 leaves it upright, more turns it in every frame.
            mode: how the two are laid over each other.
        """
        image = picture_of(over, self)
        if self.begins(now, image) or self._last is None:
            self._last = image.copy()
            return image.copy()
        scale, angle = 1.35 ** (2 * zoom - 1), (rotate - 0.5) * np.pi / 6
        if opengl := self.opengl():
            turn = np.cos(angle) / scale, np.sin(angle) / scale
            number = ("lighten", "mix", "screen", "difference").index(mode)
            uniforms = {"turn": turn, "amount": amount, "mode": number}
            self._last = drawn(opengl, "feedback", image, uniforms=uniforms, last=self._last)
            return self._last.copy()
        before = turned(self._last, scale, angle)
        if mode == "mix":
            result = mixed(image, before, 0.98 * amount)
        elif mode == "screen":
            result = mixed(image, faded(before, amount), 1.0, mode)
        else:
            result = faded(before, amount)
            if mode == "lighten":
                np.maximum(image, result, out=result)
            else:
                result = np.maximum(image, result) - np.minimum(image, result)
        self._last = result
        return result.copy()


def faded(image: Array, amount: float) -> Array:
    """Return an image made darker: 1 leaves it as it is."""
    words = as_words(image)
    result, share = np.empty_like(words), np.uint16(round(amount * 256))
    for part, (levels,) in word_bands(words, 1):
        split(words[part], levels)
        levels *= share
        levels >>= 8
        join(levels, result[part])
    return as_picture(result, image.shape[1])


def turned(image: Array, scale: float, angle: float) -> Array:
    """Return an image scaled and turned about its middle; what is outside is black."""
    from PIL import Image

    if angle == 0:
        return zoomed(image, scale)
    height, width = image.shape[:2]
    cosine, sine = np.cos(angle) / scale, np.sin(angle) / scale
    x, y = width / 2, height / 2
    matrix = (cosine, sine, x - cosine * x - sine * y, -sine, cosine, y + sine * x - cosine * y)
    method, nearest = Image.Transform.AFFINE, Image.Resampling.NEAREST
    picture = Image.fromarray(image)
    return np.asarray(picture.transform((width, height), method, matrix, nearest))


def zoomed(image: Array, scale: float) -> Array:
    """Return an image scaled about its middle; what is outside is black."""
    height, width = image.shape[:2]
    rows, columns = _places(height, scale), _places(width, scale)
    tall = image.take(rows, axis=0, mode="clip")
    tall[(rows < 0) | (rows >= height)] = 0
    result = np.zeros_like(image)
    # Runs of columns that lie side by side in both are copied at once.
    ends = np.flatnonzero(np.diff(columns, append=width + 2) != 1) + 1
    for begin, end in pairwise([0, *ends.tolist()]):
        first, last = columns[begin], columns[end - 1] + 1
        if first >= 0 and last <= width:
            result[:, begin:end] = tall[:, first:last]
        elif last > 0 and first < width:
            inner = slice(max(0, first), min(width, last))
            result[:, begin + inner.start - first : begin + inner.stop - first] = tall[:, inner]
    return result


def _places(length: int, scale: float) -> Array:
    """Return from where each of `length` places is taken; some may lie outside."""
    return np.floor((np.arange(length) + 0.5 - length / 2) / scale + length / 2).astype(int)


class SlitScan(Remembering, OnDevice, Generator):
    """Show each part of a picture as it was a little earlier than the part beside it.

    Args:
        device: "gpu" computes it on a graphics card; see `OnDevice`.
    """

    name = "slitscan"
    seekable = "run"

    def __init__(self, *, device: Device = "cpu") -> None:
        super().__init__(device=device)
        self._frames: deque[Any] = deque(maxlen=MOST_FRAMES)

    def generate(
        self,
        now: Moment,
        *,
        over: Any = None,
        depth: float = 0.7,
        direction: Literal["right", "left", "down", "up"] = "right",
    ) -> Array:
        """Return the picture in stripes of time.

        Args:
            over: the picture.
            depth: how long ago the last stripe is, up to 48 frames.
            direction: where the past lies.
        """
        image = picture_of(over, self)
        if self.begins(now, image):
            self._frames.clear()
        opengl = self.opengl()
        # An image of skia stays on a card while it is shown.
        self._frames.appendleft(skia_image(image) if opengl else image.copy())
        stripes = list(self._stripes(image, 1 + round(depth * (MOST_FRAMES - 1)), direction))
        if opengl:
            return _laid_by(opengl, image, stripes)
        result = np.empty_like(image)
        for rows, columns, frame in stripes:
            result[rows, columns] = frame[rows, columns]
        return result

    def _stripes(
        self, image: Array, count: int, direction: str
    ) -> Iterator[tuple[slice, slice, Any]]:
        """Yield rows and columns of each stripe, and the frame that it shows."""
        across = direction in ("left", "right")
        length, every = image.shape[1 if across else 0], slice(0, image.shape[0 if across else 1])
        edges = np.linspace(0, length, count + 1).round().astype(int).tolist()
        for age, (begin, end) in enumerate(pairwise(edges)):
            stripe = slice(begin, end)
            if direction in ("left", "up"):
                stripe = slice(length - end, length - begin)
            frame = self._frames[min(age, len(self._frames) - 1)]
            yield (every, stripe, frame) if across else (stripe, every, frame)


def _laid_by(opengl: OpenGL, image: Array, stripes: list[tuple[slice, slice, Any]]) -> Array:
    """Return stripes of images of skia beside each other."""
    skia = loaded_skia()

    def paint(canvas: Any) -> None:
        for rows, columns, frame in stripes:
            place = skia.Rect(columns.start, rows.start, columns.stop, rows.stop)
            canvas.drawImageRect(frame, place, place)

    return opengl.draw((image.shape[1], image.shape[0]), paint)


class Motion(Remembering, OnDevice, Generator):
    """Show what moves, white on black: a mask for `layers`, of the person before a camera.

    Args:
        device: "gpu" computes it on a graphics card; see `OnDevice`.
    """

    seekable = "run"

    def __init__(self, *, device: Device = "cpu") -> None:
        super().__init__(device=device)
        # How light each place is, times 128; through OpenGL the two parts of that as levels.
        self._ground: Array | None = None

    def generate(
        self, now: Moment, *, over: Any = None, memory: float = 0.5, threshold: float = 0.3
    ) -> Array:
        """Return where the picture differs from what it was.

        Args:
            over: the picture.
            memory: how long what has come to rest is still seen; 0 compares with the frame before,
                1 with the first one.
            threshold: how much must change.
        """
        image = picture_of(over, self)
        begins, opengl = self.begins(now, image), self.opengl()
        low, slowness = np.int16(round(4 + 90 * threshold)), np.int16(round(9 * memory))
        if opengl:
            height, width = image.shape[:2]
            if begins or self._ground is None:
                self._ground = grey(luminance(image)) * np.array([1, 0, 0], np.uint8)
                return np.zeros_like(image)
            uniforms = {"low": low, "rate": 0.5**slowness if memory < 1 else 0.0}
            size, ground = (width, 2 * height), self._ground
            both = drawn(opengl, "motion", image, to_size=size, uniforms=uniforms, ground=ground)
            self._ground = both[height:]
            return both[:height]
        light = luminance(image)
        if begins or self._ground is None:
            self._ground = light.astype(np.int16) << 7
            return np.zeros_like(image)
        for part in bands(len(image)):
            gap = light[part].astype(np.int16)
            gap <<= 7
            gap -= self._ground[part]
            # What is seen now becomes the ground, the more slowly the longer the memory.
            if memory < 1:
                self._ground[part] += gap >> slowness
            np.abs(gap, out=gap)
            gap >>= 7
            gap -= low
            np.clip(gap, 0, 24, out=gap)
            gap *= 10
            light[part] = gap
        return grey(light)
