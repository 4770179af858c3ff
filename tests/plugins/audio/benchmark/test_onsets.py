"""How exactly notes are played."""

import os
import sys
import time

import numpy as np
import pytest
from capriccio_audio.benchmark.onsets import compare, from_grid, processor_seconds


def test_strokes_are_compared_with_when_they_were_due():
    due = np.arange(100) * 0.125
    played = due + 0.0069
    played[7] += 0.002
    found = compare(due, np.delete(played, 3))
    assert found.notes == 99
    assert found.latency == pytest.approx(6.9)
    assert found.p50 == pytest.approx(0.0, abs=1e-6)
    assert found.most == pytest.approx(2.0)


def test_strokes_of_which_nobody_says_when_they_were_due_are_compared_with_a_grid():
    played = 17.3 + np.arange(100) / 8
    played[5] += 0.004
    found = from_grid(np.delete(played, 50), 8)
    assert found.notes == 99
    assert found.p50 == pytest.approx(0.0, abs=1e-6)
    assert found.most == pytest.approx(4.0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts so exactly")
def test_the_processor_time_of_a_process_grows_as_it_works():
    before, begin = processor_seconds(os.getpid()), time.process_time()
    while time.process_time() < begin + 0.05:
        pass
    assert processor_seconds(os.getpid()) >= before + 0.04
