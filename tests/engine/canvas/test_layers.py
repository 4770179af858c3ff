from pathlib import Path

import numpy as np
import pytest
from capriccio import Canvas, Sketch, Stroke, layers
from capriccio.canvas.layers import FAST, Layer, Source, blended, scaled_mask
from capriccio.canvas.style import BLEND_MODES
from capriccio.testing import Memory
from helpers.golden import check_golden
from helpers.images import scene
from PIL import Image

GOLDEN = Path(__file__).parent / "golden"


def grey(level, shape=(4, 6)):
    return np.full((*shape, 3), level, np.uint8)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("normal", 200),
        ("multiply", 100 * 200 / 255),
        ("screen", 255 - 155 * 55 / 255),
        ("add", 255),
        ("lighten", 200),
        ("darken", 100),
        ("difference", 100),
        ("exclusion", 100 + 200 - 2 * 100 * 200 / 255),
        ("overlay", 2 * 100 * 200 / 255),
    ],
)
@pytest.mark.parametrize("opacity", [1.0, 0.6, 0.0])
def test_modes_and_opacities_are_computed(mode, expected, opacity):
    found = layers(grey(100), (grey(200), mode, opacity))
    assert found.shape == (4, 6, 3)
    assert abs(float(found[0, 0, 0]) - (100 + opacity * (expected - 100))) < 2
    assert found.std() == 0


def test_black_and_white_are_exact_in_every_mode():
    for mode in FAST:
        for under in (0, 255):
            for over in (0, 255):
                found = layers(grey(under), (grey(over), mode))
                assert found.max() in (0, 255), (mode, under, over)
        assert np.array_equal(layers(grey(77), (grey(255), mode, 0.0)), grey(77))


def test_a_mask_shows_where_it_is_white():
    mask = np.zeros((4, 6), np.uint8)
    mask[:, 3:] = 255
    for one in (mask, mask > 0, mask / 255.0, np.dstack([mask] * 3), Image.fromarray(mask)):
        found = layers(grey(10), (grey(200), one))
        assert found[:, :3].max() == 10
        assert found[:, 3:].min() == 200
    mask_canvas = Canvas(6, 4)
    mask_canvas.no_stroke()
    mask_canvas.rect(0.5, 0, 0.5, 1)
    assert np.array_equal(layers(grey(10), (grey(200), mask_canvas)), found)


def test_alpha_lets_what_is_below_shine_through():
    half = np.dstack([grey(200), np.full((4, 6), 128, np.uint8)])
    assert abs(int(layers(grey(100), half)[0, 0, 0]) - 150) <= 1
    assert abs(int(layers(grey(100), (half, "multiply"))[0, 0, 0]) - 89) <= 2
    assert abs(int(layers(grey(100), (half, 0.5))[0, 0, 0]) - 125) <= 2
    canvas = Canvas(6, 4)
    canvas.background("white", 0.5)
    assert abs(int(layers(grey(100), canvas)[0, 0, 0]) - 178) <= 2
    assert abs(int(layers(grey(100), (canvas, 0.5))[0, 0, 0]) - 139) <= 2
    assert layers(grey(100), (canvas, "overlay"))[0, 0, 0] > 120
    assert np.array_equal(layers(grey(100), Canvas(6, 4)), grey(100))


def test_any_sizes_cover_the_whole():
    assert layers(grey(9, (64, 64)), grey(7, (3, 9)), size=(40, 20)).shape == (20, 40, 3)
    assert layers(grey(9), [Stroke([(0, 0.5), (1, 0.5)], 2.0)]).max() == 0
    big = Canvas(12, 8)
    big.background("red")
    assert layers(grey(9), big)[0, 0].tolist() == [255, 0, 0]
    assert layers(Canvas(5, 4)).shape == (4, 5, 3)
    assert scaled_mask(np.zeros((2, 2), np.uint8), (8, 4)).shape == (4, 8)


def test_opacities_are_parameters_of_a_show():
    sketch = Sketch(fps=10, size=(16, 16))

    @sketch.draw
    def both(now):
        if now.seconds > 0.45:
            sketch.current_stage.performance.parameters.set("/layers/1", 0.0)
        return layers(grey(0), (grey(200), 0.5))

    memory = Memory()
    sketch.perform([memory], seconds=1)
    levels = [int(image[0, 0, 0]) for image in memory.images]
    assert levels[0] == 100
    assert levels[-1] == 0
    parameter = sketch.current_stage.performance.parameters.by_address["/layers/1"]
    assert (parameter.value(), parameter.is_held()) == (0.0, True)
    parameter.apply(None)
    assert (parameter.value(), parameter.is_held()) == (0.5, False)
    with pytest.raises(ValueError, match=r"an opacity must be 0..1, got nan"):
        parameter.convert("nan")


def test_what_is_no_layer_is_told():
    with pytest.raises(ValueError, match="layers needs a picture"):
        layers()
    with pytest.raises(TypeError, match=r"layer 1 has \{\}; beside its picture it takes"):
        layers(grey(1), (grey(1), {}))
    with pytest.raises(ValueError, match=r"the opacity of layer 1 must be 0..1, got nan"):
        layers(grey(1), (grey(1), float("nan")))
    with pytest.raises(ValueError, match="no blend mode 'scren'; did you mean 'screen'"):
        layers(grey(1), (grey(1), "scren"))
    with pytest.raises(ValueError, match=r"a mask has the shape \(height, width\), got \(2,\)"):
        layers(grey(1), (grey(1), np.zeros(2)))
    with pytest.raises(ValueError, match=r"a mask has NaN or infinity, expected 0..1"):
        layers(grey(1), (grey(1), np.full((4, 6), np.nan)))
    with pytest.raises(TypeError, match="layer 1 is None, expected an image"):
        layers(grey(1), None)
    with pytest.raises(ValueError, match=r"layer 0 is an array of shape \(0, 0, 3\)"):
        layers(grey(1, (0, 0)), size=(4, 4))


def test_every_blend_mode_is_as_it_was():
    under, over = scene(1, (48, 64)), scene(5, (48, 64))[:, ::-1].copy()
    rows = [
        np.hstack([layers(under, (over, mode, 0.8)) for mode in list(BLEND_MODES)[at : at + 5]])
        for at in range(0, len(BLEND_MODES), 5)
    ]
    check_golden(np.vstack(rows), GOLDEN / "blend_modes.png")


def test_sources_are_blended_in_one_go():
    assert Layer((grey(1), 2.0), 0).opacity == 1.0
    one = Source(grey(200), "add", 0.5)
    assert abs(int(blended(grey(100), [one, one], (6, 4))[0, 0, 0]) - 216) <= 2
    assert blended(None, [], (6, 4)).max() == 0
