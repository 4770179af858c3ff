"""The networks of the autoencoder fit pictures of any size."""

import pytest

torch = pytest.importorskip("torch")

from capriccio_vae.training.autoencoder import (  # noqa: E402
    GRAIN,
    Autoencoder,
    Grain,
    LatentDecoder,
    LatentEncoder,
)


def test_copies_have_the_size_of_their_pictures():
    net, x = Autoencoder().eval(), torch.rand(2, 3, 48, 64)
    mean, log_variance = net.encoder(x)
    assert mean.shape == log_variance.shape == (2, 8, 6, 8)
    assert net.decoder(mean).shape == x.shape
    assert [part.shape[2:] for part in net.critic(x)] == [(12, 16), (6, 8), (3, 4)]


def test_grain_repeats_beyond_its_tile_and_moves_in_a_training():
    grain = Grain(2, seed=1).eval()
    with torch.no_grad():
        grain.strength.fill_(1.0)
        wide = grain(torch.zeros(1, 2, 4, GRAIN + 4))
        assert torch.equal(wide[..., :4], wide[..., GRAIN:])
        grain.train()
        torch.manual_seed(0)
        assert not torch.equal(grain(torch.zeros(1, 2, 8, 8)), grain(torch.zeros(1, 2, 8, 8)))


def test_latents_are_shifted_and_scaled_and_back():
    net = Autoencoder().eval()
    mean, deviation = torch.arange(8.0), torch.arange(8.0) + 1
    picture = torch.randint(0, 256, (1, 32, 40, 3), dtype=torch.uint8)
    with torch.no_grad():
        plain = LatentEncoder(net, torch.zeros(8), torch.ones(8))(picture)
        scaled = LatentEncoder(net, mean, deviation)(picture)
        assert torch.allclose(scaled[:, 3] * 4 + 3, plain[:, 3], atol=1e-4)
        one = LatentDecoder(net, torch.zeros(8), torch.ones(8))(plain)
        other = LatentDecoder(net, mean, deviation)(scaled)
    assert one.shape == picture.shape and (one.int() - other.int()).abs().max() <= 1
