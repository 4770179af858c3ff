"""Reads sound: how loud it is and where, onsets, pitch and brightness, hop by hop."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .instrument_samples import RATE

Array = np.ndarray[Any, Any]

# Frames from one reading to the next, and of the window that each is read from.
HOP, WINDOW = 512, 2048
# What counts as silence and as full level, in dB of a full-scale sine.
QUIET, LOUD = -60.0, -6.0
# The bands, in Hz.
BANDS = {"low": (30.0, 250.0), "mid": (250.0, 2000.0), "high": (2000.0, 14_000.0)}
# An onset is where the spectrum grows by this much more than it lately did, no sooner than so many
# seconds after the one before.
ONSET_RATIO, ONSET_LEAST, ONSET_GAP = 2.2, 0.02, 0.06
# The pitches that are heard, in Hz, and how periodic a sound must be to have one.
LOWEST_HZ, HIGHEST_HZ, PERIODIC = 70.0, 1400.0, 0.12


class Heard(NamedTuple):
    """What is read of one moment, all 0..1; `pitch` is a MIDI number over 127, 0 without one."""

    level: float = 0.0
    low: float = 0.0
    mid: float = 0.0
    high: float = 0.0
    onset: float = 0.0
    pitch: float = 0.0
    brightness: float = 0.0


class Listener:
    """Turns sound into readings, in order; what it returns depends on the sound alone.

    Args:
        attack: seconds in which a reading follows what rises, to 63 %.
        release: seconds in which it follows what falls; an onset dies away as fast.
        follower: called with each reading, and whether it has an onset.
    """

    def __init__(
        self,
        attack: float = 0.01,
        release: float = 0.25,
        follower: Callable[[Heard, bool], None] = lambda heard, struck: None,
    ):
        self._rise, self._fall = (
            1 - math.exp(-HOP / RATE / max(1e-4, seconds)) for seconds in (attack, release)
        )
        self._window = np.hanning(WINDOW).astype(np.float32)
        hertz = np.fft.rfftfreq(WINDOW, 1 / RATE)
        self._hertz = hertz
        self._bands = [(hertz >= low) & (hertz < high) for low, high in BANDS.values()]
        self._sound = np.zeros(WINDOW, np.float32)
        self._left = np.zeros(0, np.float32)
        self._before = np.zeros(len(hertz))
        self._usual, self._since = ONSET_LEAST, 1.0
        self._follower = follower
        self.heard = Heard()
        self.spectrum: Array = np.zeros(64)  # 64 bands from low to high, 0..1, to draw

    def listen(self, sound: Array) -> None:
        """Read `sound`, `(frames,)` at 48 kHz; what is no whole hop is kept for the next call."""
        sound = np.concatenate([self._left, sound])
        for at in range(0, len(sound) - HOP + 1, HOP):
            self._sound = np.concatenate([self._sound[HOP:], sound[at : at + HOP]])
            self._read()
        self._left = sound[len(sound) - len(sound) % HOP :]

    def _read(self) -> None:
        spectrum = np.abs(np.fft.rfft(self._sound * self._window)) * (4 / WINDOW)
        power = spectrum**2
        total = float(power.sum()) / 1.5  # the window spreads a sine over three bins
        bands = [float(power[band].sum()) / 1.5 for band in self._bands]
        grown = float(np.maximum(0.0, np.sqrt(spectrum) - self._before).mean())
        self._before = np.sqrt(spectrum)
        self._since += HOP / RATE
        struck = grown > max(ONSET_LEAST, ONSET_RATIO * self._usual) and self._since > ONSET_GAP
        self._usual += (grown - self._usual) * 0.08
        if struck:
            self._since = 0.0
        was = self.heard
        level = self._follow(was.level, decibels(total))
        bright = was.brightness
        if total > 10 ** (QUIET / 10):
            centre = float((self._hertz * power).sum() / power.sum())
            octaves = math.log2(max(centre, 60.0) / 60.0) / math.log2(12_000 / 60)
            bright = self._follow(bright, min(1.0, octaves))
        low, mid, high = (
            self._follow(old, decibels(new)) for old, new in zip(was[1:4], bands, strict=True)
        )
        self.heard = Heard(
            level,
            low,
            mid,
            high,
            onset=1.0 if struck else was.onset * (1 - self._fall),
            pitch=self._pitch(total, was.pitch),
            brightness=bright,
        )
        self._follower(self.heard, struck)
        edges = np.geomspace(2, len(spectrum) - 1, 65).astype(int)
        peaks = np.maximum.reduceat(power, edges[:-1])
        self.spectrum = np.clip((10 * np.log10(peaks + 1e-12) - QUIET) / (LOUD - QUIET), 0, 1)

    def _follow(self, old: float, new: float) -> float:
        return old + (new - old) * (self._rise if new > old else self._fall)

    def _pitch(self, total: float, before: float) -> float:
        """Return the pitch of the window, 0 without one; YIN (de Cheveigné, Kawahara 2002)."""
        if total < 10 ** (QUIET / 10):
            return 0.0
        most, least = round(RATE / LOWEST_HZ), round(RATE / HIGHEST_HZ)
        sound = self._sound.astype(np.float64)
        head = sound[: WINDOW - most]
        size = 2 * WINDOW
        product = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(head, size)), size)
        energy = np.concatenate([[0.0], np.cumsum(sound**2)])
        lags = np.arange(most)
        shifted = energy[lags + len(head)] - energy[lags]
        difference = energy[len(head)] + shifted - 2 * product[:most]
        normal = np.ones(most)
        running = np.cumsum(difference[1:])
        normal[1:] = difference[1:] * lags[1:] / np.maximum(running, 1e-9)
        low = np.flatnonzero(normal[least:] < PERIODIC)
        if not len(low):
            return 0.0
        lag = least + int(low[0])
        while lag + 1 < most and normal[lag + 1] < normal[lag]:
            lag += 1
        if 1 <= lag < most - 1:  # between three points, a parabola
            a, b, c = normal[lag - 1 : lag + 2]
            lag = lag + 0.5 * (a - c) / max(1e-9, a - 2 * b + c)
        number = 69 + 12 * math.log2(RATE / lag / 440)
        return min(max(number / 127, 0.0), 1.0)


def decibels(power: float) -> float:
    """Return the power of a sound as 0..1, from what counts as silence to full level."""
    level = 10 * math.log10(power + 1e-12)
    return min(max((level - QUIET) / (LOUD - QUIET), 0.0), 1.0)
