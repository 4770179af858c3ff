"""Lines: simplified, smoothed, slanted, and in the time of a hand."""

import numpy as np
from capriccio_draw.lines import (
    CORNER_SECONDS,
    LIFT_SECONDS,
    SAMPLES,
    SPEED,
    move_seconds,
    simplified,
    slanted,
    smoothed,
)

BEND = np.array([[0.0, 0.0], [1.0, 0.2], [2.0, 0.0], [3.0, 0.4]])


def test_a_smooth_line_goes_through_its_points():
    line = smoothed(BEND, 0.5)
    assert len(line) == 3 * SAMPLES + 1
    assert np.allclose(line[::SAMPLES], BEND)


def test_without_smoothness_a_line_is_what_it_was():
    assert smoothed(BEND, 0.0) is BEND


def test_a_smooth_line_is_rounder_than_a_broken_one():
    def sharpest(line):
        steps = np.diff(line, axis=0)
        turns = np.diff(np.unwrap(np.arctan2(steps[:, 1], steps[:, 0])))
        return np.abs(turns).max()

    zigzag = np.array([[0.0, 0.0], [1.0, 0.5], [2.0, 0.0], [3.0, 0.5]])
    assert sharpest(smoothed(zigzag, 1.0)) < sharpest(smoothed(zigzag, 0.5)) < sharpest(zigzag)


def test_a_sharp_corner_stays_a_corner():
    corner = np.array([[0.0, 0.0], [1.0, 0.0], [0.1, 0.3]])
    line = smoothed(corner, 0.5)
    assert np.allclose(line[: SAMPLES + 1, 1], 0)


def test_what_is_drawn_does_not_move_when_the_line_goes_on():
    known = smoothed(BEND[:3], 0.5)[: SAMPLES + 1]
    assert np.allclose(smoothed(BEND, 0.5)[: SAMPLES + 1], known)


def test_slant_leans_to_both_sides_and_half_is_upright():
    points = np.array([[0.0, -0.4], [0.0, 0.4]])
    assert np.allclose(slanted(points, 0.5), points)
    assert slanted(points, 1.0)[0, 0] > 0 > slanted(points, 1.0)[1, 0]
    assert slanted(points, 0.0)[0, 0] < 0


def test_a_hand_slows_down_where_the_line_turns():
    right, back = np.array([0.1, 0.0]), np.array([-0.1, 0.0])
    straight = move_seconds(right, right, lifted=False)
    assert np.isclose(straight, 0.1 / SPEED)
    assert np.isclose(move_seconds(right, back, lifted=False), straight + CORNER_SECONDS)


def test_a_lifted_pen_is_faster_but_has_to_be_lifted():
    assert move_seconds(None, np.zeros(2), lifted=True) == LIFT_SECONDS
    far = np.array([0.5, 0.0])
    assert move_seconds(None, far, lifted=True) < move_seconds(None, far, lifted=False)


def test_points_on_a_straight_line_do_not_matter():
    line = np.linspace((0, 0), (1, 1), 50)
    assert simplified(line, 0.01).tolist() == [[0, 0], [1, 1]]
    bent = np.concatenate([line, np.linspace((1, 1), (2, 0), 50)])
    assert simplified(bent, 0.01).tolist() == [[0, 0], [1, 1], [2, 0]]


def test_a_closed_line_keeps_its_furthest_point():
    square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0]])
    assert len(simplified(square, 0.1)) == 5


def test_a_line_of_a_hundred_thousand_points_is_simplified_at_once():
    turn = np.linspace(0, 2 * np.pi, 100_000)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    assert 10 < len(simplified(circle, 0.01)) < 60
