"""Losses and measures of the training."""

import torch
import torch.nn.functional as F
from torch import Tensor


def laplacian_pyramid(x: Tensor) -> list[Tensor]:
    """Split images into three octaves of detail and the rest."""
    levels = []
    for _ in range(3):
        small = F.avg_pool2d(x, 2)  # (batch, 3, rows / 2, rows / 2)
        levels.append(x - F.interpolate(small, scale_factor=2.0))  # (batch, 3, rows, rows)
        x = small
    return [*levels, x]


def mixtures(latents: Tensor, partners: Tensor) -> Tensor:
    """Draw points between pairs of latents, as far from the mean as the pairs are."""
    share = torch.rand(len(latents), 1, device=latents.device)  # (count, 1)
    mixed = latents * (1 - share) + partners * share  # (count, 576)
    return mixed / (share**2 + (1 - share) ** 2).sqrt()  # (count, 576)


def partners(labels: Tensor) -> Tensor:
    """Return for each image of a batch the index of another of its style, or its own, (batch,)."""
    chance = torch.rand(len(labels), len(labels), device=labels.device)  # (batch, batch)
    chance = chance * (labels[:, None] == labels[None]) * (1 - torch.eye(len(labels)).to(chance))
    found = chance.max(1)  # (batch,) twice
    own = torch.arange(len(labels), device=labels.device)  # (batch,)
    return torch.where(found.values > 0, found.indices, own)


def patch_distance(real: Tensor, generated: Tensor, directions: int = 32) -> float:
    """Return the sliced Wasserstein distance of 7 x 7 patches in four octaves, times 1,000.

    Blurred images lack fine detail and so lie far from real ones (Karras et al., arXiv 1710.10196).
    """
    total = 0.0
    octaves = zip(laplacian_pyramid(real), laplacian_pyramid(generated), strict=True)
    for levels in octaves:
        if levels[0].shape[3] < 7:  # the last octave of latents
            continue
        patches = []
        for level in levels:
            found = F.unfold(level, 7, stride=9).transpose(1, 2).flatten(0, 1)  # (patches, 147)
            patches.append(found)
        numbers = 49 * real.shape[1]
        axes = torch.randn(numbers, directions, device=real.device)  # (147, 32)
        axes = F.normalize(axes, dim=0)  # (147, 32)
        projected = [(found @ axes).sort(0).values for found in patches]  # twice (patches, 32)
        total += (projected[0] - projected[1]).abs().mean().item()
    return total * 1000 / 4
