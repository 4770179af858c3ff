"""A room: convolution with the sound of a hall that is computed, block by block."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

# The frames of the hall behind which it is computed in larger blocks.
LATER = 2048


def hall(rate: int, frames: int) -> Array:
    """Return the impulse response of a hall, `(2, frames)`: reflections, then a smooth tail."""
    random = np.random.default_rng(5)
    time = np.arange(frames) / rate
    response = np.zeros((2, frames))
    hertz = np.fft.rfftfreq(frames, 1 / rate)
    # Low frequencies last longer than high ones, which the air takes up. T60 in seconds.
    for low, high, last in (
        (80, 400, 1.9),
        (400, 1500, 1.8),
        (1500, 4500, 1.3),
        (4500, 11000, 0.7),
    ):
        window = 1 / (1 + (low / np.maximum(hertz, 1)) ** 4) / (1 + (hertz / high) ** 4)
        for side in range(2):
            noise = np.fft.irfft(np.fft.rfft(random.standard_normal(frames)) * window, frames)
            response[side] += noise * 10 ** (-3 * time / last)
    response *= 1 - np.exp(-np.maximum(0, time - 0.012) / 0.03)
    for side in range(2):
        for number in range(9):  # walls
            at = round(rate * (0.013 + 0.0075 * number + 0.006 * random.random()))
            response[side, at] += random.choice((-1, 1)) * 9.0 * 0.78**number
    # The tail ends at the last block.
    fade = round(0.3 * frames)
    response[:, -fade:] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(fade) / fade)
    return response / np.sqrt((response**2).sum(axis=1, keepdims=True))


class Convolution:
    """Returns what a response makes of what is sent, a block at a time; never late.

    Uniformly partitioned overlap-save convolution (Wefers 2015, chapter 5), of the frequencies
    below `highest` Hz.
    """

    def __init__(self, response: Array, block: int, rate: int, highest: float):
        frames = response.shape[1]
        self.block, self._parts = block, -(-frames // block)
        self._bins = bins = round(2 * block * highest / rate)
        padded = np.zeros((2, self._parts, 2 * block))
        whole = np.zeros((2, self._parts * block))
        whole[:, :frames] = response
        padded[:, :, :block] = whole.reshape(2, self._parts, block)
        self._filters = np.fft.rfft(padded)[:, :, :bins].astype(np.complex64)
        # The spectra of what was sent, newest first, twice in a row so that none need be moved.
        self._spectra = np.zeros((2 * self._parts, bins), np.complex64)
        self._product = np.zeros((self._parts, bins), np.complex64)
        self._at = 0
        self._before = np.zeros(block, np.float32)
        self._silent = self._parts + 1  # blocks since something was sent

    def add(self, sent: Array) -> Array | None:
        """Return what is heard of `sent`, `(2, block)`; None where it is silent."""
        self._silent = 0 if sent.any() else self._silent + 1
        if self._silent > self._parts:
            return None
        parts, bins = self._parts, self._bins
        self._at = (self._at - 1) % parts
        spectrum = np.fft.rfft(np.concatenate([self._before, sent]))[:bins]
        self._before = sent
        self._spectra[self._at] = self._spectra[self._at + parts] = spectrum
        recent = self._spectra[self._at : self._at + parts]
        wet = np.zeros((2, self.block + 1), np.complex64)
        for side in range(2):
            np.multiply(recent, self._filters[side], out=self._product)
            wet[side, :bins] = self._product.sum(axis=0)
        return np.fft.irfft(wet)[:, self.block :].astype(np.float32)


class Reverb:
    """Returns the sound of the hall for what is sent into it, a block at a time; never late.

    Where blocks are small, what the hall returns later than `LATER` frames is computed in blocks
    of that size: Gardner 1995, "Efficient convolution without input-output delay".
    """

    def __init__(self, rate: int, block: int, seconds: float = 1.4, highest: float = 10_000.0):
        response = hall(rate, round(seconds * rate / 256) * 256)
        self._tail: Convolution | None = None
        if block < LATER:
            self._tail = Convolution(response[:, LATER:], LATER, rate, highest)
            response = response[:, :LATER]
            self._sent = np.zeros(LATER, np.float32)  # since the tail was computed
            self._late: Array | None = None  # what the tail returns meanwhile
            self._filled = 0
        self._head = Convolution(response, block, rate, highest)

    def add(self, sent: Array) -> Array | None:
        """Return what the hall answers to `sent`, `(2, block)`; None where it is silent."""
        wet = self._head.add(sent)
        if self._tail is None:
            return wet
        begin, end = self._filled, self._filled + len(sent)
        late = None if self._late is None else self._late[:, begin:end]
        self._sent[begin:end] = sent
        self._filled = end
        if end == LATER:
            self._filled, self._late = 0, self._tail.add(self._sent.copy())
        if wet is None or late is None:
            return late if wet is None else wet
        wet += late
        return wet
