"""Faults that are measured, and mended."""

import numpy as np
import pytest
from capriccio_critic.benchmark.suggestions import KINDS, spoil
from capriccio_critic.faults import FAULTS, severity, straighten, tilt, tint, words_of
from helpers.paintings import landscape, plain
from PIL import Image

BY_NAME = {fault.name: fault for fault in FAULTS}


def facade() -> np.ndarray:
    """Return a house with rows of windows: level and upright lines alone."""
    picture = plain(205, 190, 170, size=(240, 240)).copy()
    for row in range(4):
        for column in range(5):
            y, x = 25 + 55 * row, 18 + 44 * column
            picture[y : y + 34, x : x + 24] = 70, 60, 50
    return picture


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "tilt"])
def test_a_fault_is_more_severe_in_a_spoiled_picture_and_less_in_the_mended_one(kind):
    fault, image = BY_NAME[KINDS[kind]], landscape(4)
    spoiled, _ = spoil(image, kind, np.random.default_rng(2))
    mended = fault.mend(spoiled)
    assert severity(fault, spoiled) > severity(fault, image)
    assert severity(fault, mended) < severity(fault, spoiled)
    assert mended.dtype == np.uint8 and mended.shape == image.shape


@pytest.mark.parametrize("degrees", [-10, -6, 0, 7, 11])
def test_a_turned_picture_is_straightened(degrees):
    turned = Image.fromarray(facade()).rotate(-degrees, Image.Resampling.BICUBIC)
    turned = np.asarray(turned)[40:200, 40:200]
    found, clearly = tilt(turned)
    assert found == pytest.approx(degrees, abs=2.5)
    assert (clearly > 0.3) == (degrees != 0)
    straight = straighten(turned)
    assert tilt(straight)[0] == 0
    assert straight.shape[0] / straight.shape[1] == pytest.approx(1, abs=0.03)
    if degrees:
        words, sign = words_of(BY_NAME["tilted"], turned)
        assert f"by {abs(round(found))} degree" in words.replace(".0", "")
        assert ("left" in words) == (degrees > 0) and "lines are turned" in sign


def test_a_cast_has_a_name():
    warm, cold = landscape() * (1.4, 0.9, 0.5), landscape() * (0.6, 0.9, 1.4)
    assert tint(warm.clip(0, 255).astype(np.uint8)) in ("red", "orange", "yellow")
    assert tint(cold.clip(0, 255).astype(np.uint8)) in ("blue", "violet")


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (12, 12), (40, 1)])
def test_the_smallest_pictures_are_measured_and_mended(size):
    image = plain(120, 90, 60, size=size)
    for fault in FAULTS:
        assert np.isfinite(severity(fault, image)), fault.name
        assert fault.mend(image).size, fault.name
