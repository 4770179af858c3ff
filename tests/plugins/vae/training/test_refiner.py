"""The network of the refiner."""

import pytest

torch = pytest.importorskip("torch")

from capriccio_vae.training.refiner import BytesRefiner, Refiner  # noqa: E402


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


def test_bytes_are_read_as_shares_of_255():
    torch.manual_seed(0)
    net = BytesRefiner(Refiner().net).eval()
    picture = torch.randint(0, 256, (1, 128, 128, 3), dtype=torch.uint8)
    with torch.no_grad():
        assert torch.equal(net(picture), net.net(picture.permute(0, 3, 1, 2).float() / 255))
