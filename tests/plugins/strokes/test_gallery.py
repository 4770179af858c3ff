"""The sheet of paintings for the docs."""

import subprocess
import sys

from capriccio import write_image
from capriccio_strokes import gallery
from helpers.images import scene
from PIL import Image


def test_a_sheet_shows_a_stage_and_each_picture_in_four_ways(tmp_path, monkeypatch):
    painted = gallery.painted
    monkeypatch.setattr(
        gallery,
        "painted",
        lambda picture, width, strokes, brush: painted(picture, width, 10, brush),
    )
    monkeypatch.setattr(gallery.sheet, "__defaults__", (256,))
    write_image(scene(), tmp_path / "scene.png")
    gallery.main(str(tmp_path / "sheet.webp"), *[str(tmp_path / "scene.png")] * 2)

    assert Image.open(tmp_path / "sheet.webp").size == (256, 144 + 36)


def test_without_pictures_it_says_how_it_is_used():
    words = [sys.executable, "-m", "capriccio_strokes.gallery", "sheet.webp"]
    told = subprocess.run(words, capture_output=True, text=True)
    assert told.returncode == 1
    assert "usage: python -m capriccio_strokes.gallery FILE PICTURE" in told.stderr
