"""Train the critic's taste: a picture is better than its spoiled copy, and that is all it knows.

The trunk stays as it is; what it tells (means and spreads of every stage, and the embedding) is
weighed and added up. Of a picture and a copy of it the picture is to score higher (Bradley and
Terry 1952), so nothing is learned of subjects or styles as such. Which weights do that best is a
convex problem, solved to its end in seconds.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..preprocess import SIDE, squeeze
from .degradations import OVERDONE, WAYS, degrade
from .network import Critic

HARMS = (*WAYS, *OVERDONE)
LIGHT = 0.4  # weight of the overdone beside the harms: enough to hold the balance
LEARNED, CHECKED = 2_400, 250  # pictures; with seven copies each, three minutes on one core
AT_ONCE = 10  # pictures whose copies are held in memory


class Taste(nn.Module):
    """Score a picture by what occurs in it, (batch, 1504) to (batch,)."""

    def __init__(self, mean, spread, weight):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("spread", spread)
        self.register_buffer("weight", weight)

    def forward(self, features):
        return scaled(features, self.mean, self.spread) @ self.weight  # (batch,)


def scaled(features, mean, spread):
    """Bring features to one scale; what is far from all pictures is not to run away with it."""
    return ((features - mean) / spread).clamp(-6, 6)  # (batch, 1504)


def weigh(gaps, strict: float, counts=None) -> torch.Tensor:
    """Find the weights, (1504,), by which most gaps between a picture and a copy come positive.

    `counts`, (gaps,), says how much each counts; by default all count alike.
    """
    counts = torch.ones(len(gaps)) if counts is None else counts  # (gaps,)
    weight = torch.zeros(gaps.shape[1], requires_grad=True)  # (1504,)
    solver = torch.optim.LBFGS([weight], max_iter=80, history_size=20,
                               line_search_fn="strong_wolfe")  # fmt: skip

    def loss():
        solver.zero_grad()
        value = (counts * F.softplus(-(gaps @ weight))).mean() + strict * weight.square().sum()
        value.backward()
        return value

    solver.step(loss)
    return weight.detach()


@torch.no_grad()
def features_of(net: Critic, squares: np.ndarray) -> torch.Tensor:
    """Give what the trunk tells of pictures, and their embedding: (pictures, 1248 + 256)."""
    parts = []
    for at in range(0, len(squares), 64):
        x = torch.from_numpy(squares[at : at + 64]).permute(0, 3, 1, 2).float() / 255
        _, told, seen = net.see(x.contiguous(memory_format=torch.channels_last))
        parts.append(torch.cat([told, seen.mean((2, 3))], 1))  # (batch, 1504)
    return torch.cat(parts)


def copies(files: list[Path], random: np.random.Generator) -> np.ndarray:
    """Read pictures, each followed by its spoiled copies: (pictures, 8, 128, 128, 3) uint8."""
    from PIL import Image

    rows = []
    for file in files:
        with Image.open(file) as opened:
            picture = opened.convert("RGB")
        spoiled = [picture, *(degrade(picture, way, random) for way in HARMS)]
        rows.append(np.stack([squeeze(np.asarray(one)) for one in spoiled]))
    return np.stack(rows)


def learn_taste(net: Critic, learn: list[Path], check: list[Path], *, seed: int):
    """Learn to prefer pictures to their copies; give the head and the scores of those checked.

    How strict it is, those checked decide. The scores are (pictures, 8): of the picture itself,
    then of its copies in the order of HARMS.
    """
    random = np.random.default_rng(seed)
    learn = [learn[i] for i in random.permutation(len(learn))[:LEARNED]]
    check = [check[i] for i in random.permutation(len(check))[:CHECKED]]
    net = net.eval()

    def told(files, seed):
        random, parts = np.random.default_rng(seed), []
        for at in range(0, len(files), AT_ONCE):
            squares = copies(files[at : at + AT_ONCE], random).reshape(-1, SIDE, SIDE, 3)
            parts.append(features_of(net, squares))
        return torch.cat(parts).view(len(files), 1 + len(HARMS), -1)

    mine, theirs = told(learn, seed), told(check, seed + 1)  # (pictures, 8, 1504)
    flat = mine.flatten(0, 1)  # (pictures * 8, 1504)
    mean, spread = flat.mean(0), flat.std(0) + 1e-3  # (1504,) each
    h = scaled(mine, mean, spread)  # (pictures, 8, 1504)
    gaps = (h[:, :1] - h[:, 1:]).flatten(0, 1)  # (pictures * 7, 1504)
    counts = torch.tensor([1.0] * len(WAYS) + [LIGHT] * len(OVERDONE))  # (7,)
    best, least = None, float("inf")
    for strict in (0.0003, 0.001, 0.003, 0.01):
        taste = Taste(mean, spread, weigh(gaps, strict, counts.repeat(len(mine))))
        scores = taste(theirs)  # (pictures, 8)
        surprise = (counts * F.softplus(scores[:, 1:] - scores[:, :1])).mean().item()
        if surprise < least:
            best, least = (taste, scores.numpy()), surprise
    assert best is not None
    return best
