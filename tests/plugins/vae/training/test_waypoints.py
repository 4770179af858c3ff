"""A VAE is given more styles to walk in."""

import numpy as np
import pytest
from capriccio import Model, Moment, generator
from click.testing import CliRunner
from helpers.images import difference

torch = pytest.importorskip("torch")

from capriccio_vae.training import waypoints as module  # noqa: E402


def test_styles_are_added_and_walked_in(untrained, sheets, tmp_path):
    out = tmp_path / "x.onnx"
    arguments = list(map(str, ["--data", sheets, "--vae", untrained, "--out", out]))
    result = CliRunner().invoke(module.main, [*arguments, "--style", "fluxus"])
    assert result.exit_code == 1
    assert "Error: there is no picture in a folder 'fluxus' of " in result.output
    result = CliRunner().invoke(module.main, [*arguments, "--style", "red", "--style", "blue"])
    assert result.exit_code == 0
    vae, old = (generator("vae", model=str(path), seed=1) for path in (out, untrained))
    assert vae.styles == [*old.styles, "red", "blue"]
    assert (vae(Moment(), style="red") != vae(Moment(), style="blue")).any()
    assert difference(vae(Moment(), style="ink"), old(Moment(), style="ink")) < 0.1
    assert len(Model(out).card["latents"]["kinds"]["red"]) == module.WAYPOINTS


def test_the_images_that_are_copied_best_are_kept(monkeypatch):
    class Copier:
        """Copies all but black images, whose copies are white."""

        def posterior(self, image):
            return np.full(3, image.mean()), np.zeros(3)

        def decode(self, z):
            return np.full((32, 32, 3), z[0] or 255, np.uint8)

    monkeypatch.setattr(module, "WAYPOINTS", 2)
    images = [np.full((32, 32, 3), value, np.uint8) for value in (0, 100, 200)]
    assert module.latents_of(Copier(), images)[:, 0].tolist() == [100, 200]


def test_a_wider_decoder_paints_its_styles_as_before(untrained, tmp_path):
    import onnx

    model, card = onnx.load(str(untrained)), Model(untrained).card
    count = len(card["styles"])
    module.widen_style(model.graph, count, count + 3)
    module.write_model(model, tmp_path / "wide.onnx", card)
    old, new = Model(untrained), Model(tmp_path / "wide.onnx")
    z = np.random.default_rng(0).standard_normal(old.inputs["z"].shape).astype(np.float32)
    shares = np.eye(count + 3, dtype=np.float32)
    for known in (0, count - 1):
        found = new(z=z, style=shares[None, known])[0]
        assert difference(found, old(z=z, style=shares[None, known, :count])[0]) < 0.1
    nothing = np.zeros((1, count), np.float32)
    found = new(z=z, style=shares[None, count])[0]
    assert difference(found, old(z=z, style=nothing)[0]) < 0.1
