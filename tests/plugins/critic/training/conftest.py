"""Fixtures that several tests of the training share."""

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
