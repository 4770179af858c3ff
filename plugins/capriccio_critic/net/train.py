"""The critic's network: one trunk of plain convolutions, and heads that read from the same place.

A style is known by how features occur as much as by where (Gatys et al., arXiv 1508.06576): the
mean and spread of every stage, and the co-occurrences of the last, are given to each place of the
last map. What follows is linear, so the map of a class is exact: its mean is the class's score
(class activation mapping, Zhou et al., arXiv 1512.04150).
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

WIDTHS = (24, 48, 96, 192)  # channels at 1/2, 1/4, 1/8 and 1/16 of the side
BLOCKS = (0, 1, 2, 1)  # residual blocks there: texture lives at 1/8, which has most
CODE = 256  # numbers of the embedding
PAIRS = 32  # channels whose co-occurrences are told: 528 numbers, as many as all means and spreads


def layer(here: int, there: int, size: int = 3) -> nn.Sequential:
    """Give a convolution that keeps the side, normalised over the batch."""
    conv = nn.Conv2d(here, there, size, padding=size // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(there, momentum=0.05))


class Block(nn.Module):
    """Two convolutions around a residual (He et al., arXiv 1512.03385)."""

    def __init__(self, width: int):
        super().__init__()
        self.one, self.two = layer(width, width), layer(width, width)
        nn.init.zeros_(self.two[1].weight)  # begins as the identity: learns at once

    def forward(self, x):
        h = F.relu(self.one(x))  # (batch, width, rows, rows)
        return F.relu(x + self.two(h))  # (batch, width, rows, rows)


class Trunk(nn.Module):
    """See a picture, (batch, 3, side, side) in 0..1: the last map, and what occurs how often."""

    def __init__(self):
        super().__init__()
        self.first = layer(12, WIDTHS[0])
        self.steps = nn.ModuleList(layer(a, b) for a, b in pairwise(WIDTHS))
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(width) for _ in range(count)))
            for width, count in zip(WIDTHS, BLOCKS, strict=True)
        )
        self.pairs = nn.Conv2d(WIDTHS[-1], PAIRS, 1, bias=False)
        self.register_buffer("upper", torch.triu_indices(PAIRS, PAIRS), persistent=False)

    @property
    def told(self) -> int:
        """How many numbers say what occurs how often."""
        return 2 * sum(WIDTHS) + PAIRS * (PAIRS + 1) // 2

    def forward(self, x):
        # Two by two pixels side by side instead of a stride: nothing is skipped, so nothing
        # aliases; the averages between the stages are there for the same reason.
        h = F.relu(self.first(F.pixel_unshuffle(x * 4 - 2, 2)))  # (batch, 24, side / 2, side / 2)
        told = []
        for index, stage in enumerate(self.stages):
            if index:
                h = F.relu(self.steps[index - 1](F.avg_pool2d(h, 2)))  # (batch, width, rows, rows)
            h = stage(h)  # (batch, width, rows, rows)
            mean = h.mean((2, 3))  # (batch, width)
            square = (h * h).mean((2, 3))  # (batch, width)
            told += [mean, (square - mean * mean).clamp(min=0).add(1e-5).sqrt()]
        thin = self.pairs(h).flatten(2)  # (batch, 32, places)
        gram = thin @ thin.transpose(1, 2) / thin.shape[2]  # (batch, 32, 32)
        gram = gram[:, self.upper[0], self.upper[1]]  # (batch, 528)
        # The signed root keeps one loud pair from drowning the rest (bilinear CNNs, 1504.07889).
        told.append(gram.sign() * (gram.abs() + 1e-5).sqrt())
        return h, torch.cat(told, 1)  # (batch, 192, side / 16, side / 16), (batch, 1248)


class Critic(nn.Module):
    """Name the movement and the artist of a picture, and say at which places they were seen."""

    def __init__(self, movements: int, artists: int):
        super().__init__()
        self.trunk = Trunk()
        self.places = nn.Conv2d(WIDTHS[-1], CODE, 1, bias=False)
        self.told = nn.Sequential(
            nn.BatchNorm1d(self.trunk.told, momentum=0.05),
            nn.Dropout(0.3),
            nn.Linear(self.trunk.told, CODE),
        )
        self.norm = nn.BatchNorm2d(CODE, momentum=0.05)
        self.movement = nn.Linear(CODE, movements)
        self.artist = nn.Linear(CODE, artists)

    def see(self, x):
        """Give the map that the heads read, (batch, 256, rows, rows), and what occurs how often."""
        h, told = self.trunk(x)  # (batch, 192, rows, rows), (batch, 1248)
        whole = self.told(told)[:, :, None, None]  # (batch, 256, 1, 1)
        return F.relu(self.norm(self.places(h) + whole)), told  # (batch, 256, rows, rows)

    def forward(self, x):
        code = self.see(x)[0].mean((2, 3))  # (batch, 256)
        h = F.dropout(code, 0.2, self.training)  # (batch, 256)
        return self.movement(h), self.artist(h), code  # (batch, 13), (batch, 40), (batch, 256)
