"""Renders a drum kit: membranes, wires and metal, by their General MIDI numbers."""

from collections.abc import Callable

import numpy as np

from .struck import knock
from .tones import RATE, Array, Tone, band, decaying, faded, filtered, times


def membrane(
    random: np.random.Generator,
    seconds: float,
    *,
    hertz: float,
    drop: float,
    decay: float,
    overtones: float = 0.4,
) -> Array:
    """Return a drum head whose pitch falls by the factor `drop` after the stroke."""
    time = times(seconds)
    sound = np.zeros_like(time)
    # The modes of a round membrane beside the lowest.
    for ratio, level in (
        (1.0, 1.0),
        (1.59, 0.5),
        (2.14, 0.4),
        (2.3, 0.25),
        (2.65, 0.2),
        (2.92, 0.2),
    ):
        glide = 1 + (drop - 1) * np.exp(-time / 0.028)
        phase = 2 * np.pi * np.cumsum(hertz * ratio * glide) / RATE + 0.3 * random.random()
        share = level if ratio == 1.0 else overtones * level
        sound += share * np.sin(phase) * 10 ** (-3 * time / (decay / ratio**1.6))
    return sound


def metal(
    random: np.random.Generator,
    seconds: float,
    *,
    low: float,
    high: float,
    decay: float,
    modes: int = 220,
    noise: float = 0.25,
) -> Array:
    """Return a cymbal: many modes that die away, the highest first, and a hiss."""
    hertz = low * (high / low) ** random.random(modes)
    level = random.uniform(0.3, 1.0, modes) * (hertz / low) ** -0.15
    decays = decay * random.uniform(0.4, 1.2, modes) / (1 + hertz / 9000)
    sound = decaying(seconds, hertz, level, decays, random) / np.sqrt(modes)
    hiss = filtered(random.standard_normal(len(sound)), band(max(low, 2500), high))
    hiss /= np.sqrt(np.mean(hiss**2))
    time = times(seconds)
    return sound + noise * hiss * 10 ** (-3 * time / (0.6 * decay))


def kick(random: np.random.Generator, hard: bool) -> Tone:
    """Return a bass drum."""
    sound = membrane(random, 0.7, hertz=49, drop=2.6, decay=0.62, overtones=0.12)
    sound = np.tanh(1.6 * sound)
    sound += (0.10, 0.26)[hard] * knock(random, 0.7, 1500, 5500, 0.035)
    sound += (0.12, 0.2)[hard] * knock(random, 0.7, 200, 900, 0.06)
    return Tone(faded(sound, 0.0008, 0.15))


def snare(random: np.random.Generator, hard: bool) -> Tone:
    """Return a snare drum: two heads, and wires that rattle."""
    shell = membrane(random, 0.55, hertz=183, drop=1.35, decay=0.22, overtones=0.6)
    wires = filtered(random.standard_normal(len(shell)), band(1100, 9500, 3))
    wires /= np.sqrt(np.mean(wires**2))
    time = times(0.55)
    decay = (0.26, 0.36)[hard]
    rattle = wires * 10 ** (-3 * time / decay) * (1 - np.exp(-time / 0.0012))
    crack = knock(random, 0.55, 2500, 9000, 0.03)
    sound = 0.75 * shell + (0.26, 0.4)[hard] * rattle + (0.15, 0.5)[hard] * crack
    return Tone(faded(np.tanh(1.1 * sound), 0.0006, 0.1))


def side_stick(random: np.random.Generator, hard: bool) -> Tone:
    """Return a stick across the rim."""
    hertz = np.array([480.0, 1180.0, 1730.0, 2650.0])
    sound = decaying(0.2, hertz, np.array([0.5, 1, 0.8, 0.5]), np.full(4, 0.07), random)
    return Tone(faded(sound + 0.6 * knock(random, 0.2, 1200, 6000, 0.03), 0.0006, 0.05))


def clap(random: np.random.Generator, hard: bool) -> Tone:
    """Return hands that are never quite together."""
    sound = 0.6 * knock(random, 0.4, 700, 3200, 0.28)
    for delay in (0.0, 0.009, 0.019, 0.028):
        start = round(delay * RATE)
        sound[start:] += knock(random, 0.4, 700, 3200, 0.03)[: len(sound) - start]
    return Tone(faded(sound, 0.0008, 0.1))


def tom(hertz: float) -> Callable[[np.random.Generator, bool], Tone]:
    """Return the renderer of a tom."""

    def render(random: np.random.Generator, hard: bool) -> Tone:
        sound = membrane(random, 0.9, hertz=hertz, drop=1.45, decay=0.75, overtones=0.45)
        sound += (0.08, 0.2)[hard] * knock(random, 0.9, 900, 4500, 0.035)
        return Tone(faded(np.tanh(sound), 0.0008, 0.25))

    return render


def hat(seconds: float, decay: float) -> Callable[[np.random.Generator, bool], Tone]:
    """Return the renderer of a hi-hat, closed or open."""

    def render(random: np.random.Generator, hard: bool) -> Tone:
        sound = metal(random, seconds, low=3200, high=15500, decay=decay, noise=0.5)
        sound += 0.1 * knock(random, seconds, 2500, 9000, 0.02) * (0.5, 1.0)[hard]
        return Tone(faded(sound, 0.0006, seconds / 3))

    return render


def pedal(random: np.random.Generator, hard: bool) -> Tone:
    """Return a hi-hat closed by the foot."""
    sound = metal(random, 0.2, low=1800, high=11000, decay=0.09, noise=0.5)
    return Tone(faded(sound + 0.12 * knock(random, 0.2, 300, 2500, 0.03), 0.0015, 0.06))


