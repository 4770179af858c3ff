"""The flow leads noise to latents, and words guide it."""

import pytest

torch = pytest.importorskip("torch")

from capriccio_gan.training.flow import GRAIN, LatentFlow  # noqa: E402
from capriccio_gan.training.networks import CODE, LATENT  # noqa: E402


@pytest.fixture
def flow():
    torch.manual_seed(0)
    net = LatentFlow(20).eval()
    torch.nn.init.normal_(net.flow.last.weight, std=0.1)
    net.follow()
    return net


def test_a_flow_without_velocity_leaves_the_noise_of_places_as_it_is():
    net = LatentFlow(20).eval()
    torch.nn.init.zeros_(net.guided.gmlp[-1].weight)
    torch.nn.init.zeros_(net.guided.gmlp[-1].bias)
    z, grain, code = torch.randn(2, LATENT), torch.randn(2, GRAIN), torch.randn(2, CODE)
    with torch.no_grad():
        assert torch.equal(net.synthesis(net.mapping(z, code), grain), torch.cat([z, grain], 1))


def test_latents_depend_on_noise_and_on_words(flow):
    z, grain = torch.randn(1, LATENT), torch.randn(1, GRAIN)
    codes = torch.randn(2, CODE)
    with torch.no_grad():
        one, other = (flow.synthesis(flow.mapping(z, code[None]), grain) for code in codes)
        moved = flow.synthesis(flow.mapping(z + 1, codes[:1]), grain)
    assert one.shape == (1, LATENT + GRAIN)
    assert not torch.allclose(one, other) and not torch.allclose(one, moved)


def test_the_loss_is_the_error_of_a_straight_line(flow, monkeypatch):
    latents, time = torch.randn(3, LATENT + GRAIN), torch.tensor([0.1, 0.5, 0.9])
    noise = torch.randn_like(latents)
    monkeypatch.setattr(torch, "randn_like", lambda like: noise)
    seen = []
    monkeypatch.setattr(
        flow.flow, "forward", lambda x, at, code: seen.append(x) or (latents - noise)
    )
    assert flow.velocity_loss(latents, torch.zeros(3, CODE), time).max() == 0
    assert torch.allclose(seen[0], noise + time[:, None] * (latents - noise), atol=1e-6)


def test_the_guided_flow_learns_what_is_beyond_the_picture_without_words(flow, monkeypatch):
    told, untold = torch.randn(2, 3, LATENT + GRAIN)
    monkeypatch.setattr(flow.flow, "forward", lambda x, at, code: torch.cat([told, untold]))
    monkeypatch.setattr(flow.guided, "forward", lambda x, at, code: 2 * told - untold)
    latents, time = torch.randn(3, LATENT + GRAIN), torch.rand(3)
    assert flow.guided_loss(latents, torch.zeros(3, CODE), time).max() < 1e-10


def test_knobs_turn_what_the_first_layer_reads(flow):
    (weights,) = flow.style_weights()
    assert weights.shape == (256, flow.style_size)
