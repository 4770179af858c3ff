"""What strokes cover on the canvas."""

import numpy as np
import pytest
from capriccio_strokes.strokes import BRUSHES, best_color, hatch_lines, stroke_mask


@pytest.mark.parametrize("brush", BRUSHES)
def test_a_stroke_covers_its_place_and_nothing_else(brush):
    stroke = (32.0, 20.0, 12.0, 4.0, 1.0, 0.0, 0.0)
    region, mask, _ = stroke_mask(brush, stroke, (40, 64))
    canvas = np.zeros((40, 64))
    canvas[region] = mask[..., 0]

    assert 0 <= canvas.min() <= canvas.max() <= 1
    assert canvas[17:23, 24:40].mean() > 0.5
    assert canvas[:12].max() == canvas[28:].max() == canvas[:, :16].max() == 0


def test_a_stroke_outside_the_canvas_covers_nothing():
    assert stroke_mask("bristle", (-50.0, 5.0, 8.0, 3.0, 1.0, 0.0, 0.0), (40, 64)) is None


def test_the_best_colour_of_an_opaque_stroke_is_the_mean_of_the_target():
    target = np.random.default_rng(0).random((5, 7, 3))
    color = best_color(np.ones((5, 7, 1)), np.zeros((5, 7, 3)), target)
    assert color == pytest.approx(target.mean((0, 1)))


def test_the_pen_fills_a_wider_stroke_with_more_lines():
    assert hatch_lines(0.4) == 1
    assert hatch_lines(12.0) > hatch_lines(6.0) > 1
