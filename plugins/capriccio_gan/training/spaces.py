"""What generator and discriminator play with: pixels, or the latents of an autoencoder.

A picture of 256 pixels is 32 by 32 latents to the autoencoder of the part `vae` (latent generators
as in arXiv 2112.10752), so a generator of latents costs as little as one of 32 pixels. Networks
that read pictures, the image encoders among them, see a preview of 64 pixels, which a small network
has learned to draw from latents; so words, losses and figures are the same in both spaces.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from capriccio import generator
from capriccio.training import disk_array, mixed_precision
from rich.progress import track
from torch import Tensor, nn

from .networks import (
    LATENT_CHANNELS,
    LATENT_ROWS,
    PAPER,
    Discriminator,
    GeneratorNetwork,
    LatentDiscriminator,
    LatentGenerator,
)

PREVIEW = 64  # pixels of a preview's side
PREVIEW_STEPS, PREVIEW_BATCH = 1_500, 32


class PixelSpace:
    """Pictures as pixels, (batch, 3, size, size) in 0..1."""

    gamma, step = 0.02, 0.03  # of the gradient penalty: its weight, and its finite difference

    def __init__(self, size: int):
        self.size = size

    def networks(self, features: tuple[int, ...]) -> tuple[GeneratorNetwork, Discriminator]:
        """Return a new generator and a discriminator that reads feature maps of these widths."""
        return GeneratorNetwork(self.size), Discriminator(self.size, features)

    def encode(self, images: np.ndarray) -> Tensor:
        """Return images, (pictures, size, size, 3) uint8, as they are kept."""
        return torch.from_numpy(images)

    def draw(self, kept: Tensor, index: Tensor, device: str) -> Tensor:
        """Return some of the pictures that are kept, (batch, 3, size, size)."""
        x = kept[index.to(kept.device)].to(device)  # (batch, size, size, 3)
        x = x.permute(0, 3, 1, 2).float() / 255  # (batch, 3, size, size)
        return x.contiguous(memory_format=torch.channels_last)

    def augment(self, x: Tensor, random: Tensor) -> Tensor:
        """Return pictures mirrored, recoloured, shifted and partly covered; differentiable.

        Args:
            x: (batch, 3, size, size).
            random: (batch, 8) in 0..1; the same numbers give the same augmentation, so that a
                picture and its copy for the gradient penalty are treated alike.
        """
        x = torch.where(random[:, 0].view(-1, 1, 1, 1) < 0.5, x, x.flip(3))  # (batch, 3, …)
        light = 0.3 * (random[:, 1].view(-1, 1, 1, 1) - 0.5)  # (batch, 1, 1, 1)
        contrast = 1 + 0.8 * (random[:, 2].view(-1, 1, 1, 1) - 0.5)  # (batch, 1, 1, 1)
        grey = x.mean(1, keepdim=True)  # (batch, 1, size, size)
        return shift_and_cover((x - grey) * contrast + grey + light, random, PAPER)

    def preview(self, x: Tensor) -> Tensor:
        """Return what image encoders read, (batch, 3, rows, rows) in 0..1."""
        return x

    def images(self, x: Tensor) -> np.ndarray:
        """Return pictures as (batch, size, size, 3) uint8, as good as they are shown."""
        return to_bytes(x)


class LatentSpace:
    """Pictures as latents of the part `vae`, (batch, 8, 32, 32) with a deviation of about 1."""

    gamma, step = 0.5, 0.15  # as for pixels, whose deviation is about a fifth
    size = 8 * LATENT_ROWS

    def __init__(self, model: str | Path = "painterly", device: str = "cpu"):
        self.part: Any = generator("vae", model=str(model))
        self.decoder_path: Path = self.part.model_path(model)
        self.device = device
        self.net = PreviewNetwork().to(device)

    def networks(self, features: tuple[int, ...]) -> tuple[LatentGenerator, LatentDiscriminator]:
        """Return a new generator and a discriminator that reads feature maps of these widths."""
        return LatentGenerator(), LatentDiscriminator(features)

    def encode(self, images: np.ndarray) -> Tensor:
        """Return images and their mirrored copies as latents, (2, pictures, 8, 32, 32) float16."""
        kept = disk_array((2, len(images), LATENT_CHANNELS, LATENT_ROWS, LATENT_ROWS), np.float16)
        for index in track(range(len(images)), "encoding pictures"):
            image = images[index]
            for mirrored, one in enumerate((image, image[:, ::-1])):
                kept[mirrored, index] = self.part.encode(np.ascontiguousarray(one))
        return torch.from_numpy(kept)

    def draw(self, kept: Tensor, index: Tensor, device: str) -> Tensor:
        """Return some of the pictures that are kept, each mirrored or not."""
        mirrored = torch.randint(2, index.shape)  # (batch,)
        return kept[mirrored, index].to(device).float()  # (batch, 8, 32, 32)

    def augment(self, x: Tensor, random: Tensor) -> Tensor:
        """Return latents shifted and partly covered with nothing; differentiable."""
        return shift_and_cover(x, random, 0.0)

    def preview(self, x: Tensor) -> Tensor:
        """Return what image encoders read, (batch, 3, 64, 64) in 0..1."""
        return self.net(x)

    def images(self, x: Tensor) -> np.ndarray:
        """Return pictures as (batch, 256, 256, 3) uint8, decoded."""
        return np.stack([self.part.decode(one) for one in x.float().cpu().numpy()])

    def learn_preview(
        self, images: np.ndarray, kept: Tensor, *, steps: int = PREVIEW_STEPS
    ) -> float:
        """Train the preview on images and their latents; return its mean squared error."""
        optimizer = torch.optim.AdamW(self.net.parameters(), 2e-3, weight_decay=1e-4)
        decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        small = disk_array((len(images), PREVIEW, PREVIEW, 3), np.uint8)
        for place, image in zip(small, images, strict=True):
            place[:] = _halved(image, images.shape[1] // PREVIEW)
        error = 0.0
        for step in range(steps):
            index = torch.from_numpy(
                np.random.default_rng([step, 7]).integers(len(images), size=PREVIEW_BATCH)
            )  # (batch,)
            wanted = to_pictures(small[index.numpy()], self.device)  # (batch, 3, 64, 64)
            with mixed_precision(self.device):
                drawn = self.net(kept[0, index].to(self.device).float())  # (batch, 3, 64, 64)
            loss = F.mse_loss(drawn, wanted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            decay.step()
            error = loss.item() if not step else 0.98 * error + 0.02 * loss.item()
        self.net.eval().requires_grad_(False)
        return error


class PreviewNetwork(nn.Module):
    """Draw latents, (batch, 8, 32, 32), small: (batch, 3, 64, 64) in about 0..1."""

    def __init__(self, width: int = 48):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(LATENT_CHANNELS, width, 3, padding=1), nn.LeakyReLU(0.2),
            nn.Conv2d(width, width, 3, padding=1), nn.LeakyReLU(0.2),
            nn.Conv2d(width, 12, 3, padding=1), nn.PixelShuffle(2),
        )  # fmt: skip

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z).float() + 0.5  # (batch, 3, 64, 64)


def shift_and_cover(x: Tensor, random: Tensor, cover: float) -> Tensor:
    """Return pictures shifted by up to an eighth, some with a square of two fifths covered.

    Args:
        x: (batch, channels, rows, rows).
        random: (batch, 8) in 0..1, of which the last five are used.
        cover: the value of the square.
    """
    size = x.shape[3]
    farthest = size // 8
    places = torch.arange(size, device=x.device)  # (size,)
    # The values at the edge are repeated.
    ys, xs = (
        (places + ((2 * random[:, at] - 1) * farthest).round().long()[:, None]).clamp(0, size - 1)
        for at in (3, 4)
    )  # (batch, size) each
    channels = x.shape[1]
    x = x.gather(2, ys[:, None, :, None].expand(-1, channels, -1, size))  # (batch, channels, …)
    x = x.gather(3, xs[:, None, None, :].expand(-1, channels, size, -1))  # (batch, channels, …)
    half = size // 5
    inside = [
        (places - (random[:, at] * size).long()[:, None]).abs() < half for at in (5, 6)
    ]  # (batch, size) each
    hole = (inside[0][:, :, None] & inside[1][:, None, :])[:, None]  # (batch, 1, size, size)
    return torch.where(hole & (random[:, 7].view(-1, 1, 1, 1) < 0.5), cover, x)


def to_pictures(images: np.ndarray, device: str) -> Tensor:
    """Return images, (batch, rows, columns, 3) uint8, as (batch, 3, rows, columns) in 0..1."""
    x = torch.from_numpy(np.ascontiguousarray(images)).to(device)
    return x.permute(0, 3, 1, 2).float() / 255


def to_bytes(x: Tensor) -> np.ndarray:
    """Return pictures, (batch, 3, rows, rows) in 0..1, as (batch, rows, rows, 3) uint8."""
    return (x.clamp(0, 1) * 255 + 0.5).byte().permute(0, 2, 3, 1).cpu().numpy()


def _halved(image: np.ndarray, by: int) -> np.ndarray:
    """Return an image, (size, size, 3) uint8, scaled down by the mean of squares of `by` pixels."""
    size = image.shape[0] // by
    blocks = image.reshape(size, by, size, by, 3).astype(np.float32)
    return (blocks.mean(axis=(1, 3)) + 0.5).astype(np.uint8)
