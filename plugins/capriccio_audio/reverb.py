"""A room: convolution with the sound of a hall that is computed, block by block."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


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


class Reverb:
    """Returns the sound of the hall for what is sent into it, a block at a time; never late.

    Uniformly partitioned overlap-save convolution (Wefers 2015, chapter 5), of the frequencies
    that a hall returns: those above 10 kHz are left out.
    """

    def __init__(self, rate: int, block: int, seconds: float = 1.4, highest: float = 10_000.0):
        self._block, self._parts = block, round(seconds * rate / block)
        self._bins = bins = round(2 * block * highest / rate)
        response = hall(rate, self._parts * block).reshape(2, self._parts, block)
        padded = np.concatenate([response, np.zeros_like(response)], axis=2)
        self._filters = np.fft.rfft(padded)[:, :, :bins].astype(np.complex64)
        # The spectra of what was sent, newest first, twice in a row so that none need be moved.
        self._spectra = np.zeros((2 * self._parts, bins), np.complex64)
        self._product = np.zeros((self._parts, bins), np.complex64)
        self._at = 0
        self._before = np.zeros(block, np.float32)
        self._silent = self._parts + 1  # blocks since something was sent

    def add(self, sent: Array) -> Array | None:
        """Return what the hall answers to `sent`, `(2, block)`; None where it is silent."""
        self._silent = 0 if sent.any() else self._silent + 1
        if self._silent > self._parts:
            return None
        parts, bins = self._parts, self._bins
        self._at = (self._at - 1) % parts
        spectrum = np.fft.rfft(np.concatenate([self._before, sent]))[:bins]
        self._before = sent
        self._spectra[self._at] = self._spectra[self._at + parts] = spectrum
        recent = self._spectra[self._at : self._at + parts]
        wet = np.zeros((2, self._block + 1), np.complex64)
        for side in range(2):
            np.multiply(recent, self._filters[side], out=self._product)
            wet[side, :bins] = self._product.sum(axis=0)
        return np.fft.irfft(wet)[:, self._block :].astype(np.float32)
