"""Readings in words, and suggestions that were tried."""

import re

import numpy as np
from capriccio_critic.descriptions import region_name, suggestions
from capriccio_critic.training.degradations import degrade
from helpers.paintings import landscape
from PIL import Image


def test_an_explanation_states_the_readings_of_the_picture(critic):
    image = landscape()
    readings, words = critic.analyze(image), critic.explain(image)
    assert f"Looks like {readings.movement} ({readings.certainty:.0%}" in words
    stated = dict(re.findall(r"\((\w+) (\d\.\d\d),", words))
    assert stated
    for name, value in stated.items():
        assert f"{getattr(readings, name):.2f}" == value
    assert words != critic.explain(landscape(seed=3)[:, ::-1])


def test_suggestions_raise_quality(critic):
    degraded = degrade(Image.fromarray(landscape()), "cast", np.random.default_rng(1))
    image = np.asarray(degraded)
    readings = critic.analyze(image)
    found, tried = suggestions(critic, image, readings)
    assert tried == 12
    assert len(found) <= 3
    for one in found:
        assert one.quality_before == readings.quality
        assert one.before == getattr(readings, one.reading)
        assert one.quality_after >= one.quality_before + 0.02


def test_regions_of_a_map_have_names():
    heat = np.zeros((8, 8), np.float32)
    assert region_name(heat) == "all over"
    heat[0, 0] = 1
    assert region_name(heat) == "at the upper left"
    assert region_name(heat[:, ::-1]) == "at the upper right"
    for y, x, words in (
        (4, 3, "in the middle"),
        (7, 3, "in the lower half"),
        (3, 0, "on the left"),
    ):
        heat = np.zeros((8, 8), np.float32)
        heat[y, x] = 1
        assert region_name(heat) == words
