"""A limiter that looks ahead: nothing that leaves it is above its ceiling."""

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

# Frames that are limited as one, and by which the sound is late.
STEP = 32
# The highest sample that leaves: -3 dB, which leaves room for what lies between two samples, and
# for what AAC adds.
CEILING = 0.7
# How much of what is missing to full gain comes back with each step: half in 70 ms.
RECOVERY = 0.0065
# Steps for which a gain stays behind a peak that needs it: 16 ms, half a wave of the lowest tones.
HOLD = 24


class Limiter:
    """Turns the gain down before a peak, and slowly up behind it, without a step in the sound.

    The gain runs in straight lines between the ends of steps, and at both ends of a step is low
    enough for its highest peak.
    """

    def __init__(self) -> None:
        self._held = np.zeros((2, STEP), np.float32)
        self._allowed = self._gain = 1.0
        self._hold = 0  # steps for which the gain stays
        self._ramp = np.arange(STEP, dtype=np.float32) / STEP

    @property
    def gain(self) -> float:
        """The gain at the end of what was returned last."""
        return self._gain

    def limit(self, sound: Array) -> Array:
        """Return `sound`, `(2, frames)` with whole steps, `STEP` frames late, never too loud.

        A block with NaN or infinity becomes silence.
        """
        late = np.concatenate([self._held, sound[:, :-STEP]], axis=1)
        self._held = sound[:, -STEP:].copy()
        loud = np.abs(sound)
        peak = float(loud.max())
        if peak <= CEILING and self._gain == self._allowed == 1.0:
            return late
        if not math.isfinite(peak):
            return self._silence(late)
        peaks = loud.reshape(2, -1, STEP).max(axis=(0, 2))
        gains = [self._gain]
        for peak in peaks.tolist():
            allowed = CEILING / peak if peak > CEILING else 1.0
            recovered = gains[-1] + (1 - gains[-1]) * RECOVERY
            self._hold = HOLD if allowed < recovered else max(0, self._hold - 1)
            gain = min(self._allowed, allowed, gains[-1] if self._hold else recovered)
            gains.append(1.0 if gain > 0.9999 else gain)
            self._allowed = allowed
        self._gain = gains[-1]
        ends = np.array(gains, np.float32)
        curve = ends[:-1, None] + (ends[1:] - ends[:-1])[:, None] * self._ramp
        late *= curve.reshape(1, -1)
        return late

    def _silence(self, late: Array) -> Array:
        self._held[:] = 0.0
        self._gain = self._allowed = 1.0
        self._hold = 0
        return np.zeros_like(late)
