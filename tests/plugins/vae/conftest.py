"""Folders of pictures to learn from, and models that have learned nothing."""

import csv
from pathlib import Path

import numpy as np
import pytest
from capriccio import write_image
from PIL import Image, ImageDraw

STYLES = ["baroque", "impressionism", "ink", "mosaic"]


@pytest.fixture(scope="session")
def untrained(tmp_path_factory) -> Path:
    """A model of the styles STYLES, with an encoder, that has learned nothing."""
    torch = pytest.importorskip("torch")
    from capriccio_vae.training.dataset import SIZE
    from capriccio_vae.training.export import export_models
    from capriccio_vae.training.networks import VAENetwork
    from capriccio_vae.training.spaces import PixelSpace

    torch.manual_seed(0)
    net, pictures = VAENetwork(len(STYLES)), torch.randint(0, 256, (60, SIZE, SIZE, 3))
    with torch.no_grad():
        for block in (*net.decoder.blocks, net.decoder.planned):  # a new one does nothing
            torch.nn.init.normal_(block.two.weight, std=0.05)
        for layer, factor in ((net.decoder.style, 10), (net.encoder.idea, 30),
                              (net.encoder.touch, 30), (net.decoder.last, 3)):  # fmt: skip
            layer.weight *= factor
    labels, out = torch.arange(60) % len(STYLES), tmp_path_factory.mktemp("vae") / "mine.onnx"
    kept = pictures.byte()
    export_models(
        net.eval(), PixelSpace(), kept.numpy(), kept, labels, STYLES, out, card={"data": "noise"}
    )
    return out


@pytest.fixture(scope="session")
def unlearned(tmp_path_factory) -> Path:
    """An autoencoder that has learned nothing: `painterly.onnx`, its encoder beside it."""
    torch = pytest.importorskip("torch")
    from capriccio_vae.training.autoencoder import Autoencoder
    from capriccio_vae.training.train_autoencoder import export_autoencoder

    torch.manual_seed(0)
    out = tmp_path_factory.mktemp("autoencoder") / "painterly.onnx"
    statistics = torch.zeros(8), torch.ones(8)
    export_autoencoder(Autoencoder().eval(), *statistics, out, card={"data": "noise"})
    return out


@pytest.fixture
def sheets(tmp_path) -> Path:
    """Sixty discs, red ones and blue ones, on paper with the dark border of a scan."""
    random = np.random.default_rng(0)
    for index in range(60):
        style = ("red", "blue")[index % 2]
        picture = Image.new("RGB", (90, 130), (20, 20, 20))
        pen = ImageDraw.Draw(picture)
        pen.rectangle((4, 4, 85, 125), fill=(245, 238, 215))
        x, y, r = random.integers(30, 60), random.integers(40, 90), random.integers(10, 25)
        pen.circle((x, y), r, fill=(200, 30, 30) if style == "red" else (30, 30, 200))
        (tmp_path / "discs" / style).mkdir(parents=True, exist_ok=True)
        picture.save(tmp_path / "discs" / style / f"{index}.png")
    return tmp_path / "discs"


@pytest.fixture
def noise(tmp_path) -> Path:
    """Sixty pictures of noise in two movements, a sixth to check and a sixth to test."""
    random, rows = np.random.default_rng(0), [("path", "split")]
    for number in range(60):
        name = f"{('baroque', 'impressionism')[number % 2]}/{number}.png"
        (tmp_path / "pictures" / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (32, 32, 3), np.uint8)
        write_image(pixels, tmp_path / "pictures" / name)
        rows.append((name, ("val", "test", "train", "train", "train", "train")[number // 2 % 6]))
    with open(tmp_path / "pictures" / "labels.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return tmp_path / "pictures"
