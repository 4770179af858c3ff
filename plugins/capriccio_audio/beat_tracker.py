"""Finds the beat in sound: its tempo by autocorrelation of onsets, and where it falls."""

import math
from typing import Any, NamedTuple

import numpy as np

from .instrument_samples import RATE

Array = np.ndarray[Any, Any]

# Frames from one value of the onsets to the next, and of the window that each is read from.
HOP, WINDOW = 512, 1024
HOPS_A_SECOND = RATE / HOP
# Onsets are compared over this long; the beat is found anew so often, and not before so long.
MEMORY_SECONDS, STEP_SECONDS, LEAST_SECONDS = 8.0, 0.25, 2.0
# The tempos that are looked for. Half and double tempo lie one octave off.
MIN_BPM, MAX_BPM = 45.0, 230.0
# How many beats a tempo is compared over, and how fast earlier beats count less, in beats.
MULTIPLES, FADING = 4, 6.0
# The parts and multiples of a beat after which onsets are compared with themselves, and what each
# says of a tempo: in all onsets, kicks, and snares. `training/tempo.py` has found these numbers.
BEATS = np.array([1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4, 1, 4 / 3, 3 / 2, 2, 3, 4, 6, 8])
# fmt: off
WEIGHTS = np.array([
    [3.2, -2.7, 9.8, -3.5, 3.2, 7.8, 3.4, 1.0, -5.2, 4.6, -7.0, -5.1, 1.7],
    [-3.5, 1.6, -6.7, 4.7, 1.2, -1.8, -6.7, -0.4, 5.0, -5.1, 8.8, 3.9, 2.6],
    [5.2, 6.2, -1.3, 4.2, 0.2, 2.9, -2.4, -1.1, 7.7, 0.7, 8.4, 4.4, 2.7],
])
# fmt: on
# What it says how far a tempo is from the expected one, in octaves, and the square of that.
DISTANCE = (1.1, -3.3)
# The bands whose growth counts as an onset, in Hz, and how much: for the tempo; of a kick; of a
# snare.
BANDS = (
    ((30.0, 160.0, 1.6), (160.0, 2000.0, 1.0), (2000.0, 14_000.0, 0.6)),
    ((30.0, 140.0, 1.0),),
    ((180.0, 3000.0, 1.0),),
)
# How much a snare on every second beat says of the beat, beside a kick on the others.
SNARE = 1.0
# By how much stronger another place of the beat must be, and for so many seconds, to be believed.
STRONGER, BELIEVED_SECONDS = 1.15, 1.5
# What part of an error of the beat is corrected at once; how far the beat may be from where it is
# expected, as a standard deviation in beats.
CORRECTION, SURPRISE = 0.4, 0.16
# Below this the beat is a guess.
CERTAIN = 0.12
# The lengths of a beat that are looked for, in hops.
PERIODS = HOPS_A_SECOND * np.geomspace(60 / MAX_BPM, 60 / MIN_BPM, 240)


class Beat(NamedTuple):
    """The beat at one time: tempo, how many beats have passed, and how sure that is, 0..1."""

    bpm: float
    beats: float
    certainty: float


class OnsetReader:
    """Reads onsets from sound that it is given in order."""

    def __init__(self) -> None:
        self._window = np.hanning(WINDOW).astype(np.float32)
        hertz = np.fft.rfftfreq(WINDOW, 1 / RATE)
        self._weights = np.zeros((len(BANDS), len(hertz)))
        for weights, bands in zip(self._weights, BANDS, strict=True):
            for low, high, weight in bands:
                inside = (hertz >= low) & (hertz < high)
                weights[inside] = weight / inside.sum()
        self._sound = np.zeros(WINDOW, np.float32)
        self._left = np.zeros(0, np.float32)
        self._before = np.zeros((2, len(hertz)))

    def read(self, sound: Array) -> list[Array]:
        """Return how much each kind of onset grows, `(3,)`, for every hop of `sound`."""
        sound = np.concatenate([self._left, sound])
        self._left = sound[len(sound) - len(sound) % HOP :]
        found = []
        for at in range(0, len(sound) - HOP + 1, HOP):
            self._sound = np.concatenate([self._sound[HOP:], sound[at : at + HOP]])
            spectrum = np.abs(np.fft.rfft(self._sound * self._window)) * (4 / WINDOW)
            loud = np.stack([np.log1p(250 * spectrum), np.sqrt(spectrum)])  # soft, or loud ones
            grown = np.maximum(0.0, loud - self._before)
            self._before = loud
            found.append((grown[[0, 1, 1]] * self._weights).sum(axis=1))
        return found


