"""Effects that remember: feedback and slit scan."""

from collections import deque
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from capriccio import Generator, Moment

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

    def __init__(self) -> None:
        self._seconds, self._shape = -1.0, (0, 0)

    def begins(self, now: Moment, image: Array) -> bool:
        """Return whether a show, or a picture of another size, begins."""
        begins = now.seconds < self._seconds or image.shape[:2] != self._shape
        self._seconds, self._shape = now.seconds, image.shape[:2]
        return begins or self._seconds < 0


class Feedback(Remembering, Generator):
    """Point a camera at its own screen: what was shown comes back, larger, turned and fainter."""

    seekable = "run"

    def __init__(self) -> None:
        super().__init__()
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
        before = turned(self._last, 1.35 ** (2 * zoom - 1), (rotate - 0.5) * np.pi / 6)
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


class SlitScan(Remembering, Generator):
    """Show each part of a picture as it was a little earlier than the part beside it."""

    name = "slitscan"
    seekable = "run"

    def __init__(self) -> None:
        super().__init__()
        self._frames: deque[Array] = deque(maxlen=MOST_FRAMES)

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
        self._frames.appendleft(image.copy())
        count = 1 + round(depth * (MOST_FRAMES - 1))
        result = np.empty_like(image)
        axis = 1 if direction in ("left", "right") else 0
        edges = np.linspace(0, image.shape[axis], count + 1).round().astype(int)
        for age, (begin, end) in enumerate(pairwise(edges)):
            stripe = slice(begin, end)
            if direction in ("left", "up"):
                stripe = slice(image.shape[axis] - end, image.shape[axis] - begin)
            frame = self._frames[min(age, len(self._frames) - 1)]
            if axis:
                result[:, stripe] = frame[:, stripe]
            else:
                result[stripe] = frame[stripe]
        return result


class Motion(Remembering, Generator):
    """Show what moves, white on black: a mask for `layers`, of the person before a camera."""

    seekable = "run"

    def __init__(self) -> None:
        super().__init__()
        self._ground: Array | None = None  # how light each place is, times 128

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
        light = luminance(image)
        if self.begins(now, image) or self._ground is None:
            self._ground = light.astype(np.int16) << 7
            return np.zeros_like(image)
        low, slowness = np.int16(round(4 + 90 * threshold)), np.int16(round(9 * memory))
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
