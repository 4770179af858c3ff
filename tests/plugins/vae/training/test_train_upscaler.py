"""The upscaler is trained on crops and their halves."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from capriccio_vae.training import train_upscaler as module  # noqa: E402
from capriccio_vae.training.crops import Crops  # noqa: E402
from capriccio_vae.training.upscaler import Upscaler  # noqa: E402


def test_the_discriminator_learns_first_and_then_teaches(squares):
    torch.manual_seed(0)
    training = module.UpscalerTraining(Crops([squares]))
    taught = []
    for progress in (0.1, 0.21, 0.5):
        training.schedule(progress)
        training.net.zero_grad()
        training.loss(0).backward()
        taught.append(training.net.critic.first.weight.grad is not None)
        assert training.net.net.last.weight.grad.abs().sum() > 0
    assert taught == [False, True, True]


def test_the_first_halves_are_copies_of_the_autoencoder(squares):
    training = module.UpscalerTraining(Crops([squares]))
    x = training.crops.batch(4, 96, np.random.default_rng(1))
    plain, some = training.halves(x, 0), training.halves(x, 2)
    assert plain.shape == (4, 3, 48, 48)
    assert torch.equal(plain[2:], some[2:])
    assert 0 < (plain[:2] - some[:2]).abs().mean() < 0.2


def test_a_dry_run_learns_validates_exports_and_keeps_no_file(squares, tmp_path):
    net = module.train([squares], tmp_path / "mine.onnx", dry_run=True)
    assert isinstance(net, Upscaler)
    assert list(tmp_path.iterdir()) == []
