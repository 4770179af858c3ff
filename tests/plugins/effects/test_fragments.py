import numpy as np
from capriccio_effects.fragments import FRAGMENTS, drawn
from helpers.images import scene


def test_a_fragment_sees_levels_and_returns_them_exactly(opengl, monkeypatch):
    text = "float3 fragment(float2 at) { return mod(image(at).brg + other(at) + change, 256.0); }"
    monkeypatch.setitem(FRAGMENTS, "shifted", text)
    image, other = scene(1, (30, 41)), scene(2, (30, 41))
    found = drawn(opengl, "shifted", image, uniforms={"change": 7}, other=other)
    assert np.array_equal(found, image[..., [2, 0, 1]] + other + np.uint8(7))


def test_blocks_are_the_mean_of_what_is_left_of_a_picture(opengl):
    image = scene(3, (50, 70))
    uniforms = {"side": 20, "aside": 0}
    found = drawn(opengl, "mean", image, to_size=(4, 3), uniforms=uniforms)
    assert found.shape == (3, 4, 3)
    assert np.abs(found[2, 3] - image[40:, 60:].mean((0, 1))).max() <= 0.5
