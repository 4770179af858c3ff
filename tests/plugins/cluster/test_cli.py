"""`capriccio render`: in one process, and on workers of which one is killed."""

import os
import signal
import subprocess
import sys

import pytest
from helpers.command import capriccio, error

from .test_pieces import SKETCH

# The worker that first comes to the 20th frame is killed there.
FATAL = """
import os, signal
from pathlib import Path

def die(now):
    mark = Path(__file__).with_name("mark")
    if now.seconds == 2.0 and "spawn" in " ".join(os.sys.orig_argv) and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)

"""


@pytest.fixture
def render(tmp_path):
    def render(text, name, *flags):
        (tmp_path / "piece.py").write_text(text)
        to = [f"--to=video:{tmp_path}/{name}.mp4", f"--to=midifile:{tmp_path}/{name}.mid"]
        capriccio_script = [sys.executable, "-m", "capriccio", "render"]
        done = subprocess.run(
            [*capriccio_script, "piece.py", "--seconds=4", "--seed=7", *to, *flags],
            cwd=tmp_path, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return [(tmp_path / f"{name}.{end}").read_bytes() for end in ("mp4", "mid")], done.stderr

    return render


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_worker_costs_its_piece_and_changes_no_byte(render, tmp_path):
    pytest.importorskip("distributed")
    assert signal.SIGKILL
    text = FATAL + SKETCH.replace("    level =", "    die(now)\n    level =")
    one, _ = render(text, "one")
    many, said = render(text, "many", "--cluster=local", "--workers=2")
    assert (tmp_path / "mark").exists()
    assert many == one
    assert "piece: 40 frames" in said and "is drawn here" not in said


def test_a_missing_sketch_is_told(tmp_path):
    assert "no file" in error("render", tmp_path / "none.py")


def test_help_names_the_cluster():
    assert "--cluster ADDRESS" in capriccio("render", "--help").output
