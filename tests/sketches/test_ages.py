"""Ages: dreams are painted in turn through the movements of art history."""

import subprocess
import sys

import mido
import numpy as np
import pytest
from capriccio import Moment, analyzer
from capriccio.loader import load_sketch
from helpers.devices import ROOT
from helpers.images import halved
from helpers.images import squared_error as error
from PIL import Image

AGES = ROOT / "sketches" / "ages.py"


@pytest.fixture(scope="module")
def piece():
    load_sketch(AGES)
    return sys.modules["sketch_ages"]


def test_two_ages_are_painted_and_sung(piece, tmp_path):
    flags = ["--offline", "--seconds", "29", "--fps", "1", "--size", "128x128"]
    done = subprocess.run(
        [sys.executable, "-m", "capriccio", "run", AGES, *flags,
         "--to", f"frames:{tmp_path / 'frames'}", "--to", f"midifile:{tmp_path / 'sung.mid'}"],
        capture_output=True, text=True,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    frames = [np.asarray(Image.open(path)) for path in sorted((tmp_path / "frames").glob("*.png"))]
    assert len(frames) == 29
    for first, age in ((0, 0), (15, 1)):  # an age lasts 14.1 s, its painting 10.6
        dream = piece.dreamer(Moment(), style=piece.AGES[age], drift=(age * 0.618) % 1, bloom=0.6)
        errors = [error(frame, halved(dream)) for frame in frames[first : first + 11]]
        assert errors[10] < errors[3] < errors[0]
        assert errors[10] < 0.006
    assert any(message.type == "note_on" for message in mido.MidiFile(tmp_path / "sung.mid"))


def test_the_ages_are_those_the_critic_knows(piece):
    assert set(piece.AGES) < set(analyzer("critic").movements)
