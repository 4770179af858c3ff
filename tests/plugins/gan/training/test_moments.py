"""Moments of features give transport costs; pairs of pictures are compared."""

import numpy as np
import pytest
import torch
from capriccio.training import frechet
from capriccio_gan.training.moments import (
    MAX_SHIFT,
    FeatureMoments,
    MatchedMoments,
    random_shift,
    similarity,
)


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


def test_features_that_follow_the_gradient_come_nearer_to_real_ones():
    random = np.random.default_rng(0)
    shape = random.standard_normal((6, 6))
    real, made = (
        torch.from_numpy(strength * random.standard_normal((4000, 6)) @ shape + mean).float()
        for strength, mean in ((1.0, 1.0), (1.3, 0.0))
    )
    moments, before = MatchedMoments(real), frechet(real.numpy(), made.numpy())
    for _ in range(60):
        made = made.detach().requires_grad_()
        moments.update(made, 1.0)
        moments(made).backward()
        made = made - 2000 * moments.variances.sum() / 5 * made.grad
    assert frechet(real.numpy(), made.detach().numpy()) < 0.05 * before


def test_real_moments_have_no_gradient():
    real = torch.randn(500, 5) * torch.arange(1, 6)
    moments = MatchedMoments(real)
    moments.update(real, 1.0)
    features = real.clone().requires_grad_()
    moments(features).backward()
    assert features.grad.abs().max() < 1e-4
    assert moments(real).abs() < 0.02


def test_the_mean_follows_faster_than_the_covariance_where_it_is_asked():
    real = torch.randn(400, 5, generator=torch.Generator().manual_seed(3))
    moments, made = MatchedMoments(real), 0.5 * real + 1
    x, before = moments.centred(made), moments.second.clone()
    moments.update(made, 0.1, 0.2)
    torch.testing.assert_close(moments.first, 0.2 * x.mean(0))
    torch.testing.assert_close(moments.second, before.lerp(x.T @ x / len(x), 0.1))
    moments.update(made, 1.0)
    torch.testing.assert_close(moments.first, x.mean(0))


def test_pairs_that_differ_lead_features_to_those_that_they_should_be():
    torch.manual_seed(0)
    real = torch.randn(4000, 5) * torch.arange(1, 6)
    moments, made = MatchedMoments(real), 0.7 * real[:64] + 0.5
    for _ in range(400):
        made = made.detach().requires_grad_()
        moments.update_pairs(made, real[:64], 1.0)
        moments(made).backward()
        made = made - 300 * made.grad
    wanted = real[:64]
    assert (made.mean(0) - wanted.mean(0)).abs().max() < 0.1
    assert torch.allclose(torch.cov(made.T), torch.cov(wanted.T), atol=1)
