"""A folder of pictures and a model that was trained on it for a moment."""

import pytest
from capriccio_gan.generator import GAN
from helpers.sheets import disc_folder
from helpers.torch_threads import one_thread


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return disc_folder(tmp_path_factory.mktemp("discs"))


@pytest.fixture(scope="session")
def model(folder, tmp_path_factory):
    """A model trained on a dozen batches of discs."""
    from capriccio_gan.training import main

    out = tmp_path_factory.mktemp("model") / "mine.onnx"
    with one_thread(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(main, "CALIBRATION_PICTURES", 2)  # directions have a test of their own
        main.train(folder, out, steps=12, reading=12, size=64, batch=8)
    return out


@pytest.fixture
def part(model):
    return GAN(model=model, seed=7)
