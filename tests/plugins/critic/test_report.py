"""The HTML report."""

import base64
import re
import subprocess
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from capriccio_critic.descriptions import Explanation
from capriccio_critic.report import heat_overlay, write_report
from capriccio_critic.suggestions import Suggestion
from helpers.devices import needs
from helpers.paintings import landscape
from PIL import Image


@pytest.fixture
def page(critic, tmp_path):
    """A report of two pictures, one with a name that HTML must escape."""
    images = landscape(1), landscape(2)
    tried = Suggestion("make <it> blue", "", "dark", 1, 0, 0.2, 0.4, None, None, images[1])
    pictures = [
        (Path(name), image, critic(image), Explanation(["a line", "and another"], suggested))
        for name, image, suggested in zip(
            ("<i>&.png", "b.jpg"), images, ([tried, tried], []), strict=True
        )
    ]
    page = tmp_path / "page.html"
    write_report(page, pictures)
    return page


def test_the_report_has_no_external_resources_and_shows_every_picture(page):
    words = page.read_text(encoding="utf-8")
    assert words.count("<section>") == 2
    assert "<i>&.png" not in words
    assert "&lt;i&gt;&amp;.png" in words
    assert not re.findall(r'(?:src|href)="(?!data:)', words)
    pictures = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', words)
    assert len(pictures) == 2 * 3 + 2 * 2  # picture, map and study; before and after
    assert words.count("make &lt;it&gt; blue") == 2 and "<it>" not in words
    assert words.count("before: quality 0.20") == 2 == words.count("after: quality 0.40")
    for each in pictures:
        with Image.open(BytesIO(base64.b64decode(each))) as picture:
            picture.load()


def test_the_overlay_is_orange_where_the_map_is_high_and_grey_elsewhere(critic):
    image = np.full((64, 64, 3), 100, np.uint8)
    heat = np.zeros((8, 8), np.float32)
    heat[1:3, 1:3] = 1
    readings = critic(landscape())._replace(heat=heat, focus_x=0.8, focus_y=0.8)
    over = heat_overlay(image, readings).astype(int)
    assert over[16, 16, 0] > over[16, 16, 2] + 40
    assert np.ptp(over[60, 8]) == 0


@pytest.mark.system
def test_a_browser_renders_the_report(page, tmp_path):
    needs("chromium")
    shot = tmp_path / "shot.png"
    subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1000,900",
         f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={shot}", page.as_uri()],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    drawn = np.asarray(Image.open(shot).convert("RGB"))
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 1000
