"""Slow interfering waves of colour; with them an ear for colour, and a log of what is played."""

from typing import NamedTuple

import numpy as np
from capriccio import Analyzer, Generator, Output, hookimpl

TURN = 2 * np.pi
# Where the waves are read: right and down, in turns of a wave, and red, green, blue apart.
X, Y = np.meshgrid(np.linspace(0, 2, 256), np.linspace(0, 2, 256))
COLOURS = np.array([0.0, 1 / 3, 2 / 3])


class Plasma(Generator):
    """Paint slow interfering waves, the plasma of the demos of 1990.

    `drift` moves the waves once round from 0 to 1, `heat` folds them finer, `glow` lightens the
    whole picture. The seed says where the waves come from.
    """

    def __init__(self, *, seed: int = 0):
        self.angles = np.random.default_rng(seed).uniform(0, TURN, 3)

    def generate(self, now, *, drift=0.0, heat=0.5, glow=0.5):
        waves = sum(
            np.sin(TURN * ((np.cos(angle) * X + np.sin(angle) * Y) * (0.5 + 2 * heat) + drift))
            for angle in self.angles
        )
        rainbow = 0.5 + 0.5 * np.cos(TURN * (waves[..., None] / 6 + COLOURS))
        return rainbow ** (2.0 - 1.5 * glow)


class Mood(NamedTuple):
    """How light and how warm a picture is, 0..1 both."""

    light: float
    warmth: float


class Thermometer(Analyzer):
    """Read how light a picture is, and whether red or blue rules it."""

    def analyze(self, image):
        red, green, blue = image.mean(axis=(0, 1)) / 255
        return Mood((red + green + blue) / 3, 0.5 + (red - blue) / 2)


class Log(Output):
    """Write every note into a text file, one line each: `--to log:notes.txt`."""

    file = None

    def start(self, performance):
        self.file = open(self.target or "notes.txt", "w", encoding="utf-8")  # noqa: SIM115

    def note_on(self, note, now):
        print(f"{now.beats:.3f} {note.pitch} {note.velocity:.2f}", file=self.file)

    def close(self):
        if self.file:
            self.file.close()


@hookimpl
def generators():
    return [Plasma]


@hookimpl
def analyzers():
    return [Thermometer]


@hookimpl
def outputs():
    return [Log]
