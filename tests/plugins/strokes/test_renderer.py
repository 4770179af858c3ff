"""Paintings in progress."""

from itertools import pairwise

import numpy as np
import pytest
from capriccio import Model
from capriccio_strokes import renderer
from capriccio_strokes.generator import Painter
from capriccio_strokes.renderer import FINE, Painting, halved, padded, shrunk, side_of
from capriccio_strokes.strokes import SIDE
from helpers.images import scene


@pytest.fixture(scope="module")
def brush():
    return Model(Painter.model_path("brush"))


def painted(brush, target, count):
    painting = Painting(brush, target, count)
    while len(painting.strokes) < count and painting.paint_pass():
        pass
    return painting


def test_a_painting_goes_from_masses_to_accents(brush):
    painting = painted(brush, shrunk(scene(), SIDE), 306)
    area = [stroke.place[2] * stroke.place[3] for stroke in painting.strokes]
    quarters = [np.mean(part) for part in np.array_split(area, 4)]

    assert all(early > late for early, late in pairwise(quarters[:3]))
    assert quarters[0] > 4 * quarters[3]


def test_a_painting_of_refined_strokes_comes_nearer(brush, monkeypatch):
    target = scene(shape=(SIDE, SIDE)) / np.float32(255)

    def error(steps):
        monkeypatch.setattr(renderer, "REFINE_STEPS", steps)
        return ((painted(brush, target, 100).canvas - target) ** 2).mean()

    assert error(8) < 0.85 * error(0)


@pytest.mark.parametrize("kind", ["bristle", "wash"])
def test_oil_goes_from_dark_to_light_and_watercolour_from_light_to_dark(brush, kind):
    target = np.full((96, 128, 3), 0.1, np.float32)
    target[16:80, 16:48] = target[10:40, 70:110] = 0.7
    painting = Painting(brush, target, 60, kind)
    painting.paint_pass()
    light = np.array([stroke.color.sum() > 1 for stroke in painting.strokes], int)

    # A pass looks twice at what is left, and goes from one to the other each time.
    assert 0 < light.mean() < 1
    assert np.sum(np.diff(light) == (-1 if kind == "bristle" else 1)) <= 1


@pytest.mark.parametrize("brush", ["wash", "pen"])
def test_hidden_strokes_are_dropped_first_then_the_oldest(brush):
    painting = Painting(None, np.zeros((64, 64, 3), np.float32), 10, brush)
    closed = np.zeros((64, 64, 1), bool)
    for level, (place, half_length) in enumerate([(12, 6), (44, 3), (44, 15), (44, 2)], 1):
        painting.target[:] = level / 4
        stroke = np.array([place, place, half_length, half_length, 1, 0, 0, 1], np.float32)
        assert painting.add(stroke, np.zeros_like(closed), closed)
    strokes = list(painting.strokes)

    assert painting.drop(0) == 1
    assert painting.strokes == [strokes[0], strokes[2], strokes[3]]
    assert painting.drop(2) == 2
    assert painting.strokes == strokes[3:]


def test_a_large_canvas_is_seen_in_full_only_where_fine_strokes_are_due():
    seen = []

    def model(target, canvas):
        seen.append(canvas.shape)
        return np.zeros((FINE, 7), np.float32)

    painting = Painting(model, np.zeros((2 * SIDE, 2 * SIDE, 3), np.float32), 3000)
    painting.paint_pass()
    assert len(seen) == 1
    painting.strokes = [None] * 1000  # as if that many were painted
    painting.paint_pass()
    assert len(seen) == 1 + 5
    painting.set_target(np.pad(np.ones((9, 9, 3), np.float32), ((0, 247), (0, 247), (0, 0))))
    painting.repaint()
    assert len(seen) == 6 + 5


def test_a_picture_that_is_a_little_too_high_for_one_look_is_made_to_fit():
    assert shrunk(scene(shape=(180, 320)), 2 * SIDE).shape == (128, 228, 3)
    assert shrunk(scene(shape=(300, 320)), 2 * SIDE).shape == (240, 256, 3)
    assert shrunk(scene(shape=(180, 320)), SIDE).shape == (72, 128, 3)


def test_strokes_of_no_clear_direction_follow_the_form():
    y, x = np.mgrid[:64, :64]
    target = (0.5 + 0.5 * np.sin((x + y) / 3))[..., None].repeat(3, 2).astype(np.float32)
    painting = Painting(None, target, 10)
    strokes = np.array([[32, 32, 4, 3, 1, 0, 1], [32, 32, 12, 3, 1, 0, 1]], np.float32)
    painting.turn_along_forms(strokes)

    assert abs(strokes[0, 4:6]) == pytest.approx((0.71, 0.71), abs=0.05)
    assert strokes[0, 4] * strokes[0, 5] < 0
    assert tuple(strokes[1, 4:6]) == (1, 0)


def test_images_are_brought_to_the_side_of_a_canvas():
    small = shrunk(scene(shape=(300, 400)), SIDE)
    assert small.shape == (96, 128, 3) and small.dtype == np.float32 and small.max() <= 1
    square = padded(small, SIDE)
    assert square.shape == (128, 128, 3)
    assert (square[96:] == small[-1]).all()
    assert halved(square).shape == (64, 64, 3)
    assert (side_of(300), side_of(3000)) == (SIDE, 2 * SIDE)
