"""Train the critic's taste: a picture is better than its spoiled copy, and that is all it knows.

The trunk stays as it is; a small head reads what it tells (means and spreads of every stage, and
the embedding) and gives a score. Of a picture and a copy of it the picture is to score higher
(Bradley and Terry 1952, as RankNet has it), so nothing is learned of subjects or styles as such.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..degrade import WAYS, degrade
from ..net.train import Critic
from ..seeing import SIDE, squeeze

LEARNED, CHECKED = 800, 250  # pictures; with five copies each, a minute on one core
STEPS, PAIRS = 1_500, 128


class Taste(nn.Module):
    """Score a picture by what occurs in it, (batch, 1504) to (batch,)."""

    def __init__(self, mean, spread):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("spread", spread)
        self.one = nn.Linear(len(mean), 48)
        self.two = nn.Linear(48, 1)

    def forward(self, features):
        h = ((features - self.mean) / self.spread).clamp(-6, 6)  # (batch, 1504)
        h = F.relu(self.one(F.dropout(h, 0.3, self.training)))  # (batch, 48)
        return self.two(h)[:, 0]  # (batch,)


@torch.no_grad()
def features_of(net: Critic, squares: np.ndarray) -> torch.Tensor:
    """Give what the trunk tells of pictures, and their embedding: (pictures, 1248 + 256)."""
    parts = []
    for at in range(0, len(squares), 64):
        x = torch.from_numpy(squares[at : at + 64]).permute(0, 3, 1, 2).float() / 255
        _, told, seen = net.see(x.contiguous(memory_format=torch.channels_last))
        parts.append(torch.cat([told, seen.mean((2, 3))], 1))  # (batch, 1504)
    return torch.cat(parts)


def copies(files: list[Path], seed: int) -> np.ndarray:
    """Read pictures, each followed by its spoiled copies: (pictures, 6, 128, 128, 3) uint8."""
    from PIL import Image

    random, rows = np.random.default_rng(seed), []
    for file in files:
        with Image.open(file) as opened:
            picture = opened.convert("RGB")
        spoiled = [picture, *(degrade(picture, way, random) for way in WAYS)]
        rows.append(np.stack([squeeze(np.asarray(one)) for one in spoiled]))
    return np.stack(rows)


def learn_taste(
    net: Critic, learn: list[Path], check: list[Path], *, seed: int, steps: int = STEPS
):
    """Learn to prefer pictures to their copies; give the head and the scores of those checked.

    The scores are (pictures, 6): of the picture itself, then of its copies in the order of WAYS.
    """
    random = np.random.default_rng(seed)
    learn = [learn[i] for i in random.permutation(len(learn))[:LEARNED]]
    check = [check[i] for i in random.permutation(len(check))[:CHECKED]]
    net = net.eval()

    def told(files, seed):
        squares = copies(files, seed).reshape(-1, SIDE, SIDE, 3)
        return features_of(net, squares).view(len(files), 1 + len(WAYS), -1)

    mine, theirs = told(learn, seed), told(check, seed + 1)  # (pictures, 6, 1504)
    torch.manual_seed(seed)
    flat = mine.flatten(0, 1)  # (pictures * 6, 1504)
    taste = Taste(flat.mean(0), flat.std(0) + 1e-3)
    optimizer = torch.optim.AdamW(taste.parameters(), lr=1e-3, weight_decay=0.1)
    taste.train()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * (1 - step / steps)
        rows = torch.randint(len(mine), (PAIRS,))  # (pairs,)
        ways = torch.randint(1, 1 + len(WAYS), (PAIRS,))  # (pairs,)
        gap = taste(mine[rows, 0]) - taste(mine[rows, ways])  # (pairs,)
        loss = F.softplus(-gap).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    taste.eval()
    with torch.no_grad():
        scores = taste(theirs.flatten(0, 1)).view(len(check), -1)  # (pictures, 6)
    return taste, scores.numpy()
