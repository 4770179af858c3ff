"""The painter that comes along: it paints what is asked for, and says what it is made of."""

import numpy as np
import pytest
from capriccio import Model, Moment, generator
from capriccio_gan.generator import GAN
from capriccio_gan.training.attributes import look
from capriccio_gan.training.scans import prepare
from PIL import Image

NOW = Moment()


@pytest.fixture(scope="module")
def garden():
    return generator("gan", model="pomona", seed=1)


def painted(garden, prompt: str, count: int = 24) -> np.ndarray:
    chance = np.random.default_rng(5)
    garden(NOW)
    z = chance.standard_normal((count, garden.latent))
    return garden.paint(z, prompt, grain=garden.papers(count, chance))


def seen(squares) -> list:
    return [look(prepare(Image.fromarray(square), 64)) for square in squares]


@pytest.mark.parametrize(
    ("prompt", "colours"),
    [("a red apple", {"red", "dark red"}), ("a green apple", {"green", "yellow"}),
     ("a yellow lemon", {"yellow", "orange"}), ("black grapes", {"black", "purple", "blue"})],
)  # fmt: skip
def test_the_colour_is_that_of_the_prompt(garden, prompt, colours):
    found = [one.colours[0] for one in seen(painted(garden, prompt)) if one.colours]
    assert np.mean([colour in colours for colour in found]) > 0.7


def test_fruits_are_cut_where_that_is_asked_for(garden):
    views = [one.view for one in seen(painted(garden, "a red apple whole and cut"))]
    assert views.count("whole and cut") > len(views) / 2


def test_leaves_are_there_where_they_are_asked_for(garden):
    def leafy(prompt):
        return np.mean([one.leaves for one in seen(painted(garden, prompt))])

    assert leafy("a red strawberry with leaves") > leafy("a red apple whole and cut") + 0.3


def test_chance_changes_the_picture_and_words_that_say_all_do_more(garden):
    def gap(ones, others):
        return np.abs(ones.astype(float) - others).mean()

    apples = painted(garden, "a red apple whole and cut")
    grapes = painted(garden, "black grapes")
    within = gap(apples, np.roll(apples, 1, 0))
    assert 4 < within < gap(apples, grapes)


def test_an_article_changes_nothing(garden):
    with_one, without = painted(garden, "a red apple", 2), painted(garden, "red apple", 2)
    assert (with_one == without).all()


def test_words_it_does_not_know_are_named(garden):
    assert garden.unknown("a red apple with leaves by passmore 1910s") == {}
    assert garden.unknown("a red aple") == {"aple": "apple"}


def test_its_card_says_what_it_learned_from():
    card = Model(GAN.models["pomona"]).card
    assert card["data"] == "watercolors-usda-pomological" and "public domain" in card["licence"]
    assert "U.S. Department of Agriculture" in card["credit"]
    assert card["metrics"]["spread unasked"] > 0.25  # chance alone makes different pictures


def test_it_is_small():
    assert GAN.models["pomona"].stat().st_size < 12e6
