"""The command `capriccio critic learn`."""

import numpy as np
import pytest
from capriccio import Model
from capriccio_critic.learn_cli import critic as command
from click.testing import CliRunner
from helpers.paintings import landscape
from PIL import Image


def run(*words):
    return CliRunner(env={"COLUMNS": "220"}).invoke(command, list(map(str, words)))


@pytest.fixture
def picks(tmp_path):
    """Two folders of six pictures each, light and dark."""
    for name, light in (("liked", 1.0), ("disliked", 0.4)):
        (tmp_path / name).mkdir()
        for number in range(6):
            image = (landscape(number + int(10 * light)) * light).astype(np.uint8)
            Image.fromarray(image).save(tmp_path / name / f"{number}.png")
    return tmp_path


def learn(picks, *words):
    return run("learn", "--liked", picks / "liked", "--disliked", picks / "disliked",
               "--out", picks / "anna.onnx", *words)  # fmt: skip


def test_a_taste_is_learned_from_two_folders(picks):
    (picks / "liked" / "broken.png").write_bytes(b"no picture")
    result = learn(picks, "--owner", "Anna")
    assert result.exit_code == 0
    assert "The taste of Anna, learned from 6 liked and 6 disliked pictures" in result.stdout
    assert "broken.png" in result.stderr and "it is left out" in result.stderr
    assert Model(picks / "anna.onnx").card["owner"] == "Anna"


def test_bad_input_is_told_in_a_sentence(picks, tmp_path):
    (tmp_path / "empty").mkdir()
    told = run("learn", "--liked", tmp_path / "empty", "--disliked", picks / "disliked")
    assert "no pictures in" in told.output and "expected at least 5, better twenty" in told.output
    told = run("learn", "--liked", picks / "liked", "--disliked", tmp_path / "none")
    assert "does not exist" in told.output
    for number in range(1, 6):
        (picks / "liked" / f"{number}.png").unlink()
    assert "at least 5 liked pictures, got 1" in str(learn(picks).exception)
    told = run("learn", "--liked", picks, "--disliked", picks, "--out", "taste.txt")
    assert "--out must end in .onnx, got 'taste.txt'" in told.output
    told = run("learn", "--liked", picks, "--disliked", picks, "--out", tmp_path / "no" / "x.onnx")
    assert "--out expected an existing folder" in told.output


def test_help_teaches_with_examples():
    words = run("learn", "--help").output
    assert "capriccio critic learn --liked loved/ --disliked other/ --out anna.onnx" in words
    assert "capriccio critique takes/ --taste anna.onnx" in words
    assert "capriccio critic learn" in run("--help").output
