"""Bringing pictures to the network's size."""

import numpy as np
import pytest
from capriccio_critic.preprocess import as_uint8, resize_square
from helpers.paintings import plain


def test_anything_but_an_image_is_refused():
    with pytest.raises(TypeError, match="expected an image, got 'list'"):
        as_uint8([])
    with pytest.raises(ValueError, match=r"of shape \(height, width, 3\), got \(4, 4\)"):
        as_uint8(np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match=r"expected uint8 or floats 0\.\.1, got int64"):
        as_uint8(np.zeros((4, 4, 3), np.int64))
    with pytest.raises(ValueError, match=r"expected floats 0\.\.1, got NaN or infinity"):
        as_uint8(np.full((4, 4, 3), np.nan))


def test_resizing_takes_every_pixel_into_account():
    wide = plain(0, 0, 0, size=(10, 3000))
    wide[:, 2990:] = 255
    assert resize_square(wide)[:, -1].min() > 50
    assert (resize_square(plain(10, 20, 30)) == (10, 20, 30)).all()
