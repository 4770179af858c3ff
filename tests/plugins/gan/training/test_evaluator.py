"""A generator is evaluated on fixed prompts and noise beside real pictures."""

import numpy as np
import pytest
import torch
from capriccio_gan.training.dataset import read_pictures, vocabulary_of
from capriccio_gan.training.evaluator import Evaluator
from capriccio_gan.training.networks import GeneratorNetwork, TextEncoder
from capriccio_gan.training.spaces import PixelSpace
from capriccio_gan.training.text_image import ImageEncoder
from capriccio_gan.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def evaluator(folder):
    torch.manual_seed(0)
    training, validation = read_pictures(folder, 64)
    vocabulary = Vocabulary(vocabulary_of(training))
    encoder = ImageEncoder(len(vocabulary)).eval().requires_grad_(False)
    text_encoder = TextEncoder(len(vocabulary)).eval().requires_grad_(False)
    return Evaluator(
        encoder,
        PixelSpace(64),
        text_encoder,
        training,
        validation,
        vocabulary,
        device="cpu",
        seed=3,
    )


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(1)
    return GeneratorNetwork(64).eval().requires_grad_(False)


def test_figures_stand_beside_the_floor_of_real_pictures(evaluator, generator):
    figures = evaluator.evaluate(generator)
    assert list(figures) == ["frechet", "real frechet", "spread", "spread unasked"]
    assert figures["real frechet"] < figures["frechet"]
    assert 0 <= figures["spread"] < 1  # an untrained generator paints nearly always the same


def test_the_noise_is_always_the_same(evaluator, generator):
    first = evaluator.generate(generator, evaluator.prompts[:5])
    torch.rand(1)
    assert first.shape == (5, 64, 64, 3) and first.dtype == np.uint8
    assert (evaluator.generate(generator, evaluator.prompts[:5]) == first).all()
