"""Renders what sounds as long as it is held: singers, bowed strings, organ pipes."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .tones import (
    HIGHEST_HZ,
    RATE,
    Array,
    Tone,
    band,
    filtered,
    frequency,
    harmonics,
    periodic_noise,
    slow_drift,
    times,
)

# Seconds before the loop, of the loop, and after it, for the codec.
ATTACK_SECONDS, LOOP_SECONDS, TAIL_SECONDS = 1.0, 4.0, 0.06
# Pipes have no vibrato to be told from the next.
PIPE_SECONDS = 1.5
# Frames between two points at which the levels of harmonics are computed.
HOP = 192

# Formants of sung vowels: Hz, dB and bandwidth of five, by voice. After the table of formant values
# in the Csound manual, appendix D (public knowledge from the singing literature).
FORMANTS = {
    "bass": {
        "a": ((600, 1040, 2250, 2450, 2750), (0, -7, -9, -9, -20), (60, 70, 110, 120, 130)),
        "o": ((400, 750, 2400, 2600, 2900), (0, -11, -21, -20, -40), (40, 80, 100, 120, 120)),
    },
    "tenor": {
        "a": ((650, 1080, 2650, 2900, 3250), (0, -6, -7, -8, -22), (80, 90, 120, 130, 140)),
        "o": ((400, 800, 2600, 2800, 3000), (0, -10, -12, -12, -26), (40, 80, 100, 120, 120)),
    },
    "alto": {
        "a": ((800, 1150, 2800, 3500, 4950), (0, -4, -20, -36, -60), (80, 90, 120, 130, 140)),
        "o": ((450, 800, 2830, 3500, 4950), (0, -9, -16, -28, -55), (70, 80, 100, 130, 135)),
    },
    "soprano": {
        "a": ((800, 1150, 2900, 3900, 4950), (0, -6, -32, -20, -50), (80, 90, 120, 130, 140)),
        "o": ((450, 800, 2830, 3800, 4950), (0, -11, -22, -22, -50), (70, 80, 100, 130, 135)),
    },
}
# Up to which pitch each voice sings here.
VOICES = {"bass": 52, "tenor": 60, "alto": 68, "soprano": 127}


def steady_phase(
    random: np.random.Generator,
    hertz: float,
    vibrato: float,
    drift: float,
    onset: float,
    period: float = LOOP_SECONDS,
) -> tuple[Array, Array]:
    """Return the phase and the frequency, at every frame, of a voice that loops without a seam.

    Args:
        random: makes every player another one.
        hertz: of the note, which is rounded to a whole number of cycles a loop.
        vibrato: its depth in cents, reached within the first half second.
        drift: how far the pitch wanders, in cents.
        onset: cents by which the tone starts flat.
        period: of the loop, in seconds.
    """
    time = times(ATTACK_SECONDS + period + TAIL_SECONDS)
    hertz = round(hertz * period) / period
    # A whole number of turns a loop, unequally long, as a voice makes them.
    turns = random.integers(round(4.9 * period), round(6.3 * period) + 1)
    wobble = 0.35 * slow_drift(random, time, period, 3)
    swing = np.sin(2 * np.pi * (turns * time / period + random.random()) + wobble)
    depth = 1 + 0.25 * slow_drift(random, time, period, 3)
    rise = np.clip((time - 0.15 - 0.2 * random.random()) / 0.45, 0, 1)
    cents = vibrato * swing * depth * rise * rise * (3 - 2 * rise)
    cents += drift * slow_drift(random, time, period, 9)
    cents -= onset * np.exp(-time / 0.045)
    hertz_now = hertz * 2 ** (cents / 1200)
    # What the swings leave over of whole cycles is taken out evenly.
    start, end = round(ATTACK_SECONDS * RATE), round((ATTACK_SECONDS + period) * RATE)
    cycles = hertz_now[start:end].sum() / RATE
    hertz_now *= hertz * period / cycles
    phase = 2 * np.pi * (np.cumsum(hertz_now) / RATE + random.random())
    return phase, hertz_now


def resonance(hertz: Array, centre: Array, width: float) -> Array:
    """Return the response of one resonance, 1 at its centre."""
    return 1 / np.sqrt(1 + ((hertz - centre) / (width / 2)) ** 2)


def formants_of(pitch: int) -> Mapping[str, tuple[tuple[int, ...], ...]]:
    """Return the formants of the voice that sings a pitch."""
    voice = next(name for name, top in VOICES.items() if pitch <= top)
    return FORMANTS[voice]


def singer(random: np.random.Generator, pitch: int) -> Array:
    """Return one singer on an open vowel that wanders between a and o."""
    hertz = frequency(pitch) * 2 ** (random.uniform(-9, 9) / 1200)
    phase, hertz_now = steady_phase(
        random, hertz, random.uniform(22, 42), random.uniform(3, 6), random.uniform(25, 70)
    )
    frames = len(phase)
    vowels = formants_of(pitch)
    build = random.uniform(0.95, 1.06)  # a shorter or longer throat
    points = np.arange(0, frames + HOP, HOP)
    time = points / RATE
    opening = 0.68 + 0.24 * slow_drift(random, time, LOOP_SECONDS, 3)
    opening = np.clip(opening, 0, 1) * (0.75 + 0.25 * np.clip(time / 0.4, 0, 1))
    hertz_points = hertz_now[np.minimum(points, frames - 1)]
    count = int(min(HIGHEST_HZ * 0.6, 9500) / hertz)
    at = np.arange(1, count + 1)[:, None] * hertz_points[None, :]  # (harmonics, points)
    tract: Any = np.zeros_like(at)
    effort = 1 + 0.12 * slow_drift(random, time, LOOP_SECONDS, 5)
    for number in range(5):
        low, high = (vowels[vowel][0][number] for vowel in ("o", "a"))
        centre = build * (low + (high - low) * opening)
        # The lowest formant is raised to the note where that is higher, as sopranos do.
        if number == 0:
            centre = np.maximum(centre, hertz_points * 1.02)
        level = [10 ** (vowels[vowel][1][number] / 20) for vowel in ("o", "a")]
        width = vowels["a"][2][number] * random.uniform(1.0, 1.3)
        tract += (level[0] + (level[1] - level[0]) * opening) * resonance(at, centre, width)
    # A glottal pulse falls by 12 dB an octave, the lips give 6 back.
    source: Any = (np.arange(1, count + 1)[:, None] ** -1.05) * effort
    air = 0.0015 * np.ones_like(at)  # what the formants leave open
    tone = harmonics(phase, source * (tract + air), HOP)
    tone /= np.sqrt(np.mean(tone**2))
    vowel = vowels["a"]

    def breath(hz: Array) -> Array:
        response = np.zeros_like(hz)
        for centre, level, width in zip(*vowel, strict=True):
            response += 10 ** (level / 20) * resonance(hz, build * centre, 3 * width)
        return response * band(500, 7000)(hz) + 0.05 * band(3000, 9000)(hz)

    noise = looped_noise(random, frames, breath)
    flutter = 0.6 + 0.4 * np.sin(phase)  # air flows while the glottis is open
    seconds = np.arange(frames) / RATE
    start = random.uniform(0.0, 0.018)
    attack = random.uniform(0.055, 0.085)
    rise = np.clip((seconds - start) / attack, 0, 1)
    air_level = 0.022 + 0.10 * np.exp(-seconds / 0.05)
    return tone * rise * rise * (3 - 2 * rise) + air_level * noise * flutter * np.clip(
        seconds / 0.004, 0, 1
    )


def looped_noise(
    random: np.random.Generator, frames: int, response: object, period: float = LOOP_SECONDS
) -> Array:
    """Return noise of level 1 that repeats with the loop."""
    length = round(period * RATE)
    noise = filtered(periodic_noise(random, length), response)
    noise = np.resize(noise / np.sqrt(np.mean(noise**2)), frames + length)
    return noise[-round(ATTACK_SECONDS * RATE) % length :][:frames]


def looped(sound: Array, period: float = LOOP_SECONDS) -> Tone:
    """Return a tone with its loop."""
    start = round(ATTACK_SECONDS * RATE)
    return Tone(sound, (start, start + round(period * RATE)))


def choir(pitch: int, layer: int) -> Tone:
    """Return three singers in unison; each layer has other ones."""
    random = np.random.default_rng([11, pitch, layer])
    weights = (1.0, 0.85, 0.75)
    return looped(sum(weight * singer(random, pitch) for weight in weights))  # type: ignore[arg-type]


def bow(random: np.random.Generator, pitch: int) -> Array:
    """Return one player of a bowed string: a sawtooth through a wooden body."""
    hertz = frequency(pitch) * 2 ** (random.uniform(-7, 7) / 1200)
    phase, hertz_now = steady_phase(
        random, hertz, random.uniform(9, 19), random.uniform(2, 4), random.uniform(0, 12)
    )
    frames = len(phase)
    points = np.arange(0, frames + HOP, HOP)
    hertz_points = hertz_now[np.minimum(points, frames - 1)]
    # Violin, viola, cello, bass: the lower the note, the larger the body.
    size = float(np.interp(pitch, [36, 48, 60, 72], [0.42, 0.6, 0.85, 1.0]))
    count = int(HIGHEST_HZ * 0.75 / hertz)
    at = np.arange(1, count + 1)[:, None] * hertz_points[None, :]
    modes = [(275, 60, 1.0), (460, 90, 1.2), (700, 180, 0.8), (1100, 300, 0.7), (2400, 1300, 1.1)]
    body = 0.22 * np.ones_like(at)
    for centre, width, level in modes:
        shift = random.uniform(0.96, 1.04)
        body += level * resonance(at, np.asarray(centre * size * shift), width)
    body *= 1 / (1 + (at / 4200) ** 2)  # the mute of the bridge above its hill
    time = points / RATE
    pressure = 1 + 0.1 * slow_drift(random, time, LOOP_SECONDS, 8)
    # While the bow takes hold of the string the upper harmonics come later.
    number = np.arange(1, count + 1)[:, None]
    speak = 1 - np.exp(-(time[None, :] + 0.004) / (0.018 + 0.0012 * np.minimum(number, 40)))
    tone = harmonics(phase, number**-1.0 * body * pressure * speak, HOP)
    tone /= np.sqrt(np.mean(tone**2))
    noise = looped_noise(random, frames, band(900 * size, 5000))
    seconds = np.arange(frames) / RATE
    rise = np.clip((seconds - random.uniform(0, 0.012)) / random.uniform(0.05, 0.09), 0, 1)
    scrape = 0.02 + 0.07 * np.exp(-seconds / 0.06)
    scratch = noise * scrape * (0.7 + 0.3 * np.sin(phase)) * np.clip(seconds / 0.004, 0, 1)
    return tone * rise * rise * (3 - 2 * rise) + scratch


def strings(pitch: int, layer: int) -> Tone:
    """Return a desk of four players; each layer has other ones."""
    random = np.random.default_rng([12, pitch, layer])
    return looped(sum(bow(random, pitch) for _ in range(4)))  # type: ignore[arg-type]


# The ranks of pipes that each layer of the organ draws: how many times the frequency, how loud,
# and how fast its harmonics fall. Layer 0 is the foundation, layer 1 what crowns it.
RANKS = {
    0: ((1.0, 1.0, 1.25), (2.0, 0.5, 1.45), (0.5, 0.32, 2.0)),
    1: ((2.0, 0.45, 1.1), (3.0, 0.35, 1.4), (4.0, 0.42, 1.3), (6.0, 0.22, 1.5), (8.0, 0.2, 1.5)),
}


def pipe(random: np.random.Generator, hertz: float, slope: float) -> Array:
    """Return an open pipe: a steady tone, wind, and the chiff with which it speaks."""
    # A pipe has no vibrato; its wind is never quite still.
    phase, _ = steady_phase(random, hertz, 0.0, 0.7, -14, PIPE_SECONDS)
    frames = len(phase)
    points = np.arange(0, frames + HOP, HOP)
    time = points / RATE
    count = max(1, min(32, int(HIGHEST_HZ * 0.8 / hertz)))
    number = np.arange(1, count + 1)[:, None]
    level = number**-slope * (1 + 0.3 * (number == 2) - 0.25 * (number % 2 == 0) * (number > 2))
    level = level * np.exp(-number * hertz / 6500)
    speed = 0.012 + 9.0 / max(80.0, hertz) * 0.35
    # The octave speaks before the fundamental.
    speak = 1 - np.exp(-(time[None, :] + 0.002) / (speed * (0.45 + 0.75 / number)))
    breath = 1 + 0.02 * slow_drift(random, time, PIPE_SECONDS, 12)
    tone = harmonics(phase, level * speak * breath, HOP)
    tone /= np.sqrt(np.mean(tone**2))
    seconds = np.arange(frames) / RATE
    wind = looped_noise(
        random, frames, band(max(300.0, hertz), max(1500.0, 4 * hertz)), PIPE_SECONDS
    )
    chiff = 0.008 + 0.09 * np.exp(-seconds / 0.028)
    rise = np.clip(seconds / (0.012 + speed), 0, 1)
    return tone * rise * (2 - rise) + wind * chiff * np.clip(seconds / 0.003, 0, 1)


def organ(pitch: int, layer: int) -> Tone:
    """Return the pipes of one key; layer 0 draws the foundations, layer 1 the mixtures."""
    random = np.random.default_rng([13, pitch, layer])
    sound = np.zeros(round((ATTACK_SECONDS + PIPE_SECONDS + TAIL_SECONDS) * RATE))
    for times_, level, slope in RANKS[layer]:
        hertz = frequency(pitch) * times_
        while hertz > 4200:  # where pipes would be too short, the rank repeats an octave lower
            hertz /= 2
        sound += level * pipe(random, hertz * 2 ** (random.uniform(-2, 2) / 1200), slope)
    return looped(sound, PIPE_SECONDS)
