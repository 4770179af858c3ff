"""Each piece of the gallery plays for two seconds, and is small enough to read."""

import runpy

import numpy as np
import pytest
from capriccio.loader import load_sketch
from capriccio.testing import Memory
from helpers.devices import ROOT

GALLERY = runpy.run_path(str(ROOT / "docs" / "gallery.py"))
PIECES = list(GALLERY["PIECES"])
ELSEWHERE = {"organ", "drummer"}  # have tests of their own


def test_there_are_twelve_pieces_of_at_most_60_lines():
    assert len(PIECES) == 12
    lines = {
        name: len((ROOT / "sketches" / f"{name}.py").read_text().splitlines()) for name in PIECES
    }
    assert max(lines.values()) <= 60, lines


@pytest.mark.parametrize("name", sorted(set(PIECES) - ELSEWHERE))
def test_two_seconds_of_a_piece_are_seen_and_heard(name):
    sketch = load_sketch(ROOT / "sketches" / f"{name}.py")
    sketch.fps = 6.0
    memory = Memory()
    sketch.perform([memory], seconds=2)
    assert len(memory.images) == 12
    assert memory.images[0].std() > 2
    assert not np.array_equal(memory.images[0], memory.images[-1])
    assert memory.notes


def test_the_page_shows_every_piece_with_poster_and_clip():
    page = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    for name in PIECES:
        for ending in ("webp", "mp4"):
            assert f"gallery/{name}.{ending}" in page
            assert (ROOT / "docs" / "gallery" / f"{name}.{ending}").is_file()
