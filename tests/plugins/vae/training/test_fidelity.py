"""Copies by an autoencoder, a VAE and JPEG are compared."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch")

from capriccio_vae.training import fidelity as module  # noqa: E402


def test_a_jpeg_is_as_large_as_it_may_be():
    y, x = np.mgrid[:256, :256]
    image = np.stack([x, y, (x * y) % 256], 2).astype(np.uint8)
    small, few = module.jpeg(image, 9_000)
    large, many = module.jpeg(image, 30_000)
    assert few <= 9_000 < many <= 30_000
    assert np.abs(large.astype(float) - image).mean() < np.abs(small.astype(float) - image).mean()


def test_latents_are_rounded_to_bytes():
    rounded, size = module.bytes_of(np.array([[[0.01, 1.0, -20.0]]], np.float32))
    assert size == 3
    assert rounded.tolist() == [[[0.0, 1.0, pytest.approx(-128 / module.LEVELS)]]]


def test_every_way_to_copy_has_its_figures(squares):
    result = CliRunner().invoke(module.main, [str(squares), "--count", "2"])
    found = json.loads(result.stdout)
    assert list(found) == ["painterly", "vae", "jpeg"]
    for figures in found.values():
        assert list(figures) == ["mse", "features", "sharpness", "bytes"]
        assert 0 < figures["mse"] < 1
    assert found["jpeg"]["bytes"] <= found["painterly"]["bytes"] == 8192
