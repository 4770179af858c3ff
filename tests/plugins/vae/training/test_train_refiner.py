"""The refiner learns what a VAE blurs, and leaves with its decoder as one graph."""

import numpy as np
import pytest
from capriccio import Model, generator

torch = pytest.importorskip("torch")

from capriccio_vae.training import train_refiner as module  # noqa: E402
from capriccio_vae.training.networks import VAENetwork  # noqa: E402
from capriccio_vae.training.refiner import Refiner  # noqa: E402
from capriccio_vae.training.spaces import LatentSpace  # noqa: E402


def pairs(count, latents=False):
    """Return pairs of noise."""
    shape = (count, 2, 8, 32, 32)
    pixels = torch.randint(0, 256, (count, 2, 128, 128, 3), dtype=torch.uint8)
    blurred = torch.randn(shape).half() if latents else pixels
    return module.Pairs(blurred, torch.randn(shape).half())


@pytest.fixture(params=[False, True], ids=["pixels", "latents"])
def training(request):
    torch.manual_seed(0)
    space = LatentSpace(module.AUTOENCODER)
    return module.RefinerTraining(pairs(20, request.param), pairs(10, request.param), space)


def test_the_discriminator_teaches_after_its_debut(training):
    taught = []
    for step in (0, module.DEBUT + 1):
        training.net.zero_grad()
        training.loss(step).backward()
        taught.append(training.net.critic.first.weight.grad is not None)
        assert training.net.net.last.weight.grad.abs().sum() > 0
    assert taught == [False, True]
    with torch.no_grad():
        figures = training.validate(training.net)
        assert training.samples(training.net).size == (256 * 8, 768)
    assert list(figures) == ["patch distance", "error", "sharpness"]
    assert all(np.isfinite(value) for value in figures.values())


def test_pictures_are_blurred_in_their_style_and_mirrored_in_none(untrained):
    vae = generator("vae", model=str(untrained))
    images = np.random.default_rng(0).integers(256, size=(2, 256, 256, 3), dtype=np.uint8)
    found = module.blur(images, np.array([0, 1]), ["ink", "cubism"], vae)
    assert found.shape == (2, 2, 128, 128, 3) and found.dtype == torch.uint8
    assert (found[0, 0].float() - found[0, 1].float()).abs().mean() > 1


def test_latents_are_blurred_in_their_style():
    torch.manual_seed(0)
    net = VAENetwork(2, latents=True).eval()
    kept = pairs(3, latents=True).latents
    found = module.blur_latents(net, kept, torch.tensor([0, 1, 1]), 2)
    assert found.shape == kept.shape and found.dtype == torch.float16


def test_a_model_paints_in_256_pixels_what_its_vae_painted_in_128(untrained, tmp_path):
    torch.manual_seed(0)
    out = tmp_path / "mine.onnx"
    module.export_refined(Refiner().eval(), untrained, out, card={"refined": {"hours": 0.5}})
    assert [path.name for path in tmp_path.iterdir()] == ["mine.onnx"]
    old, new = Model(untrained), Model(out)
    assert new.outputs["image"].shape == (1, 256, 256, 3)
    assert new.card["refined"] == {"hours": 0.5}
    assert new.card["latents"] == old.card["latents"] and new.card["styles"] == old.card["styles"]
    vae = generator("vae", model=str(out))
    assert vae.decode(np.zeros(vae.latent, np.float32), "ink").shape == (256, 256, 3)


def test_a_dry_run_learns_validates_exports_and_keeps_no_file(noise, untrained, tmp_path):
    net = module.train(noise, tmp_path / "mine.onnx", model=untrained, dry_run=True)
    assert isinstance(net, Refiner)
    assert not (tmp_path / "mine.onnx").exists()
    assert not list(tmp_path.glob("*.safetensors"))
