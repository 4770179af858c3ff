"""The ten classics of docs/coming-from-p5.md: each draws, moves, and is the same show again."""

import re

import numpy as np
import pytest
from capriccio import Sketch
from capriccio.testing import Memory
from helpers.devices import ROOT

PAGE = (ROOT / "docs" / "coming-from-p5.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
NAMES = re.findall(r"^\*\*\d+\. ([^.*]+)", PAGE, re.MULTILINE)


def perform(number: int, seconds: float = 1.0) -> list[np.ndarray]:
    """Perform one of the classics from the beginning; return its frames."""
    names: dict = {"__name__": "__classic__"}
    for block in (*BLOCKS[:2], BLOCKS[2 + number]):
        exec(block, names)
    memory = Memory()
    names["sketch"].perform([memory], seconds=seconds)
    return memory.images


def test_there_are_ten():
    assert len(NAMES) == 10
    assert len(BLOCKS) == 12


@pytest.mark.parametrize("number", range(10), ids=NAMES)
def test_a_classic_draws_and_moves_and_is_the_same_again(number):
    first, *_, last = images = perform(number)
    assert len(np.unique(last.reshape(-1, 3), axis=0)) >= 2
    assert not np.array_equal(first, last)
    again = perform(number)
    assert all(np.array_equal(one, other) for one, other in zip(images, again, strict=True))


def test_the_first_sketch_of_the_page_draws_at_the_mouse():
    names: dict = {"__name__": "__classic__"}
    exec(BLOCKS[0], names)
    memory = Memory()
    assert isinstance(names["sketch"], Sketch)
    names["sketch"].perform([memory], seconds=0.1)
    assert memory.images[0][200, 200].tolist() == [255, 255, 255]  # nobody moved it
    assert memory.images[0][20, 20].tolist() == [230, 230, 230]
