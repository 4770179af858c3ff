"""Suggestions, measured on spoiled pictures."""

import csv
import json

import numpy as np
import pytest
from capriccio_critic.benchmark.suggestions import (
    KINDS,
    Trial,
    choose,
    figures,
    judge,
    main,
    spoil,
    typical,
)
from click.testing import CliRunner
from helpers.paintings import landscape
from PIL import Image


@pytest.fixture
def folder(tmp_path):
    """Ten pictures of the test split, one grey, and two of another."""
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "split_artist_disjoint", "grayscale"])
        for number in range(12):
            Image.fromarray(landscape(number)).save(tmp_path / f"{number}.png")
            split = "test" if number < 10 else "train"
            rows.writerow([f"{number}.png", split, int(number == 9)])
    return tmp_path


def test_pictures_are_chosen_from_a_split(folder):
    assert {path.name for path in choose([folder], "test", 9, 0)} == {f"{n}.png" for n in range(9)}
    with pytest.raises(ValueError, match="expected 10 pictures of the split 'test', got 9"):
        choose([folder], "test", 10, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_are_spoiled_and_keep_their_size(kind):
    image = landscape(1)
    spoiled, degrees = spoil(image, kind, np.random.default_rng(3))
    assert spoiled.shape == image.shape and spoiled.dtype == np.uint8
    assert (spoiled != image).mean() > 0.2
    assert (6 <= abs(degrees) <= 12) == (kind == "tilt")


def test_mending_is_judged_by_the_original(critic):
    image = landscape(2)
    spoiled, _ = spoil(image, "posterise", np.random.default_rng(0))
    trial = judge(critic, "posterise", image, spoiled, 0.0)
    assert trial.named and trial.mended and trial.nearer
    other = judge(critic, "posterise", spoiled, spoiled, 0.0)  # as if it had been so
    assert other.named and not other.mended
    assert not judge(critic, "dark", image, image, 0.0).named


def test_figures_are_shares():
    trials = [
        Trial("blur", True, True, True, False, 0.2),
        Trial("cast", True, False, False, True, 0.0),
        Trial("cast", False, False, False, False, 0.0),
    ]
    found = figures(trials, [["dark", "balance"], []])
    assert found["named and mended"] == 0.333 and found["named"] == 0.667
    assert found["named first"] == 0.333
    assert found["named and mended, blur"] == 1 and found["named and mended, cast"] == 0
    assert found["of those named, quality gained"] == 0.1
    assert found["faults named in an unspoiled picture"] == 0.5
    assert found["unspoiled pictures of which none is named"] == 0.5


def test_the_command_prints_figures_or_what_is_typical(folder):
    result = CliRunner().invoke(main, ["--data", str(folder), "--count", "8"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["pictures"] == 8
    lines = typical([landscape(seed) for seed in range(8)]).splitlines()
    assert lines[0].startswith("CAST_MEAN = (") and lines[1].startswith("CAST_WHITENING = ((")
    assert [line.partition(":")[0] for line in lines[2:]] == list(KINDS.values())
    shown = CliRunner().invoke(main, ["--data", str(folder), "--count", "8", "--calibrate"])
    assert shown.stdout.startswith("CAST_MEAN")
