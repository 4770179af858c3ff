"""How soon keys sound."""

import numpy as np
import pytest
from capriccio_audio.benchmark.keys import latencies


def test_strokes_are_compared_with_the_keys_before_them():
    pressed = np.arange(50) * 0.15
    heard = np.concatenate([np.delete(pressed, 7) + 0.008, [60.0]])
    found = latencies(pressed, heard)
    assert len(found) == 49
    assert found == pytest.approx(8.0)
