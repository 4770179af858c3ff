"""Which sketches can be begun in their middle, and what counts as a state."""

import random
from collections import deque

import numpy as np
import pytest
from capriccio import Analyzer, Generator, Input, Sketch, generator
from capriccio_cluster.seeking import seekable_of, state_of


class Plain(Generator):
    def generate(self, now):
        return np.zeros((8, 8, 3), np.uint8)


class Silent(Plain):
    def __init__(self):
        self.count = 0


class Eye(Analyzer):
    pass


def sketch_with(**names):
    sketch = Sketch()
    sketch.names = {"sketch": sketch, "np": np, **names}
    return sketch


@pytest.mark.parametrize(
    ("names", "reach", "why"),
    [
        ({}, "now", ""),
        ({"part": Plain(), "eye": Eye()}, "now", ""),
        ({"garden": lambda: generator("vae")}, "now", ""),
        ({"choir": lambda: generator("rnn"), "garden": lambda: generator("vae")}, "music", ""),
        ({"echo": lambda: generator("feedback")}, "run", "says so"),
        ({"parts": [Plain(), Silent()]}, "run", "says nothing, and may keep a state"),
        ({"ears": Input()}, "run", "'ears' is an input"),
        ({"random": random}, "run", "it draws from the module 'random'"),
    ],
)
def test_a_sketch_is_as_seekable_as_its_least_part(names, reach, why):
    made = {name: thing() if callable(thing) and name != "random" and not isinstance(
        thing, Generator | Analyzer) else thing for name, thing in names.items()}  # fmt: skip
    found, reason = seekable_of(sketch_with(**made))
    assert found == reach and why in reason


def test_a_sketch_may_overrule_its_parts():
    sketch = sketch_with(part=Silent())
    sketch.seekable = "now"
    assert seekable_of(sketch)[0] == "now"


class Drop:
    def __init__(self):
        self.place = [0.0, 0.0]


def counter():
    count = 0

    def step():
        nonlocal count
        count += 1

    return step


STEP = counter()
GENERATOR, OWN = np.random.default_rng(1), random.Random(1)
NUMBERS, DROPS, WORDS, LINE = np.zeros(4), [Drop()], {"a": 1}, deque([1])


@pytest.mark.parametrize(
    "change",
    [
        lambda names: names.update(number=2),
        lambda names: names["numbers"].__setitem__(0, 1),
        lambda names: names["drops"][0].place.__setitem__(1, 0.5),
        lambda names: names["words"].update(b=1),
        lambda names: names["line"].append(2),
        lambda names: names["kinds"].add("new"),
        lambda names: names["rng"].random(),
        lambda names: names["own"].random(),
        lambda names: names["step"](),
        lambda names: setattr(names["step"], "called", True),
    ],
)
def test_a_change_of_what_the_file_keeps_is_seen(change):
    sketch = sketch_with(
        number=1, numbers=NUMBERS, drops=DROPS, words=WORDS, line=LINE, kinds={"old"},
        rng=GENERATOR, own=OWN, step=STEP,
    )  # fmt: skip
    before = state_of(sketch)
    assert state_of(sketch) == before
    change(sketch.names)
    assert state_of(sketch) != before


def test_parts_keep_their_state_to_themselves():
    sketch = sketch_with(part=Silent())
    before = state_of(sketch)
    sketch.names["part"].count = 5
    assert state_of(sketch) == before
