"""The critic's network: one convolutional trunk, and heads that read the same features.

A style is known by how features occur as much as by where (Gatys et al., arXiv 1508.06576). The
statistics of a picture are the mean and spread of every stage and the co-occurrences of the last;
they are added to each place of the last map, and passed to the heads. All that the heads read is a
mean over places, and naming is linear but for one rectifier, so the map of a class is exact: its
mean is the class's score, less a constant (after Zhou et al., arXiv 1512.04150).

The names of modules and buffers are those of the weights in checkpoints and exported files.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

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
    """Classify the movement and the artist of a picture, and attribute that to its places."""

    def __init__(self, movements: int, artists: int):
        super().__init__()
        self.trunk = Trunk()
        self.places = nn.Conv2d(WIDTHS[-1], CODE, 1, bias=False)
        self.told = nn.Sequential(  # of the statistics
            nn.BatchNorm1d(self.trunk.statistics_size, momentum=0.05),
            nn.Dropout(0.3),
            nn.Linear(self.trunk.statistics_size, CODE),
        )
        self.norm = nn.BatchNorm2d(CODE, momentum=0.05)
        self.movement = nn.Linear(CODE, movements)
        self.artist = nn.Linear(CODE, artists)

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
        code = self.encode(x)[2].mean((2, 3))  # (batch, 256)
        h = F.dropout(code, 0.2, self.training)  # (batch, 256)
        return self.movement(h), self.artist(h), code  # (batch, 13), (batch, 40), (batch, 256)


class Readout(nn.Module):
    """Classify by all features: the statistics and the embedding, (batch, 1504), to logits.

    The heads that trained the trunk read its embedding alone. On the finished trunk, fitting a
    readout of all features is a convex problem, solved in seconds, and far more accurate.
    """

    def __init__(self, mean: Tensor, spread: Tensor, weight: Tensor, bias: Tensor):
        super().__init__()
        self.register_buffer("weight", weight / spread)
        self.register_buffer("bias", bias - (weight / spread) @ mean)

    def forward(self, features):
        return features @ self.weight.T + self.bias  # (batch, names)


def fit_readout(
    features: Tensor, truth: Tensor, check: Tensor, check_truth: Tensor, names: int
) -> Readout:
    """Fit a multinomial logistic regression; the checked features select its regularization."""
    mean, spread = features.mean(0), features.std(0) + 1e-3  # (1504,) each
    x, y = (features - mean) / spread, (check - mean) / spread  # (pictures, 1504) each
    found = []
    for regularization in (0.003, 0.01, 0.03, 0.1, 0.3):
        weight = torch.zeros(names, x.shape[1], requires_grad=True)  # (names, 1504)
        bias = torch.zeros(names, requires_grad=True)  # (names,)
        solver = torch.optim.LBFGS([weight, bias], max_iter=60, history_size=20,
                                   line_search_fn="strong_wolfe")  # fmt: skip

        def loss(weight=weight, bias=bias, solver=solver, regularization=regularization):
            solver.zero_grad()
            penalty = regularization * weight.square().sum()
            value = F.cross_entropy(x @ weight.T + bias, truth) + penalty
            value.backward()
            return value

        solver.step(loss)
        weight, bias = weight.detach(), bias.detach()
        error = F.cross_entropy(y @ weight.T + bias, check_truth).item()
        found.append((error, Readout(mean, spread, weight, bias)))
    return min(found, key=lambda one: one[0])[1]


class ClassificationHead(nn.Module):
    """Turn features into calibrated probabilities of movements and artists.

    Args:
        heats: the temperatures of the movement and of the artist.
        belong: which share of an artist's pictures is of which movement, (artists, movements).
        share: the weight of the probability that follows from the artists, 0..1; the movement's own
            has the rest.
    """

    def __init__(
        self,
        movement: Readout,
        artist: Readout,
        heats: Sequence[float],
        belong: Tensor,
        share: float,
    ):
        super().__init__()
        self.movement, self.artist, self.heats, self.share = movement, artist, heats, share
        self.register_buffer("belong", belong)

    def forward(self, features):
        own = (self.movement(features) / self.heats[0]).softmax(1)  # (batch, 13)
        artist = (self.artist(features) / self.heats[1]).softmax(1)  # (batch, 40)
        return (1 - self.share) * own + self.share * artist @ self.belong, artist, own

    def gradient(self, movement, artist, own):
        """Return the gradient of the likeliest movement's log probability by the features."""
        named = F.one_hot(movement.argmax(1), own.shape[1]).float()  # (batch, 13)
        direct = (1 - self.share) * (own * named).sum(1, keepdim=True)  # (batch, 1)
        by_artist = self.share * artist * (named @ self.belong.T)  # (batch, 40)
        total = by_artist.sum(1, keepdim=True)  # (batch, 1)
        slope = direct * (named - own) @ self.movement.weight / self.heats[0]  # (batch, 1504)
        slope = slope + (by_artist - total * artist) @ self.artist.weight / self.heats[1]
        return slope / (direct + total)  # (batch, 1504)


class ExportedCritic(nn.Module):
    """The exported graph: bytes in; probabilities, embedding, map, distance and score out."""

    def __init__(
        self,
        net: CriticNetwork,
        head: ClassificationHead,
        preference: nn.Module,
        distribution: dict[str, Tensor],
    ):
        super().__init__()
        self.net, self.naming, self.taste = net.eval(), head, preference
        for name in ("mean", "axes"):
            self.register_buffer(name, distribution[name])

    def forward(self, picture):
        x = picture.permute(0, 3, 1, 2).float() / 255  # (1, 3, 128, 128)
        maps, statistics, codes = self.net.encode(x)  # (1, 1248), (1, 256, 8, 8)
        code = codes.mean((2, 3))  # (1, 256)
        features = torch.cat([statistics, code], 1)  # (1, 1504)
        movement, artist, own = self.naming(features)  # (1, 13), (1, 40), (1, 13)
        # What raises the likeliest movement above the others.
        gradient = self.naming.gradient(movement, artist, own)  # (1, 1504)
        heat = self.net.attribute(maps, statistics, codes, gradient)  # (1, 8, 8)
        heat = F.relu(heat - heat.mean((1, 2), keepdim=True))  # (1, 8, 8)
        heat = heat / (heat.amax((1, 2), keepdim=True) + 1e-6)  # (1, 8, 8)
        # Mahalanobis distance along the axes in which the training data varies (Lee et al., 2018).
        far = ((statistics - self.mean) @ self.axes).square().mean(1).sqrt()  # (1,)
        return movement, artist, code, heat, far, self.taste(features)


def fit_distribution(statistics: Tensor, axes: int = 128) -> dict[str, Tensor]:
    """Return the mean of the training statistics, (1248,), and whitened axes, (1248, axes)."""
    mean = statistics.mean(0)  # (1248,)
    spread = statistics.std(0) + 1e-3  # (1248,)
    _, sizes, turned = torch.linalg.svd((statistics - mean) / spread, full_matrices=False)
    count = min(axes, len(sizes) // 4 + 1)
    whiten = len(statistics) ** 0.5 / (sizes[:count] + 1e-3)  # (axes,)
    return {"mean": mean, "axes": turned[:count].T * whiten / spread[:, None]}  # (1248, axes)
