"""Data sets in folders, zips and tars, and arrays on a disk."""

import tarfile
import zipfile

import numpy as np
import pytest
from capriccio_vae.training.shards import disk_array, members

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
        assert [(one.name, one.read()) for one in members(data)] == PICTURES, data


def test_a_broken_archive_is_told(tmp_path):
    for name in ("broken.zip", "broken.tar"):
        (tmp_path / name).write_bytes(b"I am no archive" * 100)
        with pytest.raises(ValueError, match=r"broken\.(zip|tar)' cannot be read"):
            members(tmp_path / name)


def test_an_array_on_a_disk_is_an_array():
    array = disk_array((3, 2, 2), np.uint8)
    array[1] = 7
    assert isinstance(array, np.memmap) and array.sum() == 28
    assert disk_array((1, 4), np.float16).dtype == np.float16
