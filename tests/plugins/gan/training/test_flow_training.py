"""A flow is trained on captions and latents, and exported as a model of the part `gan`."""

import numpy as np
import pytest
from capriccio import Model, Moment, generator

torch = pytest.importorskip("torch")

from capriccio_gan.generator import GAN  # noqa: E402
from capriccio_gan.training import flow_training as module  # noqa: E402
from capriccio_gan.training import main  # noqa: E402


@pytest.mark.slow
def test_a_folder_becomes_a_model_that_paints_from_words(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module, "PICTURES_ON_SHEET", 2)
    monkeypatch.setattr(
        module,
        "find_directions",
        lambda net, codes, preview, pictures: [
            {"direction": [0.1] * net.style_size, "turns": [-1.0, 0.0, 1.0]}
        ],
    )
    out = tmp_path / "mine.onnx"
    main.train(folder, out, flow=True, steps=2)
    assert "too little time: 2 of the 2000 steps" in capsys.readouterr().out
    card = Model(out).card
    assert card["command"].startswith("capriccio train gan --flow --data ")
    assert list(card["metrics"]) == ["error", "error untold", "step"]
    gan = GAN(model=out)
    one, other = (gan(Moment(), prompt=prompt, fade=0) for prompt in ("red disc", "blue disc"))
    paintings = generator("vae", model="paintings")
    assert one.shape == other.shape == paintings.decode(np.zeros(paintings.latent)).shape
    assert (one != gan(Moment(), prompt="red disc", drift=0.3, fade=0)).any()


def test_pictures_are_encoded_as_they_are_and_mirrored():
    vae = generator("vae", model="paintings")
    image = np.random.default_rng(0).integers(256, size=(128, 128, 3), dtype=np.uint8)
    found = module.encode_pictures(vae, image[None])
    assert found.shape == (1, 2, 2, vae.latent)
    mean, deviation = vae.posterior(image[:, ::-1])
    assert np.abs(found[0, 1, 0].numpy() - mean).max() < 0.01
    assert np.abs(found[0, 1, 1].numpy() - deviation).max() < 0.01