class BeatTracker:
    """Finds the beat in sound that it is given in order; the result depends on the sound alone.

    The tempo follows from how well onsets, kicks and snares repeat after parts and multiples of a
    beat (autocorrelation): a linear model of drummers' grooves weighs them, and how far the tempo
    is from the expected one. The beat falls where most onsets lie, and is followed as a loop
    follows a phase.

    Args:
        bpm: the tempo that is expected.
    """

    def __init__(self, bpm: float = 120.0):
        self._reader = OnsetReader()
        self._onsets = np.zeros((len(BANDS), round(MEMORY_SECONDS * HOPS_A_SECOND)))
        self._hops = self._since = 0
        octaves = np.log2(60 * HOPS_A_SECOND / PERIODS / bpm)
        self._prior = DISTANCE[0] * octaves + DISTANCE[1] * octaves**2
        self._period = 0.0  # in hops; 0 before there is a beat
        self._beats = 0.0  # at the last hop
        self._certainty = 0.0
        self._doubts = 0  # how often in a row the beat seemed to lie elsewhere

    @property
    def seconds(self) -> float:
        """The time of the last onset that was read: that of the middle of its window."""
        return (self._hops * HOP - WINDOW / 2) / RATE

    def listen(self, sound: Array) -> None:
        """Read `sound`, `(frames,)` at 48 kHz; what is no whole hop is kept for the next call."""
        for values in self._reader.read(sound):
            self._add(values)

    def beat_at(self, seconds: float) -> Beat | None:
        """Return the beat at a time of the sound; None while there is none."""
        if not self._period:
            return None
        passed = (seconds - self.seconds) * HOPS_A_SECOND / self._period
        return Beat(60 * HOPS_A_SECOND / self._period, self._beats + passed, self._certainty)

    def _add(self, values: Array) -> None:
        self._onsets[:, :-1] = self._onsets[:, 1:]
        self._onsets[:, -1] = values
        self._hops += 1
        self._since += 1
        if self._period:
            self._beats += 1 / self._period
        if self._since >= STEP_SECONDS * HOPS_A_SECOND:
            self._since = 0
            if self._hops >= LEAST_SECONDS * HOPS_A_SECOND:
                self._find()

    def _find(self) -> None:
        """Find the tempo and the beat in the onsets of the last seconds."""
        sharp, kick, snare = heard = [sharpened(one[-self._hops :]) for one in self._onsets]
        if not sharp.any():
            self._certainty = 0.0
            return
        alike = [autocorrelation(one) for one in heard]
        best = int(np.argmax(likeness(alike) @ WEIGHTS.ravel() + self._prior))
        near = PERIODS[best] * np.linspace(0.985, 1.015, 31)
        fine = self._score(alike[0], near)
        period = float(near[int(np.argmax(fine))])
        self._certainty = float(min(1.0, max(0.0, fine.max())))
        if self._certainty < CERTAIN and self._period:
            return
        changed = not self._period or abs(math.log2(period / self._period)) > 0.06
        late, strength = self._phases(kick, snare, period)
        best = int(np.argmax(strength))
        if not changed:  # near where it is expected, and a little of the way there
            period = self._period + CORRECTION * (period - self._period)
            off = late / period - self._beats % 1.0
            off -= np.round(off)
            near = int(np.argmax(strength * np.exp(-0.5 * (off / SURPRISE) ** 2)))
            elsewhere = strength[best] > STRONGER * strength[near]
            self._doubts = self._doubts + 1 if elsewhere else 0
            changed = self._doubts * STEP_SECONDS > BELIEVED_SECONDS
            self._beats += CORRECTION * float(off[near])
        if changed:
            self._doubts = 0
            found = float(late[best]) / period
            self._beats = max(0.0, round(self._beats - found) + found)
        self._period = period

    def _score(self, alike: Array, periods: Array) -> Array:
        """Return how well onsets repeat after one beat, two, and so on."""
        total, weights = np.zeros(len(periods)), np.zeros(len(periods))
        places = np.arange(len(alike))
        for multiple in range(1, MULTIPLES + 1):
            lags = multiple * periods
            known = lags < 0.8 * len(alike)
            total += np.where(known, np.interp(lags, places, alike), 0.0)
            weights += known
        return np.maximum(0.0, total / np.maximum(weights, 1.0))

    def _phases(self, kick: Array, snare: Array, period: float) -> tuple[Array, Array]:
        """Return by how many hops the last beat may lie back, and how strong those beats are.

        Beats are strong where kick and snare take turns, as in most of what drummers play.
        """
        late = np.arange(0.0, period, 0.5)
        beats = np.arange(int((len(kick) - 1) / period))
        places = len(kick) - 1 - late[:, None] - period * beats
        fading, even = np.exp(-beats / FADING), beats % 2 == 0
        low, high = (
            np.interp(places, np.arange(len(one)), one / (one.std() + 1e-9), left=0.0) * fading
            for one in (kick, snare)
        )
        high *= SNARE
        one = np.where(even, low, high).sum(axis=1)
        return late, np.maximum(one, np.where(even, high, low).sum(axis=1))


def likeness(alike: list[Array]) -> Array:
    """Return how alike onsets are after parts and multiples of each of `PERIODS`.

    Args:
        alike: the autocorrelation of each kind of onsets.

    Returns:
        `(periods, kinds * beats)`; 0 where too little has been heard.
    """
    lags = PERIODS[:, None] * BEATS
    known = lags < 0.8 * len(alike[0])
    places = np.arange(len(alike[0]))
    return np.hstack([np.where(known, np.interp(lags, places, one), 0.0) for one in alike])


def sharpened(onsets: Array) -> Array:
    """Return how much onsets stand out of what is around them."""
    smooth = np.convolve(onsets, [0.25, 0.5, 0.25], "same")
    return np.maximum(0.0, smooth - np.convolve(smooth, np.full(19, 1 / 19), "same"))


def autocorrelation(values: Array) -> Array:
    """Return how alike values are to themselves so many places later, 1 at no place."""
    values = values - values.mean()
    spectrum = np.fft.rfft(values, 2 * len(values))
    alike = np.fft.irfft(np.abs(spectrum) ** 2)[: len(values)]
    alike /= len(values) - np.arange(len(values))
    return alike / max(float(alike[0]), 1e-12)
