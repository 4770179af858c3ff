"""A training checks its input, can be resumed, warns of collapse and learns words."""

import json

import numpy as np
import pytest
from capriccio import Model, Moment
from capriccio_gan.generator import GAN
from capriccio_gan.training import main
from capriccio_gan.training.networks import LATENT
from helpers.sheets import disc_folder
from PIL import Image
from safetensors import safe_open


@pytest.fixture(autouse=True)
def few_calibration_pictures(monkeypatch):
    """Directions have a test of their own; elsewhere they need not be exact."""
    monkeypatch.setattr(main, "CALIBRATION_PICTURES", 2)


@pytest.mark.slow
def test_a_dry_run_of_ten_pictures_writes_nothing(tmp_path):
    main.train(disc_folder(tmp_path / "ten", 10), tmp_path / "out" / "mine.onnx", dry_run=True)
    assert not (tmp_path / "out").exists()


def test_another_size_is_an_error(folder, tmp_path):
    with pytest.raises(ValueError, match="size must be 64, 128 or 256, got 100"):
        main.train(folder, tmp_path / "mine.onnx", size=100)


def test_too_few_pictures_are_an_error_before_the_training(tmp_path):
    with pytest.raises(ValueError, match=r"expected at least 10 readable pictures in .*, got 7"):
        main.train(disc_folder(tmp_path / "few", 7), tmp_path / "mine.onnx")


@pytest.mark.slow
def test_a_training_is_resumed_where_it_stopped(folder, tmp_path, monkeypatch):
    out = tmp_path / "mine.onnx"
    options = {"reading": 2, "size": 64, "batch": 4}
    with monkeypatch.context() as patch:
        # Writing the model takes longer than the steps; that of the resumed training is played.
        patch.setattr(main, "export_model", lambda *arguments, **options: None)
        main.train(folder, out, steps=2, **options)
    assert not out.exists()
    reader = (tmp_path / "mine.reader.safetensors").read_bytes()
    first, sheet = state(tmp_path), (tmp_path / "mine.png").read_bytes()
    main.train(folder, out, steps=4, resume=True, **options)
    assert (tmp_path / "mine.reader.safetensors").read_bytes() == reader  # its steps were done
    assert (first["step"], state(tmp_path)["step"]) == (2, 4)
    assert state(tmp_path)["seconds"] > first["seconds"]
    assert (tmp_path / "mine.png").read_bytes() != sheet
    assert Model(out).card["metrics"]["step"] in (2, 4)
    assert GAN(model=out)(Moment()).shape == (64, 64, 3)


def state(folder):
    with safe_open(folder / "mine.safetensors", "pt") as file:
        return json.loads(file.metadata()["capriccio"])


def test_collapse_is_printed(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(main, "COLLAPSED", 1e9)
    monkeypatch.setattr(main, "WARM_UP", 0)
    monkeypatch.setattr(main, "export_model", lambda *arguments, **options: None)
    main.train(folder, tmp_path / "mine.onnx", steps=1, reading=1, size=64, batch=4)
    assert "the pictures become alike: their spread is" in capsys.readouterr().out


@pytest.mark.slow
def test_the_generator_learns_what_words_mean(folder, tmp_path):
    """After half a minute red cherries are redder than blue plums."""
    main.train(folder, tmp_path / "mine.onnx", steps=80, reading=40, size=64, batch=8)
    part = GAN(model=tmp_path / "mine.onnx")
    z = 0.5 * np.random.default_rng(0).standard_normal((12, LATENT))
    red, blue = (part.paint(z, words).astype(float).mean((0, 1, 2)) for words in
                 ("red cherry", "blue plum"))  # fmt: skip
    assert red[0] - red[2] > blue[0] - blue[2] + 3


def test_sheets_are_filled_row_by_row():
    images = np.stack([np.full((2, 2, 3), level, np.uint8) for level in (10, 20, 30)])
    sheet = np.asarray(main.sheet(images, 2))
    assert sheet[:, :, 0].tolist() == [[10, 10, 20, 20]] * 2 + [[30, 30, 255, 255]] * 2


@pytest.mark.slow
def test_a_model_is_trained_in_latents_and_paints_256_pixels(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(main, "PREVIEW_STEPS", 2)
    out = tmp_path / "mine.onnx"
    main.train(folder, out, steps=1, reading=1, batch=4)
    part = GAN(model=out)
    assert part(Moment(), prompt="a red cherry").shape == (256, 256, 3)
    assert Model(out).outputs["image"].shape == (1, 256, 256, 3)
    assert Image.open(tmp_path / "mine.png").size[0] == 8 * 256
