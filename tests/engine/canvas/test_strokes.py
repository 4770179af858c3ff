import numpy as np
import pytest
from capriccio import Stroke, rasterise
from capriccio.canvas.drawing_surface import DrawingSurface
from capriccio.canvas.strokes import draw_strokes
from capriccio.media import rasterise_with_pillow

DRAWING = [
    Stroke([(0.0, 0.25), (1.0, 0.25)], width=0.2, color=(1.0, 0.0, 0.0)),
    Stroke([(0.5, 0.0), (0.5, 0.5)], width=0.2, color=(0.0, 0.0, 1.0)),
    Stroke([(0.5, 0.75)], width=0.3, opacity=0.5),
]


@pytest.mark.parametrize("draw", [rasterise, rasterise_with_pillow])
def test_strokes_are_drawn_in_place_and_in_order(draw):
    image = draw(DRAWING, (80, 40))
    assert (image.shape, image.dtype) == ((40, 80, 3), np.uint8)
    assert image[10, 10].tolist() == [255, 0, 0]
    assert image[10, 40].tolist() == [0, 0, 255]
    assert image[38, 10].tolist() == [255, 255, 255]
    assert abs(int(image[30, 40, 0]) - 127) <= 2  # half black over white


def test_a_drawing_looks_alike_at_any_size():
    drawing = [Stroke([(0.2, 0.2), (0.8, 0.5), (0.3, 0.8)], width=0.1)]
    small, large = rasterise(drawing, (32, 32)), rasterise(drawing, (128, 128))
    halved = large.reshape(32, 4, 32, 4, 3).mean(axis=(1, 3))
    assert np.abs(halved - small).mean() < 1


def test_strokes_of_two_points_have_flat_ends():
    image = rasterise([Stroke([(0.5, 0.5), (1.0, 0.5)], width=0.5)], (40, 40))
    assert image[20, 21].max() == 0
    assert image[20, 18].min() == 255


def test_an_empty_drawing_is_the_background():
    assert np.array_equal(
        rasterise([], (4, 2), background=(0.0, 0.5, 1.0)),
        np.broadcast_to(np.array([0, 128, 255], np.uint8), (2, 4, 3)),
    )


def test_what_is_no_drawing_is_told():
    with pytest.raises(TypeError, match="a drawing is a list with an int, expected a list of"):
        rasterise([3], (8, 8))
    with pytest.raises(ValueError, match="a drawing is a stroke with a value that is not a finite"):
        draw_strokes(DrawingSurface((8, 8)).canvas, [Stroke([(0, float("nan"))])], (8, 8))
