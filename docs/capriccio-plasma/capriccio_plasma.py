"""One small part of each role: waves, a reading of their colour, a log of notes, a moving knob."""

from typing import NamedTuple

import numpy as np
from capriccio import Analyzer, Generator, Input, Output, hookimpl

FULL_TURN = 2 * np.pi
# The coordinates of every pixel, in wavelengths, and the phases of red, green and blue.
X, Y = np.meshgrid(np.linspace(0, 2, 256), np.linspace(0, 2, 256))
COLOR_PHASES = np.array([0.0, 1 / 3, 2 / 3])

CONTRACT = 1


class Plasma(Generator):
    """Paint slow interfering waves: the plasma effect of the demoscene.

    Args:
        seed: of the directions of the waves.
    """

    def __init__(self, *, seed: int = 0):
        self.angles = np.random.default_rng(seed).uniform(0, FULL_TURN, 3)

    def generate(self, now, *, drift=0.0, heat=0.5, glow=0.5):
        """Return an image `(256, 256, 3)`, floats 0..1.

        Args:
            drift: phase of the waves; 0 and 1 are the same picture.
            heat: from long waves to short ones.
            glow: brightness.
        """
        waves = sum(
            np.sin(FULL_TURN * ((np.cos(angle) * X + np.sin(angle) * Y) * (0.5 + 2 * heat) + drift))
            for angle in self.angles
        )
        colors = 0.5 + 0.5 * np.cos(FULL_TURN * (waves[..., None] / 6 + COLOR_PHASES))
        return colors ** (2.0 - 1.5 * glow)


class Mood(NamedTuple):
    """Readings of a picture: how light and how warm it is, both 0..1."""

    light: float
    warmth: float


class Thermometer(Analyzer):
    """Read how light a picture is, and whether it has more red or more blue."""

    def analyze(self, image):
        red, green, blue = image.mean(axis=(0, 1)) / 255
        return Mood((red + green + blue) / 3, 0.5 + (red - blue) / 2)


class Log(Output):
    """Write one line for every note into a text file: `--to log:notes.txt`."""

    file = None

    def start(self, performance):
        self.file = open(self.target or "notes.txt", "w", encoding="utf-8")  # noqa: SIM115

    def note_on(self, note, now):
        print(f"{now.beats:.3f} {note.pitch} {note.velocity:.2f}", file=self.file)

    def close(self):
        if self.file:
            self.file.close()


class Sway(Input):
    """Move one knob up and down every 16 seconds: `--from sway:/plasma/glow`."""

    def start(self, performance):
        parameters = performance.parameters

        def move(seconds):
            parameters.set(self.target, 0.5 - 0.5 * np.cos(FULL_TURN * seconds / 16))

        parameters.add_automation(move)  # called before every frame


@hookimpl
def generators():
    return [Plasma]


@hookimpl
def analyzers():
    return [Thermometer]


@hookimpl
def outputs():
    return [Log]


@hookimpl
def inputs():
    return [Sway]
