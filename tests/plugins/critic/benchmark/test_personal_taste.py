"""Tastes, measured on simulated users."""

import csv

import numpy as np
import pytest
from capriccio_critic.benchmark import personal_taste
from capriccio_critic.benchmark.personal_taste import (
    RULES,
    Collection,
    histogram_of,
    main,
    pick,
    read_collection,
    rule_values,
    try_user,
)
from click.testing import CliRunner
from helpers.paintings import landscape, plain
from PIL import Image


def test_each_rule_likes_what_it_says():
    likes = {
        "prefers blue": (plain(40, 70, 200), plain(200, 70, 40)),
        "low contrast": (landscape() // 2, landscape()),
        "symmetry": (np.concatenate([landscape(1), landscape(1)[:, ::-1]], axis=1), landscape(1)),
        "portraits": (plain(1, 2, 3), plain(1, 2, 3)),
    }
    for rule, (one, other) in likes.items():
        values = [rule_values(image, genre)[rule]
                  for image, genre in ((one, "portrait"), (other, "landscape"))]  # fmt: skip
        assert values[0] > values[1], rule
    rng = np.random.default_rng(1)
    fine = rng.integers(0, 255, (120, 120, 1), np.uint8).repeat(3, axis=2)
    coarse = fine[:20, :20].repeat(6, axis=0).repeat(6, axis=1)
    assert rule_values(coarse, "")["thick touch"] > rule_values(fine, "")["thick touch"]
    assert set(rule_values(coarse, "")) == set(RULES)


def test_histograms_count_colours():
    found = histogram_of(np.concatenate([plain(255, 0, 0), plain(0, 0, 255)]))
    assert (found**2).sum() == pytest.approx(1)
    assert sorted(found)[-2:] == pytest.approx([np.sqrt(0.5)] * 2)


def test_picks_are_the_best_and_the_worst_of_those_shown():
    values = np.arange(300.0)
    liked, disliked = pick(values, np.arange(200), np.random.default_rng(0))
    assert len(liked) == len(disliked) == 20
    assert liked.min() > disliked.max() and liked.max() < 200
    yes = (values < 60).astype(float)
    liked, disliked = pick(yes, np.arange(300), np.random.default_rng(0))
    assert yes[liked].all() and not yes[disliked].any()


def test_a_rule_that_lies_in_the_features_is_met_and_chance_is_half():
    rng = np.random.default_rng(2)
    features = rng.normal(size=(600, 40))
    values = {"known": features[:, 5], "unknown": rng.normal(size=600)}
    artists = np.array([f"artist {number % 100}" for number in range(600)])
    collection = Collection(features, 20, rng.random((600, 64)), values, artists)
    known = [try_user(collection, "known", seed) for seed in range(4)]
    assert np.mean(known, axis=0)[0] > 0.8
    unknown = [try_user(collection, "unknown", seed) for seed in range(8)]
    assert np.mean(unknown) == pytest.approx(0.5, abs=0.08)


def test_the_command_prints_a_table(tmp_path, monkeypatch):
    monkeypatch.setattr(personal_taste, "PICKS", 5)
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "genre", "artist", "split_artist_disjoint"])
        for number in range(44):
            image = landscape(number, width=40, height=32)
            Image.fromarray(np.roll(image, number, axis=2)).save(tmp_path / f"{number}.png")
            genre = "portrait" if number % 2 else "landscape"
            rows.writerow([f"{number}.png", genre, f"artist {number % 20}", "test"])
    result = CliRunner().invoke(main, ["--data", str(tmp_path), "--trials", "2"])
    assert result.exit_code == 0, result.output
    for rule in RULES:
        assert f"| {rule} | " in result.stdout


def test_too_few_pictures_are_refused(critic, tmp_path):
    (tmp_path / "labels.csv").write_text("path,genre,artist,split_artist_disjoint\n")
    with pytest.raises(ValueError, match="expected at least 160 pictures with a genre in the spl"):
        read_collection(critic, [tmp_path], "test")
