"""Reading a folder of pictures for training."""

import csv
from io import BytesIO

import numpy as np
import pytest
from capriccio_critic.training.dataset import (
    ARTIST_POWER,
    medium_of,
    read_pictures,
    sampling_weights,
    split_of,
    year_of,
)
from helpers.paintings import labels_of, stripes
from PIL import Image


def test_kinds_are_the_sub_folders_and_unreadable_files_are_reported(folder, capsys):
    pictures = read_pictures(folder)
    assert pictures.kinds == ["level", "upright"]
    assert pictures.pixels.shape == (80, 160, 160, 3)
    assert set(pictures.split) == {"train", "val", "test"}
    assert "torn.png" in capsys.readouterr().out


def test_links_to_folders_are_kinds_of_their_own_name(folder, tmp_path):
    for kind, target in (("lines", "upright"), ("waves", "level")):
        (tmp_path / kind).symlink_to(folder / target, target_is_directory=True)
    pictures = read_pictures(tmp_path)
    assert pictures.kinds == ["lines", "waves"]
    assert len(pictures.paths) == 80


def test_labels_take_precedence_over_folders(folder, tmp_path):
    for number in range(60):
        Image.fromarray(stripes(number, True)).save(tmp_path / f"{number}.png")
    with open(tmp_path / "labels.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "movement", "artist", "split", "split_artist_disjoint"))
        for number in range(60):
            split = ("train", "val", "test")[number % 3]
            rows.writerow(
                (f"{number}.png", "ab"[number % 2], f"artist {number % 5}", split, "test")
            )
    pictures = read_pictures(tmp_path)
    assert (pictures.kinds, len(pictures.artists)) == (["a", "b"], 5)
    assert (pictures.split == "val").sum() == 20
    assert set(pictures.artist_split) == {"test"}


def test_most_copies_of_a_picture_are_in_the_same_split():
    together = 0
    for number in range(12):
        picture = Image.fromarray(stripes(number, True)).resize((160, 160))
        file = BytesIO()
        picture.save(file, "JPEG", quality=90)
        copy = np.asarray(Image.open(file))
        assert (copy != np.asarray(picture)).any()
        together += split_of(np.asarray(picture)) == split_of(copy)
    assert together >= 10


def test_the_halves_share_no_picture_and_no_copy(tmp_path):
    for number in range(240):
        Image.fromarray(stripes(number // 2, True)).resize((40, 30)).save(
            tmp_path / f"{number}.png"
        )
    with open(tmp_path / "labels.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "movement", "split", "near_dup_group"))
        for number in range(240):
            group = f"g{number // 2}" if number < 120 else ""
            split = ("train", "val", "test")[number % 3]
            rows.writerow((f"{number}.png", "ab"[number % 2], split, group))
    one, other = (set(read_pictures(tmp_path, half=half).paths) for half in (0, 1))
    assert not one & other
    assert len(one | other) == 240
    assert min(len(one), len(other)) > 80
    for number in range(0, 120, 2):
        assert (f"{number}.png" in one) == (f"{number + 1}.png" in one)
    # Without a column of groups copies are known by their looks.
    (tmp_path / "labels.csv").unlink()
    for half in ("a", "b"):
        (tmp_path / half).mkdir()
    for number in range(240):
        (tmp_path / f"{number}.png").rename(tmp_path / "ab"[number % 2] / f"{number}.png")
    one, other = (read_pictures(tmp_path, half=half).paths for half in (0, 1))
    numbers = [{int(path[2:-4]) // 2 for path in half} for half in (one, other)]
    assert not numbers[0] & numbers[1]


def test_another_half_than_0_or_1_is_refused(tmp_path):
    with pytest.raises(ValueError, match="half must be 0 or 1, got 2"):
        read_pictures(tmp_path, half=2)


def test_too_few_pictures_or_kinds_are_refused(folder, tmp_path):
    with pytest.raises(ValueError, match="must hold at least 50 readable pictures, got 40"):
        read_pictures(folder / "upright")
    for number in range(50):
        Image.fromarray(stripes(number, True)).save(tmp_path / f"{number}.png")
    with pytest.raises(ValueError, match="at least 2 kinds, each in a sub-folder, got only"):
        read_pictures(tmp_path)


def test_folders_with_labels_are_read_together(tmp_path):
    columns = ("path", "movement", "genre", "artist", "year", "title", "split")
    for place, kinds in (("one", ["cubism", "japonism"]), ("two", ["baroque", "neoclassicism"])):
        (tmp_path / place).mkdir()
        with open(tmp_path / place / "labels.csv", "w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(columns)
            for number in range(30):
                Image.fromarray(stripes(number, True)).save(tmp_path / place / f"{number}.png")
                rows.writerow((f"{number}.png", kinds[number % 2], "cityscape", "A", "c. 1634",
                               f"Street {number}", "train"))  # fmt: skip
    pictures = read_pictures(tmp_path)
    assert pictures.kinds == ["academic", "baroque", "cubism"]
    assert (pictures.kind == -1).sum() == 15  # japonism is no movement
    assert (pictures.genres, pictures.centuries, pictures.artists) == (["city"], ["17"], ["A"])
    assert pictures.mediums == [""] and set(pictures.source) == {"one", "two"}
    assert pictures.titles[0].startswith("Street ")


@pytest.mark.parametrize(
    ("row", "year"),
    [
        ({"year": "1889-90"}, 1889),
        ({"artist_years": "1571-1611"}, 1595),
        ({"artist_death": "1900"}, 1882),
        ({"year": "", "artist_death": ""}, 0),
    ],
)
def test_a_year_is_the_pictures_own_or_follows_from_its_artist(row, year):
    assert year_of(row) == year


@pytest.mark.parametrize(
    ("row", "folder", "movement", "medium"),
    [
        ({"medium": "fresco"}, "mine", "", "fresco"),
        ({"split": "train"}, "watercolors-usda", "", "watercolour"),
        ({"split": "train"}, "paintings-people", "ukiyo-e", "print"),
        ({"grayscale": "1"}, "paintings-forty", "baroque", "drawing"),
        ({"grayscale": "0"}, "paintings-forty", "baroque", "oil"),
        ({}, "mine", "baroque", ""),
    ],
)
def test_a_medium_follows_from_where_a_picture_is(tmp_path, row, folder, movement, medium):
    assert medium_of(row, tmp_path / folder, movement) == medium


def test_prolific_artists_are_drawn_less_often_than_their_number_says():
    pictures = labels_of([0] * 90 + [1] * 10 + [2] * 50, [0] * 100 + [1] * 50, [0] * 150)
    weights = sampling_weights(pictures, np.arange(150))
    assert weights.sum() == pytest.approx(1)
    assert weights[:90].sum() / weights[90:100].sum() == pytest.approx(9**ARTIST_POWER)
    assert weights[:100].sum() < 2 * weights[100:].sum()
    assert sampling_weights(pictures, np.arange(150), robust=False) == pytest.approx(1 / 150)
