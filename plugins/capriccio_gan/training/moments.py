"""See many pictures together: how far paintings on the whole are from real pictures, and where to.

A judge votes on one picture at a time and cannot tell what all of them lack. Mean and covariance of
features can; between two crowds of which these are known, the optimal transport is a matrix, and
its mean effort is the Fréchet distance (arXiv 1706.08500). So to lower the effort of each painting
is to lower the distance, in the features of whoever looks.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

LATELY = 0.01  # a batch's share of what is known: about the last 100 batches count
OFTEN = 8  # batches after which the transport is worked out anew
FAR = 4  # pixels


class Crowd(nn.Module):
    """What many pictures are like together: mean and covariance of features, as of late."""

    batches: torch.Tensor
    mean: torch.Tensor
    square: torch.Tensor
    way: torch.Tensor

    def __init__(self, width: int):
        super().__init__()
        self.register_buffer("batches", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("square", torch.zeros(width, width))  # the mean of f fT
        self.register_buffer("way", torch.eye(width))  # the transport

    @torch.no_grad()
    def meet(self, seen):
        """Take the features of one more batch in, (batch, width)."""
        self.batches += 1
        share = max(LATELY, 1 / self.batches.item())
        self.mean.lerp_(seen.mean(0), share)
        self.square.lerp_(seen.T @ seen / len(seen), share)

    def covariance(self):
        within = self.square - torch.outer(self.mean, self.mean)  # (width, width)
        least = 1e-3 * within.diagonal().mean().clamp_min(1e-6)
        return within + least * torch.eye(len(within), device=within.device)

    def effort(self, seen, real: "Crowd"):
        """Say how far features of this crowd, (batch, width), are from where they belong, ().

        They belong where the optimal transport takes them. The effort is a share of how much real
        pictures differ, so that features of any scale count alike.
        """
        with torch.no_grad():
            wanted = real.covariance()  # (width, width)
            if self.batches.item() % OFTEN == 1:
                values, turn = torch.linalg.eigh(self.covariance())  # (width,), (width, width)
                values = values.clamp_min(1e-9)
                root, undo = (turn * values**power @ turn.T for power in (0.5, -0.5))
                values, turn = torch.linalg.eigh(root @ wanted @ root)
                way = undo @ (turn * values.clamp_min(0) ** 0.5 @ turn.T) @ undo  # symmetric
                self.way.copy_(way)
            there = real.mean + (seen - self.mean) @ self.way  # (batch, width)
        return (seen - there).square().sum(1).mean() / wanted.diagonal().sum()


def moved(x):
    """Shift pictures, (batch, 3, size, size), by up to FAR pixels, the edge going on.

    Who looks in strides is otherwise pleased by a grid, and a grid is what is painted.
    """
    size = x.shape[3]
    x = F.pad(x, (FAR, FAR, FAR, FAR), mode="replicate")
    down, right = torch.randint(2 * FAR + 1, (2,)).tolist()
    return x[:, :, down : down + size, right : right + size]  # (batch, 3, size, size)


def effort_of(levels, made: Any, real: list[Crowd]):
    """Give the mean effort, (), of a batch of paintings from its features, (batch, width) a level.

    `made` are the crowds of paintings, one a level, and the batch joins them; `real` those of
    pictures.
    """
    efforts = []
    for level, ours, theirs in zip(levels, made, real, strict=True):
        ours.meet(level.detach())
        efforts.append(ours.effort(level, theirs))
    return torch.stack(efforts).mean()


def likeness(ones, others, real):
    """Say how much pairs of pictures, (pairs, 3, size, size), lack of being apart, 0..1.

    They are seen small and without their paper's tone, so that it is what is painted that counts;
    half the mean distance between `real` pictures is far enough.
    """
    ones, others, real = (F.adaptive_avg_pool2d(part, 16) for part in (ones, others, real))
    ones, others, real = (part - part.mean((2, 3), keepdim=True) for part in (ones, others, real))
    far = (real - real.roll(1, 0)).abs().mean().clamp_min(1e-4) / 2  # ()
    return (1 - (ones - others).abs().mean((1, 2, 3)) / far).clip(min=0).mean()
