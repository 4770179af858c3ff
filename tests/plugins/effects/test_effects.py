"""What all effects have in common, and each as it was: small golden images."""

from pathlib import Path

import numpy as np
import pytest
from capriccio import generator, generator_class
from capriccio.testing import check_generator, moments
from capriccio_effects import generators
from capriccio_effects.pictures import sample
from helpers.golden import check_golden
from helpers.images import scene

GOLDEN = Path(__file__).parent / "golden"
NAMES = [kind.name for kind in generators()]


@pytest.mark.parametrize("name", NAMES)
def test_an_effect_conforms(name):
    check_generator(generator_class(name))


@pytest.mark.parametrize("name", NAMES)
def test_an_effect_keeps_size_and_leaves_its_picture_alone(name):
    effect = generator(name)
    for shape in ((60, 80), (1, 1), (3, 50)):
        image = scene(2, shape)
        before = image.copy()
        for now in moments(beats=1, step=0.25):
            result = effect(now, over=image)
            assert (result.shape, result.dtype) == (image.shape, np.uint8)
            assert result.flags.writeable and result.flags.c_contiguous
        assert np.array_equal(image, before)


@pytest.mark.parametrize("name", NAMES)
def test_an_effect_is_as_it_was(name):
    seed = {"seed": 3} if name == "grain" else {}  # else it follows from what was built before
    effect, image = generator(name, **seed), sample()[::2, ::2]
    moves = {"feedback": 0, "motion": 0, "segment": 10, "slitscan": 0}.get(name, 99)  # from when on
    for number, now in enumerate(moments(beats=4 if name == "segment" else 2, step=0.25)):
        result = effect(now, over=np.roll(image, 6 * max(0, number - moves), axis=1))
    check_golden(result, GOLDEN / f"{name}.png")


NEUTRAL = [
    ("blur", {"amount": 0}),
    ("glow", {"amount": 0}),
    ("displace", {"amount": 0}),
    ("pixelate", {"size": 0}),
    ("grain", {"amount": 0}),
    ("vignette", {"amount": 0}),
    ("chromatic", {"amount": 0}),
    ("lens", {"amount": 0.5}),
    ("wipe", {"position": 0}),
    ("slitscan", {"depth": 0}),
    ("shader", {"amount": 0}),
]


@pytest.mark.parametrize(("name", "knobs"), NEUTRAL)
def test_an_effect_can_be_turned_down_to_nothing(name, knobs):
    image = scene(3, (60, 80))
    for now in moments(beats=1, step=0.5):
        result = generator(name)(now, over=image, **knobs)
        assert np.abs(result.astype(int) - image).max() <= 1
