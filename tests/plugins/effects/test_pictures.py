import numpy as np
import pytest
from capriccio import Canvas
from capriccio_effects.pictures import bands, luminance, mixed, picture_of, resized, sample
from PIL import Image


def test_every_kind_of_picture_can_be_laid_under_an_effect():
    red = np.full((4, 6, 3), (255, 0, 0), np.uint8)
    canvas = Canvas(6, 4)
    canvas.background("red")
    alpha = np.dstack([red, np.full((4, 6), 255, np.uint8)])
    for thing in (red, red / 255, canvas, Image.fromarray(red), alpha, red[::-1]):
        found = picture_of(thing, "it")
        assert np.array_equal(found, red)
        assert found.flags.c_contiguous
    assert picture_of(None, "it") is sample()
    with pytest.raises(TypeError, match="what it is laid over is a str, expected an image"):
        picture_of("picture.png", "it")


def test_levels_are_computed():
    image = np.zeros((4, 6, 3), np.uint8)
    assert luminance(image).max() == 0
    assert luminance(~image).min() == 255
    assert mixed(image, ~image, 0.5)[0, 0, 0] in (127, 128)
    assert resized(image, (3, 2)).shape == (2, 3, 3)
    assert resized(image, (6, 4)) is image
    assert [one.stop - one.start for one in bands(50)] == [24, 24, 2]
