"""Traits of a picture that a painter would name."""

import numpy as np
import pytest
from capriccio_critic.traits import blur, hue_of, shrink, traits
from helpers.paintings import landscape, plain, stripes


def test_light_and_palette_are_those_of_the_picture():
    found = traits(plain(30, 60, 200))
    assert found["blue"] == pytest.approx(found["colour"], abs=1e-6) and found["colour"] > 0.6
    assert found["warmth"] < -0.6
    assert found["hues"] == pytest.approx(1, abs=1e-3)
    grey = traits(plain(128, 128, 128))
    assert grey["colour"] == grey["range"] == grey["edges"] == 0
    assert grey["lightness"] == pytest.approx(0.5, abs=0.01)
    assert traits(plain(255, 255, 255))["lights"] == 1 == traits(plain(0, 0, 0))["darks"]
    halves = np.concatenate([plain(240, 240, 240), plain(20, 20, 20)])
    assert traits(halves)["upper light"] > 0.8
    assert traits(plain(200, 140, 110))["flesh"] == 1


def test_lines_have_their_direction():
    upright, level = traits(stripes(1, upright=True)), traits(stripes(1, upright=False))
    assert upright["upright"] > 0.7 > 0.2 > upright["level"]
    assert level["level"] > 0.7 > 0.2 > level["upright"]
    assert sum(level[name] for name in ("level", "upright", "slanting")) == pytest.approx(1)


def test_symmetry_is_that_with_the_mirror_image():
    half = landscape(2, width=80)
    assert traits(np.concatenate([half, half[:, ::-1]], axis=1))["symmetry"] > 0.999
    rising = np.tile(np.linspace(0, 255, 96).astype(np.uint8)[:, None], (64, 1, 3))
    assert traits(rising)["symmetry"] < -0.99


def test_a_coarser_touch_is_told():
    rng = np.random.default_rng(3)
    fine = rng.integers(0, 255, (128, 128, 1), np.uint8).repeat(3, axis=2)
    coarse = fine[:32, :32].repeat(4, axis=0).repeat(4, axis=1)
    assert traits(coarse)["touch"] > traits(fine)["touch"] + 0.5


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 3)])
def test_the_smallest_pictures_have_traits(size):
    assert np.isfinite(list(traits(plain(9, 8, 7, size=size)).values())).all()


def test_pictures_are_shrunk_with_their_aspect_and_blurred():
    assert shrink(landscape(), 50).shape == (40, 50, 3)
    small = landscape()
    assert shrink(small, 200) is small
    grey = np.zeros((9, 9), np.float32)
    grey[4, 4] = 9
    assert blur(grey, 1)[3:6, 3:6] == pytest.approx(1)
    assert blur(grey, 1).sum() == pytest.approx(9)


def test_hues_are_angles():
    rgb = np.array([(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0.5, 0.5, 0.5)], np.float32)
    assert hue_of(rgb) == pytest.approx([0, 120, 240, 60, 0], abs=1e-3)
