"""One fault of each kind in the worker of a show that plays music, of the hundred in its helper."""

import subprocess
import sys

import pytest
from helpers.devices import TESTS
from helpers.worker_faults import WAYS, Report

pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="limits of processes are those of Linux"),
]


def test_whatever_happens_in_a_worker_the_music_plays_and_the_picture_comes_back():
    child = subprocess.run(
        [sys.executable, "-m", "helpers.worker_faults", "--faults", str(len(WAYS))],
        cwd=TESTS,
        capture_output=True,
        text=True,
        timeout=900,
    )
    *_, last = child.stdout.splitlines()
    assert f"faults {len(WAYS)} of {len(WAYS)}," in last, child.stdout + child.stderr
    assert ", missed 0," in last and last.endswith("ended when it was told to")


def test_a_note_that_did_not_come_is_counted():
    assert Report(notes=[0, 1, 3]).missed == 1
    assert Report(notes=[0, 1, 2]).missed == 0
