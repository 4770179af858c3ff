"""Looking at a folder, judging a model, and timing it: the three commands of the painter."""

import json
import subprocess
import sys

import numpy as np
import pytest
from capriccio_gan.benchmark.rivals import FastGAN, StyleGAN2, measure, multiplications
from capriccio_gan.evaluate import _has_colour, evaluate, judge, memorised
from capriccio_gan.training.preview import prepare
from click.testing import CliRunner
from helpers.devices import ROOT
from PIL import Image
from plugins.gan.test_generator import discs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return discs(tmp_path_factory.mktemp("discs"), 80)


@pytest.fixture(scope="module")
def figures(folder, tmp_path_factory):
    from capriccio_gan.training.main import train

    model = tmp_path_factory.mktemp("model") / "mine.onnx"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("capriccio_gan.train.DIALLED", 2)  # nobody turns its dials
        train(folder, model, steps=3, reading=10, size=64, batch=4)
    witness = model.with_suffix(".witness.safetensors")
    learned = witness.read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("capriccio_gan.evaluate.FEW", 1)  # there are only eight to check
        figures = judge(folder, model, count=100, prompts=20, sheet=model.with_suffix(".png"))
    assert Image.open(model.with_suffix(".png")).size == (512, 128)
    assert witness.read_bytes() == learned  # it learned while the painter did, and no more
    return figures


def test_the_figures_stand_beside_those_of_real_pictures(figures):
    for name in ("frechet", "kernel distance", "precision", "recall", "kind named"):
        assert name in figures and f"real {name}" in figures
    assert figures["real frechet"] < figures["frechet"]
    assert "not Inception" in figures["features"]
    assert figures["kinds"] == 2
    kinds = [prompt.split()[-1] for prompt in figures["rows of the sheet"]]
    assert sorted(kinds) == ["cherry", "plum"]
    json.dumps(figures)


def test_copies_of_learned_pictures_are_found_out():
    random = np.random.default_rng(0)
    learned, unseen = random.standard_normal((300, 5)), random.standard_normal((200, 5))
    honest = memorised(unseen, random.standard_normal((200, 5)), learned)
    assert honest["nearer than 1 % of unseen"] < 0.06
    copied = memorised(unseen, learned[:100] + 0.001, learned)
    assert copied["nearer than 1 % of unseen"] > 0.95


@pytest.mark.parametrize(
    ("painted", "asked", "found"),
    [((200, 30, 30), "red", True), ((240, 150, 30), "red", True), ((60, 130, 50), "red", False),
     ((25, 22, 30), "black", True), ((200, 30, 30), "black", False), ((40, 50, 190), "blue", True)],
)  # fmt: skip
def test_the_colour_asked_for_is_looked_for_in_the_fruit(painted, asked, found):
    square = np.full((64, 64, 3), (245, 238, 215), np.uint8)
    y, x = np.mgrid[:64, :64]
    square[np.hypot(y - 32, x - 32) < 20] = painted
    assert _has_colour(square, asked) is found


def test_a_folder_of_few_pictures_is_refused_in_one_sentence(tmp_path):
    discs(tmp_path / "few", 5)
    said = CliRunner().invoke(
        prepare, ["--data", str(tmp_path / "few"), "--out", str(tmp_path / "sheet.png")]
    )
    assert said.exit_code == 1 and "holds 5 readable pictures; give at least 50" in said.output
    said = CliRunner().invoke(
        evaluate, ["--data", str(tmp_path / "few"), "--model", str(tmp_path / "none.onnx")]
    )
    assert said.exit_code == 1 and "finds no file" in said.output


def test_the_contact_sheet_shows_squares_and_captions(folder, tmp_path):
    """As a person calls it, in a process of its own."""
    out = tmp_path / "sheet.png"
    said = subprocess.run(
        [sys.executable, "-m", "capriccio_gan.prepare", "--data", folder, "--out", out],
        cwd=ROOT / "plugins", capture_output=True, text=True, check=True, timeout=300,
    ).stdout  # fmt: skip
    assert "sheet.png: 60 pictures" in said
    sheet = np.asarray(Image.open(out))
    assert sheet.shape[1] == 1600
    square, caption = sheet[:160, :160], sheet[160:220, :160]
    assert (square.std(axis=(0, 1)) > 10).any()
    assert caption.min() < 50 and caption.mean() > 200


def test_ours_is_measured_beside_the_published_widths():
    figures = measure(64, frames=20)
    assert figures["gmac"]["ours"] < figures["gmac"]["fastgan"] < figures["gmac"]["stylegan2"]
    assert figures["frame rate beside fastgan, by least"] > 1
    assert set(figures["ours"]) == {"p50", "p95", "p99", "least"}


@pytest.mark.parametrize(("size", "fast", "style"), [(128, 7, 31), (256, 10, 45)])
def test_the_published_nets_are_as_large_as_published(size, fast, style):
    """In thousands of millions of multiply-adds; StyleGAN2's are those its users count."""
    import torch

    counted = multiplications(FastGAN(size).eval(), torch.randn(1, 256))
    assert counted == pytest.approx(fast, rel=0.1)
    counted = multiplications(StyleGAN2(size).eval(), torch.randn(1, 512))
    assert counted == pytest.approx(style, rel=0.1)
