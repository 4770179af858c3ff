"""Samples are laid out row by row."""

import numpy as np
from capriccio_gan.training.sheets import sheet


def test_images_stand_row_by_row_and_what_is_left_is_white():
    images = np.stack([np.full((4, 4, 3), value, np.uint8) for value in (10, 20, 30)])
    found = np.asarray(sheet(images, 2))
    assert found.shape == (8, 8, 3)
    assert found[::4, ::4, 0].tolist() == [[10, 20], [30, 255]]
