import numpy as np
import pytest
from capriccio import Moment, generator
from capriccio_effects.colors import nearest, palette_of
from helpers.images import scene

NOW = Moment()


def colors_of(image):
    return np.unique(image.reshape(-1, 3), axis=0)


def test_posterised_levels_are_few_and_reach_both_ends():
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    posterise = generator("posterise")
    assert np.unique(posterise(NOW, over=ramp, levels=0.0)).tolist() == [0, 255]
    assert len(np.unique(posterise(NOW, over=ramp, levels=1.0))) == 12


def test_a_palette_has_so_many_colours_of_its_picture_or_of_another():
    palette = generator("palette")
    image, other = scene(1), scene(9)
    assert len(colors_of(palette(NOW, over=image, colors=0.0))) <= 2
    own = {tuple(color) for color in palette_of(other, 11, "it")}
    result = palette(NOW, over=image, by=other, colors=0.3)
    assert {tuple(color) for color in colors_of(result)} <= own
    chosen = [(255, 0, 0), (0, 0, 0)]
    assert {tuple(color) for color in colors_of(palette(NOW, over=image, by=chosen))} <= set(chosen)
    with pytest.raises(ValueError, match=r"takes colours \(n, 3\), got an array of shape \(1, 2\)"):
        palette(NOW, over=image, by=[(1, 2)])


def test_each_colour_is_replaced_by_the_nearest():
    colors = np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0]], np.uint8)
    table = nearest(colors)
    red, green, blue = (200 >> 3, 30 >> 3, 40 >> 3)
    assert table[(red << 10) | (green << 5) | blue] == 2


def test_red_and_blue_move_apart():
    image = np.zeros((40, 100, 3), np.uint8)
    image[:, 50] = 255
    result = generator("chromatic")(NOW, over=image, amount=1.0)  # 2 pixels
    assert result[20, :, 0].argmax() == 52
    assert result[20, :, 1].argmax() == 50
    assert result[20, :, 2].argmax() == 48
    down = generator("chromatic")(NOW, over=image.transpose(1, 0, 2), amount=1.0, angle=0.25)
    assert down[:, 20, 0].argmax() == 52
