"""`capriccio critique` reads files of every kind, names what it cannot read, and loses nothing."""

import base64
import json
import re
import subprocess
from io import BytesIO

import numpy as np
import pytest
from capriccio import read_image
from capriccio_critic.analyzer import Critic
from capriccio_critic.cli import critique
from capriccio_critic.files import find_pictures
from capriccio_critic.report import heated
from click.testing import CliRunner
from helpers.devices import needs
from PIL import Image
from plugins.critic.test_analyzer import hills


def run(*words):
    return CliRunner(env={"COLUMNS": "220"}).invoke(critique, list(map(str, words)))


@pytest.fixture
def gallery(tmp_path):
    """A folder with three pictures and something that is none."""
    folder = tmp_path / "gallery"
    (folder / "old").mkdir(parents=True)
    Image.fromarray(hills(1)).save(folder / "a.png")
    Image.fromarray(hills(2)).save(folder / "b.jpg")
    Image.fromarray(hills(3)).save(folder / "old" / "c.webp")
    (folder / "notes.txt").write_text("no picture")
    return folder


# -- files ----------------------------------------------------------------------------------


def test_folders_are_searched_and_every_file_comes_once(gallery):
    found = find_pictures([gallery, gallery / "a.png"])
    assert [path.name for path in found] == ["a.png", "b.jpg", "c.webp"]
    with pytest.raises(FileNotFoundError, match="no picture and no folder 'nowhere'"):
        find_pictures([type(gallery)("nowhere")])


# -- the command ------------------------------------------------------------------------------


def test_a_table_shows_every_picture(gallery):
    shown = run(gallery)
    assert shown.exit_code == 0
    for name in ("a.png", "b.jpg", "c.webp"):
        assert name in shown.output


def test_json_has_every_reading_of_every_picture(gallery):
    rows = [json.loads(line) for line in run(gallery, "--json").stdout.splitlines()]
    assert [row["file"][-5:] for row in rows] == ["a.png", "b.jpg", ".webp"]
    readings = Critic()(read_image(gallery / "a.png"))
    assert set(rows[0]) == {"file", *readings._fields}
    assert rows[0]["certainty"] == pytest.approx(readings.certainty, abs=1e-4)
    assert rows[0]["runners_up"] == {
        name: pytest.approx(share, abs=1e-4) for name, share in readings.runners_up
    }
    assert np.allclose(rows[0]["heat"], readings.heat, atol=1e-3)


def test_what_cannot_be_read_holds_up_nothing(gallery):
    (gallery / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    result = run(gallery, "--json")
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 3
    assert "broken.png" in result.stderr
    assert "1 of 4 could not be read" in result.stderr


def test_what_was_kept_is_not_read_again(gallery, tmp_path):
    keep = tmp_path / "kept.jsonl"
    first = run(gallery, "--json", "--keep", keep)
    lines = keep.read_text().splitlines()
    assert len(lines) == 3
    # A crash cuts the last line off; and one picture is another one now.
    keep.write_text("\n".join(lines)[:-30])
    Image.fromarray(hills(9)).save(gallery / "a.png")
    again = run(gallery, "--json", "--keep", keep)
    assert again.stdout.splitlines()[1:] == first.stdout.splitlines()[1:]
    assert again.stdout.splitlines()[0] != first.stdout.splitlines()[0]
    assert len(keep.read_text().splitlines()) == 4
    forged = keep.read_text().replace('"certainty": ', '"certainty": 9')
    keep.write_text(forged)
    assert '"certainty": 9' in run(gallery, "--json", "--keep", keep).stdout
    keep.write_text("no readings\n")
    assert "line 1 of" in str(run(gallery, "--keep", keep).exception)


def test_many_pictures_are_read_with_a_bar(tmp_path):
    for number in range(25):
        Image.new("RGB", (20, 20), (10 * number, 0, 0)).save(tmp_path / f"{number:02}.png")
    result = run(tmp_path, "--json")
    assert len(result.stdout.splitlines()) == 25
    assert "25/25" in result.stderr


def test_nothing_to_read_is_told(tmp_path):
    assert "no pictures in" in run(tmp_path).output
    assert "Missing argument" in run().output


def test_it_is_said_in_words_what_it_sees(gallery):
    shown = run(gallery / "a.png", "--explain").output
    assert "Looks like" in shown


def test_help_says_whose_taste_quality_is():
    assert "Quality is not beauty: it was learned" in " ".join(run("--help").output.split())


# -- the page ---------------------------------------------------------------------------------


def test_the_page_stands_alone_and_shows_every_picture(gallery, tmp_path):
    (gallery / "<i>&.png").write_bytes((gallery / "a.png").read_bytes())
    page = tmp_path / "page.html"
    assert run(gallery, "--report", page).exit_code == 0
    words = page.read_text(encoding="utf-8")
    assert words.count("<section>") == 4
    assert "<i>&.png" not in words
    assert "&lt;i&gt;&amp;.png" in words
    assert not re.findall(r'(?:src|href)="(?!data:)', words)
    pictures = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', words)
    assert len(pictures) == 8
    for each in pictures:
        with Image.open(BytesIO(base64.b64decode(each))) as picture:
            picture.load()


def test_too_many_pictures_for_a_page_are_refused(tmp_path):
    for number in range(201):
        (tmp_path / f"{number}.png").write_bytes(b"")
    assert "201 pictures are too many for a page" in run(tmp_path, "--report", "x.html").output


def test_the_map_is_warm_where_it_was_seen_and_grey_where_not():
    image = np.full((64, 64, 3), 100, np.uint8)
    heat = np.zeros((8, 8), np.float32)
    heat[1:3, 1:3] = 1
    readings = Critic()(hills())._replace(heat=heat, focus_x=0.8, focus_y=0.8)
    over = heated(image, readings).astype(int)
    assert over[16, 16, 0] > over[16, 16, 2] + 40
    assert np.ptp(over[60, 8]) == 0


def test_a_browser_draws_the_page(gallery, tmp_path):
    needs("chromium")
    page, shot = tmp_path / "page.html", tmp_path / "shot.png"
    run(gallery, "--report", page)
    subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1000,900",
         f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={shot}", page.as_uri()],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    drawn = np.asarray(Image.open(shot).convert("RGB"))
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 1000
