"""Studies that are drawn with the canvas."""

import numpy as np
import pytest
from capriccio_critic.study import draw_before_and_after, draw_study, value_study
from capriccio_critic.suggestions import Suggestion
from helpers.paintings import landscape, plain


def test_a_value_study_has_four_greys_in_the_order_of_the_picture():
    rising = np.tile(np.linspace(0, 255, 200).astype(np.uint8)[:, None], (120, 1, 3))
    drawn, shares = value_study(rising)
    assert len(np.unique(drawn)) == 4
    assert (np.diff(drawn[60, :, 0].astype(int)) >= 0).all()
    assert shares == pytest.approx([0.25] * 4, abs=0.06)
    assert value_study(plain(90, 90, 90))[1] in ([1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0],
                                                 [0, 0, 0, 1])  # fmt: skip


def test_a_study_shades_what_is_cropped_and_has_values_beside_it(critic):
    image = plain(200, 200, 200, size=(210, 210))
    readings = critic.analyze(landscape())
    sheet = draw_study(image, readings, (0.25, 0.25, 1.0, 1.0))
    assert sheet.shape == (16 + 420 + 64, 16 + 2 * (420 + 16), 3)
    shaded, kept = sheet[16 + 50, 16 + 200], sheet[16 + 300, 16 + 300]
    assert shaded.max() < 110 and kept.min() > 180
    assert draw_study(image, readings).shape == sheet.shape


@pytest.mark.parametrize("size", [(20, 300), (300, 20)])
def test_narrow_pictures_are_drawn(critic, size):
    image = plain(90, 140, 60, size=size)
    assert draw_study(image, critic.analyze(image)).shape[0] == 500


def test_a_change_is_drawn_before_and_after():
    before, after = plain(40, 40, 40), plain(220, 220, 220)
    one = Suggestion("lighten it", "", "dark", 1, 0, 0.2, 0.4, None, None, after)
    sheet = draw_before_and_after(before, one)
    assert (sheet[200, 200] == 40).all() and (sheet[200, 16 + 420 + 16 + 200] == 220).all()
