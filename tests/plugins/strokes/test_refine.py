"""The refinement of proposed strokes along the gradient of their gain."""

import numpy as np
import pytest
from capriccio_strokes.refine import ErrorPyramid, distinct, refine
from capriccio_strokes.strokes import best_color, coverage

SHAPE = (96, 128)


def stroke(x, y, half_length, half_width, angle=0.0):
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[x, y, half_length, half_width, cosine, sine, 1]], np.float32)


def bar(x, y, half_length, half_width, angle, bend=0.0, shape=SHAPE):
    """Return a light bar on a dark ground, (height, width, 3), and its mask."""
    ys, xs = np.mgrid[: shape[0], : shape[1]].astype(np.float32) + 0.5
    dx, dy = xs - x, ys - y
    cosine, sine = np.cos(angle), np.sin(angle)
    along, across = dx * cosine + dy * sine, dy * cosine - dx * sine
    across = across - bend * half_length * ((along / half_length) ** 2 - 1 / 3)
    mask = coverage(along, across, half_length, half_width)[..., None]
    return (0.2 + mask * (np.array([0.7, 0.5, 0.1]) - 0.2)).astype(np.float32), mask


def taken_away(target, canvas, x, y, half_length, half_width, angle, bend=0.0):
    """Return the squared error that a stroke takes away, computed pixel by pixel."""
    _, mask = bar(x, y, half_length, half_width, angle, bend, target.shape[:2])
    color = best_color(mask, canvas, target).clip(0, 1)
    after = canvas + mask * (color - canvas)
    return ((target - canvas) ** 2).sum() - ((target - after) ** 2).sum()


def patchwork(seed, shape=SHAPE):
    random = np.random.default_rng(seed)
    small = random.random((7, 9, 3)).astype(np.float32)
    rows = np.linspace(0, 6.99, shape[0]).astype(int)
    columns = np.linspace(0, 8.99, shape[1]).astype(int)
    return small[rows][:, columns]


@pytest.mark.parametrize("place", [(60, 40, 24, 9, 0.5, 0.0), (30, 50, 6, 4, 2.0, 0.3),
                                   (90, 48, 40, 30, 1.2, -0.2), (118, 48, 20, 8, 0.1, 0.0),
                                   (60, 40, 30, 6, 0.5, 0.4)])  # fmt: skip
def test_the_gain_is_the_error_that_a_stroke_takes_away(place):
    target, canvas = patchwork(1), np.full((*SHAPE, 3), 0.4, np.float32)
    x, y, half_length, half_width, angle, bend = place
    row = np.array([[x, y, np.log(half_length), np.log(half_width), angle, bend]], np.float32)
    gain, _ = ErrorPyramid(target, canvas).gain(row)
    assert gain[0] == pytest.approx(taken_away(target, canvas, *place), rel=0.15)


def test_the_gradient_leads_upwards():
    random = np.random.default_rng(2)
    pyramid = ErrorPyramid(patchwork(2), np.full((*SHAPE, 3), 0.5, np.float32))
    strokes = np.stack([random.uniform(10, 118, 400), random.uniform(10, 86, 400),
                      *np.log(random.uniform(4, 24, (2, 400))),
                      random.uniform(0, np.pi, 400),
                      random.uniform(-0.1, 0.1, 400)], 1).astype(np.float32)  # fmt: skip
    _, slope = pyramid.gain(strokes)
    for number, step in enumerate((0.5, 0.5, 0.05, 0.05, 0.05, 0.2)):
        ahead, behind = strokes.copy(), strokes.copy()
        ahead[:, number] += step
        behind[:, number] -= step
        change = pyramid.gain(ahead)[0] - pyramid.gain(behind)[0]
        clear = abs(change) > np.quantile(abs(change), 0.5)
        assert np.mean(np.sign(change[clear]) == np.sign(slope[clear, number])) > 0.8, number


def test_a_square_beside_a_bar_grows_into_it():
    target, _ = bar(64, 48, 26, 6, 0.6)
    canvas = np.full((*SHAPE, 3), 0.2, np.float32)
    found = refine(ErrorPyramid(target, canvas), stroke(60, 50, 7, 7, 0.9), 24, 1e4)[0]
    x, y, half_length, half_width, cosine, sine, bend, gain = found
    assert np.hypot(x - 64, y - 48) < 4
    assert (half_length, half_width) == (pytest.approx(26, rel=0.15), pytest.approx(6, rel=0.15))
    assert abs(np.arctan2(sine, cosine) - 0.6) < 0.1 and abs(bend) < 0.1
    most = ((target - canvas) ** 2).sum()
    assert gain > 0.85 * most
    assert gain == pytest.approx(
        taken_away(target, canvas, x, y, half_length, half_width, 0.6, bend), rel=0.15
    )


