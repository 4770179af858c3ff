"""Pictures to train on."""

from pathlib import Path

import numpy as np
import pytest
from capriccio import write_image


@pytest.fixture(scope="session")
def squares(tmp_path_factory) -> Path:
    """Return a folder of twenty pictures of 9 by 9 grey squares, 270 pixels wide."""
    random, folder = np.random.default_rng(0), tmp_path_factory.mktemp("squares")
    for index in range(20):
        image = np.kron(random.integers(256, size=(9, 9, 1)), np.ones((30, 30, 3)))
        write_image(image.astype(np.uint8), folder / f"{index:02}.png")
    return folder
