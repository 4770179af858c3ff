"""Renders what is struck or plucked and dies away: pianos, guitar, bass, bells."""

import numpy as np

from .tones import (
    HIGHEST_HZ,
    RATE,
    Array,
    Tone,
    band,
    decaying,
    faded,
    filtered,
    frequency,
    times,
)


def knock(
    random: np.random.Generator, seconds: float, low: float, high: float, decay: float
) -> Array:
    """Return a short noise in a band, falling by 60 dB in `decay` seconds, of peak about 1."""
    time = times(seconds)
    noise = filtered(random.standard_normal(len(time)), band(low, high))
    noise /= np.max(np.abs(noise[: round(0.02 * RATE)]))
    return noise * 10 ** (-3 * time / decay)


def stretched(hertz: float, inharmonicity: float, most: int = 90) -> tuple[Array, Array]:
    """Return the numbers and frequencies of the partials of a stiff string."""
    number = np.arange(1, most + 1)
    hertz_ = hertz * number * np.sqrt(1 + inharmonicity * number**2)
    kept = hertz_ < HIGHEST_HZ
    return number[kept], hertz_[kept]


def piano_tone(pitch: int, layer: int, *, seed: int, detune: float, thin: float) -> Tone:
    """Return a piano note, struck softly (layer 0) or hard (layer 1).

    Args:
        pitch: MIDI number.
        layer: how hard.
        seed: of the instrument.
        detune: how far the strings of a note are out of tune, in cents.
        thin: how much of the bass a small body leaves out, 0..1.
    """
    random = np.random.default_rng([seed, pitch, layer])
    hertz = frequency(pitch)
    seconds = float(np.interp(pitch, [24, 60, 84, 108], [6.0, 5.0, 3.0, 1.4]))
    inharmonicity = 10 ** float(np.interp(pitch, [21, 45, 69, 108], [-3.6, -3.75, -3.1, -1.9]))
    number, partials = stretched(hertz, inharmonicity)
    # The hammer strikes at an eighth of the string, and is soft for what is shorter than it.
    hardness = float(np.interp(pitch, [21, 60, 108], [1100, 2100, 4200])) * (0.62, 1.7)[layer]
    struck = np.abs(np.sin(np.pi * number / 8.3)) + 0.08
    level = struck * np.exp(-partials / hardness) / number**0.35
    # The soundboard radiates little below its lowest mode.
    level /= 1 + ((60 + 110 * thin) / partials) ** 2
    level *= 1 + 0.5 * resonances(partials, seed)
    # T60 of the two stages: while the strings move together, and after they have drifted apart.
    slow = float(np.interp(pitch, [21, 45, 69, 88, 108], [22, 17, 11, 4.5, 1.1]))
    decay = slow / (1 + (partials / 1500) ** 1.1 + 0.02 * number)
    sound = np.zeros(round(seconds * RATE))
    count = 1 if pitch < 32 else 2 if pitch < 46 else 3
    for string in range(count):
        cents = detune * (string - (count - 1) / 2) + random.normal(0, 0.25 * detune, len(number))
        tuned = partials * 2 ** (cents / 1200)
        share = random.uniform(0.8, 1.2, len(number)) / count
        sound += decaying(seconds, tuned, level * share * 0.72, decay * 0.32, random)
        sound += decaying(seconds, tuned, level * share * 0.32, decay, random)
    body = (
        knock(random, seconds, 60, 900, 0.16) * 0.09
        + knock(random, seconds, 1500, 5000, 0.05) * 0.03
    )
    sound = sound / np.max(np.abs(sound)) + body * (0.6, 1.0)[layer]
    return Tone(faded(sound, 0.0012, min(1.2, seconds / 3)))


def resonances(hertz: Array, seed: int) -> Array:
    """Return what the modes of a wooden body add at each frequency, about -0.6 to 0.6."""
    random = np.random.default_rng(seed)
    curve = np.zeros_like(hertz)
    for _ in range(24):
        curve += random.uniform(-0.25, 0.35) * np.exp(
            -(((np.log2(hertz) - random.uniform(6, 12.5)) / 0.12) ** 2)
        )
    return curve


def piano(pitch: int, layer: int) -> Tone:
    """Return a note of an upright piano, soft or hard."""
    return piano_tone(pitch, layer, seed=21, detune=1.1, thin=0.5)


