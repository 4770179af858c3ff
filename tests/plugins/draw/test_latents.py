"""The picture of a drawing that an encoder reads."""

import numpy as np
import pytest
from capriccio_draw.latents import PIXELS, encoder_path, picture_of, places_of

SQUARE = [np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0], [0.0, 0.0]])]


def test_places_are_the_same_wherever_a_drawing_is_and_however_large():
    places = places_of(SQUARE, 64)
    assert places.shape == (64, 2)
    assert np.abs(places).max() == pytest.approx(0.5, abs=0.02)
    assert np.allclose(places, places_of([3 + 2 * SQUARE[0]], 64))


def test_a_dot_has_places():
    assert np.isfinite(places_of([np.zeros((1, 2))], 64)).all()


def test_a_picture_has_ink_where_the_line_is():
    picture = picture_of(SQUARE)
    assert picture.shape == (PIXELS, PIXELS)
    assert picture[3].max() > 0.9 and picture[PIXELS // 2, PIXELS // 2] < 0.05


def test_a_picture_does_not_show_in_which_order_it_was_drawn():
    across = np.array([[0.0, 2.0], [4.0, 2.0]])
    forth, back = picture_of([*SQUARE, across]), picture_of([across[::-1], SQUARE[0][::-1]])
    assert np.allclose(forth, back, atol=0.02)


def test_an_encoder_lies_beside_its_model(tmp_path):
    assert encoder_path(tmp_path / "mine.onnx") == tmp_path / "mine-encoder.onnx"
