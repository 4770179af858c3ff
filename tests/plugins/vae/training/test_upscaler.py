"""The network of the upscaler."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from capriccio_vae.training.upscaler import BytesUpscaler, UpscalerNetwork, enlarge  # noqa: E402


def test_an_untrained_network_adds_no_weave_to_what_it_enlarges():
    torch.manual_seed(0)
    x = torch.rand(2, 3, 16, 24)
    with torch.no_grad():
        added = UpscalerNetwork().eval()(x) - enlarge(x)
    assert added.shape == (2, 3, 32, 48)
    blocks = added.unfold(2, 2, 2).unfold(3, 2, 2)
    assert (blocks - blocks.mean((4, 5), keepdim=True)).abs().max() < 1e-6


def test_bytes_become_bytes_without_a_frame_around_them():
    torch.manual_seed(0)
    network = BytesUpscaler(UpscalerNetwork()).eval()
    grey = torch.full((1, 20, 30, 3), 128, dtype=torch.uint8)
    with torch.no_grad():
        network.net.grain.strength.zero_()
        found = network(grey).numpy()
    assert found.shape == (1, 40, 60, 3)
    assert found.dtype == np.uint8
    assert found.std((0, 1, 2)).max() == 0
