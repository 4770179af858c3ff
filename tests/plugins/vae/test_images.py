"""The crop to the middle square."""

import numpy as np
import pytest
from capriccio_vae.images import SIZE, center_crop


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 40), (700, 500)])
def test_an_image_of_any_shape_is_cropped_to_a_square(shape):
    assert center_crop(np.full((*shape, 3), 90, np.uint8)).shape == (SIZE, SIZE, 3)


def test_an_image_of_the_right_size_stays_as_it_is():
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    assert center_crop(image) is image


def test_only_the_sides_are_cut_off():
    image = np.zeros((SIZE, 3 * SIZE, 3), np.uint8)
    image[:, SIZE : 2 * SIZE] = 255
    assert center_crop(image).min() > 100 and center_crop(image)[:, 8:-8].min() == 255
