"""Degrading pictures."""

import numpy as np
import pytest
from capriccio_critic.training.degradations import DEGRADATIONS, EXAGGERATIONS, degrade
from helpers.paintings import landscape
from PIL import Image


def test_every_degradation_changes_a_picture_and_keeps_its_size():
    picture = Image.fromarray(landscape())
    for kind in (*DEGRADATIONS, *EXAGGERATIONS):
        copy = degrade(picture, kind, np.random.default_rng(0))
        again = degrade(picture, kind, np.random.default_rng(0))
        assert copy.size == picture.size
        assert np.abs(np.asarray(copy, float) - np.asarray(picture, float)).mean() > 1
        assert (np.asarray(copy) == np.asarray(again)).all()
    with pytest.raises(ValueError, match=r"kind must be one of blur, .*, got 'rust'"):
        degrade(picture, "rust", np.random.default_rng(0))
