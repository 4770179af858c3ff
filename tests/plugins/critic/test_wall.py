"""The generator `wall`."""

import numpy as np
from capriccio import Moment
from capriccio.testing import check_generator
from capriccio_critic.wall import (
    CELL_HEIGHT,
    CELL_WIDTH,
    LEFT,
    PICTURE_X,
    PICTURE_Y,
    SIDE,
    TOP,
    Wall,
)

NOW = Moment()


def picture(wall, place):
    """Return the picture at a place of a wall, as floats."""
    x = LEFT + place % 4 * CELL_WIDTH + PICTURE_X
    y = TOP + place // 4 * CELL_HEIGHT + PICTURE_Y
    return wall[y : y + SIDE, x : x + SIDE].astype(float)


def test_the_wall_is_a_valid_generator():
    check_generator(Wall)
    check_generator("wall")


def test_turn_replaces_the_pictures_one_after_the_other():
    wall = Wall()
    light, dark = (np.full((20, 30, 3), level, np.uint8) for level in (200, 40))
    kept = {"pictures": [light] * 8, "before": [dark] * 8}
    levels = {
        turn: [picture(wall(NOW, turn=turn, **kept), place).mean() for place in range(8)]
        for turn in (0.0, 0.5, 1.0)
    }
    assert levels[0.0] == [40] * 8
    assert levels[1.0] == [200] * 8
    assert levels[0.5] == sorted(levels[0.5], reverse=True)
    assert (levels[0.5][0], levels[0.5][7]) == (200, 40)


def test_a_picture_is_picked_where_its_knob_is_half_or_more():
    wall = Wall()
    dark = wall(NOW)
    assert wall.picked == ()
    wall(NOW, pick3=0.5, pick8=0.4)
    assert wall.picked == (2,)
    lit = wall(NOW, pick3=1.0)
    rows, columns = np.nonzero((lit.astype(int) - dark).max(axis=2) > 40)
    assert rows.max() < TOP + CELL_HEIGHT
    assert columns.min() >= LEFT + 2 * CELL_WIDTH and columns.max() < LEFT + 3 * CELL_WIDTH
    wall.hold("pick3", 0.0)
    wall.hold("pick5", 1.0)
    wall(NOW, pick3=1.0)
    assert wall.picked == (4,)


def test_words_and_seal_are_drawn_on_the_plaque():
    wall = Wall()
    shown = {"pictures": [np.zeros((8, 8, 3), np.uint8)] * 8}
    empty = wall(NOW, **shown)
    lettered = wall(NOW, words=["", "", "", "", "a word"], **shown)
    sealed = wall(NOW, words=["", "", "", "", "a word"], favourite=4, **shown)
    rows, columns = np.nonzero((lettered != empty).any(axis=2))
    assert rows.min() > TOP + CELL_HEIGHT + PICTURE_Y + SIDE
    assert columns.min() > LEFT and columns.max() < LEFT + CELL_WIDTH
    red = (sealed[..., 0].astype(int) - sealed[..., 1] > 100).sum()
    assert red > 100 > (lettered[..., 0].astype(int) - lettered[..., 1] > 100).sum()
    long = wall(NOW, words=["x" * 500], **shown)
    assert (long[:, LEFT + CELL_WIDTH :] == empty[:, LEFT + CELL_WIDTH :]).all()


def test_every_knob_has_a_description():
    assert len(Wall.knobs) == 14
    assert all(knob.description.endswith(".") for knob in Wall.knobs.values())