def electric_piano(pitch: int, layer: int) -> Tone:
    """Return a tine before a pickup: nearly a sine when soft, a bark when hard."""
    random = np.random.default_rng([23, pitch, layer])
    hertz = frequency(pitch)
    seconds = float(np.interp(pitch, [28, 60, 100], [5.0, 4.5, 2.0]))
    time = times(seconds)
    decay = float(np.interp(pitch, [28, 60, 100], [11, 8, 2.5]))
    envelope = 10 ** (-3 * time / decay) * (0.8 + 0.2 * 10 ** (-3 * time / 0.5))
    # The tine swings off the centre of the pickup, whose field is not even: harmonics that
    # fall with the swing. Towards the top less, or they would fold.
    drive = (0.55, 1.45)[layer] * float(np.interp(pitch, [40, 90], [1.0, 0.25]))
    swing = envelope * np.sin(2 * np.pi * hertz * time)
    tone = 1 / (1 + (drive * swing + 0.42) ** 2)
    tone = -np.diff(tone, append=tone[-1]) / (2 * np.pi * hertz / RATE * drive)
    bell = decaying(
        seconds,
        np.array([hertz * 6.27, hertz * 17.5]),
        np.array([0.10, 0.03]) * (0.4, 1.2)[layer],
        np.array([0.7, 0.25]),
        random,
    )
    sound = tone + bell + 0.05 * knock(random, seconds, 200, 2500, 0.04)
    return Tone(faded(sound, 0.0012, seconds / 3))


def plucked_tone(
    random: np.random.Generator,
    pitch: int,
    seconds: float,
    *,
    at: float,
    dark: float,
    long: float,
    stiff: float,
) -> Array:
    """Return a plucked string.

    Args:
        random: of this pluck.
        pitch: MIDI number.
        seconds: how long it is.
        at: where it is plucked, as a share of the string.
        dark: frequency in Hz above which the finger leaves little.
        long: T60 of the lowest partials, in seconds.
        stiff: inharmonicity.
    """
    number, partials = stretched(frequency(pitch), stiff)
    level = np.abs(np.sin(np.pi * number * at)) / number / (1 + (partials / dark) ** 2)
    decay = long / (1 + (partials / 900) ** 1.15)
    sound = decaying(seconds, partials, level, decay, random)
    # The string swings in two directions, which the bridge takes up unequally.
    other = partials * (1 + 0.0004 * random.standard_normal(len(partials)))
    return sound + decaying(seconds, other, 0.4 * level, 1.6 * decay, random)


def guitar(pitch: int, layer: int) -> Tone:
    """Return a string of a guitar or a harp, plucked with the finger."""
    random = np.random.default_rng([24, pitch, layer])
    seconds = float(np.interp(pitch, [36, 64, 96], [4.0, 3.0, 1.4]))
    long = float(np.interp(pitch, [36, 64, 96], [8.0, 5.5, 1.8]))
    sound = plucked_tone(random, pitch, seconds, at=0.19, dark=2600, long=long, stiff=4e-5)
    partials = np.array([98.0, 204.0, 390.0])  # the air and the top of the body
    thump = decaying(seconds, partials, np.array([0.10, 0.07, 0.03]), np.full(3, 0.25), random)
    sound = sound / np.max(np.abs(sound)) + thump + 0.05 * knock(random, seconds, 800, 6000, 0.03)
    return Tone(faded(sound, 0.001, seconds / 3))


def bass(pitch: int, layer: int) -> Tone:
    """Return an electric bass, played with the finger."""
    random = np.random.default_rng([25, pitch, layer])
    seconds = float(np.interp(pitch, [24, 60], [4.5, 3.0]))
    sound = plucked_tone(random, pitch, seconds, at=0.23, dark=900, long=9.0, stiff=1e-4)
    sound = np.tanh(1.5 * sound / np.max(np.abs(sound)))
    return Tone(faded(sound + 0.04 * knock(random, seconds, 300, 2500, 0.04), 0.0015, 1.0))


# Partials of a bell by the name of each, as ratios to the one that is heard: hum, prime, tierce,
# quint, nominal and above; their levels and how long they last beside the hum.
BELL = np.array(
    [
        (0.5, 0.55, 1.0),
        (1.0, 0.8, 0.7),
        (1.19, 0.6, 0.55),
        (1.5, 0.25, 0.4),
        (2.0, 1.0, 0.42),
        (2.51, 0.35, 0.26),
        (2.66, 0.3, 0.24),
        (3.01, 0.45, 0.2),
        (4.16, 0.35, 0.14),
        (5.43, 0.25, 0.1),
        (6.8, 0.18, 0.07),
        (8.2, 0.12, 0.05),
    ]
)


def bells(pitch: int, layer: int) -> Tone:
    """Return a bell; every partial is a pair, as bells are never quite round."""
    random = np.random.default_rng([26, pitch, layer])
    seconds = float(np.interp(pitch, [48, 72, 96], [6.0, 5.0, 3.0]))
    ratios, levels, lasts = BELL.T
    long = float(np.interp(pitch, [48, 72, 96], [13, 9, 5]))
    hertz = frequency(pitch) * ratios
    sound = decaying(seconds, hertz, levels, long * lasts, random)
    split = 1 + random.uniform(0.0005, 0.0016, len(hertz))
    sound += 0.6 * decaying(seconds, hertz * split, levels, long * lasts, random)
    sound = sound / np.max(np.abs(sound)) + 0.12 * knock(random, seconds, 1500, 9000, 0.03)
    return Tone(faded(sound, 0.001, seconds / 2.5))
