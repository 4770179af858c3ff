"""Fixtures that several tests of the training share."""

from importlib.util import find_spec

import pytest
from helpers.paintings import stripes
from PIL import Image


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder of 80 pictures of two kinds."""
    place = tmp_path_factory.mktemp("data")
    for number in range(80):
        kind = place / ("upright" if number % 2 else "level")
        kind.mkdir(exist_ok=True)
        Image.fromarray(stripes(number, bool(number % 2))).save(kind / f"{number}.png")
    (place / "level" / "torn.png").write_bytes(b"no picture")
    return place


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Run torch in one thread: small batches gain nothing from more."""
    if find_spec("torch") is None:
        yield
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
