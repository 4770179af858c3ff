"""The networks of the VAE."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from capriccio_vae.training.dataset import SIZE  # noqa: E402
from capriccio_vae.training.networks import (  # noqa: E402
    LATENT,
    DecoderNetwork,
    EncoderNetwork,
    StyleDiscriminator,
    VAENetwork,
    kl,
)


def test_the_discriminator_measures_how_typical_an_image_is_of_its_style():
    critic = StyleDiscriminator(3).eval()
    with torch.no_grad():
        for head in critic.heads:
            head.weight.zero_()
            head.bias.copy_(torch.tensor([9.0, 0.0, 1.0, 5.0]))  # all styles alike, and each
        found = critic.typicality(torch.rand(3, 3, SIZE, SIZE), torch.tensor([0, 1, 2]))
    np.testing.assert_allclose(found, [-4, -2, 6], atol=1e-5)


def test_the_exported_networks_take_and_return_bytes():
    net = VAENetwork(2).eval()
    picture, style = torch.zeros(1, SIZE, SIZE, 3, dtype=torch.uint8), torch.eye(2)[:1]
    with torch.no_grad():
        z, deviation = EncoderNetwork(net)(picture, style)
        image = DecoderNetwork(net.decoder)(z, style)
    assert z.shape == deviation.shape == (1, LATENT)
    assert image.shape == (1, SIZE, SIZE, 3) and image.dtype == torch.uint8


def test_without_the_spatial_latent_its_divergence_does_not_count():
    net = VAENetwork(2).eval()
    x, style = torch.rand(2, 3, SIZE, SIZE), torch.eye(2)
    with torch.no_grad():
        _, _, (whole, spatial) = net.reconstruct(x, style, torch.tensor([[1.0], [0.0]]))
    assert (whole > 0).all()
    assert spatial[0] > 0 and spatial[1] == 0


def test_a_standard_normal_diverges_by_nothing():
    assert kl(torch.zeros(1, 4), torch.zeros(1, 4)).item() == 0
    assert kl(torch.ones(1, 4), torch.zeros(1, 4)).item() == pytest.approx(2.0)
