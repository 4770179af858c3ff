"""The directions of the forms in a picture."""

import numpy as np
import pytest
from capriccio_strokes.flow import directions


def stripes(angle, shape=(64, 96)):
    y, x = np.mgrid[: shape[0], : shape[1]]
    across = -x * np.sin(angle) + y * np.cos(angle)
    return (0.5 + 0.5 * np.sin(across / 2))[..., None].repeat(3, 2).astype(np.float32)


@pytest.mark.parametrize("angle", [0.0, 0.4, 1.2, 2.2])
def test_forms_go_along_stripes(angle):
    field = directions(stripes(angle))
    assert field.shape == (16, 24, 2)
    found = np.arctan2(field[2:-2, 2:-2, 1], field[2:-2, 2:-2, 0]) / 2
    assert abs(np.sin(found - angle)).max() < 0.1


def test_where_there_is_no_form_the_nearest_gives_the_direction():
    target = np.full((64, 96, 3), 0.5, np.float32)
    target[:, :32] = stripes(1.2)[:, :32]
    field = directions(target)
    found = np.arctan2(field[8, -3, 1], field[8, -3, 0]) / 2
    assert abs(np.sin(found - 1.2)) < 0.4


@pytest.mark.parametrize("shape", [(1, 1), (1, 128), (128, 3), (17, 31)])
def test_pictures_of_any_shape_have_directions(shape):
    field = directions(np.random.default_rng(0).random((*shape, 3)).astype(np.float32))
    assert field.shape == (-(-shape[0] // 4), -(-shape[1] // 4), 2)
    assert np.allclose(np.hypot(*np.moveaxis(field, -1, 0)), 1, atol=1e-3)


def test_a_plain_picture_is_painted_from_side_to_side():
    field = directions(np.full((32, 32, 3), 0.5, np.float32))
    assert np.allclose(field, (1, 0), atol=1e-3)
