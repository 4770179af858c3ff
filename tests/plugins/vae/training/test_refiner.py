"""The network of the refiner."""

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from capriccio_vae.training.autoencoder import ResidualBlock  # noqa: E402
from capriccio_vae.training.refiner import (  # noqa: E402
    MARGIN,
    BytesRefiner,
    Refiner,
    RefinerNetwork,
    WholeRefiner,
)


def test_pictures_become_latents_of_a_quarter_of_their_rows():
    torch.manual_seed(0)
    net = Refiner().eval()
    x = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        made = net.net(x)
        logits, features = net.critic(made, x)
    assert made.shape == (2, 8, 16, 24)
    assert [part.shape[2:] for part in logits] == [(16, 24), (8, 12), (4, 6)]
    assert [len(part) for part in features] == [2, 2, 2]


def test_a_plain_picture_is_refined_without_a_frame():
    torch.manual_seed(0)
    net = BytesRefiner(Refiner().net).eval()
    for block in net.modules():
        if isinstance(block, ResidualBlock):
            torch.nn.init.normal_(block.two.weight, std=0.05)
    with torch.no_grad():
        z = net(torch.full((1, 128, 128, 3), 90, dtype=torch.uint8))
        bare = net.whole.net(torch.full((1, 3, 128, 128), 90 / 255))
    assert z.shape == (1, 8, 32, 32)
    middle = z[:, :, 12:20, 12:20].mean((2, 3), keepdim=True)
    assert (z - middle)[:, :, 0].abs().mean() < 0.5 * (bare - middle)[:, :, 0].abs().mean()


def test_latents_are_refined_in_their_own_rows():
    net = WholeRefiner(RefinerNetwork(latents=True)).eval()
    with torch.no_grad():
        assert net(torch.randn(2, 8, 32, 32)).shape == (2, 8, 32, 32)


def test_details_are_made_stronger_and_masses_are_not():
    torch.manual_seed(0)
    net = WholeRefiner(RefinerNetwork(latents=True)).eval()
    x = torch.randn(2, 8, 32, 32)
    with torch.no_grad():
        made = net(x)
        bare = net.net(F.pad(x, (MARGIN,) * 4, mode="replicate"))[
            :, :, MARGIN:-MARGIN, MARGIN:-MARGIN
        ]

    def details(z):
        return (z - F.avg_pool2d(z, 3, 1, 1))[:, :, 2:-2, 2:-2]

    assert 1.15 < details(made).std() / details(bare).std() < 1.5
    masses, others = F.avg_pool2d(made, 8), F.avg_pool2d(bare, 8)
    assert (masses - others).std() < 0.1 * details(bare).std()
    assert (masses - others).abs().mean() < 0.1 * others.abs().mean()
