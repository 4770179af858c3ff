"""Every recipe of the cookbook has a picture that its own code has made, and is in the index.

That the code runs is tested with all pages, in `test_docs.py`.
"""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from helpers.devices import ROOT
from PIL import Image

COOKBOOK = ROOT / "docs" / "cookbook"
PAGES = [page for page in sorted(COOKBOOK.glob("*.md")) if page.stem != "index"]
tools = runpy.run_path(str(COOKBOOK / "pictures.py"))

DRAWS = """\
import numpy as np
from capriccio import Sketch
sketch = Sketch(bpm=240, fps=10, size=(40, 20))
@sketch.draw
def grey(now):
    return np.full((20, 40, 3), int(250 * now.phase(bars=4)), np.uint8)
"""
PLAYS = """\
from capriccio import Note, Sketch
sketch = Sketch(bpm=240)
@sketch.play(bars=1)
def up(now):
    return [Note(60 + beat, beat, 0.5, channel=1 + beat % 2) for beat in range(4)]
"""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_recipe_has_a_picture_and_one_block_of_code(page):
    text = page.read_text(encoding="utf-8")
    found = tools["recipes"](text)
    assert [one["title"] for one in found] == re.findall("^## (.+)$", text, re.MULTILINE)
    assert len(re.findall("^```python$", text, re.MULTILINE)) == len(found)
    for recipe in found:
        with Image.open(COOKBOOK / recipe["file"]) as picture:
            assert min(picture.size) >= 150, recipe["file"]
            assert np.asarray(picture).std() > 2, f"{recipe['file']} is empty"
        assert (COOKBOOK / recipe["file"]).stat().st_size < 60_000


def test_there_are_forty_recipes_and_the_index_shows_all():
    index = (COOKBOOK / "index.md").read_text(encoding="utf-8")
    files = [
        recipe["file"]
        for page in PAGES
        for recipe in tools["recipes"](page.read_text(encoding="utf-8"))
    ]
    assert len(files) >= 40
    assert sorted(re.findall(r"\(([\w-]+\.webp)\)", index)) == sorted(files)
    assert sorted(path.name for path in COOKBOOK.glob("*.webp")) == sorted(files)


def test_a_recipe_that_draws_is_shown_at_three_moments(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    picture = tools["picture_of"](DRAWS)
    assert picture.shape == (220, 3 * 440 + 8, 3)
    first, second, third = picture[100, [100, 600, 1100], 0].astype(int)
    assert first < second < third


def test_a_recipe_that_plays_is_shown_as_a_piano_roll(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    picture = tools["picture_of"](PLAYS)
    assert picture.shape == (200, 640, 3)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 4


def test_a_recipe_that_leaves_a_picture_is_shown_by_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = "import numpy as np\npicture = np.full((11, 22, 3), 9, np.uint8)\n"
    assert tools["picture_of"](code).shape == (220, 440, 3)


def test_a_picture_is_saved_as_webp(tmp_path):
    tools["save_webp"](np.zeros((8, 8, 3), np.uint8), Path(tmp_path / "a.webp"))
    assert Image.open(tmp_path / "a.webp").format == "WEBP"
