"""Losses and measures of the training."""

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from capriccio_vae.training.losses import (  # noqa: E402
    laplacian_pyramid,
    mixtures,
    partners,
    patch_distance,
)


def test_a_pyramid_holds_the_whole_image():
    x = torch.rand(2, 3, 32, 32)
    *details, rest = laplacian_pyramid(x)
    assert [len(level[0, 0]) for level in (*details, rest)] == [32, 16, 8, 4]
    for detail in reversed(details):
        rest = detail + F.interpolate(rest, scale_factor=2.0)
    assert torch.allclose(rest, x, atol=1e-6)


def test_a_mixture_is_as_far_from_the_mean_as_its_latents():
    torch.manual_seed(0)
    one, other = torch.randn(500, 576), torch.randn(500, 576)
    assert mixtures(one, other).norm(dim=1).mean() == pytest.approx(576**0.5, rel=0.02)


def test_partners_are_of_the_same_style():
    torch.manual_seed(0)
    labels = torch.tensor([0, 1, 0, 2, 1, 0])
    found = partners(labels)
    assert (labels[found] == labels).all()
    assert (found == torch.arange(6)).tolist() == [False, False, False, True, False, False]


def test_blurred_images_lie_farther_from_real_ones_than_their_copies():
    torch.manual_seed(0)
    real = torch.rand(4, 3, 64, 64)
    blurred = F.interpolate(F.avg_pool2d(real, 4), scale_factor=4.0)
    assert patch_distance(real, real) == 0
    assert patch_distance(real, blurred) > 10
