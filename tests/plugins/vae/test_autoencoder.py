"""Pictures of any size are encoded and decoded, and take on the statistics of others."""

import numpy as np
import pytest
from capriccio import ModelError
from capriccio_vae.autoencoder import Autoencoder, restyle, split_bands, statistics_of


@pytest.fixture(scope="module")
def autoencoder(unlearned):
    return Autoencoder(unlearned)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (48, 120), (33, 47)])
def test_a_picture_of_any_size_becomes_latents_and_a_picture_again(autoencoder, height, width):
    image = np.random.default_rng(0).integers(256, size=(height, width, 3), dtype=np.uint8)
    z = autoencoder.encode(image)
    assert z.shape == (8, height // 8, width // 8) and z.dtype == np.float32
    made = autoencoder.decode(z)
    assert made.shape == (height // 8 * 8, width // 8 * 8, 3) and made.dtype == np.uint8


@pytest.mark.parametrize("size", [(8, 64), (64, 4096)])
def test_a_picture_too_small_or_too_large_is_an_error(autoencoder, size):
    with pytest.raises(ValueError, match="must have sides of 16 to 2048 pixels, got"):
        autoencoder.encode(np.zeros((*size, 3), np.uint8))


def test_a_decoder_without_an_encoder_beside_it_only_decodes(unlearned, tmp_path):
    alone = tmp_path / "alone.onnx"
    alone.write_bytes(unlearned.read_bytes())
    with pytest.raises(ModelError, match=r"has no encoder 'alone-encoder\.onnx' beside it"):
        Autoencoder(alone).encode(np.zeros((32, 32, 3), np.uint8))


def test_the_bands_of_latents_add_up_to_them_without_their_mean():
    z = np.random.default_rng(0).standard_normal((8, 12, 9)).astype(np.float32)
    coarse, fine = split_bands(z)
    assert np.allclose(coarse + fine + z.mean((1, 2), keepdims=True), z, atol=1e-5)
    assert coarse.std() < fine.std()  # of noise


def test_latents_take_on_the_statistics_of_others_and_keep_their_masses():
    random = np.random.default_rng(0)
    ramp = np.linspace(-1, 1, 16)[None, :, None] + np.zeros((8, 16, 16))
    z = (ramp + 0.1 * random.standard_normal((8, 16, 16))).astype(np.float32)
    other = (2 + 3 * random.standard_normal((8, 16, 16))).astype(np.float32)
    moved = restyle(z, statistics_of(other), 1.0)
    assert np.allclose(moved.mean((1, 2)), other.mean((1, 2)), atol=0.15)
    assert np.allclose(moved.std((1, 2)), other.std((1, 2)), rtol=0.2)  # the bands are not apart
    assert np.corrcoef(moved.mean(0).mean(1), z.mean(0).mean(1))[0, 1] > 0.9
    assert np.array_equal(restyle(z, statistics_of(other), 0.0), z)
