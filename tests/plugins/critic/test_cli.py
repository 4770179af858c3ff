"""The command `capriccio critique`."""

import json

import numpy as np
import pytest
from capriccio import read_image
from capriccio_critic import cli
from capriccio_critic.cli import critique
from capriccio_critic.personal_taste import learn
from click.testing import CliRunner
from helpers.paintings import landscape
from helpers.workers import LocalWorkers
from PIL import Image


def run(*words):
    return CliRunner(env={"COLUMNS": "220"}).invoke(critique, list(map(str, words)))


@pytest.fixture
def gallery(tmp_path):
    """A folder with three pictures and another file."""
    folder = tmp_path / "gallery"
    (folder / "old").mkdir(parents=True)
    Image.fromarray(landscape(1)).save(folder / "a.png")
    Image.fromarray(landscape(2)).save(folder / "b.jpg")
    Image.fromarray(landscape(3)).save(folder / "old" / "c.webp")
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_the_table_lists_every_picture(gallery):
    shown = run(gallery)
    assert shown.exit_code == 0
    for name in ("a.png", "b.jpg", "c.webp"):
        assert name in shown.output


def test_json_has_every_reading_of_every_picture(gallery, critic):
    rows = [json.loads(line) for line in run(gallery, "--json").stdout.splitlines()]
    assert [row["file"][-5:] for row in rows] == ["a.png", "b.jpg", ".webp"]
    readings = critic(read_image(gallery / "a.png"))
    assert set(rows[0]) == {"file", *readings._fields}
    assert rows[0]["certainty"] == pytest.approx(readings.certainty, abs=1e-4)
    assert rows[0]["runners_up"] == {
        name: pytest.approx(share, abs=1e-4) for name, share in readings.runners_up
    }
    assert np.allclose(rows[0]["heat"], readings.heat, atol=1e-3)


def test_unreadable_files_are_reported_and_skipped(gallery):
    (gallery / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    result = run(gallery, "--json")
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 3
    assert "broken.png" in result.stderr
    assert "1 of 4 could not be read" in result.stderr


def test_kept_pictures_are_not_read_again(gallery, tmp_path):
    keep = tmp_path / "kept.jsonl"
    first = run(gallery, "--json", "--keep", keep)
    lines = keep.read_text().splitlines()
    assert len(lines) == 3
    # A crash cut the last line off, and one picture was replaced.
    keep.write_text("\n".join(lines)[:-30])
    Image.fromarray(landscape(9)).save(gallery / "a.png")
    again = run(gallery, "--json", "--keep", keep)
    assert again.stdout.splitlines()[1:] == first.stdout.splitlines()[1:]
    assert again.stdout.splitlines()[0] != first.stdout.splitlines()[0]
    assert len(keep.read_text().splitlines()) == 4
    forged = keep.read_text().replace('"certainty": ', '"certainty": 9')
    keep.write_text(forged)
    assert '"certainty": 9' in run(gallery, "--json", "--keep", keep).stdout
    keep.write_text("no readings\n")
    assert "line 1 of" in str(run(gallery, "--keep", keep).exception)


def test_workers_read_each_picture_once_and_in_order(gallery, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        cli, "cluster_workers", lambda *words: asked.append(words) or LocalWorkers()
    )
    kept = tmp_path / "kept.jsonl"
    one = run(gallery, "--json")
    many = run(gallery, "--json", "--cluster=local", "--workers=3", f"--keep={kept}")
    assert many.stdout == one.stdout and many.exit_code == one.exit_code
    assert asked == [("local", 3)]
    again = run(gallery, "--json", "--cluster=local", f"--keep={kept}")
    assert again.stdout == one.stdout


def test_a_progress_bar_is_drawn_for_many_pictures(tmp_path):
    for number in range(25):
        Image.new("RGB", (20, 20), (10 * number, 0, 0)).save(tmp_path / f"{number:02}.png")
    result = run(tmp_path, "--json")
    assert len(result.stdout.splitlines()) == 25
    assert "25/25" in result.stderr


def test_a_folder_without_pictures_is_refused(tmp_path):
    assert "no pictures in" in run(tmp_path).output
    assert "Missing argument" in run().output


def test_explain_describes_the_picture(gallery):
    shown = run(gallery / "a.png", "--explain").output
    assert "Looks like" in shown


def test_earlier_works_are_compared_with(gallery, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    for number in range(3):
        Image.fromarray(landscape(number) // 2).save(mine / f"{number}.png")
    (mine / "broken.png").write_bytes(b"none")
    result = run(gallery / "a.png", "--mine", mine, "--json")
    words = json.loads(result.stdout)["explained"]
    assert "Beside 3 earlier works of yours" in words and "lighter than 3 of 3" in words
    assert "broken.png" in result.stderr
    # What is read is no earlier work of itself.
    alone = run(gallery / "a.png", "--mine", gallery, "--json")
    assert "Beside 2 earlier works of yours" in json.loads(alone.stdout)["explained"]
    empty = tmp_path / "empty"
    empty.mkdir()
    told = str(run(gallery, "--mine", empty).exception)
    assert "--mine expected a folder with at least one earlier work, got" in told


def test_what_was_tried_is_written_as_pictures(gallery, tmp_path):
    ideas = tmp_path / "ideas"
    row = json.loads(run(gallery / "a.png", "--tried", ideas, "--json").stdout)
    names = sorted(path.name for path in ideas.iterdir())
    tried = row["explained"].count("Try this:")
    assert names == [*(f"001-a-{place + 1}.png" for place in range(tried)), "001-a-study.png"]
    for name in names:
        assert read_image(ideas / name).shape[0] == 500


def test_a_taste_says_how_somebody_would_like_it(gallery, tmp_path, critic):
    path = tmp_path / "anna.onnx"
    light = [landscape(seed) for seed in range(5)]
    taste = learn(critic, light, [image // 3 for image in light], path, owner="Anna")
    read = run(gallery, "--taste", path, "--json").stdout
    rows = [json.loads(line) for line in read.splitlines()]
    score = taste.score(critic, read_image(gallery / "a.png"))
    assert rows[0]["taste"] == pytest.approx(score, abs=1e-4)
    assert "explained" not in rows[0]
    assert "taste" in run(gallery, "--taste", path).output
    explained = run(gallery / "a.png", "--taste", path, "--explain").output
    assert "The taste of Anna" in " ".join(explained.split())
    assert "there is no taste" in str(run(gallery, "--taste", tmp_path / "no.onnx").exception)
    model = critic.models["paintings"]
    assert "is not a taste" in str(run(gallery, "--taste", model).exception)


def test_help_states_what_quality_is_based_on():
    assert "Quality is not beauty: it was learned" in " ".join(run("--help").output.split())


def test_a_report_is_written_for_every_picture(gallery, tmp_path):
    page = tmp_path / "page.html"
    assert run(gallery, "--report", page).exit_code == 0
    assert page.read_text(encoding="utf-8").count("<section>") == 3


def test_too_many_pictures_for_a_report_are_refused(tmp_path):
    for number in range(201):
        (tmp_path / f"{number}.png").write_bytes(b"")
    assert (
        "a report holds at most 200 pictures, got 201" in run(tmp_path, "--report", "x.html").output
    )
