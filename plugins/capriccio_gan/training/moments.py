"""Compare many generated pictures with many real ones by the moments of their features.

A discriminator scores one picture at a time and cannot measure what all of them lack. Mean and
covariance of features can: between two distributions with these moments the optimal transport is
a matrix, and its mean cost is the Fréchet distance (arXiv 1706.08500). So lowering the transport
cost of each generated picture lowers the distance.

Near the real moments the distance is to second order a square of what the moments differ by, so a
loss can be linear in them. Unlike a transport that needs no inverse of what few pictures measure.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

RATE = 0.01  # a batch's share of the moments: about the last 100 batches count
TRANSPORT_INTERVAL = 8  # batches after which the transport is computed anew
MAX_SHIFT = 4  # pixels
FLOOR = 0.05  # of the mean variance: smaller ones are not worth their noise


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


class MatchedMoments(nn.Module):
    """Running moments of features of made pictures, about the mean of those of real ones.

    Args:
        real: features of real pictures, (pictures, width).
    """

    mean: torch.Tensor
    basis: torch.Tensor
    variances: torch.Tensor
    weights: torch.Tensor
    first: torch.Tensor
    second: torch.Tensor

    def __init__(self, real: torch.Tensor):
        super().__init__()
        variances, basis = torch.linalg.eigh(torch.cov(real.T))  # (width,), (width, width)
        variances = variances.clamp(min=0)
        pairs = 2 * (variances[:, None] + variances) + FLOOR * variances.mean()
        for name, value in {
            "mean": real.mean(0), "basis": basis, "variances": variances, "weights": 1 / pairs,
            "first": torch.zeros_like(variances), "second": variances.diag(),
        }.items():  # fmt: skip
            self.register_buffer(name, value)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return a loss, (), whose gradient leads the moments to those of real pictures.

        Args:
            features: (batch, width).
        """
        x = self.centred(features)
        wrong = self.weights * (self.second - self.variances.diag())  # (width, width)
        loss = x @ self.first.clone() + ((x @ wrong) * x).sum(1)  # (batch,)
        return 2 * loss.mean() / self.variances.sum()

    def centred(self, features: torch.Tensor) -> torch.Tensor:
        """Return features about the real mean, (pictures, width), along the real components."""
        return (features - self.mean) @ self.basis

    @torch.no_grad()
    def update(self, features: torch.Tensor, share: float, mean_share: float | None = None) -> None:
        """Include the features of more pictures.

        Args:
            features: (pictures, width).
            share: weight of these pictures in the running moments, 0..1.
            mean_share: weight in the running mean, 0..1; None for `share`.
        """
        x = self.centred(features)
        self.first.lerp_(x.mean(0), share if mean_share is None else mean_share)
        self.second.lerp_(x.T @ x / len(x), share)

    @torch.no_grad()
    def update_pairs(self, features: torch.Tensor, wanted: torch.Tensor, share: float) -> None:
        """Include how features, (pictures, width), differ from those that they should be."""
        x, y = self.centred(features), self.centred(wanted)
        self.first.lerp_(x.mean(0) - y.mean(0), share)
        self.second.lerp_(self.variances.diag() + (x.T @ x - y.T @ y) / len(x), share)


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
