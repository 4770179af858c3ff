"""What is measured on the training pictures, and the cards of the exported models."""

import numpy as np
import pytest

pytest.importorskip("torch")

from capriccio import Model
from capriccio_vae.generator import encoder_path
from capriccio_vae.training.export import representative


def test_a_walk_passes_faithful_pictures_that_are_typical():
    random = np.random.default_rng(0)
    errors, typicality = random.random(200), random.random(200)
    found = representative(errors, typicality)
    half = errors <= np.sort(errors)[99]
    assert len(found) == 25 and half[found].all()
    assert typicality[found].min() > np.delete(typicality, found)[np.delete(half, found)].max()
    few = representative(errors[:20], typicality[:20])
    assert sorted(few) == sorted(np.argsort(errors[:20])[:10])


def test_decoder_and_encoder_have_the_same_card(untrained):
    one, other = (Model(path).card for path in (untrained, encoder_path(untrained)))
    assert one["data"] == other["data"] == "noise"
    assert one["styles"] == other["styles"] == ["baroque", "impressionism", "ink", "mosaic"]
