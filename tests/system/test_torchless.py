"""Torch is for training alone: without it everything loads, and every sketch plays."""

import subprocess
import sys
from importlib.metadata import entry_points

import pytest
from helpers.devices import ROOT

# As if none of what training needs were installed, and as if it were forbidden to look.
WITHOUT = """\
import sys
for name in ("torch", "onnx", "onnxscript", "safetensors"):
    sys.modules[name] = None
"""


def run(code: str, folder) -> str:
    child = subprocess.run(
        [sys.executable, "-c", WITHOUT + code],
        cwd=folder,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=300,
    )
    assert child.returncode == 0, child.stderr
    return child.stdout


def test_every_entry_point_loads(tmp_path):
    points = sorted(point.name for point in entry_points(group="capriccio"))
    code = (
        "from capriccio.registry import installed\n"
        "print(installed().broken)\n"
        "print(*sorted(installed().loaded))\n"
    )
    broken, plugins = run(code, tmp_path).splitlines()
    assert broken == "[]"
    assert plugins.split() == points


@pytest.mark.parametrize("sketch", sorted((ROOT / "sketches").glob("*.py")), ids=lambda p: p.stem)
def test_every_sketch_plays_a_second(sketch, tmp_path):
    flags = ["--offline", "--seconds", "1", "--to", "frames:frames", "--to", "midifile:a.mid"]
    run(
        f"from capriccio.cli.main import main\nmain(['run', {str(sketch)!r}, *{flags!r}])\n",
        tmp_path,
    )
    assert len(list((tmp_path / "frames").iterdir())) > 1
    assert (tmp_path / "a.mid").stat().st_size > 0
