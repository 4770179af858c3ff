"""Shows as they once were: a score and a picture, kept as files.

Where music or pictures change on purpose, delete the golden file and run the test again: it writes
the new one, and fails once, so that nobody does it without noticing.
"""

import io
from difflib import unified_diff
from pathlib import Path
from random import Random

import numpy as np
import pytest
from capriccio import Generator, Note, Sketch, Stroke, rasterise
from capriccio.devices.video.frames import as_png
from capriccio.testing import Memory
from PIL import Image

GOLDEN = Path(__file__).parent / "golden"
# Colours that two machines may round apart; a mistake moves whole shapes.
TOLERANCE = 2


class Canon(Generator):
    """Walk over the white keys; chance is Python's own, whose numbers are promised to stay."""

    def __init__(self, seed: int, low: int):
        self.chance, self.low, self.step = Random(seed), low, 0

    def generate(self, now, *, haste=0.5):
        count = round(now.span * (1 + haste))
        phrase = []
        for number in range(count):
            self.step = min(max(self.step + int(self.chance.random() * 5) - 2, 0), 13)
            octave, degree = divmod(self.step, 7)
            pitch = self.low + 12 * octave + (0, 2, 4, 5, 7, 9, 11)[degree]
            velocity = round(0.5 + 0.4 * self.chance.random(), 2)
            phrase.append(Note(pitch, number * now.span / count, 1.25, velocity))
        return phrase


class Rings(Generator):
    """Draw a ring that grows, and a hand that turns."""

    def generate(self, now, *, size=0.5, turn=0.0):
        angles = np.linspace(0, 2 * np.pi, 49)
        ring = 0.5 + 0.4 * size * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        end = 0.5 + 0.4 * np.array([np.sin(2 * np.pi * turn), -np.cos(2 * np.pi * turn)])
        return [
            Stroke(ring, 0.06, (0.8, 0.2, 0.1)),
            Stroke(np.array([[0.5, 0.5], end]), 0.1, (0.1, 0.2, 0.6), 0.7),
        ]


@pytest.fixture(scope="module")
def show() -> Memory:
    """Five bars of three beats: two voices, one of them in turns of one and a half bars."""
    sketch, memory = Sketch(bpm=84, meter=3, fps=12, size=(48, 36)), Memory()
    high, low, rings = Canon(7, 60), Canon(11, 36), Rings()
    sketch.play(bars=1)(lambda now: high(now, haste=now.wave(bars=4)))
    sketch.play(bars=1.5)(lambda now: [note._replace(channel=2) for note in low(now, haste=0)])

    @sketch.draw
    def draw(now):
        return rasterise(rings(now, size=sketch.loudness, turn=now.phase(bars=5)), sketch.size)

    sketch.perform([memory], seconds=15 * 60 / 84)
    return memory


def golden(name: str, made: bytes) -> bytes:
    """Return the golden file of that name; where there is none, write what was made and fail."""
    path = GOLDEN / name
    if not path.exists():
        path.write_bytes(made)
        pytest.fail(f"{path.name} was missing and is written anew; look at it, and run again")
    return path.read_bytes()


def test_the_music_is_what_it_was(show):
    before = golden("canon.txt", show.score().encode()).decode().splitlines()
    lines = unified_diff(before, show.score().splitlines(), "as it was", "as it is", lineterm="")
    difference = "\n".join(lines)
    assert not difference, f"\n{difference}"


def test_the_picture_is_what_it_was(show):
    # In the middle, where the ring is neither at its largest nor gone.
    image = show.images[len(show.images) // 2 + 5]
    before = np.asarray(Image.open(io.BytesIO(golden("canon.png", as_png(image)))))
    assert before.shape == image.shape
    apart = np.abs(before.astype(int) - image)
    assert apart.max() <= TOLERANCE, f"{(apart > TOLERANCE).mean():.1%} of the picture is apart"
