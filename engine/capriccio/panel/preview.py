"""The small JPEG of the picture that the panel shows."""

import io
import math
from time import monotonic
from typing import Any

import numpy as np

# The longer side in pixels, the quality of the JPEG, and how many are made in a second for all
# pages together.
MAX_SIDE, QUALITY, RATE = 640, 80, 10.0


class Preview:
    """The image last shown, at first a black one, and a JPEG made only when a page asks for it."""

    def __init__(self, size: tuple[int, int]):
        width, height = size
        self.frames = 0  # shown so far
        self._image: np.ndarray[Any, Any] = np.zeros((height, width, 3), np.uint8)
        self._encoded, self._encoded_at, self._jpeg = -1, 0.0, b""

    def show(self, image: np.ndarray[Any, Any]) -> None:
        """Take the place of the image before."""
        self._image = image
        self.frames += 1

    def jpeg(self) -> bytes:
        """Return the image as JPEG; the last one again where that was made just now."""
        now = monotonic()
        is_old = self._encoded != self.frames and now - self._encoded_at >= 1 / RATE
        if is_old or not self._jpeg:
            self._encoded, self._encoded_at = self.frames, now
            self._jpeg = encode_jpeg(self._image)
        return self._jpeg


def encode_jpeg(image: np.ndarray[Any, Any]) -> bytes:
    """Return an image as JPEG of at most `MAX_SIDE` pixels a side."""
    from PIL import Image

    # Every n-th pixel: averaging them would take ten times as long.
    step = math.ceil(max(image.shape[:2]) / MAX_SIDE)
    picture = Image.fromarray(np.ascontiguousarray(image[::step, ::step]))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
