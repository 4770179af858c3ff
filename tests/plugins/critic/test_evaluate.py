"""The evaluation of a critic."""

import csv
import json

import numpy as np
import pytest
from capriccio_critic.evaluate import deletion_test, evaluate, read_test_rows
from click.testing import CliRunner
from helpers.paintings import landscape
from PIL import Image


@pytest.fixture
def folder(tmp_path, critic):
    """Twelve pictures, half of them for testing, two of three labelled as the critic names them."""
    with open(tmp_path / "labels.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "movement", "artist", "split"))
        for number in range(12):
            image = landscape(number)
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


def test_a_folder_without_labels_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must hold a labels\.csv with the test split"):
        read_test_rows(tmp_path)


def test_a_call_without_anything_to_measure_is_refused():
    result = CliRunner().invoke(evaluate, [])
    assert result.exit_code == 2
    assert "one of --data, --second and --live is required" in result.output


def test_deletion_measures_the_loss_of_probability(critic):
    images = [landscape(1), landscape(2)]
    outputs = [critic.predict(image) for image in images]
    lost = deletion_test(critic, images, outputs)
    flat = [np.full((32, 32, 3), 90, np.uint8)]  # of one colour: nothing changes
    none = deletion_test(critic, flat, [critic.predict(flat[0])])
    assert list(none.values()) == pytest.approx([0, 0], abs=1e-4)
    assert any(abs(value) > 1e-3 for value in lost.values())
