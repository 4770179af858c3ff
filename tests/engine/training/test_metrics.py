"""Metrics that compare two sets of images by their features."""

import numpy as np
import pytest
from capriccio.training import (
    copy_error,
    frechet,
    grid_energy,
    kernel_distance,
    nearest_distances,
    precision_recall,
    sharpness,
    spread,
)


def test_the_frechet_distance_of_two_gaussians_is_the_formula():
    random = np.random.default_rng(0)
    one = random.standard_normal((60_000, 3))
    other = random.standard_normal((60_000, 3)) * [1, 2, 0.5] + [1, 0, 0]
    # |mean|² + Σ (1 - s)², for diagonal covariances
    assert frechet(one, other) == pytest.approx(1 + 1 + 0.25, rel=0.03)
    assert frechet(one, one) == pytest.approx(0, abs=1e-6)


def test_the_kernel_distance_is_about_0_for_samples_of_one_distribution():
    random = np.random.default_rng(0)
    one, same, other = (random.standard_normal((800, 8)) + shift for shift in (0, 0, 0.7))
    assert abs(kernel_distance(one, same)) < 50 < kernel_distance(one, other)


def test_precision_measures_quality_and_recall_variety():
    random = np.random.default_rng(0)
    real = random.standard_normal((500, 4))
    narrow = 0.1 * random.standard_normal((500, 4))
    wide = 4 * random.standard_normal((500, 4))
    precision, recall = precision_recall(real, narrow)
    assert precision > 0.95 and recall < 0.2
    precision, _ = precision_recall(real, wide)
    assert precision < 0.5
    assert spread(narrow) < spread(real) < spread(wide)
    with pytest.raises(ValueError, match="need at least 4 real and made images, got 3 and 500"):
        precision_recall(real[:3], wide)


def test_nearest_distances_come_with_their_indices():
    these = np.array([[0.0, 0.0], [3.0, 4.0]])
    distances, indices = nearest_distances(np.array([[3.0, 4.0], [0.0, 1.0]]), these)
    assert indices.tolist() == [1, 0] and distances == pytest.approx([0, 1], abs=1e-6)


def test_a_blurred_picture_is_less_sharp():
    image = np.random.default_rng(0).integers(256, size=(1, 64, 64, 3), dtype=np.uint8)
    blurred = (image // 2 + np.roll(image, 1, 1) // 2).astype(np.uint8)
    assert 0 < sharpness(blurred) < sharpness(image)
    assert sharpness(np.full_like(image, 7)) == 0


@pytest.mark.parametrize("period", [2, 4, 8, 16])
def test_a_weave_is_found_at_its_period_alone(period):
    images = np.random.default_rng(0).integers(100, 140, size=(8, 256, 256, 3)).astype(np.uint8)
    plain = grid_energy(images)
    lines = (6 * np.cos(2 * np.pi * np.arange(256) / period))[:, None].round().astype(np.int64)
    woven = grid_energy((images + lines[None, :, :, None]).astype(np.uint8))
    assert all(0.7 < plain[p] < 1.4 for p in plain)
    assert woven[period] > 5
    assert all(0.7 < woven[p] < 1.4 for p in plain if p != period)


def test_a_copy_of_another_size_has_no_error_and_a_plain_one_that_of_the_variance():
    random = np.random.default_rng(0)
    image = np.kron(random.integers(256, size=(32, 32, 3)), np.ones((2, 2, 1))).astype(np.uint8)
    assert copy_error(image, image[::2, ::2]) == 0
    plain = np.full((64, 64, 3), round(image.mean()), np.uint8)
    assert copy_error(image, plain) == pytest.approx(1.0, abs=0.02)
