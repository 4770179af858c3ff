"""Builds tones out of partials: what all instruments that are rendered share."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

RATE = 48_000
# Partials above this are left out: samples are played up to two semitones higher than rendered.
HIGHEST_HZ = 17_000.0


@dataclass
class Tone:
    """One rendered sound: its samples, and the loop that goes on while a note is held.

    Without a loop (`loop` None) it dies away by itself.
    """

    samples: Array  # (frames,)
    loop: tuple[int, int] | None = None


def frequency(pitch: float) -> float:
    """Return the frequency of a MIDI pitch in Hz, at A = 440."""
    return float(440.0 * 2.0 ** ((pitch - 69) / 12))


def times(seconds: float) -> Array:
    """Return the time of every frame."""
    return np.arange(round(seconds * RATE)) / RATE


def periodic_noise(random: np.random.Generator, frames: int, slope: float = 0.0) -> Array:
    """Return noise that repeats after `frames` without a seam; `slope` in dB an octave."""
    spectrum = np.exp(2j * np.pi * random.random(frames // 2 + 1))
    bins = np.maximum(1.0, np.arange(frames // 2 + 1))
    spectrum *= (bins / bins[-1]) ** (slope / 6.02)
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, frames)
    return noise / np.sqrt(np.mean(noise**2))


def slow_drift(random: np.random.Generator, time: Array, period: float, highest: int) -> Array:
    """Return a wandering curve of variance 1 that repeats after `period` seconds.

    It is a sum of sines with 1 to `highest` turns a period.
    """
    curve = np.zeros_like(time)
    for turns in range(1, highest + 1):
        phase = 2 * np.pi * random.random()
        curve += (
            random.standard_normal() / turns * np.sin(2 * np.pi * turns * time / period + phase)
        )
    return curve / max(1e-9, float(np.std(curve)))


def filtered(noise: Array, response: Any) -> Array:
    """Return `noise` filtered by `response(hertz)`, an amplitude for every frequency."""
    spectrum = np.fft.rfft(noise)
    return np.fft.irfft(spectrum * response(np.fft.rfftfreq(len(noise), 1 / RATE)), len(noise))


def band(low: float, high: float, steep: float = 4.0) -> Any:
    """Return a response that passes `low` to `high` Hz."""

    def response(hertz: Array) -> Array:
        hertz = np.maximum(hertz, 1.0)
        return 1 / (1 + (low / hertz) ** steep) / (1 + (hertz / high) ** steep)

    return response


def harmonics(phase: Array, levels: Array, hop: int) -> Array:
    """Return a harmonic tone.

    Args:
        phase: of the fundamental at every frame, in radians.
        levels: `(harmonics, points)`, the level of each at every `hop` frames.
    """
    sound = np.zeros_like(phase)
    twice = 2 * np.cos(phase)
    before, now = np.zeros_like(phase), np.sin(phase)
    at = np.arange(len(phase)) / hop
    left = np.minimum(at.astype(int), levels.shape[1] - 2)
    share = at - left
    for level in levels:
        if level.max() > 1e-6:
            sound += (level[left] + share * (level[left + 1] - level[left])) * now
        # The sine of each harmonic follows from those of the two before it.
        before, now = now, twice * now - before
    return sound


def decaying(
    seconds: float, hertz: Array, levels: Array, halves: Array, random: np.random.Generator
) -> Array:
    """Return partials that die away, each with a level and the time in which it falls by 60 dB."""
    time = times(seconds)
    sound = np.zeros_like(time)
    for frequency_, level, half in zip(hertz, levels, halves, strict=True):
        if 0 < frequency_ < HIGHEST_HZ and level > 1e-5:
            # What has fallen by 90 dB is not computed.
            end = min(len(time), int(1.5 * half * RATE) + 1)
            part = time[:end]
            wave = np.sin(2 * np.pi * (frequency_ * part + random.random()))
            sound[:end] += level * 10 ** (-3 * part / half) * wave
    return sound


def faded(sound: Array, attack: float, end: float) -> Array:
    """Return a sound that rises over `attack` seconds and fades over the last `end` seconds."""
    sound = sound.copy()
    rise, fall = max(2, round(attack * RATE)), max(2, round(end * RATE))
    sound[:rise] *= 0.5 - 0.5 * np.cos(np.pi * np.arange(rise) / rise)
    sound[-fall:] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(fall) / fall)
    return sound
