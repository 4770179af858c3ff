"""Train the critic's quality: a picture scores higher than its degraded copy (Bradley, Terry 1952).

The network stays as it is; a linear head scores its features (means and spreads of every stage, and
the embedding). Only pairs of a picture and its copy are compared, so nothing is learned of subjects
or styles as such. Finding the weights is a convex problem, solved in seconds.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from capriccio import open_image
from capriccio.training import PictureFile
from torch import Tensor, nn

from ..preprocess import SIDE, resize_square
from .degradations import DEGRADATIONS, EXAGGERATIONS, degrade
from .network import CriticNetwork, mean_and_spread

Array = np.ndarray[Any, Any]
KINDS = (*DEGRADATIONS, *EXAGGERATIONS)
EXAGGERATED_WEIGHT = 0.4  # relative to the degradations: enough to balance them
MAX_TRAIN, MAX_CHECK = 2_400, 250  # pictures; with seven copies each, three minutes on one core
BATCH = 10  # pictures whose copies are held in memory
REGULARIZATIONS = (0.0003, 0.001, 0.003, 0.01)


class PreferenceHead(nn.Module):
    """Score pictures by their features, (batch, 1504) to (batch,)."""

    def __init__(self, mean: Tensor, spread: Tensor, weight: Tensor):
        super().__init__()
        # The names of the buffers are those of the weights in exported files.
        self.register_buffer("mean", mean)
        self.register_buffer("spread", spread)
        self.register_buffer("weight", weight)

    def forward(self, features):
        return standardize(features, self.mean, self.spread) @ self.weight  # (batch,)


def standardize(features: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
    """Return features on one scale, clipped: outliers must not dominate the score."""
    return ((features - mean) / spread).clamp(-6, 6)  # (batch, 1504)


def fit_weights(gaps: Tensor, regularization: float, counts: Tensor | None = None) -> Tensor:
    """Return the weights, (1504,), with which most gaps of a picture to a copy become positive.

    Args:
        gaps: (gaps, 1504), the features of the picture less those of the copy.
        counts: (gaps,), the weight of each gap; by default 1.
    """
    counts = torch.ones(len(gaps)) if counts is None else counts  # (gaps,)
    weight = torch.zeros(gaps.shape[1], requires_grad=True)  # (1504,)
    solver = torch.optim.LBFGS([weight], max_iter=80, history_size=20,
                               line_search_fn="strong_wolfe")  # fmt: skip

    def loss():
        solver.zero_grad()
        penalty = regularization * weight.square().sum()
        value = (counts * F.softplus(-(gaps @ weight))).mean() + penalty
        value.backward()
        return value

    solver.step(loss)
    return weight.detach()


@torch.no_grad()
def extract_features(net: CriticNetwork, squares: Array) -> Tensor:
    """Return the features of pictures, (pictures, 128, 128, 3) uint8: (pictures, 1248 + 256)."""
    parts = []
    for at in range(0, len(squares), 64):
        x = torch.from_numpy(squares[at : at + 64]).permute(0, 3, 1, 2).float() / 255
        _, statistics, code = net.encode(x.contiguous(memory_format=torch.channels_last))
        parts.append(torch.cat([statistics, code.mean((2, 3))], 1))  # (batch, 1504)
    return torch.cat(parts)


def load_with_copies(files: Sequence[PictureFile], rng: np.random.Generator) -> Array:
    """Return pictures, each followed by its copies: (pictures, 8, 128, 128, 3) uint8."""
    rows = []
    for file in files:
        with open_image(file.openable()) as opened:
            picture = opened.convert("RGB")
        copies = [picture, *(degrade(picture, kind, rng) for kind in KINDS)]
        rows.append(np.stack([resize_square(np.asarray(one)) for one in copies]))
    return np.stack(rows)


def train_preference(
    net: CriticNetwork, train: Sequence[PictureFile], check: Sequence[PictureFile], *, seed: int
) -> tuple[PreferenceHead, Array]:
    """Train the head to prefer pictures to their copies; the checked ones select regularization.

    Returns:
        The head, and the scores of the checked pictures, (pictures, 8): of the picture itself, then
        of its copies in the order of `KINDS`.
    """
    rng = np.random.default_rng(seed)
    train = [train[i] for i in rng.permutation(len(train))[:MAX_TRAIN]]
    check = [check[i] for i in rng.permutation(len(check))[:MAX_CHECK]]
    net = net.eval()

    def features_of(files: Sequence[PictureFile], seed: int) -> Tensor:
        rng, parts = np.random.default_rng(seed), []
        for at in range(0, len(files), BATCH):
            squares = load_with_copies(files[at : at + BATCH], rng).reshape(-1, SIDE, SIDE, 3)
            parts.append(extract_features(net, squares))
        return torch.cat(parts).view(len(files), 1 + len(KINDS), -1)

    features = features_of(train, seed)  # (pictures, 8, 1504)
    checked = features_of(check, seed + 1)  # (pictures, 8, 1504)
    flat = features.flatten(0, 1)  # (pictures * 8, 1504)
    mean, spread = mean_and_spread(flat)  # (1504,) each
    h = standardize(features, mean, spread)  # (pictures, 8, 1504)
    gaps = (h[:, :1] - h[:, 1:]).flatten(0, 1)  # (pictures * 7, 1504)
    counts = torch.tensor(
        [1.0] * len(DEGRADATIONS) + [EXAGGERATED_WEIGHT] * len(EXAGGERATIONS)
    )  # (7,)
    found = []
    for regularization in REGULARIZATIONS:
        weight = fit_weights(gaps, regularization, counts.repeat(len(features)))  # (1504,)
        head = PreferenceHead(mean, spread, weight)
        scores = head(checked)  # (pictures, 8)
        loss = (counts * F.softplus(scores[:, 1:] - scores[:, :1])).mean().item()
        found.append((loss, head, scores.numpy()))
    _, head, scores = min(found, key=lambda one: one[0])
    return head, scores
