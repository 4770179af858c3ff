"""What changed from earlier works."""

import numpy as np
import pytest
from capriccio_critic.comparison import compare, place_name, read_works
from helpers.paintings import landscape


@pytest.fixture(scope="module")
def works(critic):
    return read_works(critic, [(f"{seed}.png", landscape(seed)) for seed in range(4)])


def lines_of(critic, image, works):
    return {line.partition(":")[0]: line for line in compare(critic, image, critic(image), works)}


def test_what_changed_is_told_by_aspect(critic, works):
    dark = (landscape(7) * 0.35).astype(np.uint8)[:, :, ::-1]
    lines = lines_of(critic, dark, works)
    assert {"Palette", "Light", "Lines", "Edges", "Focal point"} <= set(lines)
    assert "darker than 4 of 4" in lines["Light"]
    assert "less colourful than 4 of 4" in lines["Palette"]


def test_an_earlier_work_is_as_before_and_nearest_to_itself(critic, works):
    first = compare(critic, landscape(2), critic(landscape(2)), works)[0]
    assert first == "Beside 4 earlier works of yours; the nearest is 2.png."
    same = read_works(critic, [("one.png", landscape(1))] * 2)
    lines = compare(critic, landscape(1), critic(landscape(1)), same)
    for aspect in ("Palette", "Light", "Lines", "Edges"):
        assert f"{aspect}: as before." in lines
    assert "as most often." in next(line for line in lines if line.startswith("Focal point"))


def test_there_must_be_an_earlier_work(critic):
    with pytest.raises(ValueError, match="expected at least one earlier work to compare with"):
        read_works(critic, [])


def test_places_have_names():
    assert place_name(0.1, 0.1) == "the upper left"
    assert place_name(0.5, 0.9) == "the lower middle"
    assert place_name(0.9, 0.5) == "the right"
    assert place_name(0.5, 0.5) == "the middle"
