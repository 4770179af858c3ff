"""The preview of a training set shows its pictures and captions."""

import subprocess
import sys

import numpy as np
from capriccio_gan.training.preview import preview
from click.testing import CliRunner
from helpers.sheets import disc_folder
from PIL import Image


def test_the_contact_sheet_shows_pictures_and_captions(tmp_path):
    folder = disc_folder(tmp_path / "discs", 80)
    out = tmp_path / "sheet.png"
    printed = subprocess.run(
        [sys.executable, "-m", "capriccio_gan.training.preview", "--data", folder, "--out", out],
        capture_output=True, text=True, check=True, timeout=300,
    ).stdout  # fmt: skip
    assert "sheet.png: 60 pictures" in printed
    sheet = np.asarray(Image.open(out))
    assert sheet.shape[1] == 1600
    image, caption = sheet[:160, :160], sheet[160:220, :160]
    assert (image.std(axis=(0, 1)) > 10).any()
    assert caption.min() < 50 and caption.mean() > 200


def test_too_few_pictures_are_refused_in_one_sentence(tmp_path):
    disc_folder(tmp_path / "few", 5)
    result = CliRunner().invoke(
        preview, ["--data", str(tmp_path / "few"), "--out", str(tmp_path / "sheet.png")]
    )
    assert result.exit_code == 1 and "expected at least 10 readable pictures" in result.output
