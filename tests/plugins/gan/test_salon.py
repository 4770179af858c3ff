"""The model `salon` that comes with the part: paintings of many kinds, from words."""

import numpy as np
import pytest
from capriccio import Canvas, Model, ModelError, Moment, generator, write_image
from capriccio_gan.generator import GAN
from helpers.images import difference


@pytest.fixture(scope="module")
def salon():
    part = generator("gan", model="salon", seed=3)
    yield part
    part.close()


def painted(salon, prompt, count=4):
    random = np.random.default_rng(1)
    grain = salon.random_grain(count, random)
    return salon.paint(random.standard_normal((count, salon.latent)), prompt, grain=grain)


def test_it_knows_subjects_movements_painters_and_light(salon):
    words = "an impressionist landscape, a gloomy sea, winter flowers by monet, a cubist portrait"
    assert salon.unknown(words) == {}
    assert salon.unknown("a baroqe portrait") == {"baroqe": "baroque"}


def test_it_paints_256_pixels_in_the_light_that_is_asked_for(salon):
    dark, bright = (painted(salon, f"a {light} landscape") for light in ("gloomy", "bright"))
    assert dark.shape == (4, 256, 256, 3)
    assert bright.mean() > dark.mean() + 30


def test_words_count_more_than_the_noise(salon):
    prompts = ("a gloomy forest", "a white winter village", "a red expressionist portrait")
    means = np.array([painted(salon, prompt).mean((1, 2)) for prompt in prompts])  # (3, 4, 3)
    within = means.std(1).mean()
    between = means.mean(1).std(0).mean()
    assert between > within


def test_a_walk_changes_the_picture_little_by_little(salon):
    near, far = (salon(Moment(), prompt="a landscape", drift=at, fade=0) for at in (0.001, 0.3))
    still = salon(Moment(), prompt="a landscape", drift=0.0, fade=0)
    assert difference(still, near) < difference(still, far) / 2


def halves(height=180, width=240):
    """Return a picture whose left half is dark and whose right half is bright."""
    image = np.full((height, width, 3), 30, np.uint8)
    image[:, width // 2 :] = 220
    return image


def test_a_source_keeps_its_masses_and_takes_the_colours_of_the_words(salon):
    prompt = {"prompt": "a red expressionist portrait", "fade": 0}
    copied, painted = (salon(Moment(), source=halves(), amount=a, **prompt) for a in (0.0, 0.6))
    for image in (copied, painted):
        assert image.shape == (256, 256, 3)
        assert image[:, 128:].mean() > image[:, :128].mean() + 40
    assert difference(copied, painted) > 0.05
    anew, without = (salon(Moment(), source=one, amount=1.0, **prompt) for one in (halves(), None))
    assert np.array_equal(anew, without)


def test_a_source_may_be_a_file_or_a_canvas(salon, tmp_path):
    write_image(halves(), tmp_path / "halves.png")
    canvas = Canvas(240, 180)
    canvas.image(halves(), 0, 0, 1, 1)
    first = salon(Moment(), source=halves(), fade=0)
    assert np.array_equal(salon(Moment(), source=tmp_path / "halves.png", fade=0), first)
    assert difference(salon(Moment(), source=canvas, fade=0), first) < 0.02


def test_what_is_no_picture_is_named(salon):
    with pytest.raises(TypeError, match=r"knob 'source' of .* must be an image.*got 'int'"):
        salon(Moment(), source=3)


def test_a_model_that_cannot_paint_a_source_again_says_so(part):
    with pytest.raises(ModelError, match="cannot paint a source again"):
        part(Moment(), source=halves())
    assert {"source", "amount"} <= part.unused_knobs


def test_its_card_says_whose_work_it_learned_from():
    card = Model(GAN.models["salon"]).card
    assert card["pictures"] == 11716 and "rectified flow" in card["objective"]
    assert "public domain" in card["licence"] and "StyleSleuths" in card["credit"]
    assert GAN.models["salon"].stat().st_size < 16e6
