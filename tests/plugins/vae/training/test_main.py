"""The training of the VAE, from a folder of pictures to a model that plays."""

import json

import pytest
from safetensors import safe_open

torch = pytest.importorskip("torch")

from capriccio import Model, Moment, generator  # noqa: E402
from capriccio_vae.training import main  # noqa: E402
from capriccio_vae.training.dataset import SIZE, read_pictures  # noqa: E402
from capriccio_vae.training.main import VAETraining, train  # noqa: E402
from capriccio_vae.training.spaces import PixelSpace  # noqa: E402

pytestmark = pytest.mark.slow


def test_a_dry_run_of_ten_pictures_writes_no_file(sheets, tmp_path):
    for path in sorted(sheets.rglob("*.png"))[3:53]:
        path.unlink()
    train(sheets, tmp_path / "out" / "mine.onnx", dry_run=True, from_scratch=True)
    assert not (tmp_path / "out").exists()


def test_a_model_trained_on_a_folder_plays_and_its_training_resumes(sheets, tmp_path, monkeypatch):
    out = tmp_path / "mine.onnx"
    with monkeypatch.context() as patch:
        # Writing the models takes longer than the steps; those of the resumed training are played.
        patch.setattr(main, "export_models", lambda *arguments, **options: None)
        train(sheets, out, steps=2, from_scratch=True)
    assert not out.exists()
    stopped = state(tmp_path)
    train(sheets, out, steps=3, resume=True, from_scratch=True)
    assert (stopped["step"], state(tmp_path)["step"]) == (2, 3)
    assert state(tmp_path)["seconds"] > stopped["seconds"]
    part = generator("vae", model=str(out))
    assert part(Moment(), style="red").shape == (SIZE, SIZE, 3)
    card = Model(out).card
    assert card["data"] == "discs" and card["licence"] == "not stated"
    assert set(card["latents"]["kinds"]) == {"red", "blue"}
    assert card["metrics"]["step"] <= 3


def state(folder):
    with safe_open(folder / "mine.safetensors", "pt") as file:
        return json.loads(file.metadata()["capriccio"])


def test_the_discriminator_joins_after_a_quarter_of_the_training(sheets):
    training = VAETraining(read_pictures(sheets), PixelSpace())
    learned = []
    for progress in (0.2, 0.3):
        assert training.schedule(progress, step=999) == pytest.approx(1.0, abs=0.25)
        training.net.zero_grad()
        training.loss(0).backward()
        learned.append(training.net.critic.first.weight.grad is not None)
    assert learned == [False, True]
    with torch.no_grad():
        shown = min(16, len(training.val_labels))  # each of few pictures is shown once
        assert training.samples(training.net).size == (shown * SIZE, 4 * SIZE)


def test_a_model_is_trained_in_the_latents_of_an_autoencoder(sheets, unlearned):
    out = unlearned.with_name("mine.onnx")
    train(sheets, out, steps=2, autoencoder=unlearned)
    card = Model(out).card
    assert card["autoencoder"] == "painterly"
    assert list(card["refined"]["metrics"]) == ["patch distance", "error", "sharpness", "step"]
    part = generator("vae", model=str(out))
    assert part(Moment(), style="red").shape == (256, 256, 3)
    picture = part(Moment(), source=str(next(sheets.rglob("*.png"))), style="blue")
    assert picture.shape == (128, 88, 3)
