"""The order of strokes for a plotter: less travel, the same ink."""

import numpy as np
import pytest
from capriccio import Stroke
from capriccio_draw.plotting import for_plotter, merged, nearest_first, travel, turned


def scattered(count, seed=0):
    random = np.random.default_rng(seed)
    begins = random.random((count, 2))
    return [Stroke(np.stack([b, b + random.normal(0, 0.03, 2)])) for b in begins]


def ink(drawing):
    return sum(np.hypot(*np.diff(stroke.points, axis=0).T).sum() for stroke in drawing)


def test_a_plotter_travels_at_most_six_tenths_as_far():
    for seed in range(3):
        drawing = scattered(120, seed)
        sorted_ = for_plotter(drawing)
        assert travel(sorted_) <= 0.6 * travel(drawing)
        assert np.isclose(ink(sorted_), ink(drawing))


def test_turning_parts_round_shortens_what_the_nearest_alone_leaves():
    drawing = scattered(80)
    assert travel(for_plotter(drawing)) < travel(nearest_first(drawing))


def test_strokes_that_meet_become_one():
    one, other = np.array([[0.0, 0.0], [0.5, 0.0]]), np.array([[0.5, 0.0], [0.5, 0.5]])
    (whole,) = merged([Stroke(one), Stroke(other)])
    assert whole.points.tolist() == [[0, 0], [0.5, 0], [0.5, 0.5]]


def test_strokes_of_one_pen_stay_together():
    drawing = [s._replace(color=(n % 2, 0.0, 0.0)) for n, s in enumerate(scattered(10))]
    colors = [stroke.color for stroke in for_plotter(drawing)]
    assert colors == sorted(colors, key=lambda color: color != drawing[0].color)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_few_strokes_are_kept(count):
    assert len(for_plotter(scattered(count))) == count


def test_a_turned_stroke_begins_at_its_end():
    stroke = Stroke(np.array([[0.0, 0.0], [1.0, 0.5]]))
    assert turned(stroke).points.tolist() == [[1.0, 0.5], [0.0, 0.0]]