def cymbal(
    seconds: float, decay: float, low: float, noise: float, swell: float = 0.0
) -> Callable[[np.random.Generator, bool], Tone]:
    """Return the renderer of a crash, a splash or a china."""

    def render(random: np.random.Generator, hard: bool) -> Tone:
        sound = metal(random, seconds, low=low, high=15000, decay=decay, modes=420, noise=noise)
        time = times(seconds)
        sound *= 1 - swell * np.exp(-time / 0.02)
        return Tone(faded(sound, 0.0008, seconds / 2))

    return render


def ride(bell: bool) -> Callable[[np.random.Generator, bool], Tone]:
    """Return the renderer of a ride cymbal, at its edge or its bell."""

    def render(random: np.random.Generator, hard: bool) -> Tone:
        sound = metal(random, 2.2, low=700, high=14000, decay=2.6, modes=300, noise=0.05)
        ping = decaying(
            2.2,
            np.array([620.0, 1420, 2210, 3340, 4480, 5620]),
            np.array([0.3, 0.5, 0.5, 0.4, 0.35, 0.3]) * (1.1 if bell else 0.35),
            np.full(6, 1.6 if bell else 0.5),
            random,
        )
        sound = 0.45 * sound + ping + 0.35 * knock(random, 2.2, 3500, 11000, 0.02)
        return Tone(faded(sound, 0.0006, 1.0))

    return render


def struck_metal(
    hertz: tuple[float, ...], seconds: float, decay: float
) -> Callable[[np.random.Generator, bool], Tone]:
    """Return the renderer of a cowbell, a triangle, an agogo."""

    def render(random: np.random.Generator, hard: bool) -> Tone:
        partials = np.array(hertz)
        levels = 1 / np.sqrt(np.arange(1, len(partials) + 1))
        sound = decaying(seconds, partials, levels, decay / (1 + partials / 9000), random)
        return Tone(
            faded(sound + 0.2 * knock(random, seconds, 2000, 8000, 0.01), 0.0006, seconds / 3)
        )

    return render


def shaken(seconds: float, low: float, high: float, jingles: float) -> Callable[..., Tone]:
    """Return the renderer of a tambourine, a shaker, maracas."""

    def render(random: np.random.Generator, hard: bool) -> Tone:
        sound = knock(random, seconds, low, high, seconds * 0.8)
        if jingles:
            sound = 0.5 * sound + jingles * metal(
                random, seconds, low=4200, high=13000, decay=0.35, modes=60, noise=0.1
            )
        return Tone(faded(sound, 0.004 if not jingles else 0.001, seconds / 3))

    return render


def hand_drum(hertz: float, decay: float, slap: float) -> Callable[..., Tone]:
    """Return the renderer of a conga, a bongo, a timbale."""

    def render(random: np.random.Generator, hard: bool) -> Tone:
        sound = membrane(random, 0.5, hertz=hertz, drop=1.08, decay=decay, overtones=0.5)
        return Tone(faded(sound + slap * knock(random, 0.5, 900, 5000, 0.03), 0.0007, 0.15))

    return render


# By General MIDI number; a `set` of numbers that are missing here is in `instrument_samples.py`.
DRUMS: dict[int, Callable[[np.random.Generator, bool], Tone]] = {
    36: kick,
    37: side_stick,
    38: snare,
    39: clap,
    41: tom(76),
    43: tom(92),
    45: tom(112),
    47: tom(134),
    48: tom(158),
    50: tom(186),
    42: hat(0.22, 0.10),
    44: pedal,
    46: hat(1.1, 0.95),
    49: cymbal(2.6, 2.4, 420, 0.35),
    51: ride(False),
    52: cymbal(1.8, 1.3, 300, 0.6),
    53: ride(True),
    54: shaken(0.4, 3000, 11000, 0.7),
    55: cymbal(1.1, 0.7, 900, 0.4),
    56: struck_metal((562.0, 845.0, 1690.0, 2535.0), 0.4, 0.28),
    60: hand_drum(410, 0.2, 0.3),
    61: hand_drum(305, 0.22, 0.25),
    62: hand_drum(330, 0.09, 0.5),
    63: hand_drum(250, 0.38, 0.2),
    64: hand_drum(186, 0.42, 0.15),
    67: struck_metal((1380.0, 3560.0, 5900.0), 0.5, 0.5),
    70: shaken(0.13, 4000, 14000, 0.0),
    75: struck_metal((2480.0, 5300.0), 0.15, 0.07),
    76: struck_metal((1180.0, 2900.0), 0.15, 0.07),
    77: struck_metal((830.0, 2100.0), 0.17, 0.09),
    80: struck_metal((3520.0, 5480.0, 8120.0, 10900.0), 0.3, 0.2),
    81: struck_metal((3520.0, 5480.0, 8120.0, 10900.0), 2.0, 3.0),
}


# The highest peak over the RMS of the first 50 ms: drums are mixed so that they are heard beside
# others, not so that one stroke turns everything down.
CREST = 3.6


def pressed(sound: Array) -> Array:
    """Return a stroke whose peak is at most `CREST` above its level, its top rounded."""
    head = round(0.05 * RATE)
    for _ in range(12):
        level = np.sqrt(np.mean(sound[:head] ** 2))
        peak = np.max(np.abs(sound))
        if peak <= CREST * level:
            break
        sound = np.tanh(1.3 * sound / peak)
    return sound


def kit(pitch: int, layer: int) -> Tone:
    """Return a stroke of a drum: layers 0 and 1 are soft, 2 and 3 hard, each a little different."""
    random = np.random.default_rng([31, pitch, layer])
    return Tone(pressed(DRUMS[pitch](random, layer >= 2).samples))
