"""A long show lets go of all that has passed, and whoever watches for it would notice otherwise."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from helpers import soak
from helpers.devices import TESTS

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="this system does not say how much memory is used"
)


def run(*flags):
    """Soak in a process of its own, whose memory is nobody else's."""
    return subprocess.run(
        [sys.executable, "-m", "helpers.soak", *flags],
        cwd=TESTS,
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_three_minutes_of_a_show_keep_nothing_of_what_has_passed():
    child = run("--light", "--minutes", "3")
    assert child.returncode == 0, child.stdout + child.stderr
    assert "longer at the end: nothing" in child.stdout
    assert "raised" not in child.stderr


def test_a_sketch_that_keeps_what_has_passed_is_noticed(tmp_path):
    piece = textwrap.dedent(soak.LIGHT).replace("return garden(", "kept.append(garden(")
    piece = piece.replace("bloom=sketch.loudness)", "bloom=sketch.loudness))\n    return kept[-1]")
    (tmp_path / "piece.py").write_text(f"{piece}\nkept = []\n")
    child = run("--minutes", "1", "--sketch", str(tmp_path / "piece.py"))
    assert child.returncode == 1, child.stdout + child.stderr
    assert "memory after the first fifth: +" in child.stdout


def samples(memory, waits):
    return [
        soak.Sample(at, at, memory(at), 1000, {"parameters": 30, "take": waits(at)})
        for at in range(100)
    ]


@pytest.mark.parametrize(
    ("memory", "waits", "grows", "longer"),
    [
        (lambda at: 100 + min(at, 15), lambda at: at % 20, False, []),
        (lambda at: 100 + at / 10, lambda at: 5, True, []),
        (lambda at: 100 + 9 * (at == 95), lambda at: at, False, ["take"]),
    ],
    ids=["a warm up", "a leak", "a queue"],
)
def test_growth_is_told_from_variation(memory, waits, grows, longer):
    growth, found = soak.verdict(samples(memory, waits))
    assert (growth >= soak.GROWTH) == grows
    assert found == longer
