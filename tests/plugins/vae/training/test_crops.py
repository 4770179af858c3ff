"""Random crops of the pictures of folders, by split."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from capriccio import write_image  # noqa: E402
from capriccio_vae.training.crops import LONGEST, Crops  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    random, folder = np.random.default_rng(0), tmp_path_factory.mktemp("pictures")
    for index in range(20):
        size = (100 + 10 * index, 128, 3)
        write_image(random.integers(256, size=size, dtype=np.uint8), folder / f"{index:02}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def test_a_tenth_is_kept_for_validation_where_there_is_no_split(folder):
    crops = Crops([folder])
    assert (len(crops.train), len(crops.val)) == (18, 2)


def test_the_split_of_a_catalogue_is_followed_and_tests_are_not_read(folder, tmp_path):
    for index in range(4):
        (tmp_path / f"{index}.png").write_bytes((folder / f"{index:02}.png").read_bytes())
    rows = "\n".join(f"{n}.png,{s}" for n, s in enumerate(("train", "val", "test", "train")))
    (tmp_path / "labels.csv").write_text(f"path,split\n{rows}\n")
    crops = Crops([tmp_path])
    assert (len(crops.train), len(crops.val)) == (2, 1)


def test_crops_are_of_one_size_and_follow_from_their_random_numbers(folder):
    crops = Crops([folder])
    one, same = (crops.batch(6, 64, np.random.default_rng(3)) for _ in range(2))
    assert one.shape == (6, 3, 64, 64) and one.min() >= 0 and one.max() <= 1
    assert torch.equal(one, same)
    assert crops.validation(5, 96).shape == (2, 3, 96, 96)


def test_large_pictures_are_read_smaller(tmp_path):
    write_image(np.zeros((1200, 400, 3), np.uint8), tmp_path / "tall.png")
    assert max(Crops([tmp_path]).train[0].shape) == LONGEST
