"""The evaluation compares generated with real pictures."""

import json

import numpy as np
import pytest
from capriccio_gan.evaluate import (
    evaluate,
    evaluate_model,
    has_colour,
    memorization,
    movement_adherence,
)
from capriccio_gan.training.captions import Facts
from capriccio_gan.training.dataset import Pictures
from capriccio_gan.vocabulary import Vocabulary
from click.testing import CliRunner
from helpers.sheets import disc_folder
from PIL import Image


@pytest.fixture(scope="module")
def figures(folder, model, tmp_path_factory):
    encoder, sheet = model.with_suffix(".witness.safetensors"), tmp_path_factory.mktemp("sheet")
    weights = encoder.read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("capriccio_gan.evaluate.MIN_PER_KIND", 1)  # there are only eight pictures
        figures = evaluate_model(folder, model, count=100, prompts=20, sheet=sheet / "sheet.png")
    assert Image.open(sheet / "sheet.png").size == (512, 128)
    assert encoder.read_bytes() == weights  # trained with the model, and not again
    return figures


def test_figures_stand_beside_those_of_real_pictures(figures):
    for name in ("frechet", "kernel distance", "precision", "recall", "kind named"):
        assert name in figures and f"real {name}" in figures
    assert figures["real frechet"] < figures["frechet"]
    assert "not Inception" in figures["features"]
    assert figures["kinds"] == 2
    kinds = [prompt.split()[-1] for prompt in figures["rows of the sheet"]]
    assert sorted(kinds) == ["cherry", "plum"]
    json.dumps(figures)


def test_copies_of_training_pictures_are_detected():
    random = np.random.default_rng(0)
    training, unseen = random.standard_normal((300, 5)), random.standard_normal((200, 5))
    honest = memorization(unseen, random.standard_normal((200, 5)), training)
    assert honest["nearer than 1 % of unseen"] < 0.06
    copied = memorization(unseen, training[:100] + 0.001, training)
    assert copied["nearer than 1 % of unseen"] > 0.95


class Painter:
    """Paints the baroque dark, and every other picture of what else is asked for."""

    latent = 3

    def random_grain(self, count, random):
        return np.zeros((count, 1))

    def paint(self, z, prompts, grain):
        dark = ["baroque" in prompt or number % 4 == 0 for number, prompt in enumerate(prompts)]
        return np.array([np.full((4, 4, 3), 20 if one else 230) for one in dark], np.uint8)


def test_a_movement_is_named_as_often_as_it_is_painted():
    names = ["baroque", "art nouveau"] * 10
    images = [np.full((4, 4, 3), 20 if name == "baroque" else 230, np.uint8) for name in names]
    images[0] += 210  # one of ten that is not like its movement
    pictures = Pictures(np.stack(images), [Facts(movement=name) for name in names])
    vocabulary = Vocabulary(["art", "nouveau", "baroque"])

    def encode(images):
        logits = np.zeros((len(images), len(vocabulary)))
        logits[:, 4] = images.mean((1, 2, 3)) < 100
        logits[:, 2:4] = 1 - logits[:, 4:]
        return images, logits

    random = np.random.default_rng(0)
    figures = movement_adherence(Painter(), encode, vocabulary, pictures, 40, random)
    assert figures == {"movements": 2, "movement named": 0.75, "real movement named": 0.95}


@pytest.mark.parametrize(
    ("painted", "asked", "found"),
    [((200, 30, 30), "red", True), ((240, 150, 30), "red", True), ((60, 130, 50), "red", False),
     ((25, 22, 30), "black", True), ((200, 30, 30), "black", False), ((40, 50, 190), "blue", True)],
)  # fmt: skip
def test_the_colour_of_the_subject_is_recognized(painted, asked, found):
    image = np.full((64, 64, 3), (245, 238, 215), np.uint8)
    y, x = np.mgrid[:64, :64]
    image[np.hypot(y - 32, x - 32) < 20] = painted
    assert has_colour(image, asked) is found


def test_the_colour_of_a_subject_that_touches_a_side_is_not_that_of_the_paper():
    image = np.full((64, 64, 3), (250, 225, 150), np.uint8)  # yellow, as old paper is
    y, x = np.mgrid[:64, :64]
    image[np.hypot(y - 60, x - 32) < 20] = (200, 30, 30)  # over most of the lower side
    assert has_colour(image, "red") and not has_colour(image, "yellow")


def test_a_folder_of_few_pictures_is_refused_in_one_sentence(model, tmp_path):
    disc_folder(tmp_path / "few", 5)
    arguments = ["--data", str(tmp_path / "few"), "--model", str(model)]
    result = CliRunner().invoke(evaluate, arguments)
    assert result.exit_code == 1 and "expected at least 10 readable pictures" in result.output


def test_a_missing_model_is_refused_in_one_sentence(tmp_path):
    arguments = ["--data", str(tmp_path), "--model", str(tmp_path / "none.onnx")]
    result = CliRunner().invoke(evaluate, arguments)
    assert result.exit_code == 1 and "none.onnx" in result.output
