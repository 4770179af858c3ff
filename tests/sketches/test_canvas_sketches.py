"""Rain, poster and mirror: what they draw, and the files that the poster leaves."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
from capriccio.testing import Memory
from helpers.browser import browser, picture_page
from helpers.devices import ROOT, needs
from helpers.images import difference
from PIL import Image


def load(name):
    path = ROOT / "sketches" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"sketch_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_rain_falls_and_plays():
    memory, again = Memory(), Memory()
    for one in (memory, again):
        load("rain").sketch.perform([one], seconds=3)
    first, last = memory.images[0], memory.images[-1]
    assert first.shape == (540, 960, 3)
    assert 0 < difference(first, last) < 20
    assert memory.notes
    assert memory.score() == again.score()
    assert np.array_equal(last, again.images[-1])


def test_a_figure_before_the_mirror_is_painted(monkeypatch):
    monkeypatch.setenv("MIRROR", "")
    module, memory = load("mirror"), Memory()
    module.sketch.fps = 4
    module.sketch.perform([memory], seconds=1.5)
    image = memory.images[-1].astype(int)
    coat = (image[..., 0] > 150) & (image[..., 1] < 110) & (image[..., 2] < 100)
    assert 0.01 < coat.mean() < 0.2
    assert difference(memory.images[0], memory.images[-1]) > 0.5


@pytest.mark.system
def test_a_browser_shows_the_svg_of_the_poster_as_its_picture(tmp_path):
    needs("chromium")
    done = subprocess.run(
        [sys.executable, "-m", "capriccio", "run", ROOT / "sketches" / "poster.py", "--offline",
         "--seconds", "0.01", "--to", f"frames:{tmp_path}"],
        capture_output=True, text=True, env=os.environ | {"POSTER": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "poster.pdf").read_bytes().startswith(b"%PDF")

    with browser(tmp_path / "profile") as page:
        page.open(picture_page(tmp_path / "poster.svg"), 720, 960)
        page.wait("document.images.length && document.images[0].complete")
        shown = np.asarray(Image.open(page.screenshot(tmp_path / "shown.png")).convert("RGB"))

    drawn = np.asarray(Image.open(tmp_path / "frame_00000.png"))
    gap = difference(shown, drawn)
    print(f"mean difference {gap:.3f} of 255")
    assert gap < 1.0
