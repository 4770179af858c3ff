"""Folders of pictures are read with their labels and split into training and validation."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from capriccio_gan.training.dataset import read_pictures, vocabulary_of
from helpers.sheets import BLUE, RED, scanned_sheet


@pytest.fixture
def folder(tmp_path):
    """Sixty sheets with shaded discs in sub-folders, red ones called cherries, blue ones plums."""
    random = np.random.default_rng(0)
    for index in range(60):
        kind, colour = (("cherries", RED), ("plums", BLUE))[index % 2]
        x, y, r = random.integers(45, 75), random.integers(70, 110), random.integers(15, 30)
        (tmp_path / "discs" / kind).mkdir(parents=True, exist_ok=True)
        scanned_sheet((x, y, r, colour)).save(tmp_path / "discs" / kind / f"{index}.png")
    return tmp_path / "discs"


def test_sub_folders_name_the_kinds(folder):
    training, validation = read_pictures(folder, 64)
    assert len(training) + len(validation) == 60 and len(validation) >= 2
    assert training.images.shape[1:] == (64, 64, 3)
    assert {facts.kind for facts in training.facts} == {"cherry", "plum"}
    words = vocabulary_of(training)
    assert {"cherry", "plum", "red", "blue", "whole"} <= set(words)


def test_a_folder_without_labels_has_colours(tmp_path):
    for index in range(55):
        scanned_sheet((60, 90, 25, RED)).save(tmp_path / f"{index}.png")
    training, _ = read_pictures(tmp_path, 64)
    assert {facts.kind for facts in training.facts} == {""}
    assert "red" in vocabulary_of(training)


def test_folders_behind_links_are_read(folder, tmp_path):
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "fruit").symlink_to(folder)
    (folder / "back").symlink_to(tmp_path / "linked")  # a link that leads back
    (tmp_path / "link").symlink_to(tmp_path / "linked")
    training, validation = read_pictures(tmp_path / "link", 64)
    assert len(training) + len(validation) == 60


def test_at_most_max_count_pictures_are_read(folder):
    training, validation = read_pictures(folder, 64, 52)
    assert len(training) + len(validation) == 52


def test_a_labels_file_gives_kind_and_split(folder):
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    lines = ["path,kind,split"]
    for index, path in enumerate(paths):
        split = "val" if index < 9 else "train" if index < 58 else "test"
        lines.append(f"{path},{'zebras' if index < 55 else 'lions'},{split}")
    (folder / "labels.csv").write_text("\n".join(lines))
    training, validation = read_pictures(folder, 64)
    assert (len(training), len(validation)) == (49, 9)  # the split `test` is not read
    assert [facts.kind for facts in training.facts].count("lion") == 3


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_holds_what_its_folder_does(folder, tmp_path, kind):
    (folder / "labels.csv").write_text("path,kind\ncherries/0.png,zebra\n" + "".join(
        f"plums/{number}.png,lion\n" for number in range(1, 40, 2)))  # fmt: skip
    archive = Path(shutil.make_archive(str(tmp_path / "all"), kind, folder))
    for one, other in zip(read_pictures(folder, 64), read_pictures(archive, 64), strict=True):
        assert isinstance(one.images, np.memmap)  # not in memory
        assert np.array_equal(one.images, other.images) and one.facts == other.facts


def test_unreadable_pictures_are_skipped_with_a_message(folder, capsys):
    (folder / "cherries" / "0.png").write_text("no picture")
    whole = (folder / "cherries" / "2.png").read_bytes()
    (folder / "cherries" / "2.png").write_bytes(whole[: len(whole) // 2])
    training, validation = read_pictures(folder, 64)
    assert len(training) + len(validation) == 58
    printed = capsys.readouterr().out
    assert printed.count("skipped") == 2 and "0.png" in printed and "2.png" in printed


def test_too_few_pictures_are_an_error(folder):
    paths = sorted(folder.rglob("*.png"))
    for path in paths[:50]:
        path.unlink()
    training, validation = read_pictures(folder, 64)
    assert len(validation) >= 2 and len(training) + len(validation) == 10
    paths[50].unlink()
    with pytest.raises(ValueError, match=r"expected at least 10 readable pictures in .*, got 9"):
        read_pictures(folder, 64)
