"""Four plugins of strangers, each a distribution of its own in `tests/strangers`.

Two need nothing that is not here. The others are installed where `CAPRICCIO_WHEELS` is a folder of
wheels: pip download -d FOLDER numba 'opencv-python-headless<4.10' 'numpy<2' 'pillow<12'
"""

import importlib
import io
import json
import os
import shutil
import socket
import sys
import urllib.request
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from capriccio import Performance, Sketch
from capriccio.clock import OfflineClock
from capriccio.testing import Memory, check_analyzer, check_generator, check_input, check_output
from helpers.devices import TESTS, Scratch
from helpers.packages import refused
from PIL import Image

STRANGERS = TESTS / "strangers"


@pytest.fixture
def stranger(monkeypatch):
    """Import the module of a stranger."""

    def load(name):
        monkeypatch.syspath_prepend(STRANGERS / f"capriccio-{name}")
        return importlib.import_module(f"capriccio_{name}")

    yield load
    for name in ("coral", "contours", "mjpeg", "gamepad"):
        sys.modules.pop(f"capriccio_{name}", None)


def test_a_browser_sees_the_stream(stranger):
    mjpeg = stranger("mjpeg")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with closing(mjpeg.Mjpeg(str(port))) as output:
        output.start(Performance(OfflineClock()))
        for shade in (50, 200):
            output.show(np.full((48, 64, 3), shade, np.uint8), OfflineClock().moment(span=1))
            with urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=60) as stream:
                assert stream.readline() == b"--capriccio-frame\r\n"
                assert stream.readline() == b"Content-Type: image/jpeg\r\n"
                length = int(stream.readline().partition(b":")[2])
                stream.readline()
                picture = np.asarray(Image.open(io.BytesIO(stream.read(length))))
            assert picture.shape == (48, 64, 3)
            assert abs(int(picture.mean()) - shade) < 3
    check_output(mjpeg.Mjpeg, str(port))
    with pytest.raises(ValueError, match="expected a port, as in mjpeg:8090, got 'lamp'"):
        mjpeg.Mjpeg("lamp")


class Pad:
    """A gamepad whose stick goes from left to right in the first frames."""

    def __init__(self):
        self.asked = 0

    def get_numaxes(self):
        return 2

    def get_numbuttons(self):
        return 1

    def get_axis(self, number):
        self.asked += number == 0
        return (-1.0, 0.05, 1.0)[min(self.asked - 1, 2)] if number == 0 else 0.0

    def get_button(self, number):
        return 1


def test_a_gamepad_turns_knobs(stranger, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    gamepad = stranger("gamepad")
    monkeypatch.setattr(gamepad.Gamepad, "connected", staticmethod(Pad))
    from capriccio import Generator

    class Light(Generator):
        """Paint one grey."""

        def generate(self, now, *, level=0.5, red=0.0):
            return np.full((6, 8, 3), [int(255 * red), int(100 * level), 0], np.uint8)

    light, sketch, memory = Light(), Sketch(fps=10, size=(16, 16)), Memory()
    sketch.names = {"light": light}

    @sketch.draw
    def draw(now):
        return light(now)

    pad = gamepad.Gamepad("left_x=/light/level,0=/light/red")
    sketch.perform([memory], seconds=0.6, inputs=[pad])
    assert [one[0, 0, 1] for one in memory.images][:4] == [0, 50, 100, 100]
    assert memory.images[0][0, 0, 0] == 255
    check_input(gamepad.Gamepad, "left_x=/light/level")
    with pytest.raises(ValueError, match=r"expected left_x, left_y, .* got 'wheel'"):
        gamepad.Gamepad("wheel=/light/level")


def test_coral_keeps_the_contract(stranger):
    pytest.importorskip("numba")
    check_generator(stranger("coral").Coral)


def test_contours_keep_the_contract(stranger):
    pytest.importorskip("cv2")
    check_analyzer(stranger("contours").Contours)


@pytest.mark.system
@pytest.mark.slow
def test_two_strangers_are_installed_beside_capriccio(tmp_path):
    scratch = Scratch(tmp_path / "venv")
    folders = " ".join(str(copy_of(name, tmp_path)) for name in ("mjpeg", "gamepad"))
    said = scratch.run(f"capriccio install {folders} --yes", tmp_path)
    assert "installed gamepad" in said and "installed mjpeg" in said
    found = json.loads(scratch.run("capriccio plugins --json --search capriccio-plugin", tmp_path))
    there = [one for one in found if one["state"] == "ok"]
    assert len(found) > len(there)  # the others, and the example, as the directory has them
    parts = {one["plugin"]: one["outputs"] + one["inputs"] for one in there}
    assert parts == {"mjpeg": ["mjpeg"], "gamepad": ["gamepad"]}


PLAY = """
import numpy as np
import capriccio
from capriccio.testing import moments
coral, contours = capriccio.generator("coral", seed=3), capriccio.analyzer("contours")
for now in moments(beats=60, step=1):
    picture = coral(now, feed=0.5)
readings = contours(picture)
print(picture.shape, picture.std() > 10, 0 < readings.largest < 1, readings._fields)
print(np.__version__.split(".")[0], "isolated" in contours.worker.python)
contours.close()
"""


@pytest.mark.system
@pytest.mark.slow
def test_two_strangers_with_libraries_of_their_own_play_together(tmp_path):
    wheels = os.environ.get("CAPRICCIO_WHEELS")
    if not wheels:
        pytest.skip("CAPRICCIO_WHEELS names no folder with wheels of numba and an older OpenCV")
    scratch = Scratch(tmp_path / "venv")
    coral, contours = (copy_of(name, tmp_path) for name in ("coral", "contours"))
    scratch.run(f"capriccio install {coral} --find-links {wheels} --yes", tmp_path)
    said = refused(scratch, f"install {contours} --find-links {wheels} --yes", tmp_path)
    assert "needs pillow<12, but capriccio" in said.lower()
    said = scratch.run(
        f"capriccio install --isolated {contours} --find-links {wheels} --yes", tmp_path
    )
    assert said.splitlines()[-1].startswith("installed contours")
    (tmp_path / "play.py").write_text(PLAY)
    first, second = scratch.run(f"{scratch.python} play.py", tmp_path).splitlines()
    assert first == "(96, 96, 3) True True ('number', 'jagged', 'largest')"
    assert second == "2 True"


def copy_of(name: str, folder: Path) -> Path:
    """Return a copy of a stranger: building one writes beside it."""
    return Path(shutil.copytree(STRANGERS / f"capriccio-{name}", folder / f"capriccio-{name}"))
