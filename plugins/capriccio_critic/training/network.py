"""The critic's network: one convolutional trunk, and heads that read the same features.

A style is known by how features occur as much as by where (Gatys et al., arXiv 1508.06576). The
statistics of a picture are the mean and spread of every stage and the co-occurrences of the last;
they are added to each place of the last map, and passed to the heads. All that the heads read is a
mean over places, and naming is linear but for one rectifier, so the map of a class is exact: its
mean is the class's score, less a constant (after Zhou et al., arXiv 1512.04150).

The names of modules and buffers are those of the weights in checkpoints and exported files.
"""

import copy
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Array = np.ndarray[Any, Any]
WIDTHS = (24, 48, 96, 192)  # channels at 1/2, 1/4, 1/8 and 1/16 of the side
BLOCKS = (0, 1, 2, 1)  # residual blocks there: texture is found at 1/8, which has most
CODE = 256  # size of the embedding
PAIRS = 32  # channels with co-occurrences: 528 numbers, as many as all means and spreads


def conv_norm(inputs: int, outputs: int, size: int = 3) -> nn.Sequential:
    """Return a convolution that keeps the side, with batch normalisation."""
    conv = nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs, momentum=0.05))


class ResidualBlock(nn.Module):
    """Two convolutions around a residual (He et al., arXiv 1512.03385)."""

    def __init__(self, width: int):
        super().__init__()
        self.one, self.two = conv_norm(width, width), conv_norm(width, width)
        # Starting as the identity makes training start at once.
        nn.init.zeros_(self.two[1].weight)  # type: ignore[arg-type]

    def forward(self, x):
        h = F.relu(self.one(x))  # (batch, width, rows, rows)
        return F.relu(x + self.two(h))  # (batch, width, rows, rows)


