import os
import subprocess
import sys

import pytest
from capriccio.canvas.skia_library import load_skia, skia_is_available, skia_remedy
from helpers.devices import ROOT

PROGRAM = """
import numpy as np
from capriccio import Canvas, Stroke, layers, rasterise
from capriccio.errors import ShowError
print(rasterise([Stroke([(0, 0.5), (1, 0.5)], 0.5)], (8, 8)).mean() < 200)
print(layers(np.zeros((4, 4, 3), np.uint8), (np.ones((4, 4, 3)), 0.5)).max())
try:
    Canvas(8, 8).background("red")
except ShowError as error:
    print(error)
"""


def test_skia_loads_here():
    assert skia_is_available()
    assert load_skia() is load_skia()


@pytest.mark.skipif(sys.platform != "linux", reason="libGL is a library of Linux")
def test_without_libgl_a_canvas_says_what_to_install_and_the_rest_works(tmp_path):
    (tmp_path / "libGL.so.1").touch()  # a library that cannot be loaded
    environment = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    drawn, opacity, sentence = done.stdout.splitlines()
    assert (drawn, opacity in ("127", "128")) == ("True", True)  # half of 255
    assert sentence.startswith("a canvas needs skia-python: ")
    assert "libGL.so.1" in sentence
    assert sentence.endswith(skia_remedy())
    assert "libgl1" in skia_remedy()
