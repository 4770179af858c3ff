"""Marks are bettered before they are laid: towards what they would gain, and never away from it."""

import numpy as np
import pytest
from capriccio import Model
from capriccio_strokes import renderer
from capriccio_strokes.generator import Painter
from capriccio_strokes.refine import Ground, distinct, refine
from capriccio_strokes.strokes import SIDE, best_colour, cover
from plugins.strokes.test_generator import scene

SHAPE = (96, 128)


def mark(x, y, long, wide, turn=0.0):
    return np.array([[x, y, long, wide, np.cos(turn), np.sin(turn), 1]], np.float32)


def bar(x, y, long, wide, turn, shape=SHAPE):
    """Paint a light bar on a dark ground, (height, width, 3)."""
    ys, xs = np.mgrid[: shape[0], : shape[1]].astype(np.float32) + 0.5
    dx, dy = xs - x, ys - y
    cosine, sine = np.cos(turn), np.sin(turn)
    mask = cover(dx * cosine + dy * sine, dy * cosine - dx * sine, long, wide)[..., None]
    return (0.2 + mask * (np.array([0.7, 0.5, 0.1]) - 0.2)).astype(np.float32), mask


def taken_away(target, canvas, x, y, long, wide, turn):
    """Give the squared error that a mark takes away when it is laid pixel by pixel."""
    _, mask = bar(x, y, long, wide, turn, target.shape[:2])
    colour = best_colour(mask, canvas, target).clip(0, 1)
    after = canvas + mask * (colour - canvas)
    return ((target - canvas) ** 2).sum() - ((target - after) ** 2).sum()


def patchwork(seed, shape=SHAPE):
    chance = np.random.default_rng(seed)
    small = chance.random((7, 9, 3)).astype(np.float32)
    rows = np.linspace(0, 6.99, shape[0]).astype(int)
    columns = np.linspace(0, 8.99, shape[1]).astype(int)
    return small[rows][:, columns]


@pytest.mark.parametrize("place", [(60, 40, 24, 9, 0.5), (30, 50, 6, 4, 2.0), (90, 48, 40, 30, 1.2),
                                   (118, 48, 20, 8, 0.1)])  # fmt: skip
def test_the_gain_is_the_error_that_a_mark_takes_away(place):
    target, canvas = patchwork(1), np.full((*SHAPE, 3), 0.4, np.float32)
    x, y, long, wide, turn = place
    row = np.array([[x, y, np.log(long), np.log(wide), turn]], np.float32)
    gain, _ = Ground(target, canvas).gain(row)
    assert gain[0] == pytest.approx(taken_away(target, canvas, *place), rel=0.15)


def test_the_slope_leads_upwards():
    chance = np.random.default_rng(2)
    ground = Ground(patchwork(2), np.full((*SHAPE, 3), 0.5, np.float32))
    marks = np.stack([chance.uniform(10, 118, 400), chance.uniform(10, 86, 400),
                      *np.log(chance.uniform(4, 24, (2, 400))),
                      chance.uniform(0, np.pi, 400)], 1).astype(np.float32)  # fmt: skip
    _, slope = ground.gain(marks)
    for number, step in enumerate((0.5, 0.5, 0.05, 0.05, 0.05)):
        ahead, behind = marks.copy(), marks.copy()
        ahead[:, number] += step
        behind[:, number] -= step
        change = ground.gain(ahead)[0] - ground.gain(behind)[0]
        clear = abs(change) > np.quantile(abs(change), 0.5)
        assert np.mean(np.sign(change[clear]) == np.sign(slope[clear, number])) > 0.8, number


def test_a_square_beside_a_bar_grows_into_it():
    target, _ = bar(64, 48, 26, 6, 0.6)
    canvas = np.full((*SHAPE, 3), 0.2, np.float32)
    found = refine(Ground(target, canvas), mark(60, 50, 7, 7, 0.9), 24, 1e4)[0]
    x, y, long, wide, cosine, sine, gain = found
    assert np.hypot(x - 64, y - 48) < 4
    assert (long, wide) == (pytest.approx(26, rel=0.15), pytest.approx(6, rel=0.15))
    assert abs(np.arctan2(sine, cosine) - 0.6) < 0.1
    most = ((target - canvas) ** 2).sum()
    assert gain > 0.85 * most
    assert gain == pytest.approx(taken_away(target, canvas, x, y, long, wide, 0.6), rel=0.15)


