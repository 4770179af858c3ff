"""Pen, pencil and brush: one width or many, and the same line."""

from itertools import pairwise

import numpy as np
import pytest
from capriccio_draw.tools import length_of, pressure, resampled, stroke_with

LINE = np.stack([np.full(31, 0.5), np.linspace(0.1, 0.9, 31)], axis=1)


def test_a_pen_has_one_width():
    (stroke,) = stroke_with("pen", LINE, LINE, 0.02)
    assert stroke.width == 0.02 and stroke.points is LINE


def test_a_pencil_is_thin_and_grey():
    (stroke,) = stroke_with("pencil", LINE, LINE, 0.02)
    assert stroke.width < 0.02 and stroke.opacity < 1 and min(stroke.color) > 0


def test_a_brush_is_set_down_pressed_and_lifted():
    strokes = stroke_with("brush", LINE, LINE, 0.02)
    widths = [stroke.width for stroke in strokes]
    assert widths[0] < max(widths) > 2 * widths[-1]
    assert np.allclose(strokes[0].points[0], LINE[0])
    assert np.allclose(strokes[-1].points[-1], LINE[-1])
    for one, other in pairwise(strokes):
        assert np.array_equal(one.points[-1], other.points[0])


def test_a_brush_draws_as_much_as_is_drawn():
    strokes = stroke_with("brush", LINE, LINE[:10], 0.02)
    assert np.allclose(strokes[-1].points[-1], LINE[9])
    (dot,) = stroke_with("brush", LINE[:1], LINE[:1], 0.02)
    assert len(dot.points) == 1


def test_a_line_across_is_thinner_than_one_down():
    assert pressure(LINE[:, ::-1], 0.8).max() < 0.8 * pressure(LINE, 0.8).max()
    assert pressure(LINE, 0.8).max() == pytest.approx(1, abs=0.05)


def test_a_line_of_two_points_is_pressed_along_its_way():
    ends = np.array([[0.1, 0.5], [0.9, 0.5]])
    strokes = stroke_with("brush", ends, ends, 0.02)
    assert len(strokes) == 20
    assert all(len(stroke.points) == 3 for stroke in strokes)
    assert strokes[10].width > strokes[0].width > strokes[-1].width


def test_points_are_spread_evenly_along_a_line():
    bent = np.array([[0.0, 0.0], [0.3, 0.0], [0.3, 0.1]])
    line = resampled(bent)
    assert length_of(line) == pytest.approx(0.4, abs=0.01)
    assert np.hypot(*np.diff(line, axis=0).T).max() <= 0.021
