"""The encoder learns from pictures alone."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from capriccio_draw.latents import PIXELS  # noqa: E402
from capriccio_draw.training import pictures  # noqa: E402
from capriccio_draw.training.network import PictureEncoder  # noqa: E402
from capriccio_draw.training.pictures import learn_pictures, pictures_of  # noqa: E402

ACROSS = [np.array([[0.0, 0.0], [4.0, 0.0]])]
DOWN = [np.array([[0.0, 0.0], [0.0, 4.0]])]


def test_at_most_so_many_pictures_are_made(monkeypatch):
    monkeypatch.setattr(pictures, "MOST_PICTURES", 3)
    made = pictures_of([ACROSS, DOWN] * 4, np.random.default_rng(0))
    assert made.shape == (3, 1, PIXELS, PIXELS) and made.dtype == torch.float32


def test_an_encoder_tells_one_picture_from_another():
    torch.manual_seed(0)
    encoder = PictureEncoder(2)
    some = pictures_of([ACROSS, DOWN], np.random.default_rng(0))
    before = learn_pictures(encoder, some, steps=1)
    assert learn_pictures(encoder, some, steps=40) < 0.5 * before
    with torch.no_grad():
        mean, log_sigma = encoder(some)
    assert (mean[0] - mean[1]).norm() > 2 * log_sigma.exp().max()
