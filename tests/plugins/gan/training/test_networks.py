"""The networks fit each size and depend on what they are given."""

import pytest
import torch
from capriccio_gan.training.networks import (
    CODE,
    GENERATOR_WIDTHS,
    LATENT,
    Discriminator,
    GeneratorNetwork,
    InferenceModel,
    TextEncoder,
)
from capriccio_gan.training.text_image import WIDTHS, ImageEncoder
from capriccio_gan.vocabulary import MAX_WORDS


@pytest.mark.parametrize("size", sorted(GENERATOR_WIDTHS))
def test_generator_and_discriminator_fit_each_size(size):
    generator, discriminator = GeneratorNetwork(size), Discriminator(size, WIDTHS[1:])
    z, code, grain = (
        torch.randn(2, LATENT),
        torch.randn(2, CODE),
        torch.randn(2, generator.grain_size),
    )
    x = generator(z, code, grain)
    assert x.shape == (2, 3, size, size)
    scores, pooled = discriminator(x, ImageEncoder().eval()(x)[0])
    assert discriminator.conditional_scores(pooled, code).shape == scores.shape
    x.sum().backward()
    assert not [name for name, p in generator.named_parameters() if p.grad is None]


def test_discriminator_scores_depend_on_the_prompt():
    discriminator, encoder = Discriminator(64, WIDTHS[1:]), ImageEncoder().eval()
    x = torch.rand(2, 3, 64, 64)
    _, pooled = discriminator(x, encoder(x)[0])
    one = discriminator.conditional_scores(pooled, torch.randn(2, CODE))
    other = discriminator.conditional_scores(pooled, torch.zeros(2, CODE))
    assert (one - other).abs()[:, 64:].min() > 0 and (one[:, :64] == 0).all()


def test_text_codes_depend_on_word_order_and_not_on_padding():
    encoder = TextEncoder(9).eval()
    words = torch.zeros(3, MAX_WORDS, dtype=torch.long)
    words[:, 0] = 1
    words[0, 1:5] = torch.tensor([2, 3, 4, 5])
    words[1, 1:5] = torch.tensor([4, 3, 2, 5])
    codes = encoder(words)
    assert (codes[0] - codes[1]).abs().max() > 1e-3
    assert torch.allclose(codes[2], encoder(words[2:])[0], atol=1e-5)
    assert codes.mean(1).abs().max() < 1e-4 and (codes.std(1) - 1).abs().max() < 0.1


def test_the_inference_model_mixes_codes_by_their_shares():
    model = InferenceModel(TextEncoder(9), GeneratorNetwork(64)).eval()
    z, words, _, code, turn, grain = model.random_inputs()
    none = torch.zeros_like(code)
    image, codes = model(z, words, torch.tensor([[0.3, 0.7]]), none, turn, grain)
    mixed = 0.3 * codes[:1] + 0.7 * codes[1:]
    again, _ = model(z, words, torch.zeros(1, 2), mixed, turn, grain)
    assert (image.int() - again.int()).abs().max() <= 1
    assert image.shape == (1, 64, 64, 3) and image.dtype == torch.uint8
