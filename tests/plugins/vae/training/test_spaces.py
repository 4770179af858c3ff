"""Pixels and latents are kept and drawn alike."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from capriccio_vae.training.spaces import LatentSpace, PixelSpace  # noqa: E402


def test_pixels_are_drawn_as_floats_and_shown_as_bytes():
    space = PixelSpace()
    pictures = np.random.default_rng(0).integers(256, size=(3, 128, 128, 3), dtype=np.uint8)
    x = space.draw(space.encode(pictures), torch.tensor([2, 0]))
    assert x.shape == (2, 3, 128, 128)
    assert (space.images(x) == pictures[[2, 0]]).all()


def test_latents_are_those_of_the_autoencoder_and_of_mirrored_pictures(unlearned):
    space = LatentSpace(unlearned)
    pictures = np.random.default_rng(0).integers(256, size=(2, 256, 256, 3), dtype=np.uint8)
    kept = space.encode(pictures)
    assert kept.shape == (2, 2, 8, 32, 32)
    mirrored = space.autoencoder.encode(pictures[1][:, ::-1])
    assert np.allclose(kept[1, 1].float().numpy(), mirrored, atol=0.02)
    x = space.draw(kept, torch.tensor([1]))
    assert torch.equal(x[0], kept[1, 0].float())
    assert space.images(x).shape == (1, 256, 256, 3)
