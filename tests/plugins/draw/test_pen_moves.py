"""Drawings as rows of moves: there and back, from stroke-3, and what is known of the pen."""

import numpy as np
from capriccio_draw.pen_moves import (
    DRAW,
    END,
    FEATURES,
    LIFT,
    augmented,
    features_of,
    moves_of,
    strokes_from_stroke3,
    strokes_of,
    without_repeats,
)

CROSS = [np.array([[0.0, 5.0], [10.0, 5.0]]), np.array([[5.0, 0.0], [5.0, 4.0], [5.0, 10.0]])]


def test_the_first_move_leads_from_the_centre_to_the_first_point():
    moves = moves_of(CROSS)
    assert moves[0].tolist() == [-5, 0, DRAW]
    assert moves[:, 2].tolist() == [DRAW, LIFT, DRAW, DRAW, END]


def test_strokes_come_back_about_the_centre():
    for before, after in zip(CROSS, strokes_of(moves_of(CROSS)), strict=True):
        assert np.allclose(before - 5, after)


def test_points_that_repeat_are_left_out_and_a_dot_stays():
    dot = np.array([[3.0, 3.0], [3.0, 3.0]])
    assert without_repeats(dot).tolist() == [[3, 3]]
    assert moves_of([dot]).tolist() == [[0, 0, END]]


def test_no_strokes_are_no_moves():
    assert moves_of([]).shape == (0, 3)
    assert strokes_of(np.zeros((0, 3))) == []


def test_stroke_3_that_begins_at_a_point_is_read_as_it_is():
    rows = np.array([[0, 0, 0], [3, 0, 1], [0, 2, 0], [1, 0, 1]], np.int16)
    strokes = strokes_from_stroke3(rows)
    assert [points.tolist() for points in strokes] == [[[0, 0], [3, 0]], [[3, 2], [4, 2]]]


def test_stroke_3_that_begins_with_a_line_begins_at_the_origin():
    (stroke,) = strokes_from_stroke3(np.array([[3, 1, 0], [0, 2, 1]], np.int16))
    assert stroke.tolist() == [[0, 0], [3, 1], [3, 3]]


def test_features_say_where_the_pen_is_and_where_its_stroke_began():
    features = features_of(moves_of(CROSS))
    assert features.shape == (6, FEATURES)
    x, y, dx, dy, begun_x, begun_y, lifted, points, strokes, first = features[2]
    assert (x, y, dx, dy) == (5, 0, 10, 0)
    assert (begun_x, begun_y) == (-10, 0)
    assert (lifted, points, strokes, first) == (1, 2 / 16, 1 / 16, 0)
    assert features[0].tolist() == [0, 0, 0, 0, 0, 0, 1, 0, 0, 1]
    assert features[3][6] == 0  # the second stroke has begun


def test_augmentation_moves_points_a_little_and_keeps_the_ends():
    random = np.random.default_rng(0)
    line = np.cumsum(np.ones((40, 2)), axis=0)
    (made,) = augmented([line], random)
    assert 30 < len(made) <= 40
    assert np.abs(made[-1] / line[-1] - 1).max() < 0.6
    assert not np.allclose(made[-1], line[-1])


def test_augmentation_may_leave_out_a_stroke():
    random = np.random.default_rng(0)
    three = [np.ones((2, 2)) * number for number in range(3)]
    assert len(augmented(three, random, drop_strokes=1.0)) == 2
    assert len(augmented(three, random)) == 3