class Trunk(nn.Module):
    """Read pictures, (batch, 3, side, side) in 0..1, into feature maps and their statistics."""

    def __init__(self):
        super().__init__()
        self.first = conv_norm(12, WIDTHS[0])
        self.steps = nn.ModuleList(conv_norm(a, b) for a, b in pairwise(WIDTHS))
        self.stages = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(width) for _ in range(count)))
            for width, count in zip(WIDTHS, BLOCKS, strict=True)
        )
        self.pairs = nn.Conv2d(WIDTHS[-1], PAIRS, 1, bias=False)
        self.register_buffer("upper", torch.triu_indices(PAIRS, PAIRS), persistent=False)

    @property
    def statistics_size(self) -> int:
        """The number of statistics of a picture."""
        return 2 * sum(WIDTHS) + PAIRS * (PAIRS + 1) // 2

    def maps(self, x):
        """Return the map of every stage, (batch, width, rows, rows) each."""
        # Pixel unshuffling instead of a stride, and averages between the stages, avoid aliasing.
        h = F.relu(self.first(F.pixel_unshuffle(x * 4 - 2, 2)))  # (batch, 24, side / 2, side / 2)
        maps = []
        for index, stage in enumerate(self.stages):
            if index:
                h = F.relu(self.steps[index - 1](F.avg_pool2d(h, 2)))  # (batch, width, rows, rows)
            h = stage(h)  # (batch, width, rows, rows)
            maps.append(h)
        return maps

    def statistics(self, maps):
        """Return means and spreads of all maps, and co-occurrences of the last, (batch, 1248)."""
        parts = []
        for h in maps:
            mean = h.mean((2, 3))  # (batch, width)
            square = (h * h).mean((2, 3))  # (batch, width)
            parts += [mean, (square - mean * mean).clamp(min=0).add(1e-5).sqrt()]
        thin = self.pairs(maps[-1]).flatten(2)  # (batch, 32, places)
        gram = thin @ thin.transpose(1, 2) / thin.shape[2]  # (batch, 32, 32)
        gram = gram[:, self.upper[0], self.upper[1]]  # (batch, 528)
        # The signed root keeps one strong pair from dominating (bilinear CNNs, 1504.07889).
        parts.append(gram.sign() * (gram.abs() + 1e-5).sqrt())
        return torch.cat(parts, 1)  # (batch, 1248)

    def attribute(self, maps, statistics, gradient):
        """Return how much each place contributes to `gradient` times the statistics.

        Exact: a spread is the mean of squared deviations divided by itself, a root that of products
        divided by itself, so every statistic is a mean over places. Up to rounding, the mean of
        this map, (batch, rows, rows), is the sum of `gradient` times `statistics`.
        """
        rows, at, total = maps[-1].shape[2], 0, 0.0
        for h in maps:
            width = h.shape[1]
            mean = statistics[:, at : at + width, None, None]  # (batch, width, 1, 1)
            spread = statistics[:, at + width : at + 2 * width, None, None]  # (batch, width, 1, 1)
            one = gradient[:, at : at + width, None, None]  # (batch, width, 1, 1)
            two = gradient[:, at + width : at + 2 * width, None, None] / spread  # as `spread`
            gap = h - mean  # (batch, width, rows, rows)
            part = (h * one + gap * gap * two).sum(1, keepdim=True)  # (batch, 1, rows, rows)
            if part.shape[2] > rows:
                part = F.avg_pool2d(part, part.shape[2] // rows)  # (batch, 1, 8, 8)
            total, at = total + part[:, 0], at + 2 * width
        thin = self.pairs(maps[-1])  # (batch, 32, 8, 8)
        pairs = gradient[:, at:] / statistics[:, at:].abs()  # (batch, 528)
        products = thin[:, self.upper[0]] * thin[:, self.upper[1]]  # (batch, 528, 8, 8)
        return total + (products * pairs[:, :, None, None]).sum(1)  # (batch, 8, 8)

    def forward(self, x):
        maps = self.maps(x)
        return maps, self.statistics(maps)


class CriticNetwork(nn.Module):
    """Classify a picture by each of several lists of names, and attribute that to its places.

    Args:
        names: how many names each list has: of movements, artists, genres, centuries and mediums.
    """

    def __init__(self, names: Sequence[int]):
        super().__init__()
        self.trunk = Trunk()
        self.places = nn.Conv2d(WIDTHS[-1], CODE, 1, bias=False)
        self.told = nn.Sequential(  # of the statistics
            nn.BatchNorm1d(self.trunk.statistics_size, momentum=0.05),
            nn.Dropout(0.3),
            nn.Linear(self.trunk.statistics_size, CODE),
        )
        self.norm = nn.BatchNorm2d(CODE, momentum=0.05)
        self.heads = nn.ModuleList(nn.Linear(CODE, count) for count in names)
        self.projector = nn.Sequential(  # of what is learned without labels
            nn.Linear(CODE, 2 * CODE),
            nn.BatchNorm1d(2 * CODE),
            nn.ReLU(),
            nn.Linear(2 * CODE, CODE),
        )

    def encode(self, x):
        """Return the maps of the trunk, their statistics, and the map of codes for the heads."""
        maps, statistics = self.trunk(x)
        whole = self.told(statistics)[:, :, None, None]  # (batch, 256, 1, 1)
        codes = F.relu(self.norm(self.places(maps[-1]) + whole))  # (batch, 256, rows, rows)
        return maps, statistics, codes

    def attribute(self, maps, statistics, codes, gradient):
        """Return how much each place contributes to `gradient` times all features.

        The statistics are read twice: directly, and by each place of the last map, whose rectifiers
        are taken as they stand. Up to rounding, the mean of this map, (batch, rows, rows), is the
        sum of `gradient` times the features, less what the biases in `encode` add to it.
        """
        count = statistics.shape[1]
        gain = self.norm.weight / (self.norm.running_var + self.norm.eps).sqrt()  # (256,)
        # (batch, 256, rows, rows)
        read = (gradient[:, count:] * gain)[:, :, None, None] * (codes > 0)
        batch, _, line = self.told
        indirect = read.mean((2, 3)) @ line.weight  # (batch, 1248)
        indirect = indirect * batch.weight / (batch.running_var + batch.eps).sqrt()
        # (batch, rows, rows)
        heat = self.trunk.attribute(maps, statistics, gradient[:, :count] + indirect)
        return heat + (self.places(maps[-1]) * read).sum(1)  # (batch, rows, rows)

    def forward(self, x):
        """Return the logits of each list of names, (batch, names)."""
        h = F.dropout(self.encode(x)[2].mean((2, 3)), 0.2, self.training)  # (batch, 256)
        return [head(h) for head in self.heads]

    def project(self, x):
        """Return what pictures are compared by where they have no labels, (batch, 256)."""
        return self.projector(self.encode(x)[2].mean((2, 3)))


def mean_and_spread(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and the standard deviation of features, (pictures, width): (width,) each.

    The spread is at least a hundredth of the mean: what varies less would be mostly rounding.
    """
    mean = values.mean(0)  # (width,)
    return mean, values.std(0) + 0.01 * mean.abs() + 1e-3


class Readout(nn.Module):
    """Classify by all features: the statistics and the embedding, (batch, 1504), to logits.

    The heads that trained the trunk read its embedding alone. On the finished trunk, fitting a
    readout of all features is a convex problem, solved in seconds, and far more accurate.
    """

    def __init__(self, mean: Tensor, spread: Tensor, weight: Tensor, bias: Tensor):
        super().__init__()
        self.register_buffer("weight", weight / spread)
        self.register_buffer("bias", bias - (weight / spread) @ mean)

    @classmethod
    def of_nothing(cls, width: int, names: int) -> "Readout":
        """Return a readout that finds all names equally likely."""
        none = torch.zeros(names, width)  # (names, 1504)
        return cls(torch.zeros(width), torch.ones(width), none, torch.zeros(names))

    def forward(self, features):
        return features @ self.weight.T + self.bias  # (batch, names)


def fit_readout(
    features: Tensor, truth: Tensor, names: int, regularization: float, weights: Tensor
) -> Readout:
    """Fit a multinomial logistic regression.

    Args:
        features: (pictures, 1504).
        truth: the index of the name of each, (pictures,).
        names: how many names there are.
        regularization: the weight of the squares of the coefficients.
        weights: how much each picture counts, (pictures,), in all 1.
    """
    mean, spread = mean_and_spread(features)  # (1504,) each
    x = (features - mean) / spread  # (pictures, 1504)
    weight = torch.zeros(names, x.shape[1], requires_grad=True)  # (names, 1504)
    bias = torch.zeros(names, requires_grad=True)  # (names,)
    solver = torch.optim.LBFGS([weight, bias], max_iter=60, history_size=20,
                               line_search_fn="strong_wolfe")  # fmt: skip

    def loss():
        solver.zero_grad()
        losses = F.cross_entropy(x @ weight.T + bias, truth, reduction="none")  # (pictures,)
        value = weights @ losses + regularization * weight.square().sum()
        value.backward()
        return value

    solver.step(loss)
    return Readout(mean, spread, weight.detach(), bias.detach())


class ClassificationHead(nn.Module):
    """Turn features into calibrated probabilities: movement, artist, and what else is named.

    Args:
        readouts: of the movement, the artist, and of each further list of names.
        heats: the temperature of each; that of the movement is for artists that are known.
        unseen_heat: the temperature of the movement for all others.
        belong: which share of an artist's pictures is of which movement, (artists, movements).
        share: the weight of the probability that follows from the artist where that is certain,
            0..1; the movement's own has the rest.
    """

    def __init__(
        self,
        readouts: Sequence[Readout],
        heats: Sequence[float],
        unseen_heat: float,
        belong: Tensor,
        share: float,
    ):
        super().__init__()
        self.readouts = nn.ModuleList(readouts)
        self.heats, self.unseen_heat, self.share = list(heats), unseen_heat, share
        self.register_buffer("belong", belong)

    def forward(self, features):
        """Return the probabilities of each list of names, and what `gradient` needs."""
        others = [
            (readout(features) / heat).softmax(1)
            for readout, heat in zip(self.readouts[1:], self.heats[1:], strict=True)
        ]
        known = others[0].amax(1, keepdim=True)  # (batch, 1), how certain the artist is
        heat = self.unseen_heat + (self.heats[0] - self.unseen_heat) * known  # (batch, 1)
        own = (self.readouts[0](features) / heat).softmax(1)  # (batch, movements)
        share = self.share * known  # (batch, 1)
        movement = (1 - share) * own + share * others[0] @ self.belong  # (batch, movements)
        return [movement, *others], (own, share, heat)

    def gradient(self, movement, artist, state):
        """Return the gradient of the likeliest movement's log probability by the features.

        Temperature and weight of the artist, which depend on the features too, are held fixed.
        """
        own, share, heat = state
        named = F.one_hot(movement.argmax(1), own.shape[1]).float()  # (batch, movements)
        direct = (1 - share) * (own * named).sum(1, keepdim=True)  # (batch, 1)
        by_artist = share * artist * (named @ self.belong.T)  # (batch, artists)
        total = by_artist.sum(1, keepdim=True)  # (batch, 1)
        slope = direct * (named - own) @ self.readouts[0].weight / heat  # (batch, 1504)
        artists = self.readouts[1].weight  # (artists, 1504)
        slope = slope + (by_artist - total * artist) @ artists / self.heats[1]
        return slope / (direct + total)  # (batch, 1504)


class Gallery(nn.Module):
    """Compare the code of a picture with those of known pictures, and with the means of artists.

    Args:
        codes: of the known pictures, (pictures, 256).
        owners: for each artist, the rows of the codes.
        shown: the rows of the codes that are compared with one by one.
        width: how many directions, in which the codes vary most, are compared.
    """

    def __init__(self, codes: Tensor, owners: Sequence[Array], shown: Array, width: int = 64):
        super().__init__()
        mean, spread = mean_and_spread(codes)  # (256,) each
        x = (codes - mean) / spread  # (pictures, 256)
        axes = torch.linalg.svd(x, full_matrices=False)[2][:width].T  # (256, width)
        self.register_buffer("mean", mean)
        self.register_buffer("axes", axes / spread[:, None])
        x = F.normalize(x @ axes)  # (pictures, width)
        self.register_buffer("pictures", x[shown])
        self.register_buffer("artists", F.normalize(torch.stack([x[of].mean(0) for of in owners])))

    def forward(self, code):
        """Return the likeness to each artist and picture, -1..1, (batch, …) each."""
        x = F.normalize((code - self.mean) @ self.axes)  # (batch, width)
        return x @ self.artists.T, x @ self.pictures.T


class ExportedCritic(nn.Module):
    """The exported graph: bytes in; probabilities, embedding, map, distance and score out."""

    def __init__(
        self,
        net: CriticNetwork,
        head: ClassificationHead,
        preference: nn.Module,
        distribution: dict[str, Tensor],
        gallery: Gallery,
        limits: tuple[float, float],
    ):
        super().__init__()
        self.net, self.naming, self.taste = fused(net.eval()), head, preference
        self.gallery, self.limits = gallery, limits
        for name in ("mean", "axes"):
            self.register_buffer(name, distribution[name])

    def forward(self, picture):
        x = picture.permute(0, 3, 1, 2).float() / 255  # (1, 3, 128, 128)
        maps, statistics, codes = self.net.encode(x)  # (1, 1248), (1, 256, 8, 8)
        code = codes.mean((2, 3))  # (1, 256)
        features = torch.cat([statistics, code], 1)  # (1, 1504)
        probabilities, state = self.naming(features)  # (1, names) each
        # What raises the likeliest movement above the others.
        gradient = self.naming.gradient(*probabilities[:2], state)  # (1, 1504)
        heat = self.net.attribute(maps, statistics, codes, gradient)  # (1, 8, 8)
        heat = F.relu(heat - heat.mean((1, 2), keepdim=True))  # (1, 8, 8)
        heat = heat / (heat.amax((1, 2), keepdim=True) + 1e-6)  # (1, 8, 8)
        # Mahalanobis distance along the axes in which the training data varies (Lee et al., 2018).
        far = ((statistics - self.mean) @ self.axes).square().mean(1).sqrt()  # (1,)
        # What is unlike all that was trained on is named with no certainty.
        low, high = self.limits
        lost = ((far - low) / (high - low)).clamp(0, 1)[:, None]  # (1, 1)
        probabilities = [(1 - lost) * p + lost / p.shape[1] for p in probabilities]
        artists, pictures = self.gallery(code)  # (1, artists), (1, pictures)
        return *probabilities, code, heat, far, self.taste(features), artists, pictures


def fused(net: CriticNetwork) -> CriticNetwork:
    """Return a copy whose convolutions have taken in the normalisation that follows them."""
    net = copy.deepcopy(net)
    for part in net.trunk.modules():
        if isinstance(part, nn.Sequential) and len(part) == 2:
            conv, norm = part
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                part[0], part[1] = fuse_conv_bn_eval(conv, norm), nn.Identity()
    return net


def fit_distribution(statistics: Tensor, axes: int = 128) -> dict[str, Tensor]:
    """Return the mean of the training statistics, (1248,), and whitened axes, (1248, axes)."""
    mean, spread = mean_and_spread(statistics)  # (1248,) each
    _, sizes, turned = torch.linalg.svd((statistics - mean) / spread, full_matrices=False)
    count = min(axes, len(sizes) // 4 + 1)
    whiten = len(statistics) ** 0.5 / (sizes[:count] + 1e-3)  # (axes,)
    return {"mean": mean, "axes": turned[:count].T * whiten / spread[:, None]}  # (1248, axes)
