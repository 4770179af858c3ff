"""Plays samples at other speeds: between their frames, and as whole notes that are kept."""

from functools import lru_cache
from typing import Any

import numpy as np

from .instrument_samples import Sample, samples_of

Array = np.ndarray[Any, Any]

# Notes that are kept, each of up to a megabyte, and frames that are computed at once.
MAX_NOTES, PIECE = 192, 8192


def cubic(sound: Array, index: Array, share: Array) -> Array:
    """Return sound between its frames; `share` is overwritten.

    Args:
        sound: the samples.
        index: of the frame before the one that a value follows.
        share: how far behind that the value lies, 0..1.
    """
    # Catmull-Rom: a cubic through four neighbours. Its coefficients have one sum: 2 (c - b).
    a, b, c, d = (sound[step:].take(index) for step in range(4))
    d -= a
    step = b - c
    np.subtract(c, a, out=a)  # the slope
    np.multiply(step, 3, out=c)
    c += d  # of the third power
    step *= 2
    step += a
    step += c  # of the second, negative
    c *= share
    c -= step
    c *= share
    c += a
    share *= 0.5
    c *= share
    c += b
    return c


class WholeNote:
    """A sample of the instrument `name` as it sounds at a rate, 1 being its own.

    It is computed as far as it is played, and kept. Behind its last frame it goes back by `loop`,
    or is silent where that is 0. The rate of a loop is changed by less than a hundredth of a cent,
    so that it has whole frames.
    """

    def __init__(self, name: str, sample: Sample, rate: float):
        self._sound, self._start, self.loop = samples_of(name).sound, sample.start, 0
        if sample.loop:
            frames = sample.loop[1] - sample.loop[0]
            self.loop = max(1, round(frames / rate))
            rate = frames / self.loop
        self._rate, self.frames = rate, int(np.ceil((sample.end - sample.start) / rate))
        self._wave, self._known = np.empty(self.frames, np.float32), 0

    def take(self, begin: int, frames: int) -> Array:
        """Return its frames from `begin` on, as many or as there are."""
        end = min(begin + frames, self.frames)
        while self._known < end:
            places = np.arange(self._known, min(self._known + PIECE, self.frames))
            place = self._start + self._rate * places
            whole = np.floor(place)
            share = (place - whole).astype(np.float32)
            self._wave[places] = cubic(self._sound, whole.astype(np.intp) - 1, share)
            self._known += len(places)
        return self._wave[begin:end]


whole_note = lru_cache(maxsize=MAX_NOTES)(WholeNote)