def test_what_is_bettered_never_gains_less_and_lies_along_its_length():
    chance = np.random.default_rng(3)
    ground = Ground(patchwork(3), np.full((*SHAPE, 3), 0.5, np.float32))
    turns = chance.uniform(0, np.pi, 200)
    places = chance.uniform([0, 0, 1, 1], [128, 96, 60, 30], (200, 4))
    others = np.stack([np.cos(turns), np.sin(turns), np.zeros(200)], 1)
    marks = np.concatenate([places, others], 1).astype(np.float32)
    as_they_were, later = (refine(ground, marks, steps, 1e4) for steps in (0, 8))
    assert (later[:, 6] >= as_they_were[:, 6]).all()
    assert np.mean(later[:, 6] > 1.05 * as_they_were[:, 6]) > 0.9
    assert (later[:, 2] >= later[:, 3]).all()
    assert np.isfinite(later).all()
    assert later.dtype == np.float32


def test_a_mark_outside_the_canvas_gains_nothing():
    ground = Ground(patchwork(4), np.zeros((*SHAPE, 3), np.float32))
    found = refine(ground, np.concatenate([mark(-90, 300, 8, 3), mark(60, 40, 8, 3)]), 4, 1e4)
    assert found[0, 6] == 0
    assert found[1, 6] > 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 128), (128, 3), (17, 31)])
def test_a_canvas_may_have_any_shape(shape):
    target = np.random.default_rng(5).random((*shape, 3)).astype(np.float32)
    found = refine(Ground(target, np.zeros_like(target)), mark(0.5, 0.5, 4, 2), 4, 1e4)
    assert np.isfinite(found).all()
    assert found[0, 6] > 0


def test_on_a_plain_ground_a_mark_grows_to_the_largest_and_no_further():
    target, canvas = np.full((*SHAPE, 3), 0.9, np.float32), np.zeros((*SHAPE, 3), np.float32)
    found = refine(Ground(target, canvas), mark(60, 45, 8, 5), 12, 900.0)[0]
    assert 4 * found[2] * found[3] == pytest.approx(900, rel=0.02)


def test_a_painting_whose_marks_are_bettered_comes_nearer(monkeypatch):
    target = scene(shape=(SIDE, SIDE)) / np.float32(255)
    brush = Model(Painter.model_path("brush"))

    def error(steps):
        monkeypatch.setattr(renderer, "STEPS", steps)
        made = renderer.Painting(brush, target, 100)
        while len(made.marks) < 100 and made.look():
            pass
        return ((made.canvas - target) ** 2).mean()

    assert error(8) < 0.85 * error(0)


def test_where_nothing_is_left_to_gain_nothing_moves_astray():
    target = np.full((*SHAPE, 3), 0.5, np.float32)
    found = refine(Ground(target, target.copy()), mark(40, 40, 8, 3), 8, 1e4)
    assert np.isfinite(found).all()
    assert abs(found[0, 6]) < 1e-3
    none = np.zeros((0, 7), np.float32)
    assert refine(Ground(target, target.copy()), none, 8, 1e4).shape == (0, 7)


def test_of_marks_on_one_place_the_first_stays():
    first, inside, beside = mark(40, 40, 10, 4), mark(44, 43.5, 2, 2), mark(40, 47, 2, 2)
    freed = mark(44, 45, 30, 30)  # lies on one alone that was left out itself
    found = distinct(np.concatenate([first, inside, beside, freed, first]))
    stay = [first, beside, freed]
    assert found[:, :4].tolist() == [one[0, :4].tolist() for one in stay]
    assert len(distinct(np.zeros((0, 7), np.float32))) == 0


def test_many_marks_are_told_apart_as_if_one_by_one():
    random = np.random.default_rng(4)
    marks = np.concatenate([
        mark(*random.random(2) * 128, 1 + 9 * random.random(), 1 + 3 * random.random(), turn)
        for turn in random.random(400) * np.pi
    ])  # fmt: skip
    kept: list[np.ndarray] = []
    for one in marks:
        for x, y, long, wide, cosine, sine, _ in kept:
            dx, dy = one[0] - x, one[1] - y
            along, across = dx * cosine + dy * sine, dy * cosine - dx * sine
            if abs(along) < long and abs(across) < wide:
                break
        else:
            kept.append(one)
    assert 128 < len(kept) < 400
    assert np.array_equal(distinct(marks), kept)


def test_a_large_canvas_is_seen_from_near_only_where_fine_marks_are_due():
    seen = []

    def model(target, canvas):
        seen.append(canvas.shape)
        return np.zeros((renderer.FINE, 7), np.float32)

    made = renderer.Painting(model, np.zeros((2 * SIDE, 2 * SIDE, 3), np.float32), 3000)
    made.look()
    assert len(seen) == 1
    made.marks = [None] * 1000  # as if so many were laid
    made.look()
    assert len(seen) == 1 + 5
    made.turn_to(np.pad(np.ones((9, 9, 3), np.float32), ((0, 247), (0, 247), (0, 0))))
    made.follow()
    assert len(seen) == 6 + 5
