"""Compare many generated pictures with many real ones by the moments of their features.

A discriminator scores one picture at a time and cannot measure what all of them lack. Mean and
covariance of features can: between two distributions with these moments the optimal transport is
a matrix, and its mean cost is the Fréchet distance (arXiv 1706.08500). So lowering the transport
cost of each generated picture lowers the distance.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

RATE = 0.01  # a batch's share of the moments: about the last 100 batches count
TRANSPORT_INTERVAL = 8  # batches after which the transport is computed anew
MAX_SHIFT = 4  # pixels


class FeatureMoments(nn.Module):
    """Running mean and covariance of features, and the transport to those of real pictures."""

    batches: torch.Tensor
    mean: torch.Tensor
    square: torch.Tensor
    way: torch.Tensor

    def __init__(self, width: int):
        super().__init__()
        # Named as in the checkpoints that exist.
        self.register_buffer("batches", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("square", torch.zeros(width, width))  # the mean of f fT
        self.register_buffer("way", torch.eye(width))  # the transport

    @torch.no_grad()
    def update(self, features: torch.Tensor) -> None:
        """Include the features of another batch, (batch, width)."""
        self.batches += 1
        share = max(RATE, 1 / self.batches.item())
        self.mean.lerp_(features.mean(0), share)
        self.square.lerp_(features.T @ features / len(features), share)

    def covariance(self) -> torch.Tensor:
        """Return the covariance, (width, width), regularized so that it can be inverted."""
        covariance = self.square - torch.outer(self.mean, self.mean)  # (width, width)
        least = 1e-3 * covariance.diagonal().mean().clamp_min(1e-6)  # ()
        return covariance + least * torch.eye(len(covariance), device=covariance.device)

    def transport_cost(self, features: torch.Tensor, real: "FeatureMoments") -> torch.Tensor:
        """Return how far features, (batch, width), are from where the transport moves them, ().

        The cost is relative to the variance of real pictures, so that features of any scale count
        alike.
        """
        with torch.no_grad():
            wanted = real.covariance()  # (width, width)
            if self.batches.item() % TRANSPORT_INTERVAL == 1:
                values, basis = torch.linalg.eigh(self.covariance())  # (width,), (width, width)
                values = values.clamp_min(1e-9)
                root, inverse = (basis * values**power @ basis.T for power in (0.5, -0.5))
                values, basis = torch.linalg.eigh(root @ wanted @ root)
                way = inverse @ (basis * values.clamp_min(0) ** 0.5 @ basis.T) @ inverse
                self.way.copy_(way)  # (width, width), symmetric
            target = real.mean + (features - self.mean) @ self.way  # (batch, width)
        return (features - target).square().sum(1).mean() / wanted.diagonal().sum()


def mean_transport_cost(
    levels: Sequence[torch.Tensor],
    generated: Iterable[Any],
    real: Sequence[FeatureMoments],
) -> torch.Tensor:
    """Return the mean transport cost, (), of a batch; the batch updates `generated`.

    Args:
        levels: features of the batch, (batch, width) each.
        generated: moments of generated pictures, one for each level.
        real: moments of real pictures, one for each level.
    """
    costs = []
    for features, ours, theirs in zip(levels, generated, real, strict=True):
        ours.update(features.detach())
        costs.append(ours.transport_cost(features, theirs))
    return torch.stack(costs).mean()


def random_shift(x: torch.Tensor) -> torch.Tensor:
    """Return pictures, (batch, 3, size, size), all shifted alike by up to MAX_SHIFT pixels.

    Strided convolutions favour patterns on their own grid, and the generator would learn these.
    """
    size = x.shape[3]
    x = F.pad(x, (MAX_SHIFT, MAX_SHIFT, MAX_SHIFT, MAX_SHIFT), mode="replicate")
    down, right = torch.randint(2 * MAX_SHIFT + 1, (2,)).tolist()
    return x[:, :, down : down + size, right : right + size]  # (batch, 3, size, size)


def similarity(ones: torch.Tensor, others: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Return how similar pairs of pictures, (pairs, 3, size, size), are: 0..1, the mean of all.

    Pictures are compared small and without their mean colour, so that the subject counts and not
    the paper. Half the mean distance between `real` pictures gives 0.
    """
    ones, others, real = (F.adaptive_avg_pool2d(part, 16) for part in (ones, others, real))
    ones, others, real = (part - part.mean((2, 3), keepdim=True) for part in (ones, others, real))
    far = (real - real.roll(1, 0)).abs().mean().clamp_min(1e-4) / 2  # ()
    return (1 - (ones - others).abs().mean((1, 2, 3)) / far).clip(min=0).mean()  # ()
