"""Pictures at twice their size."""

import numpy as np
import pytest
from capriccio import Model, ModelError, Moment, generator
from capriccio_vae.generator import VAE
from capriccio_vae.upscaler import Upscale
from helpers.images import scene

NOW = Moment()


@pytest.fixture(scope="module")
def upscale():
    return generator("upscale")


def halved(image):
    height, width = image.shape[0] // 2, image.shape[1] // 2
    blocks = image.reshape(height, 2, width, 2, 3).astype(np.float32)
    return (blocks.mean((1, 3)) + 0.5).astype(np.uint8)


@pytest.mark.parametrize("size", [(64, 64), (48, 80), (33, 47), (8, 9)])
def test_a_picture_of_any_size_is_doubled(upscale, size):
    image = scene(3, size)
    found = upscale(NOW, over=image)
    assert found.shape == (2 * size[0], 2 * size[1], 3)
    assert found.dtype == np.uint8
    assert np.abs(halved(found).astype(float) - image).mean() < 8


def test_edges_are_sharper_than_bilinear_ones(upscale):
    from PIL import Image

    image = np.full((64, 64, 3), 40, np.uint8)
    image[:, 31:] = 210
    found = upscale(NOW, over=image)
    plain = np.asarray(Image.fromarray(image).resize((128, 128), Image.Resampling.BILINEAR))
    steepest = [np.abs(np.diff(one[40:90].astype(float).mean((0, 2)))).max()
                for one in (found, plain)]  # fmt: skip
    assert steepest[0] > 1.1 * steepest[1]


def test_the_same_picture_gives_the_same_bytes(upscale):
    image = scene(5, (40, 40))
    assert np.array_equal(upscale(NOW, over=image), upscale(NOW, over=image))


@pytest.mark.parametrize("size", [(7, 64), (64, 2049)])
def test_a_picture_that_is_too_small_or_too_large_is_refused(upscale, size):
    with pytest.raises(ValueError, match=f"8 to 2048 pixels, got {size[1]} x {size[0]}"):
        upscale.generate(NOW, over=np.zeros((*size, 3), np.uint8))


def test_another_model_is_refused():
    part = generator("upscale", model=str(VAE.models["painterly"]))
    with pytest.raises(ModelError, match="no model of"):
        part.generate(NOW, over=np.zeros((16, 16, 3), np.uint8))


def test_the_card_says_what_it_learned_from_and_the_file_is_small():
    path = Upscale.models["painterly-x2"]
    card = Model(path).card
    assert card["pictures"] > 1000
    assert "public domain" in card["licence"]
    assert path.stat().st_size < 500_000
