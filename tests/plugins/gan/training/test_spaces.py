"""Pixels and latents are drawn, augmented and previewed alike."""

import numpy as np
import torch
from capriccio_gan.training.spaces import (
    PixelSpace,
    PreviewNetwork,
    shift_and_cover,
    to_bytes,
    to_pictures,
)

space = PixelSpace(64)


def test_the_same_random_numbers_give_the_same_augmentation():
    x = torch.rand(4, 3, 64, 64)
    random = torch.rand(4, 8)
    assert torch.equal(space.augment(x, random), space.augment(x, random))
    assert not torch.equal(space.augment(x, random), space.augment(x, torch.rand(4, 8)))
    unchanged = torch.tensor([[0.1, 0.5, 0.5, 0.5, 0.5, 0, 0, 0.9]]).expand(4, 8)
    assert torch.allclose(space.augment(x, unchanged), x, atol=1e-6)
    mirrored = unchanged.clone()
    mirrored[:, 0] = 0.9
    assert torch.allclose(space.augment(x, mirrored), x.flip(3), atol=1e-6)


def test_augmentation_is_differentiable():
    x = torch.rand(2, 3, 64, 64, requires_grad=True)
    space.augment(x, torch.rand(2, 8)).sum().backward()
    assert torch.isfinite(x.grad).all() and x.grad.abs().sum() > 0


def test_pictures_that_are_kept_are_drawn_as_floats():
    images = np.random.default_rng(0).integers(256, size=(3, 64, 64, 3), dtype=np.uint8)
    x = space.draw(space.encode(images), torch.tensor([2, 0]), "cpu")
    assert x.shape == (2, 3, 64, 64)
    assert (space.images(x) == images[[2, 0]]).all()


def test_latents_are_shifted_by_whole_places_and_covered_with_nothing():
    z = torch.randn(1, 8, 32, 32)
    still = torch.tensor([[0, 0, 0, 0.5, 0.5, 0, 0, 0.9]])
    assert torch.equal(shift_and_cover(z, still, 0.0), z)
    moved = still.clone()
    moved[:, 4] = 1.0
    assert torch.equal(shift_and_cover(z, moved, 0.0)[..., :-4], z[..., 4:])
    covered = still.clone()
    covered[:, 5:] = torch.tensor([0.5, 0.5, 0.1])
    assert (shift_and_cover(z, covered, 0.0)[:, :, 16, 16] == 0).all()


def test_a_preview_has_64_pixels():
    assert PreviewNetwork()(torch.randn(2, 8, 32, 32)).shape == (2, 3, 64, 64)


def test_images_become_pictures_and_images_again():
    images = np.random.default_rng(0).integers(256, size=(2, 4, 6, 3)).astype(np.uint8)
    mirrored = images[:, :, ::-1]  # a view, which is copied
    x = to_pictures(mirrored, "cpu")
    assert x.shape == (2, 3, 4, 6) and 0 <= x.min() < 0.05 and 0.95 < x.max() <= 1
    assert (to_bytes(x) == mirrored).all()
