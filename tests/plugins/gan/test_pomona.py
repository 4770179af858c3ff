"""The model `pomona`: its pictures follow the prompt, and its card holds the sources."""

import numpy as np
import pytest
from capriccio import Model, Moment, generator
from capriccio_gan.generator import GAN
from capriccio_gan.training.attributes import Attributes, measure_attributes
from capriccio_gan.training.scans import prepare_scan
from PIL import Image


@pytest.fixture(scope="module")
def garden():
    return generator("gan", model="pomona", seed=1)


def painted(garden, prompt: str, count: int = 24) -> np.ndarray:
    random = np.random.default_rng(5)
    z = random.standard_normal((count, garden.latent))
    return garden.paint(z, prompt, grain=garden.random_grain(count, random))


def measured(images: np.ndarray) -> list[Attributes]:
    return [measure_attributes(prepare_scan(Image.fromarray(image), 64)) for image in images]


@pytest.mark.parametrize(
    ("prompt", "colours"),
    [("a red apple", {"red", "dark red"}), ("a green apple", {"green", "yellow"}),
     ("a yellow lemon", {"yellow", "orange"}), ("black grapes", {"black", "purple", "blue"})],
)  # fmt: skip
def test_the_colour_follows_the_prompt(garden, prompt, colours):
    found = [one.colours[0] for one in measured(painted(garden, prompt)) if one.colours]
    assert np.mean([colour in colours for colour in found]) > 0.7


def test_cut_fruits_follow_the_prompt(garden):
    views = [one.view for one in measured(painted(garden, "a red apple whole and cut"))]
    assert views.count("whole and cut") > len(views) / 2


def test_leaves_follow_the_prompt(garden):
    def leafy(prompt):
        return np.mean([one.leaves for one in measured(painted(garden, prompt))])

    assert leafy("a red strawberry with leaves") > leafy("a red apple whole and cut") + 0.3


def test_noise_changes_the_picture_and_another_prompt_changes_it_more(garden):
    def gap(ones, others):
        return np.abs(ones.astype(float) - others).mean()

    apples = painted(garden, "a red apple whole and cut")
    grapes = painted(garden, "black grapes")
    within = gap(apples, np.roll(apples, 1, 0))
    assert 4 < within < gap(apples, grapes)


def test_a_drawing_keeps_its_masses_as_far_as_it_is_said(garden):
    drawing = np.full((256, 256, 3), 250, np.uint8)
    rows, columns = np.mgrid[:256, :256]
    drawing[(rows - 200) ** 2 + (columns - 48) ** 2 < 36**2] = (90, 90, 90)  # where no fruit lies

    def darker(picture):
        return picture[180:220, 190:230].mean() - picture[180:220, 28:68].mean()

    kept = garden(Moment(), source=drawing, prompt="a red apple", amount=0.6, fade=0)
    anew, without = (
        garden(Moment(), source=one, prompt="a red apple", amount=1.0, fade=0)
        for one in (drawing, None)
    )
    assert darker(kept) > 80 > 40 > darker(without)
    assert np.array_equal(anew, without)


def test_an_article_changes_nothing(garden):
    with_one, without = painted(garden, "a red apple", 2), painted(garden, "red apple", 2)
    assert (with_one == without).all()


def test_unknown_words_have_a_nearest(garden):
    assert garden.unknown("a red apple with leaves by passmore 1910s") == {}
    assert garden.unknown("a red aple") == {"aple": "apple"}


def test_the_card_holds_data_licence_and_credit():
    card = Model(GAN.models["pomona"]).card
    assert card["data"] == "watercolors-usda-pomological" and "public domain" in card["licence"]
    assert "U.S. Department of Agriculture" in card["credit"]
    assert card["begun_with"]["name"] == "salon" and "StyleSleuths" in card["begun_with"]["credit"]


def test_the_file_is_small():
    assert GAN.models["pomona"].stat().st_size < 12e6
