"""What the network learns: pixels, or the latents of the painterly autoencoder.

In latents a picture of 256 pixels is as small as one of 32, and its finest detail is the decoder's
to paint, not the network's (arXiv 2112.10752).
"""

from pathlib import Path

import numpy as np
import torch
from capriccio.training import disk_array
from rich.progress import track
from torch import Tensor

from ..autoencoder import Autoencoder
from .autoencoder import CHANNELS
from .dataset import SIZE


class PixelSpace:
    """Pictures as pixels, (batch, 3, 128, 128) in 0..1."""

    latents, size = False, SIZE

    def encode(self, pictures: np.ndarray) -> Tensor:
        """Return pictures, (pictures, size, size, 3) uint8, as they are kept."""
        return torch.from_numpy(pictures)

    def draw(self, kept: Tensor, index: Tensor, *, mirror: bool = False) -> Tensor:
        """Return pictures that are kept, some of them mirrored: (batch, 3, 128, 128) in 0..1."""
        x = kept[index].permute(0, 3, 1, 2).float() / 255  # (batch, 3, 128, 128)
        if mirror:
            x = torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x, x.flip(3))
        return x.contiguous(memory_format=torch.channels_last)

    def images(self, x: Tensor) -> np.ndarray:
        """Return pictures as (batch, size, size, 3) uint8."""
        x = (x.clamp(0, 1) * 255 + 0.5).byte()  # (batch, 3, 128, 128)
        return x.permute(0, 2, 3, 1).cpu().numpy()


class LatentSpace:
    """Pictures as latents, (batch, 8, 32, 32) with a deviation of about 1."""

    latents, size = True, 256

    def __init__(self, autoencoder: Path):
        self.path = autoencoder
        self.autoencoder = Autoencoder(autoencoder)

    def encode(self, pictures: np.ndarray) -> Tensor:
        """Return latents of pictures and of their mirrored copies, (pictures, 2, 8, 32, 32)."""
        kept = disk_array((len(pictures), 2, CHANNELS, 32, 32), np.float16)
        for index in track(range(len(pictures)), "encoding pictures"):
            picture = pictures[index]
            for mirrored, one in enumerate((picture, picture[:, ::-1])):
                kept[index, mirrored] = self.autoencoder.encode(one)
        return torch.from_numpy(kept)

    def draw(self, kept: Tensor, index: Tensor, *, mirror: bool = False) -> Tensor:
        """Return pictures that are kept, some of them mirrored: (batch, 8, 32, 32)."""
        mirrored = torch.randint(2, index.shape) if mirror else torch.zeros_like(index)
        return kept[index, mirrored].float()  # (batch, 8, 32, 32)

    def images(self, x: Tensor) -> np.ndarray:
        """Return pictures as (batch, size, size, 3) uint8, decoded."""
        return np.stack([self.autoencoder.decode(one) for one in x.float().cpu().numpy()])
