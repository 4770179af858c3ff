import numpy as np
import pytest
from capriccio import generator
from capriccio.testing import moments
from capriccio_effects.echoes import Remembering, faded, turned, zoomed


def black(side=40):
    return np.zeros((side, side, 3), np.uint8)


def test_what_was_shown_comes_back_larger_and_fainter():
    feedback = generator("feedback")
    first, *rest = moments(beats=2, step=0.5)
    square = black()
    square[15:25, 15:25] = 255
    assert np.array_equal(feedback(first, over=square, amount=0.5, zoom=1.0), square)
    areas, levels = [100], [255]
    for now in rest:
        result = feedback(now, over=black(), amount=0.5, zoom=1.0)
        areas.append(np.count_nonzero(result[..., 0]))
        levels.append(int(result.max()))
    assert areas == sorted(areas)
    assert levels == [255, 127, 63, 31]


def test_a_memory_begins_anew_where_time_goes_back_or_the_size_changes():
    feedback = generator("feedback")
    early, late = list(moments(beats=2, step=1))
    white = black() + 255
    feedback(early, over=white)
    assert feedback(late, over=black(), amount=1.0, zoom=0.5).min() == 255
    assert feedback(early, over=black()).max() == 0
    assert feedback(late, over=black(8)).shape == (8, 8, 3)
    assert issubclass(type(feedback), Remembering)


def test_a_picture_is_turned_about_its_middle():
    image = black(41)
    image[20, 35] = 255
    place = np.argwhere(turned(image, 1.0, np.pi / 2)[..., 0])
    assert np.abs(place - [35, 20]).max() <= 1 or np.abs(place - [5, 20]).max() <= 1
    assert np.array_equal(turned(image, 1.0, 0.0), image)
    assert faded(black() + 200, 0.5).max() == 100


@pytest.mark.parametrize("scale", [0.3, 0.74, 0.97, 1.0, 1.03, 1.35, 3.0])
@pytest.mark.parametrize("shape", [(60, 91), (1, 1), (2, 7)])
def test_an_upright_picture_is_scaled_as_one_that_is_turned_by_nothing(scale, shape):
    image = np.random.default_rng(1).integers(1, 256, (*shape, 3), np.uint8)
    differs = (zoomed(image, scale) != turned(image, scale, 1e-12)).any(axis=2)
    assert differs.mean() < 0.05  # where a place lies between two pixels


def test_stripes_of_a_slit_scan_are_older_the_farther_they_lie():
    for direction, age in (("right", 0), ("left", -1), ("down", 0), ("up", -1)):
        scan = generator("slitscan")
        for number, now in enumerate(moments(beats=12, step=0.25)):
            result = scan(now, over=black(48) + np.uint8(number), depth=1.0, direction=direction)
        line = result[0, :, 0] if direction in ("left", "right") else result[:, 0, 0]
        assert line[age] == 47
        assert line[-1 - age] == 0
        assert len(np.unique(line)) == 48


def test_what_moves_is_white_and_what_has_come_to_rest_is_forgotten():
    motion = generator("motion")
    first, second, *rest = moments(beats=8, step=0.25)
    square = black()
    square[10:20, 10:20] = 200
    assert motion(first, over=black()).max() == 0
    moved = motion(second, over=square, memory=0.2)
    assert moved[15, 15].min() > 200
    assert moved[30, 30].max() == 0
    for now in rest:
        moved = motion(now, over=square, memory=0.2)
    assert moved.max() == 0
    still = generator("motion")
    still(first, over=black(), memory=1.0)
    for now in rest:
        moved = still(now, over=square, memory=1.0)
    assert moved[15, 15].min() > 200