def test_a_straight_stroke_on_a_bow_is_bent():
    target, _ = bar(64, 48, 30, 5, 0.3, 0.35)
    canvas = np.full((*SHAPE, 3), 0.2, np.float32)
    found = refine(ErrorPyramid(target, canvas), stroke(64, 46, 28, 5, 0.3), 12, 1e4)[0]
    assert found[6] == pytest.approx(0.35, abs=0.12)
    assert found[7] > 0.8 * ((target - canvas) ** 2).sum()


def test_refined_strokes_never_gain_less_and_lie_along_their_length():
    random = np.random.default_rng(3)
    pyramid = ErrorPyramid(patchwork(3), np.full((*SHAPE, 3), 0.5, np.float32))
    turns = random.uniform(0, np.pi, 200)
    places = random.uniform([0, 0, 1, 1], [128, 96, 60, 30], (200, 4))
    others = np.stack([np.cos(turns), np.sin(turns), np.zeros(200)], 1)
    strokes = np.concatenate([places, others], 1).astype(np.float32)
    as_they_were, later = (refine(pyramid, strokes, steps, 1e4) for steps in (0, 8))
    assert (later[:, 7] >= as_they_were[:, 7]).all()
    assert np.mean(later[:, 7] > 1.05 * as_they_were[:, 7]) > 0.9
    assert (later[:, 2] >= later[:, 3]).all()
    assert np.isfinite(later).all()
    assert later.dtype == np.float32


def test_a_stroke_outside_the_canvas_gains_nothing():
    pyramid = ErrorPyramid(patchwork(4), np.zeros((*SHAPE, 3), np.float32))
    found = refine(pyramid, np.concatenate([stroke(-90, 300, 8, 3), stroke(60, 40, 8, 3)]), 4, 1e4)
    assert found[0, 7] == 0
    assert found[1, 7] > 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 128), (128, 3), (17, 31)])
def test_a_canvas_may_have_any_shape(shape):
    target = np.random.default_rng(5).random((*shape, 3)).astype(np.float32)
    found = refine(ErrorPyramid(target, np.zeros_like(target)), stroke(0.5, 0.5, 4, 2), 4, 1e4)
    assert np.isfinite(found).all()
    assert found[0, 7] > 0


def test_on_a_plain_target_a_stroke_grows_to_the_largest_area():
    target, canvas = np.full((*SHAPE, 3), 0.9, np.float32), np.zeros((*SHAPE, 3), np.float32)
    found = refine(ErrorPyramid(target, canvas), stroke(60, 45, 8, 5), 12, 900.0)[0]
    assert 4 * found[2] * found[3] == pytest.approx(900, rel=0.02)


def test_where_nothing_is_to_gain_strokes_stay_finite():
    target = np.full((*SHAPE, 3), 0.5, np.float32)
    found = refine(ErrorPyramid(target, target.copy()), stroke(40, 40, 8, 3), 8, 1e4)
    assert np.isfinite(found).all()
    assert abs(found[0, 7]) < 1e-3
    none = np.zeros((0, 7), np.float32)
    assert refine(ErrorPyramid(target, target.copy()), none, 8, 1e4).shape == (0, 8)


def test_of_strokes_on_one_place_the_first_is_kept():
    first, inside, beside = stroke(40, 40, 10, 4), stroke(44, 43.5, 2, 2), stroke(40, 47, 2, 2)
    freed = stroke(44, 45, 30, 30)  # lies on one alone that was left out itself
    found = distinct(np.concatenate([first, inside, beside, freed, first]))
    stay = [first, beside, freed]
    assert found[:, :4].tolist() == [one[0, :4].tolist() for one in stay]
    assert len(distinct(np.zeros((0, 7), np.float32))) == 0


def test_many_strokes_are_compared_as_if_one_by_one():
    random = np.random.default_rng(4)
    strokes = np.concatenate([
        stroke(*random.random(2) * 128, 1 + 9 * random.random(), 1 + 3 * random.random(), angle)
        for angle in random.random(400) * np.pi
    ])  # fmt: skip
    kept: list[np.ndarray] = []
    for one in strokes:
        for x, y, half_length, half_width, cosine, sine, _ in kept:
            dx, dy = one[0] - x, one[1] - y
            along, across = dx * cosine + dy * sine, dy * cosine - dx * sine
            if abs(along) < half_length and abs(across) < half_width:
                break
        else:
            kept.append(one)
    assert 128 < len(kept) < 400
    assert np.array_equal(distinct(strokes), kept)
