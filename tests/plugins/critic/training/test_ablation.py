"""The measurement of what each part of the training is good for."""

import csv
import json

import pytest
from click.testing import CliRunner
from helpers.paintings import stripes
from PIL import Image

pytest.importorskip("torch")

from capriccio_critic.training import ablation
from capriccio_critic.training.dataset import read_pictures


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """Two folders of 48 pictures, by eight artists, two of whom are only checked or tested."""
    place = tmp_path_factory.mktemp("data")
    for name in ("one", "two"):
        (place / name).mkdir()
        with open(place / name / "labels.csv", "w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("path", "movement", "artist", "year", "title", "split",
                           "split_artist_disjoint"))  # fmt: skip
            for number in range(48):
                kind, artist = number % 2, number // 6
                Image.fromarray(stripes(number, bool(kind))).save(place / name / f"{number}.png")
                rows.writerow((f"{number}.png", ("cubism", "baroque")[kind], f"{name} {artist}",
                               1910 - 250 * kind, f"No. {number}",
                               ("train", "train", "val", "test")[number // 2 % 4],
                               {6: "val", 7: "test"}.get(artist, "train")))  # fmt: skip
    return place


@pytest.mark.slow
@pytest.mark.parametrize("parts", [1, len(ablation.PARTS)])
def test_a_training_with_some_parts_is_tested_on_artists_never_seen(labelled, parts):
    figures = ablation.train_with(read_pictures(labelled), parts, 0, 0.001, dry_run=True)
    assert figures["unseen artists, all: pictures"] == 12
    assert 0 <= figures["unseen artists, all: movement"] <= 1
    assert 0 <= figures["unseen artists: century within one"] <= 1


def test_a_training_with_a_line_is_not_repeated(labelled, tmp_path, monkeypatch):
    trained = []

    def train_with(pictures, parts, seed, hours):
        trained.append((parts, seed))
        return {"movement": 0.5}

    monkeypatch.setattr(ablation, "train_with", train_with)
    out = tmp_path / "figures.jsonl"
    out.write_text(json.dumps({"parts": 2, "seed": 0}) + "\n")
    options = ["--data", str(labelled), "--out", str(out), "--seeds", "1"]
    assert CliRunner().invoke(ablation.ablation, options).exit_code == 0
    assert trained == [(1, 0), (3, 0), (4, 0)]
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["parts"] for row in rows] == [2, 1, 3, 4]
    assert rows[-1]["with"] == "artists count as one"
