"""Moments, images, phrases and drawings to try a part with."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..clock import Moment, OfflineClock
from ..media import Note, Stroke


def moments(
    *, bpm: float = 120.0, meter: int = 4, beats: float = 8.0, step: float = 1.0
) -> Iterator[Moment]:
    """Yield the `Moment` at every `step` of so many `beats`, as a show does."""
    clock = OfflineClock(bpm, meter)
    for number in range(math.ceil(beats / step)):
        yield clock.moment(beats=number * step, span=step)


def images() -> list[np.ndarray[Any, Any]]:
    """Return read-only images, `(height, width, 3)`: noise, black, white, wide, tall, a pixel."""
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    ramp = np.linspace(0, 255, 128).astype(np.uint8)
    wide = np.broadcast_to(ramp[None, :, None], (32, 128, 3))
    plain = [np.full((48, 64, 3), level, np.uint8) for level in (0, 255)]
    made = [noise, *plain, wide, np.ascontiguousarray(wide.transpose(1, 0, 2)), noise[:1, :1]]
    for image in made:
        image.flags.writeable = False  # as all parts see it, nobody may write into it
    return made


def phrases() -> list[list[Note]]:
    """Return phrases: a scale, a chord, a drum pattern, and a single silent note."""
    scale = [Note(60 + step, index * 0.5, 0.5) for index, step in enumerate((0, 2, 4, 5, 7))]
    chord = [Note(pitch, 0.0, 4.0, 1.0) for pitch in (48, 64, 67, 127)]
    drums = [Note(36, beat / 4, 0.25, beat % 4 / 3, channel=10) for beat in range(16)]
    return [scale, chord, drums, [Note(0, velocity=0.0)]]


def drawings() -> list[list[Stroke]]:
    """Return drawings: a circle, a scribble, and a single dot."""
    turn = np.linspace(0, 2 * np.pi, 33)
    circle = np.stack([0.5 + 0.4 * np.cos(turn), 0.5 + 0.4 * np.sin(turn)], axis=1)
    scribble = np.random.default_rng(0).random((20, 2))
    return [
        [Stroke(circle)],
        [Stroke(scribble, 0.05, (1.0, 0.0, 0.5), 0.3), Stroke(circle)],
        [Stroke(np.array([[0.5, 0.5]]))],
    ]
