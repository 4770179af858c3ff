"""The autoencoder is trained on crops, and exported for pictures of any size."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from capriccio import Model  # noqa: E402
from capriccio_vae.training import train_autoencoder as module  # noqa: E402
from capriccio_vae.training.autoencoder import Autoencoder, LatentEncoder  # noqa: E402
from capriccio_vae.training.crops import Crops  # noqa: E402


def test_the_discriminator_learns_first_and_then_teaches(squares):
    torch.manual_seed(0)
    training = module.AutoencoderTraining(Crops([squares]))
    taught = []
    for progress in (0.1, 0.21, 0.5):
        training.schedule(progress)
        training.net.zero_grad()
        training.loss(0).backward()
        taught.append(training.net.critic.first.weight.grad is not None)
        assert training.net.decoder.last.weight.grad.abs().sum() > 0
    assert taught == [False, True, True]


def test_a_weave_costs_and_a_shift_of_all_does_not():
    x = torch.full((1, 3, 32, 32), 0.5)
    lines = x.clone()
    lines[:, :, ::2] += 0.1
    assert module.weave(lines, x) > 0.04
    assert module.weave(x + 0.1, x).item() == pytest.approx(0, abs=1e-6)


def test_a_dry_run_learns_validates_and_keeps_no_file(squares, tmp_path):
    net = module.train([squares], tmp_path / "mine.safetensors", dry_run=True)
    assert isinstance(net, Autoencoder)
    assert list(tmp_path.iterdir()) == []


def test_the_latents_of_an_export_have_a_mean_of_0_and_a_deviation_of_1(squares):
    net, crops = Autoencoder().eval(), Crops([squares])
    mean, deviation = module.latent_statistics(net, crops, batches=2)
    encoder = LatentEncoder(net, mean, deviation)
    images = np.stack([image[:128, :128] for image in crops.train[:16]])
    with torch.no_grad():
        z = torch.cat([encoder(torch.from_numpy(one)[None]) for one in images])
    assert z.mean((0, 2, 3)).abs().max() < 1
    assert (z.std((0, 2, 3)) - 1).abs().max() < 0.7


def test_an_export_has_a_card_and_an_encoder_beside_it(unlearned):
    assert Model(unlearned).card["data"] == "noise"
    assert Model(unlearned.with_name("painterly-encoder.onnx")).card["part"] == "vae's encoder"


def test_sharpness_is_that_of_the_luminance():
    flat, noise = torch.full((1, 3, 8, 8), 0.3), torch.rand(1, 3, 8, 8)
    assert module.laplacian(flat).item() == pytest.approx(0, abs=1e-6)
    assert module.laplacian(noise) > 0.1
