"""Data sets in folders, zips and tars, and arrays on a disk."""

import tarfile
import zipfile
import zlib
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

pytest.importorskip("torch")

from capriccio.training import PictureFile, disk_array, label_tables, picture_files, read_labels

FILES = {"red/a.png": b"a", "red/b.JPG": b"bb", "blue-1/c.webp": b"ccc", "blue/notes.txt": b"no"}
PICTURES = [("blue-1/c.webp", b"ccc"), ("red/a.png", b"a"), ("red/b.JPG", b"bb")]


@pytest.fixture
def folder(tmp_path):
    for name, content in FILES.items():
        file = tmp_path / "data" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return tmp_path / "data"


def as_zip(folder, path, names=tuple(FILES)):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.write(folder / name, name)
    return path


def as_tar(folder, path, names=tuple(FILES)):
    with tarfile.open(path, "w") as archive:
        for name in names:
            archive.add(folder / name, name)
    return path


def test_folder_zip_tar_and_shards_hold_the_same_pictures(folder, tmp_path):
    shards = tmp_path / "shards"
    shards.mkdir()
    names = list(FILES)
    as_tar(folder, shards / "0.tar", names[1:])
    as_zip(folder, shards / "1.zip", names[:1])
    for data in (
        folder, as_zip(folder, tmp_path / "all.zip"), as_tar(folder, tmp_path / "all.tar"), shards,
    ):  # fmt: skip
        assert [(one.name, one.read()) for one in picture_files(data)] == PICTURES, data


def test_several_processes_read_one_zip(folder, tmp_path):
    for number in range(300):
        (folder / f"{number}.png").write_bytes(f"{number} ".encode() * 100)
    names = [f"{number}.png" for number in range(300)]
    files = picture_files(as_zip(folder, tmp_path / "all.zip", names))
    wanted = [file.read() for file in files]  # so that the zip is open when the others begin
    with ProcessPoolExecutor(3, get_context("fork")) as pool:
        assert list(pool.map(PictureFile.read, files, chunksize=5)) == wanted


def test_labels_are_found_wherever_the_pictures_are(folder, tmp_path):
    for name in ("red", "blue"):
        (folder / name / "labels.csv").write_text(f"path,split\na.png,{name}\n")
    rows = {"red/a.png": {"path": "a.png", "split": "red"},
            "blue/a.png": {"path": "a.png", "split": "blue"}}  # fmt: skip
    names = ["red/labels.csv", "blue/labels.csv"]
    for data in (
        folder, as_zip(folder, tmp_path / "a.zip", names), as_tar(folder, tmp_path / "a.tar", names)
    ):  # fmt: skip
        assert read_labels(data) == rows, data
    (folder / "labels.csv").write_text("\ufeffpath,split,kind\nred/a.png,test\n", "utf-8")
    for data in (folder, as_zip(folder, tmp_path / "b.zip", [*names, "labels.csv"])):
        assert read_labels(data)["red/a.png"] == {
            "path": "red/a.png", "split": "test", "kind": ""
        }  # fmt: skip
        assert len(read_labels(data)) == 1
    (tmp_path / "none").mkdir()
    assert read_labels(tmp_path / "none") == {}


def test_labels_lie_in_the_shards_where_the_folder_has_none(folder, tmp_path):
    shards = tmp_path / "shards"
    shards.mkdir()
    for number, row in enumerate(("red/a.png,train", "red/b.JPG,val")):
        (folder / "labels.csv").write_text(f"path,split\n{row}\n")
        as_zip(folder, shards / f"{number}.zip", ["labels.csv"])
    rows = {"red/a.png": {"path": "red/a.png", "split": "train"},
            "red/b.JPG": {"path": "red/b.JPG", "split": "val"}}  # fmt: skip
    assert label_tables(shards) == {".": rows} and read_labels(shards) == rows
    (folder / "labels.csv").write_text("path,split\nred/a.png,test\n")
    as_tar(folder, shards / "2.tar", ["labels.csv"])
    with pytest.raises(ValueError, match=r"two files labels.csv in .* differ about 'red/a.png'"):
        read_labels(shards)


def test_a_file_that_is_damaged_in_a_zip_is_told(folder, tmp_path):
    path = as_zip(folder, tmp_path / "all.zip", ["red/a.png"])
    files = picture_files(path)
    path.write_bytes(path.read_bytes().replace(zlib.compress(b"a")[2:-4], b"???"))
    with pytest.raises(ValueError, match=r"all\.zip' cannot be read: [^\n]+$"):
        files[0].read()


def test_labels_without_paths_are_told(folder):
    (folder / "labels.csv").write_text("file,kind\na,b\n")
    with pytest.raises(ValueError, match=r"expected a column 'path' in .*, got 'file', 'kind'"):
        read_labels(folder)


def test_a_broken_archive_is_told(tmp_path):
    for name in ("broken.zip", "broken.tar"):
        (tmp_path / name).write_bytes(b"I am no archive" * 100)
        with pytest.raises(ValueError, match=r"broken\.(zip|tar)' cannot be read"):
            picture_files(tmp_path / name)


def test_an_array_on_a_disk_is_an_array():
    array = disk_array((3, 2, 2), np.uint8)
    array[1] = 7
    assert isinstance(array, np.memmap) and array.sum() == 28
    assert disk_array((1, 4), np.float16).dtype == np.float16
    assert disk_array((0, 4), np.uint8).shape == (0, 4)
