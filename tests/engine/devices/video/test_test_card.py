"""The test card."""

import numpy as np
import pytest
from capriccio.devices.video.test_card import BARS, draw_test_card


def test_the_card_has_its_lines_colours_and_circle_where_they_belong():
    card = draw_test_card((640, 480), (80, 0, 480, 480), ["a word"])
    assert card.shape == (480, 640, 3) and card.dtype == np.uint8
    for edge in (card[0], card[-1], card[:, 0], card[:, -1]):
        assert (edge[1:-1] == 255).mean() > 0.95  # every outermost pixel, but where lines cross
    row = [tuple(pixel) for pixel in card[int(0.66 * 480)]]
    assert all(bar in row for bar in BARS)
    grey = card[int(0.75 * 480), 100:540]
    assert tuple(grey[5]) == (0, 0, 0) and tuple(grey[-5]) == (255, 255, 255)
    assert tuple(card[30, 80]) == tuple(card[30, 559]) == (0, 191, 191)
    # The circle is round: as far from the middle at the left as at the top.
    bright = (card == 255).all(axis=2)
    radius = round(0.45 * 480)
    assert bright[240 - radius - 1 : 240 - radius + 2, 312:318].any()
    assert bright[232:238, 320 - radius - 1 : 320 - radius + 2].any()


@pytest.mark.parametrize("size", [(16, 16), (640, 32), (31, 700)])
def test_the_card_fits_into_any_window(size):
    assert draw_test_card(size, (0, 0, *size), ["words that are long enough"]).shape[1::-1] == size
