"""Features of pictures by several image encoders, in which made ones are to be as real ones are."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from capriccio.training import frechet, mixed_precision
from torch import Tensor

from .moments import random_shift
from .text_image import jitter

VARIED = 0.5  # share of the batches of which each picture is moved and lit differently


class ImageFeatures:
    """Image encoders, and the maps of all of them, one after another.

    What one encoder does not see, or sees only where pictures lie on its grid, a decoder learns to
    get wrong. So there are several, and what they read is moved.

    Args:
        encoders: none of which measures how good pictures are.
        device: where they compute.
    """

    def __init__(self, encoders: list[Any], device: str = "cpu"):
        self.encoders, self.device = encoders, device
        self.counts = [len(encoder.down) for encoder in encoders]  # of maps
        self.last = np.cumsum(self.counts) - 1  # which of the maps are the last of their encoder

    def shares(self, last: float) -> Tensor:
        """Return how much each map counts, (maps,), of 1: the last of an encoder `last` times."""
        shares = torch.cat([torch.tensor([1.0] * (count - 1) + [last]) for count in self.counts])
        return (shares / shares.sum()).to(self.device)

    def maps(self, x: Tensor, groups: int = 1) -> list[Tensor]:
        """Return the maps, (batch, width, rows, columns) each.

        Args:
            x: pictures, (batch, 3, rows, rows) in 0..1.
            groups: of pictures, one after another, which are moved alike.
        """
        x = jitter(x, groups) if torch.rand(()) < VARIED else random_shift(x)
        x = x.contiguous(memory_format=torch.channels_last)
        with mixed_precision(self.device):
            return [one for encoder in self.encoders for one in encoder(x)[0]]

    def pooled(self, x: Tensor) -> list[Tensor]:
        """Return the means of the maps of pictures, (batch, width) each."""
        return [one.float().mean((2, 3)) for one in self.maps(x)]

    @torch.no_grad()
    def of_many(self, batches: Iterable[Tensor]) -> list[Tensor]:
        """Return the means of the maps of many pictures, (pictures, width) each."""
        found = [self.pooled(some) for some in batches]
        return [torch.cat(level) for level in zip(*found, strict=True)]

    def distance(self, real: list[Tensor], made: list[Tensor]) -> float:
        """Return Fréchet's distance of what each encoder reads last, the mean of all.

        Args:
            real: means of the maps of real pictures, (pictures, width) each.
            made: those of others.

        Returns:
            In percent of the variance of the real ones.
        """
        pairs = [(real[at].cpu().numpy(), made[at].cpu().numpy()) for at in self.last]
        return 100 * float(np.mean([frechet(x, y) / x.var(0).sum() for x, y in pairs]))
