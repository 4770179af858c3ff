import numpy as np
import pytest
from capriccio import Canvas, Stroke, skia_image
from capriccio.canvas.pixels import (
    as_array,
    copied,
    image_info,
    is_drawing,
    opaque,
    rgb_of,
    rgba_of,
    scaled,
)
from capriccio.canvas.skia_library import load_skia
from PIL import Image


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (64, 5)])
def test_an_image_becomes_opaque_pixels_and_comes_back(size):
    image = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)

    pixels = rgba_of(image)

    assert (pixels[..., 3] == 255).all()
    assert np.array_equal(pixels[..., :3], image)
    assert np.array_equal(rgb_of(pixels), image)


def test_every_kind_of_picture_becomes_an_image_of_skia():
    red = np.zeros((4, 6, 3), np.uint8)
    red[..., 0] = 255
    half = np.dstack([red, np.full((4, 6), 128, np.uint8)])
    canvas = Canvas(6, 4)
    canvas.background("red")
    rgba = load_skia().kRGBA_8888_ColorType
    for thing in (red, red / 255, half, half / 255, Image.fromarray(half), canvas):
        found = skia_image(thing)
        assert (found.width(), found.height()) == (6, 4)
        level, green, blue, alpha = found.toarray(colorType=rgba)[0, 0].tolist()
        assert (blue, green) == (0, 0)
        assert level >= 254
        assert alpha in (128, 255)
    assert skia_image(found) is found


def test_what_is_no_picture_is_told():
    with pytest.raises(TypeError, match="a picture is None, expected an image"):
        skia_image(None)
    with pytest.raises(ValueError, match=r"a picture is an array of shape \(0, 0, 3\)"):
        skia_image(np.zeros((0, 0, 3), np.uint8))
    with pytest.raises(ValueError, match=r"a picture is an array of shape \(0, 4, 4\)"):
        skia_image(np.zeros((0, 4, 4), np.uint8))


def test_a_picture_is_scaled_over_the_whole_with_its_aspect_kept():
    image = np.zeros((10, 20, 3), np.uint8)
    image[:, 5:15] = 255  # the middle square is white
    assert scaled(image, (40, 40)).min() > 100
    assert scaled(image, (20, 10)) is image
    assert scaled(image, (40, 40), fill=False)[0].max() == 0  # black above it


def test_a_drawing_is_a_list_of_strokes():
    assert is_drawing([Stroke([(0, 0), (1, 1)])])
    assert not is_drawing([])
    assert not is_drawing([1])
    assert as_array("x") == "x"
    assert image_info((3, 2)).width() == 3


def test_what_is_transparent_lies_on_black():
    half = np.full((2, 3, 4), (255, 100, 0, 128), np.uint8)
    assert opaque(half)[0, 0].tolist() == [128, 50, 0]
    assert opaque(Image.fromarray(half))[0, 0].tolist() == [128, 50, 0]
    assert np.abs(opaque(half / 255) - np.array([0.502, 0.197, 0])).max() < 0.01
    plain = half[..., :3]
    assert opaque(plain) is plain


def test_skia_has_a_copy_of_pixels():
    pixels = rgba_of(np.full((2, 3, 3), (1, 2, 3), np.uint8))
    image = copied(pixels, image_info((3, 2)))
    pixels[:] = 0
    assert image.toarray(colorType=load_skia().kRGBA_8888_ColorType)[0, 0, :3].tolist() == [1, 2, 3]
