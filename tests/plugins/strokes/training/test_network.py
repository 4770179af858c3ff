"""The brush network."""

import pytest

torch = pytest.importorskip("torch")

from capriccio_strokes.training.network import (  # noqa: E402
    BrushNetwork,
    PyramidBrushNetwork,
    pyramid,
    stroke_parameters,
)


def test_strokes_keep_to_the_limits_of_the_network():
    x, y, half_length, half_width, cosine, sine, _ = stroke_parameters(100 * torch.randn(64, 7))

    assert x.abs().max() <= 4 and y.abs().max() <= 4
    assert half_length.min() >= 0.7 and half_length.max() <= 9
    assert half_width.min() >= 0.8 - 1e-5 and half_width.max() <= 6 + 1e-4
    assert torch.allclose(cosine.square() + sine.square(), torch.ones(64))


def test_a_pyramid_goes_down_to_the_smallest_canvas():
    levels = pyramid(torch.rand(1, 3, 64, 64))
    assert [len(level[0, 0]) for level in levels] == [64, 32, 16, 8]


def test_the_exported_network_proposes_strokes_of_every_size():
    net = PyramidBrushNetwork(BrushNetwork())
    with torch.no_grad():
        strokes = net(torch.rand(1, 128, 128, 3), torch.rand(1, 128, 128, 3))
    assert strokes.shape == (32**2 + 16**2 + 8**2 + 4**2 + 2**2, 7)
    assert strokes[-1, 2] > strokes[0, 2]
