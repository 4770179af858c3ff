"""How exactly notes are played."""

import numpy as np
import pytest
from capriccio_audio.benchmark.onsets import compare


def test_strokes_are_compared_with_when_they_were_due():
    due = np.arange(100) * 0.125
    played = due + 0.0069
    played[7] += 0.002
    found = compare(due, np.delete(played, 3))
    assert found.notes == 99
    assert found.latency == pytest.approx(6.9)
    assert found.p50 == pytest.approx(0.0, abs=1e-6)
    assert found.most == pytest.approx(2.0)
