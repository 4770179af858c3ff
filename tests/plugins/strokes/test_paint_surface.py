"""Strokes of paint on the canvas that is looked at."""

import sys

import numpy as np
import pytest
from capriccio import ShowError
from capriccio.canvas import skia_library
from capriccio_strokes.paint_surface import BrushStroke, PaintSurface, line_points
from capriccio_strokes.strokes import BRUSHES, control_points, stroke_mask

WHITE, RED, BLUE = np.ones(3), np.array([0.8, 0.1, 0.1]), np.array([0.1, 0.1, 0.8])


def stroke(place=(32.0, 20.0, 18.0, 5.0, 1.0, 0.0, 0.0), first=RED, last=RED, **more):
    return BrushStroke(place, first, last, **{"brush": "bristle", "number": 0, **more})


@pytest.mark.parametrize("brush", BRUSHES)
@pytest.mark.parametrize("bend", [0.0, 0.4])
def test_what_is_painted_is_what_was_computed(brush, bend):
    turn = 0.5
    place = (32.0, 20.0, 18.0, 5.0, np.cos(turn), np.sin(turn), bend)
    surface = PaintSurface((160, 256), WHITE)
    surface.paint([stroke(place, brush=brush)], 4)
    painted = (255 - surface.image()[..., 1].astype(float)) / (255 * 0.9)
    expected = np.zeros((40, 64))
    region, mask, _ = stroke_mask(brush, place, expected.shape)
    expected[region] = mask[..., 0]
    afar = painted.reshape(40, 4, 64, 4).mean((1, 3))

    assert abs(afar.sum() / expected.sum() - 1) < 0.2
    assert abs(afar - expected).mean() < 0.04


def test_hairs_are_seen_near_by():
    surface = PaintSurface((400, 640), WHITE)
    surface.paint([stroke(relief=0.5)], 10)
    middle = surface.image()[180:220, 250:330, 0].astype(float)
    assert middle.mean(1).std() > 2 > middle.std(1).mean() / 4  # along the stroke, hardly across


def test_a_stroke_ends_in_the_colour_that_it_took_up():
    surface = PaintSurface((160, 256), WHITE)
    surface.paint([stroke(last=BLUE)], 4)
    image = surface.image()
    early, late = (image[76:84, x : x + 8].mean((0, 1)) for x in (64, 180))
    assert early[0] > 2 * early[2] and late[2] > late[0]


def test_later_strokes_lie_on_earlier_ones_in_more_than_one_batch():
    cross = (32.0, 20.0, 18.0, 5.0, 0.0, 1.0, 0.0)
    many = [stroke(number=i) for i in range(4999)]  # more vertices than 16 bits can count
    surface = PaintSurface((40, 64), WHITE)
    surface.paint([*many, stroke(cross, BLUE, BLUE)], 1)
    assert surface.image()[20, 32, 2] > 2 * surface.image()[20, 32, 0]


def test_a_halved_surface_is_the_mean_of_four_pixels():
    surface = PaintSurface((80, 128), WHITE)
    surface.paint([stroke()], 2)
    image = surface.image().astype(float) / 255
    assert np.allclose(surface.halved(), image.reshape(40, 2, 64, 2, 3).mean((1, 3)), atol=1e-6)


def test_the_line_of_a_stroke_goes_through_its_ends_and_its_middle():
    bent = stroke((32.0, 20.0, 18.0, 5.0, 1.0, 0.0, 0.3))
    first, _, last = control_points(bent.place)
    points = line_points(bent)

    assert np.allclose(points[[0, -1]], [first, last])
    assert points[len(points) // 2] == pytest.approx((32, 20 - 0.3 * 18 / 3))
    assert points.mean(0) == pytest.approx((32, 20), abs=0.6)


def test_the_pen_goes_back_and_forth():
    points = line_points(stroke(brush="pen"))
    turns = np.abs(np.diff(np.sign(np.diff(points[:, 0])))) > 0
    assert turns.sum() > 6
    assert np.ptp(points[:, 1]) > 8


def test_without_skia_the_error_says_what_to_install(monkeypatch):
    skia_library.load_skia.cache_clear()
    monkeypatch.setitem(sys.modules, "skia", None)
    try:
        with pytest.raises(ShowError, match="needs skia-python"):
            PaintSurface((8, 8), WHITE)
    finally:
        skia_library.load_skia.cache_clear()
