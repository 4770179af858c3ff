"""Compare copies of pictures: `python -m capriccio_vae.training.fidelity FOLDER…`.

Validation pictures are copied by the autoencoder `painterly`, by a VAE and by JPEG with as many
bits as the latents of the autoencoder have, rounded to bytes.
"""

import io
import json
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from capriccio import generator
from capriccio.training import sharpness
from PIL import Image

from .crops import Crops
from .perceptual import PerceptualLoss

SIDE = 256
LEVELS = 24.0  # of a latent to a deviation: a byte reaches five deviations to either side


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--vae", default="paintings", show_default=True, help="Name or FILE.onnx of a VAE.")
@click.option("--count", default=100, show_default=True, help="Pictures.")
def main(folders: tuple[Path, ...], vae: str, count: int) -> None:
    """Print how far copies are from the middles of validation pictures of 256 pixels, as JSON."""
    click.echo(json.dumps(compare(list(folders), vae, count), indent=2))


def compare(folders: list[Path], vae: str, count: int) -> dict[str, dict[str, float]]:
    """Return for each way to copy: error, distance of features, sharpness and bytes a picture."""
    x = Crops(folders).validation(count, SIDE)  # (count, 3, 256, 256)
    images = (x * 255).round().byte().permute(0, 2, 3, 1).numpy()  # (count, 256, 256, 3)
    painterly: Any = generator("vae", model="painterly")
    blurred: Any = generator("vae", model=vae)
    perceptual = PerceptualLoss()
    copies: dict[str, list[np.ndarray]] = {"painterly": [], "vae": [], "jpeg": []}
    sizes: dict[str, list[int]] = {name: [] for name in copies}
    for image in images:
        rounded, size = bytes_of(painterly.encode(image))
        copies["painterly"].append(painterly.decode(rounded))
        copies["vae"].append(enlarged(blurred.decode(blurred.encode(image))))
        copy, jpeg_size = jpeg(image, size)
        copies["jpeg"].append(copy)
        for name, one in (("painterly", size), ("vae", blurred.latent), ("jpeg", jpeg_size)):
            sizes[name].append(one)
    found = {}
    for name, made in copies.items():
        y = torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2).float() / 255
        with torch.no_grad():
            pairs = zip(x.split(8), y.split(8), strict=True)
            features = np.mean([perceptual(one, other).item() for one, other in pairs])
        found[name] = {
            "mse": round((x - y).square().mean().item(), 5),
            "features": round(float(features), 3),
            "sharpness": round(sharpness(np.stack(made)) / sharpness(images), 3),
            "bytes": round(float(np.mean(sizes[name]))),
        }
    return found


def bytes_of(z: np.ndarray) -> tuple[np.ndarray, int]:
    """Return latents as a byte each would hold them, and how many bytes that is."""
    levels = np.clip(np.round(z * LEVELS), -128, 127)
    return (levels / LEVELS).astype(np.float32), z.size


def jpeg(image: np.ndarray, size: int) -> tuple[np.ndarray, int]:
    """Return the best JPEG copy of at most `size` bytes, and its bytes."""
    low, high, best = 1, 95, b""
    while low <= high:
        quality = (low + high) // 2
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=quality, optimize=True)
        if file.tell() <= size or not best:
            best = file.getvalue()
        low, high = (quality + 1, high) if file.tell() <= size else (low, quality - 1)
    return np.asarray(Image.open(io.BytesIO(best))), len(best)


def enlarged(image: np.ndarray) -> np.ndarray:
    """Return an image at 256 pixels a side."""
    return np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


if __name__ == "__main__":
    main(prog_name="python -m capriccio_vae.training.fidelity")
