from typing import get_args

import numpy as np
import pytest
from capriccio import Moment, generator
from capriccio_effects.wipes import KINDS

NOW = Moment()


@pytest.mark.parametrize("kind", get_args(KINDS))
def test_a_wipe_goes_from_one_picture_to_the_other(kind):
    wipe = generator("wipe")
    black, white = np.zeros((40, 60, 3), np.uint8), np.full((20, 30, 3), 255, np.uint8)
    levels = [
        wipe(NOW, over=black, to=white, position=at, kind=kind).mean()
        for at in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    assert levels[0] == 0
    assert levels[-1] == 255
    assert levels == sorted(levels)
    assert 60 < levels[2] < 220


def test_a_border_is_sharp_or_soft():
    wipe = generator("wipe")
    black, white = np.zeros((40, 60, 3), np.uint8), np.full((40, 60, 3), 255, np.uint8)
    sharp = wipe(NOW, over=black, to=white, softness=0.0)[20, :, 0]
    soft = wipe(NOW, over=black, to=white, softness=1.0)[20, :, 0]
    assert len(np.unique(sharp)) <= 3
    assert len(np.unique(soft)) > 20
    assert sharp[0] == 255
    assert sharp[-1] == 0
