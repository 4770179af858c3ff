"""A room: convolution with the sound of a hall that is computed, block by block."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

# Frames before which the hall is silent, and frames behind which it is computed in larger
# blocks.
FIRST, LATER = 512, 2048


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


class Later:
    """A convolution whose answer is heard a whole block later: what comes meanwhile is collected.

    Args:
        response: what it answers, from the end of its first block on.
        block, rate, highest: as for `Convolution`.
    """

    def __init__(self, response: Array, block: int, rate: int, highest: float):
        self._convolution = Convolution(response, block, rate, highest)
        self._sent = np.zeros(block, np.float32)
        self._answer: Array | None = None
        self._filled = 0

    def add(self, sent: Array) -> Array | None:
        """Return the answer to what was sent in the block before; None where it is silent."""
        begin, end = self._filled, self._filled + len(sent)
        answer = None if self._answer is None else self._answer[:, begin:end]
        self._sent[begin:end] = sent
        self._filled = end
        if end == len(self._sent):
            self._filled, self._answer = 0, self._convolution.add(self._sent.copy())
        return answer


class Reverb:
    """Returns the sound of the hall for what is sent into it, a block at a time; never late.

    Where blocks are small, the hall is computed in larger ones: nothing is heard of it before
    `FIRST` frames, and what comes later than `LATER` frames is computed in blocks of that size.
    Gardner 1995, "Efficient convolution without input-output delay".
    """

    def __init__(self, rate: int, block: int, seconds: float = 1.4, highest: float = 10_000.0):
        response = hall(rate, round(seconds * rate / 256) * 256)
        self._stages: list[Convolution | Later] = []
        if block >= LATER:
            self._stages = [Convolution(response, block, rate, highest)]
        else:
            self._stages.append(Later(response[:, FIRST:LATER], FIRST, rate, highest))
            self._stages.append(Later(response[:, LATER:], LATER, rate, highest))

    def add(self, sent: Array) -> Array | None:
        """Return what the hall answers to `sent`, `(2, block)`; None where it is silent."""
        answers = [answer for stage in self._stages if (answer := stage.add(sent)) is not None]
        if len(answers) < 2:
            return answers[0] if answers else None
        return answers[0] + answers[1]
