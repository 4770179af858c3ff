"""The dreamer that comes along: it knows thirteen movements, and reads the pictures it is shown."""

import itertools

import numpy as np
import pytest
from capriccio import Model, Moment, analyzer, generator
from capriccio_vae.generator import VAE
from capriccio_vae.training.dataset import encoder_beside

NOW = Moment()


@pytest.fixture(scope="module")
def dreamer():
    part = generator("vae", model="paintings", seed=3)
    yield part
    part.close()


def gap(one, other):
    return np.abs(one.astype(float) - other).mean()


def dreams(dreamer, style, count=4):
    return [dreamer(NOW, style=style, drift=drift / count, bloom=0.6) for drift in range(count)]


def test_it_knows_the_critics_movements_and_watercolours(dreamer):
    assert set(dreamer.styles) == {*analyzer("critic").movements, "watercolor"}


def test_it_paints_again_what_it_is_shown(dreamer):
    for picture in dreams(dreamer, "romanticism"):
        assert gap(dreamer.decode(dreamer.encode(picture), "romanticism"), picture) < 10
    grapes = generator("vae", model="watercolors", seed=1)(NOW, style="grapes")
    copies = [dreamer.decode(dreamer.encode(one), "watercolor") for one in (grapes, 255 - grapes)]
    assert gap(copies[0], grapes) < 0.5 * gap(copies[1], grapes)


def test_dreams_of_a_style_differ_and_so_do_styles(dreamer):
    ones, others = dreams(dreamer, "baroque"), dreams(dreamer, "geometric-abstraction")
    assert min(gap(a, b) for a, b in itertools.pairwise(ones)) > 5
    light = [np.mean(made) for made in (ones, others)]
    assert light[1] > light[0] + 20  # dark rooms there, white grounds here


def test_the_critic_names_dreams_more_often_than_by_chance(dreamer):
    critic = analyzer("critic")
    named = [critic(picture).movement == style
             for style in critic.movements for picture in dreams(dreamer, style)]  # fmt: skip
    assert np.mean(named) > 2 / len(critic.movements)


@pytest.mark.parametrize("style", ["baroque", "expressionism", "impressionism"])
def test_the_more_a_picture_is_moved_the_further_it_goes(dreamer, style):
    fruit = generator("vae", model="watercolors", seed=1)(NOW, style="pears")
    still, *moved = (dreamer(NOW, source=fruit, style=style, amount=x) for x in (0, 0.2, 0.6, 1))
    gaps = [gap(still, picture) for picture in moved]
    assert 1 < gaps[0] < gaps[1] < gaps[2]
    assert gaps[2] > 10


def test_its_cards_say_what_it_learned_from():
    path = VAE.models["paintings"]
    for file in (path, encoder_beside(path)):
        card = Model(file).card
        assert "paintings-pd40-256" in card["data"]
        assert "public domain" in card["licence"]
        assert "U.S. Department of Agriculture" in card["credit"]
        assert "StyleSleuths" in card["credit"]
        assert 0 < card["metrics"]["bits per dimension"] < 8
        assert file.stat().st_size < 12e6
