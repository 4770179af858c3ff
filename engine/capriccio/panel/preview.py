"""The picture as the panel shows it: small, compressed, and not more often than it is looked at."""

import io
import math
from time import monotonic

import numpy as np

# The longer side of the preview in pixels, how good a JPEG it is, and how many are made in a
# second, however many people watch.
SIDE, QUALITY, A_SECOND = 640, 80, 10.0


class Preview:
    """The picture last shown, and the newest JPEG of it that anybody has asked for.

    The show sets `image` and counts in `number`; all else is done where the panel is served.
    """

    def __init__(self, size: tuple[int, int]):
        width, height = size
        self.image = np.zeros((height, width, 3), np.uint8)
        self.number = 0
        self._made, self._since, self._jpeg = -1, 0.0, b""

    def jpeg(self) -> bytes:
        """Give the picture as JPEG; one of a moment ago where the last was made just now."""
        now = monotonic()
        if (self._made != self.number and now - self._since >= 1 / A_SECOND) or not self._jpeg:
            self._made, self._since = self.number, now
            self._jpeg = small(self.image)
        return self._jpeg


def small(image: np.ndarray) -> bytes:
    """Give an image as JPEG of at most `SIDE` pixels a side."""
    from PIL import Image

    # One pixel of so many: to average them would take ten times as long.
    step = math.ceil(max(image.shape[:2]) / SIDE)
    picture = Image.fromarray(np.ascontiguousarray(image[::step, ::step]))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
