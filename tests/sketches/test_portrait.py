"""The portrait: a picture is painted while a chorale is sung, and lies there afterwards."""

import os
import subprocess
import sys
from xml.etree import ElementTree

import mido
import numpy as np
from helpers.devices import ROOT
from helpers.images import scene
from helpers.images import squared_error as error
from PIL import Image


def test_a_picture_is_painted_to_the_end_of_the_chorale(tmp_path):
    target = scene(shape=(128, 128))
    picture = tmp_path / "<b>me&.png"
    Image.fromarray(target).save(picture)

    done = subprocess.run(
        [sys.executable, "-m", "capriccio", "run", ROOT / "sketches" / "portrait.py",
         "--offline", "--seconds", "30", "--fps", "2", "--size", "128x128",
         "--to", f"frames:{tmp_path / 'frames'}", "--to", f"midifile:{tmp_path / 'sung.mid'}"],
        capture_output=True, text=True, env=os.environ | {"PORTRAIT": str(picture)},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    frames = [np.asarray(Image.open(path)) for path in sorted((tmp_path / "frames").glob("*.png"))]
    errors = [error(frame, target) for frame in frames]
    assert len(frames) == 60
    assert errors[-1] < errors[20] < 0.5 * errors[0]
    assert any(message.type == "note_on" for message in mido.MidiFile(tmp_path / "sung.mid"))
    painted = np.asarray(Image.open(tmp_path / "<b>me&-painted.png"))
    assert painted.shape == (720, 720, 3)
    drawing = ElementTree.parse(tmp_path / "<b>me&-painted.svg").getroot()
    assert [part.tag.rpartition("}")[2] for part in drawing] == ["title", "g"]
    assert drawing[0].text == "after <b>me&.png"
    assert len(drawing[1]) > 500
