"""Which captions are true of which picture, and how likely a pair is."""

import numpy as np
import pytest
import torch
from capriccio_gan.training.dataset import read_pictures, vocabulary_of
from capriccio_gan.training.networks import CODE
from capriccio_gan.training.text_image import (
    WIDTHS,
    ImageEncoder,
    TextImageModel,
    encode_images,
    jitter,
    true_words,
)
from capriccio_gan.vocabulary import Vocabulary


def test_a_caption_is_true_if_all_its_words_may_describe_the_picture(folder):
    training, _ = read_pictures(folder, 64)
    vocabulary = Vocabulary(vocabulary_of(training))
    table = true_words(training, vocabulary)
    cherry = next(i for i, facts in enumerate(training.facts) if facts.kind == "cherry")

    def fits(caption):
        return table[cherry][vocabulary.encode(caption)[0]].all()

    assert fits("red cherry") and fits("cherry") and fits("")
    assert not fits("blue cherry") and not fits("red plum")


def test_jittered_pictures_keep_shape_and_range():
    x = torch.rand(4, 3, 64, 64)
    assert jitter(x).shape == x.shape and jitter(x).min() >= 0 and jitter(x).max() <= 1


def test_logits_of_own_captions_are_the_diagonal_of_all_pairs():
    model = TextImageModel(9)
    images, texts = torch.randn(3, CODE), torch.randn(3, CODE)
    pairs = model.pair_logits(images, texts)
    assert torch.allclose(pairs.diagonal(), model.logits(images, texts), atol=1e-4)


@pytest.mark.parametrize("size", [64, 128])
def test_images_of_any_size_are_encoded(size):
    images = np.random.default_rng(0).integers(0, 256, (3, size, size, 3), np.uint8)
    features, codes = encode_images(ImageEncoder(5).eval(), images, "cpu")
    assert features.shape == (3, WIDTHS[-1]) and codes.shape == (3, 5)


@pytest.mark.parametrize("rows", [64, 128, 256])
def test_an_encoder_of_more_rows_sees_finer_detail(rows):
    torch.manual_seed(0)
    encoder = ImageEncoder(7, rows=rows).eval()
    grey = torch.full((1, 3, 256, 256), 0.5)
    lines = grey.clone()
    lines[..., ::2], lines[..., 1::2] = 0.4, 0.6  # gone at 128 rows and below
    with torch.no_grad():
        codes = [encoder(x)[2] for x in (grey, lines)]
    assert codes[0].shape == (1, 7)
    assert torch.equal(*codes) == (rows < 256)
