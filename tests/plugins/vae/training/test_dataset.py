"""The reading of training folders: cropping, splits, broken files."""

import csv
from pathlib import Path

import numpy as np
import pytest
from capriccio_vae.training.dataset import SIZE, crop_to_subject, read_pictures, read_splits
from helpers.devices import ROOT
from PIL import Image

WATERCOLORS = ROOT.parent / "shared" / "data" / "watercolors-usda-pomological"


def write_labels(folder: Path, rows) -> None:
    with open(folder / "labels.csv", "w", newline="") as file:
        csv.writer(file).writerows([("path", "split"), *rows])


def test_a_sheet_is_cropped_to_its_subject(sheets):
    for path in sorted(sheets.rglob("*.png"))[:10]:
        square = np.asarray(crop_to_subject(Image.open(path))).astype(float)
        assert square.shape == (SIZE, SIZE, 3)
        disc = np.abs(square - (245, 238, 215)).max(axis=2) > 80
        ys, xs = np.nonzero(disc)
        assert abs(ys.mean() - SIZE / 2) < 8 and abs(xs.mean() - SIZE / 2) < 8
        assert SIZE * 0.7 < np.ptp(ys) < SIZE and (square.max(axis=2) > 60).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (64, 64), (300, 200)])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "CMYK", "I;16", "P", "1"])
def test_a_picture_of_any_shape_and_mode_becomes_a_square(shape, mode):
    assert crop_to_subject(Image.new(mode, shape)).size == (SIZE, SIZE)


def test_noise_and_empty_sheets_become_squares():
    random = np.random.default_rng(0)
    for seed in range(40):
        pixels = random.integers(0, 256, (80 + seed, 120, 3), np.uint8)
        pixels[: seed * 2] = 250
        assert crop_to_subject(Image.fromarray(pixels)).size == (SIZE, SIZE)
    assert crop_to_subject(Image.new("RGB", (100, 100), "white")).size == (SIZE, SIZE)


def test_broken_pictures_are_skipped_and_reported(sheets, capsys):
    (sheets / "red" / "0.png").write_text("I am no picture")
    whole = (sheets / "red" / "2.png").read_bytes()
    (sheets / "red" / "2.png").write_bytes(whole[: len(whole) // 2])
    found = read_pictures(sheets)
    assert len(found.train) + len(found.val) == 58 and found.styles == ["blue", "red"]
    assert len(found.labels) == len(found.train) and len(found.val_labels) == len(found.val)
    errors = capsys.readouterr().err
    assert errors.count("skipped") == 2 and "0.png" in errors and "2.png" in errors


def test_a_small_validation_set_holds_all_styles(sheets, monkeypatch):
    class Last:
        """A hash that never chooses a file for validation."""

        def __init__(self, content):
            pass

        def digest(self):
            return b"\xff"

    monkeypatch.setattr("capriccio_vae.training.dataset.hashlib.sha256", Last)
    found = read_pictures(sheets)
    assert len(found.val) == 5 and len(found.train) == 55
    assert set(found.val_labels.tolist()) == {0, 1}


def test_too_few_pictures_are_refused(sheets):
    for path in sorted(sheets.rglob("*.png"))[:51]:
        path.unlink()
    with pytest.raises(ValueError, match=r"at least 10 readable pictures in .*, got 9"):
        read_pictures(sheets)


@pytest.mark.parametrize("left", [r"0 pictures to learn and 0 of", r"30 .* learn and 0 of their"])
def test_a_labels_file_that_leaves_nothing_to_learn_or_to_check_is_refused(sheets, left):
    rows = []
    for path in sorted(sheets.rglob("*.png")):
        learned = left.startswith("30") and path.parent.name == "red"
        rows.append((path.relative_to(sheets).as_posix(), "train" if learned else "val"))
    write_labels(sheets, rows)
    with pytest.raises(ValueError, match=rf"leaves {left}.*; put more pictures into each"):
        read_pictures(sheets)


def test_linked_folders_are_read(sheets, tmp_path):
    (tmp_path / "linked").symlink_to(sheets)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "red").symlink_to(sheets / "red")
    (tmp_path / "outside" / "blue").symlink_to(sheets / "blue")
    for folder in ("linked", "outside"):
        found = read_pictures(tmp_path / folder)
        assert len(found.train) + len(found.val) == 60 and found.styles == ["blue", "red"]


def test_a_labels_file_splits_the_set(sheets):
    paths = sorted(path.relative_to(sheets).as_posix() for path in sheets.rglob("*.png"))
    parts = ["val"] * 7 + ["test"] * 4 + ["train"] * (len(paths) - 11)
    write_labels(sheets, zip(paths, parts, strict=True))
    found = read_pictures(sheets)
    assert (len(found.train), len(found.val)) == (49, 7)


@pytest.mark.skipif(not WATERCOLORS.is_dir(), reason="the watercolours are not on this machine")
def test_the_watercolours_are_cropped_to_their_subject():
    def subject_size(image):
        ground = np.median(image.reshape(-1, 3), axis=0)
        return (np.abs(image - ground).max(axis=2) > 50).mean()

    paths = sorted(WATERCOLORS.glob("images/*/*.jpg"))[:: 6807 // 60]
    filled = [subject_size(np.asarray(crop_to_subject(Image.open(path)))) for path in paths]
    assert np.median(filled) > 0.12


def test_each_collection_of_a_folder_has_splits_of_its_own(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "labels.csv").write_text(f"path,split\na.png,{name}\n")
    assert read_splits(tmp_path) == {"one/a.png": "one", "other/a.png": "other"}
    (tmp_path / "labels.csv").write_text("path,split\none/a.png,test\n")
    assert read_splits(tmp_path) == {"one/a.png": "test"}
