"""Reading pictures for training, from folders and archives."""

import csv
import shutil
import tarfile
import zipfile
from io import BytesIO

import numpy as np
import pytest
from helpers.paintings import labels_of, stripes
from PIL import Image

pytest.importorskip("torch")

from capriccio import open_image
from capriccio_critic.training.dataset import (
    ARTIST_POWER,
    Pictures,
    medium_of,
    read_pictures,
    sampling_weights,
    split_of,
    year_of,
)


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


def assert_same(one: Pictures, other: Pictures) -> None:
    """Assert that pictures and labels are the same; where they lie does not count."""
    for name in one._fields:
        if name != "files":
            assert np.array_equal(getattr(one, name), getattr(other, name)), name


def packed(folder, path, kind):
    """Pack a folder with Python's own means, and return the archive."""
    return shutil.make_archive(str(path), kind, folder)


@pytest.fixture
def labelled(tmp_path):
    """A folder of two collections with labels, and one beside them without."""
    for place, kinds in (("paintings", ["cubism", "baroque"]), ("plates", ["ukiyo-e", ""])):
        (tmp_path / "data" / place / "all").mkdir(parents=True)
        with open(tmp_path / "data" / place / "labels.csv", "w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("path", "movement", "artist", "year", "title", "split"))
            for number in range(40):
                name = f"all/{number}.png"
                picture = Image.fromarray(stripes(number, place == "plates"))
                picture.save(tmp_path / "data" / place / name)
                split = ("train", "val", "test")[number % 3]
                rows.writerow((name, kinds[number % 2], f"artist {number % 7}", "1634", "", split))
    (tmp_path / "data" / "notes").mkdir()
    Image.fromarray(stripes(99, True)).save(tmp_path / "data" / "notes" / "no.png")
    return tmp_path / "data"


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("data", ["folder", "labelled"])
def test_an_archive_holds_the_same_pictures_as_its_folder(request, tmp_path, kind, data):
    folder = request.getfixturevalue(data)
    pictures = read_pictures(folder)
    archived = read_pictures(tmp_path / packed(folder, tmp_path / folder.name, kind))
    assert_same(archived, pictures)
    assert isinstance(archived.pixels.base, np.memmap)
    for row in (0, 30):  # the files can be opened later
        with open_image(archived.files[row].openable()) as picture:
            assert np.array_equal(picture, Image.open(folder / pictures.paths[row]))


def test_shards_hold_the_same_pictures_as_one_folder(folder, tmp_path):
    (tmp_path / "shards").mkdir()
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.glob("*/*.png"))]
    with tarfile.open(tmp_path / "shards" / "0.tar", "w") as shard:
        for name in names[::2]:
            shard.add(folder / name, name)
    with zipfile.ZipFile(tmp_path / "shards" / "1.zip", "w") as other:
        for name in names[1::2]:
            other.write(folder / name, name)
    assert_same(read_pictures(tmp_path / "shards"), read_pictures(folder))


def test_the_labels_of_shards_are_found(labelled, tmp_path):
    (tmp_path / "shards").mkdir()
    for kind, place in (("zip", "paintings"), ("tar", "plates")):
        shutil.make_archive(str(tmp_path / "shards" / place), kind, labelled, place)
    assert_same(read_pictures(tmp_path / "shards"), read_pictures(labelled))


def test_a_broken_archive_is_told(tmp_path):
    for name in ("broken.zip", "broken.tar"):
        (tmp_path / name).write_bytes(b"I am no archive" * 100)
        with pytest.raises(ValueError, match=r"broken\.(zip|tar)' cannot be read: [^\n]+$"):
            read_pictures(tmp_path / name)


def test_a_picture_that_is_damaged_in_its_archive_is_skipped(folder, tmp_path, capsys):
    path = tmp_path / packed(folder, tmp_path / "some", "zip")
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("upright/1.png").header_offset
    content = bytearray(path.read_bytes())
    content[place + 200 : place + 260] = bytes(60)
    path.write_bytes(content)
    assert len(read_pictures(path).paths) == 79
    assert f"skipped {path / 'upright/1.png'}: {str(path)!r} cannot be read" in (
        capsys.readouterr().out
    )


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
