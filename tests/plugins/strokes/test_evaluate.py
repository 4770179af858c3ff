"""The figures of a brush, and the baseline that it is compared with."""

import csv

import numpy as np
from capriccio import write_image
from capriccio_strokes import evaluate
from click.testing import CliRunner
from helpers.images import scene


def test_the_baseline_comes_nearer_with_more_tries():
    target = scene(6, (64, 64)) / np.float32(255)
    errors = [float(((evaluate.paint_greedily(target, 12, tries) - target) ** 2).mean())
              for tries in (2, 40)]  # fmt: skip

    assert errors[1] < errors[0] < target.var((0, 1)).mean()


def test_a_brush_is_measured_on_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluate, "COUNTS", (10, 30))
    monkeypatch.setattr(evaluate, "COMPARED", 30)
    write_image(scene(), tmp_path / "scene.png")
    with open(tmp_path / "labels.csv", "w", newline="") as file:
        csv.writer(file).writerows([("path", "split"), ("scene.png", "val")])
    words = ["--data", str(tmp_path), "--tries", "2", "--relief", "0"]
    done = CliRunner().invoke(evaluate.evaluate, words)

    assert done.exit_code == 0, done.output
    assert "1 pictures of" in done.output
    assert "greedy, 1 pictures, 30 strokes" in done.output
