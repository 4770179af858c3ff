"""The decoder as a torch module: the same pictures, gradients, and weights that go back."""

import numpy as np
import pytest
from capriccio import Model, generator

torch = pytest.importorskip("torch")

from capriccio_gan.training.decoder import GraphDecoder  # noqa: E402

PATH = generator("vae", model="painterly").model_path("painterly")


def test_it_makes_the_pictures_of_the_part_in_any_size_and_number():
    decoder, part = GraphDecoder(PATH), generator("vae", model="painterly")
    for rows, columns in ((32, 32), (8, 12)):
        latents = torch.randn(2, 8, rows, columns, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            levels = decoder(latents).clamp(0, 1) * 255  # (2, 3, 8 rows, 8 columns)
        for one, z in zip(levels.permute(0, 2, 3, 1).numpy(), latents.numpy(), strict=True):
            assert np.abs(one - part.decode(z)).max() <= 1


def test_latents_and_all_weights_get_gradients():
    decoder = GraphDecoder(PATH)
    latents = torch.zeros(1, 8, 4, 4, requires_grad=True)
    decoder(latents).square().sum().backward()
    assert latents.grad.abs().sum() > 0
    assert all(weight.grad.abs().sum() > 0 for weight in decoder.parameters())
    assert sum(weight.numel() for weight in decoder.parameters()) > 400_000


def test_what_it_learned_is_written_with_the_card(tmp_path):
    decoder, out = GraphDecoder(PATH), tmp_path / "painterly.onnx"
    with torch.no_grad():
        for weight in decoder.parameters():
            weight *= 0.9
    decoder.write(out)
    z = np.random.default_rng(0).normal(size=(1, 8, 4, 4)).astype(np.float32)
    written, before = Model(out), Model(PATH)
    with torch.no_grad():
        levels = (decoder(torch.from_numpy(z)).clamp(0, 1) * 255)[0].permute(1, 2, 0).numpy()
    assert np.abs(written(z=z)[0] - levels).max() <= 2  # weights in half precision
    assert np.abs(written(z=z)[0].astype(int) - before(z=z)[0]).max() > 10
    assert written.card == before.card
