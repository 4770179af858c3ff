"""The judge is judged on the test split alone, and by figures that mean what they say."""

import csv
import json

import numpy as np
import pytest
from capriccio_critic.analyzer import Critic
from capriccio_critic.evaluate import deletion, evaluate, labelled
from capriccio_critic.metrics import confusion
from click.testing import CliRunner
from PIL import Image
from plugins.critic.test_analyzer import hills


@pytest.fixture
def folder(tmp_path):
    """Twelve pictures, half of them the test's: two of three named as the critic names them."""
    critic = Critic()
    with open(tmp_path / "labels.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "movement", "artist", "split"))
        for number in range(12):
            image = hills(number)
            Image.fromarray(image).save(tmp_path / f"{number}.png")
            readings = critic(image)
            movement = readings.movement if number % 3 else readings.runners_up[0][0]
            split = "test" if number < 6 else "train"
            rows.writerow((f"{number}.png", movement, readings.artist, split))
    return tmp_path


def test_figures_are_those_of_the_test_split(folder, tmp_path):
    sheet = tmp_path / "sheet.png"
    words = ["--data", str(folder), "--picture", str(sheet), "--other", str(folder)]
    words += ["--photos", str(folder)]
    result = CliRunner().invoke(evaluate, words)
    assert result.exit_code == 0, result.exception
    figures = json.loads(result.stdout)
    assert figures["pictures"] == 6
    assert figures["movement"] == pytest.approx(4 / 6, abs=1e-4)
    assert figures["artist"] == 1
    assert figures["novelty, AUROC against noise"] >= 0
    same = figures[f"novelty, AUROC against 12 of {folder.name}"]
    assert same == figures["novelty, AUROC against 12 of photographs"] <= 1
    assert 0 <= figures["preferred to its copy, blur"] <= 1
    with Image.open(sheet) as drawn:
        assert drawn.size[0] == drawn.size[1] > 400


def test_a_folder_that_does_not_say_what_the_test_is_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"has no labels\.csv; it says which pictures are the"):
        labelled(tmp_path)


def test_nothing_to_measure_is_told():
    result = CliRunner().invoke(evaluate, [])
    assert result.exit_code == 2
    assert "nothing to measure; give --data, --second or --live" in result.output


def test_deleting_costs_what_the_named_movement_loses():
    critic = Critic()
    images = [hills(1), hills(2)]
    seen = [critic.see(image) for image in images]
    lost = deletion(critic, images, seen)
    flat = [np.full((32, 32, 3), 90, np.uint8)]  # of one colour: nothing changes
    none = deletion(critic, flat, [critic.see(flat[0])])
    assert list(none.values()) == pytest.approx([0, 0], abs=1e-4)
    assert any(abs(value) > 1e-3 for value in lost.values())


def test_who_is_taken_for_whom_is_counted():
    named = np.eye(3)[[0, 1, 1, 2]]
    assert confusion(named, np.array([0, 1, 0, 2])).tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
