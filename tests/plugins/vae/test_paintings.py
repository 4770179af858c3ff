"""The model `paintings` that comes with the part: eighteen movements, and an encoder."""

import itertools

import numpy as np
import pytest
from capriccio import Model, Moment, analyzer, generator
from capriccio_vae.generator import VAE, encoder_path
from helpers.images import difference, halved

NOW = Moment()


@pytest.fixture(scope="module")
def vae():
    part = generator("vae", model="paintings", seed=3)
    yield part
    part.close()


@pytest.fixture(scope="module")
def watercolors():
    part = generator("vae", model="watercolors", seed=1)
    yield part
    part.close()


def samples(vae, style, count=4):
    return [vae(NOW, style=style, drift=drift / count, bloom=0.6) for drift in range(count)]


def test_it_knows_the_movements_of_the_critic_and_watercolor(vae):
    assert set(vae.styles) == {*analyzer("critic").movements, "watercolor"}


def test_it_reconstructs_pictures(vae, watercolors):
    for picture in samples(vae, "romanticism"):
        copy = vae.decode(vae.encode(picture), "romanticism")
        assert difference(halved(halved(copy)), halved(halved(picture))) < 10
    grapes = watercolors(NOW, style="grapes")
    copies = [halved(vae.decode(vae.encode(one), "watercolor")) for one in (grapes, 255 - grapes)]
    assert difference(copies[0], grapes) < 0.5 * difference(copies[1], grapes)


def test_samples_of_a_style_differ_and_so_do_styles(vae):
    ones, others = samples(vae, "baroque"), samples(vae, "geometric-abstraction")
    assert min(difference(a, b) for a, b in itertools.pairwise(ones)) > 5
    light = [np.mean(made) for made in (ones, others)]
    assert light[1] > light[0] + 20  # dark rooms there, white grounds here


@pytest.mark.slow
def test_the_critic_recognises_samples_more_often_than_by_chance(vae):
    critic = analyzer("critic")
    named = [critic(picture).movement == style
             for style in critic.movements for picture in samples(vae, style)]  # fmt: skip
    assert np.mean(named) > 2 / len(critic.movements)


@pytest.mark.parametrize("style", ["baroque", "expressionism", "impressionism"])
def test_a_larger_amount_moves_a_picture_further(vae, watercolors, style):
    fruit = watercolors(NOW, style="pears")
    still, *moved = (vae(NOW, source=fruit, style=style, amount=x) for x in (0, 0.2, 0.6, 1))
    gaps = [difference(still, picture) for picture in moved]
    assert 1 < gaps[0] < gaps[1] < gaps[2]
    assert gaps[2] > 10


def test_its_cards_name_what_it_learned_from():
    path = VAE.models["paintings"]
    for file in (path, encoder_path(path)):
        card = Model(file).card
        assert "paintings-pd40-256" in card["data"]
        assert "public domain" in card["licence"]
        assert "U.S. Department of Agriculture" in card["credit"]
        assert "StyleSleuths" in card["credit"]
        assert 0 < card["metrics"]["bits per dimension"] < 8
        assert file.stat().st_size < 12e6
