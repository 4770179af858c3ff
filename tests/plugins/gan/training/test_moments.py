"""Moments of features give transport costs; pairs of pictures are compared."""

import numpy as np
import pytest
import torch
from capriccio.training import frechet
from capriccio_gan.training.moments import MAX_SHIFT, FeatureMoments, random_shift, similarity


def test_similarity_is_zero_at_half_the_distance_of_real_pictures():
    real = torch.rand(8, 3, 64, 64)
    assert similarity(real[:2], real[:2], real) == 1
    assert similarity(real[:2], real[:2] + 0.1, real) > 0.99  # only the paper differs
    assert similarity(real[:2], real[2:4], real) == 0
    assert similarity(real[:1], real[:1], real[:1]) == 1  # without another picture no NaN


def test_lowering_the_transport_cost_lowers_the_frechet_distance():
    random = np.random.default_rng(0)
    shape = random.standard_normal((6, 6))
    real = (random.standard_normal((4100, 6)) @ shape + 1).astype(np.float32)
    generated = (2 * random.standard_normal((4100, 6)) - 1).astype(np.float32)
    moments = FeatureMoments(6), FeatureMoments(6)
    for one, features in zip(moments, (real, generated), strict=True):
        for part in np.split(features, 41):  # few enough to count alike
            one.update(torch.from_numpy(part))
    features = torch.from_numpy(generated).requires_grad_()
    cost = moments[1].transport_cost(features, moments[0])
    variance = np.cov(real, rowvar=False).trace()
    assert cost.item() == pytest.approx(frechet(real, generated) / variance, rel=0.02)
    cost.backward()
    moved = generated - 4100 * variance / 2 * features.grad.numpy()
    assert frechet(real, moved) < 0.02 * frechet(real, generated)
    assert moments[0].transport_cost(torch.from_numpy(real), moments[0]).item() < 1e-3


def test_shifted_pictures_are_the_same_a_few_pixels_away():
    x = torch.rand(2, 3, 64, 64)
    shifts = set()
    for _ in range(20):
        shifted = random_shift(x)
        places = [
            (down, right)
            for down in range(-MAX_SHIFT, MAX_SHIFT + 1)
            for right in range(-MAX_SHIFT, MAX_SHIFT + 1)
            if torch.equal(
                shifted[:, :, 8:-8, 8:-8], x.roll((down, right), (2, 3))[:, :, 8:-8, 8:-8]
            )
        ]
        assert len(places) == 1 and shifted.shape == x.shape
        shifts.add(places[0])
    assert len(shifts) > 10


def test_moments_of_one_picture_give_a_finite_cost():
    moments = FeatureMoments(4), FeatureMoments(4)
    for one in moments:
        one.update(torch.rand(1, 4))
    assert torch.isfinite(moments[1].transport_cost(torch.rand(1, 4), moments[0]))
