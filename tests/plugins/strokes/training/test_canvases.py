"""Synthetic canvases of random strokes."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from capriccio_strokes.training.canvases import (  # noqa: E402
    begun_canvases,
    paint_some,
    random_targets,
)


def test_targets_follow_from_the_seed_and_are_images():
    one, same, other = (random_targets(2, np.random.default_rng(seed)) for seed in (1, 1, 2))

    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert one.shape == (2, 3, 64, 64)
    assert 0 <= one.min() < one.max() <= 1
    assert one.std() > 0.02


def test_begun_canvases_are_nearer_to_their_targets_than_to_others():
    random = np.random.default_rng(3)
    target = random_targets(16, random)
    canvas = begun_canvases(target, random)
    assert canvas.shape == target.shape
    assert (canvas - target).square().mean() < (canvas - target.flip(0)).square().mean()


def test_only_strokes_that_gain_are_painted():
    canvas, color = torch.zeros(1, 3, 64, 64), torch.ones(1, 16, 16, 3)
    mask = torch.ones(1, 16, 16, 22, 22)
    gain = torch.full((1, 16, 16), -1.0)
    random = np.random.default_rng
    assert torch.equal(paint_some(canvas, gain, color, mask, random(0)), canvas)
    assert paint_some(canvas, -gain, color, mask, random(0)).mean() > 0.9
