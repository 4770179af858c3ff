"""The critic's network: one trunk of plain convolutions, and heads that read from the same place.

A style is known by how features occur as much as by where (Gatys et al., arXiv 1508.06576): the
mean and spread of every stage, and the co-occurrences of the last, are told to each place of the
last map, and to whoever names. All that is read is a mean over places and naming is linear but for
one rectifier, so the map of a class is exact: its mean is the class's score, less what every place
has alike (after Zhou et al., arXiv 1512.04150).
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
        # It begins as the identity, and so learns at once.
        nn.init.zeros_(self.two[1].weight)  # type: ignore[arg-type]

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

    def maps(self, x):
        """Give the map of every stage, (batch, width, rows, rows) each."""
        # Two by two pixels side by side instead of a stride: nothing is skipped, so nothing
        # aliases; the averages between the stages are there for the same reason.
        h = F.relu(self.first(F.pixel_unshuffle(x * 4 - 2, 2)))  # (batch, 24, side / 2, side / 2)
        maps = []
        for index, stage in enumerate(self.stages):
            if index:
                h = F.relu(self.steps[index - 1](F.avg_pool2d(h, 2)))  # (batch, width, rows, rows)
            h = stage(h)  # (batch, width, rows, rows)
            maps.append(h)
        return maps

    def tell(self, maps):
        """Say what occurs in maps, and how often: means, spreads, and pairs, (batch, 1248)."""
        told = []
        for h in maps:
            mean = h.mean((2, 3))  # (batch, width)
            square = (h * h).mean((2, 3))  # (batch, width)
            told += [mean, (square - mean * mean).clamp(min=0).add(1e-5).sqrt()]
        thin = self.pairs(maps[-1]).flatten(2)  # (batch, 32, places)
        gram = thin @ thin.transpose(1, 2) / thin.shape[2]  # (batch, 32, 32)
        gram = gram[:, self.upper[0], self.upper[1]]  # (batch, 528)
        # The signed root keeps one loud pair from drowning the rest (bilinear CNNs, 1504.07889).
        told.append(gram.sign() * (gram.abs() + 1e-5).sqrt())
        return torch.cat(told, 1)  # (batch, 1248)

    def where(self, maps, told, slope):
        """Say which places what is told comes from, (batch, rows, rows), told times `slope`.

        Exact: a spread is the mean of squared deviations over itself, a root that of products over
        itself, so what is told is a mean over places in all three cases. Up to rounding, the mean
        of this map is the sum of `slope` times `told`.
        """
        rows, at, total = maps[-1].shape[2], 0, 0.0
        for h in maps:
            width = h.shape[1]
            mean = told[:, at : at + width, None, None]  # (batch, width, 1, 1)
            spread = told[:, at + width : at + 2 * width, None, None]  # (batch, width, 1, 1)
            one = slope[:, at : at + width, None, None]  # (batch, width, 1, 1)
            two = slope[:, at + width : at + 2 * width, None, None] / spread  # (batch, width, 1, 1)
            gap = h - mean  # (batch, width, rows, rows)
            seen = (h * one + gap * gap * two).sum(1, keepdim=True)  # (batch, 1, rows, rows)
            if seen.shape[2] > rows:
                seen = F.avg_pool2d(seen, seen.shape[2] // rows)  # (batch, 1, 8, 8)
            total, at = total + seen[:, 0], at + 2 * width
        thin = self.pairs(maps[-1])  # (batch, 32, 8, 8)
        pairs = slope[:, at:] / told[:, at:].abs()  # (batch, 528)
        products = thin[:, self.upper[0]] * thin[:, self.upper[1]]  # (batch, 528, 8, 8)
        return total + (products * pairs[:, :, None, None]).sum(1)  # (batch, 8, 8)

    def forward(self, x):
        maps = self.maps(x)
        return maps, self.tell(maps)


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
        """Give the maps of the trunk, what they tell, and the map that the heads read."""
        maps, told = self.trunk(x)
        whole = self.told(told)[:, :, None, None]  # (batch, 256, 1, 1)
        seen = F.relu(self.norm(self.places(maps[-1]) + whole))  # (batch, 256, rows, rows)
        return maps, told, seen

    def where(self, maps, told, seen, slope):
        """Say which places all that is read comes from, (batch, rows, rows), read by `slope`.

        What is told is read twice: as it is, and by each place of the last map, whose rectifiers
        let it through or not; they are taken as they stand. Up to rounding, the mean of this map
        is the sum of `slope` times all that is read, less what the biases of `see` add to it.
        """
        count = told.shape[1]
        gain = self.norm.weight / (self.norm.running_var + self.norm.eps).sqrt()  # (256,)
        read = (slope[:, count:] * gain)[:, :, None, None] * (seen > 0)  # (batch, 256, rows, rows)
        batch, _, line = self.told
        heard = read.mean((2, 3)) @ line.weight  # (batch, 1248)
        heard = heard * batch.weight / (batch.running_var + batch.eps).sqrt()  # (batch, 1248)
        heat = self.trunk.where(maps, told, slope[:, :count] + heard)  # (batch, rows, rows)
        return heat + (self.places(maps[-1]) * read).sum(1)  # (batch, rows, rows)

    def forward(self, x):
        code = self.see(x)[2].mean((2, 3))  # (batch, 256)
        h = F.dropout(code, 0.2, self.training)  # (batch, 256)
        return self.movement(h), self.artist(h), code  # (batch, 13), (batch, 40), (batch, 256)


class Readout(nn.Module):
    """Name things from all that was seen: what is told and the embedding, (batch, 1504), at once.

    The heads that taught the trunk read its embedding alone. Once it stands still, reading all of
    it is a convex problem, solved to its end in seconds, and names far more rightly.
    """

    def __init__(self, mean, spread, weight, bias):
        super().__init__()
        self.register_buffer("weight", weight / spread)
        self.register_buffer("bias", bias - (weight / spread) @ mean)

    def forward(self, features):
        return features @ self.weight.T + self.bias  # (batch, names)


def learn_readout(features, truth, check, check_truth, names: int) -> Readout:
    """Fit multinomial logistic regression; how strict it is, those checked decide."""
    mean, spread = features.mean(0), features.std(0) + 1e-3  # (1504,) each
    x, y = (features - mean) / spread, (check - mean) / spread
    best, least = None, float("inf")
    for strict in (0.003, 0.01, 0.03, 0.1, 0.3):
        weight = torch.zeros(names, x.shape[1], requires_grad=True)
        bias = torch.zeros(names, requires_grad=True)
        solver = torch.optim.LBFGS([weight, bias], max_iter=60, history_size=20,
                                   line_search_fn="strong_wolfe")  # fmt: skip

        def loss(weight=weight, bias=bias, solver=solver, strict=strict):
            solver.zero_grad()
            value = F.cross_entropy(x @ weight.T + bias, truth) + strict * weight.square().sum()
            value.backward()
            return value

        solver.step(loss)
        weight, bias = weight.detach(), bias.detach()
        surprise = F.cross_entropy(y @ weight.T + bias, check_truth).item()
        if surprise < least:
            best, least = Readout(mean, spread, weight, bias), surprise
    assert best is not None
    return best


class Naming(nn.Module):
    """Name movement and artist, from all that was seen, as probabilities.

    A movement is known by itself, and by whose pictures belong to it: by `share` it is as probable
    as its artists are together. `belong` says which share of an artist's pictures is of which
    movement, (artists, movements).
    """

    def __init__(self, movement: Readout, artist: Readout, heats, belong, share: float):
        super().__init__()
        self.movement, self.artist, self.heats, self.share = movement, artist, heats, share
        self.register_buffer("belong", belong)

    def forward(self, features):
        own = (self.movement(features) / self.heats[0]).softmax(1)  # (batch, 13)
        artist = (self.artist(features) / self.heats[1]).softmax(1)  # (batch, 40)
        return (1 - self.share) * own + self.share * artist @ self.belong, artist, own

    def slope(self, movement, artist, own):
        """Give the slope of the named movement's log probability in all that was seen."""
        named = F.one_hot(movement.argmax(1), own.shape[1]).float()  # (batch, 13)
        one = (1 - self.share) * (own * named).sum(1, keepdim=True)  # (batch, 1)
        hands = self.share * artist * (named @ self.belong.T)  # (batch, 40)
        all_ = hands.sum(1, keepdim=True)  # (batch, 1)
        slope = one * (named - own) @ self.movement.weight / self.heats[0]  # (batch, 1504)
        slope = slope + (hands - all_ * artist) @ self.artist.weight / self.heats[1]
        return slope / (one + all_)  # (batch, 1504)


class Player(nn.Module):
    """The critic as it is played: bytes in; probabilities, embedding, map and scores out."""

    def __init__(self, net, naming: Naming, taste, known: dict):
        super().__init__()
        self.net, self.naming, self.taste = net.eval(), naming, taste
        for name in ("mean", "axes"):  # of what occurs in the pictures that were learned
            self.register_buffer(name, known[name])

    def forward(self, picture):
        x = picture.permute(0, 3, 1, 2).float() / 255  # (1, 3, 128, 128)
        maps, told, seen = self.net.see(x)  # (1, 1248), (1, 256, 8, 8)
        code = seen.mean((2, 3))  # (1, 256)
        features = torch.cat([told, code], 1)  # (1, 1504)
        movement, artist, own = self.naming(features)  # (1, 13), (1, 40), (1, 13)
        # What raises the named class above what else it might be.
        heat = self.net.where(maps, told, seen, self.naming.slope(movement, artist, own))
        heat = F.relu(heat - heat.mean((1, 2), keepdim=True))  # (1, 8, 8)
        heat = heat / (heat.amax((1, 2), keepdim=True) + 1e-6)  # (1, 8, 8)
        # Mahalanobis distance along the axes in which what was learned varies (Lee et al., 2018).
        far = ((told - self.mean) @ self.axes).square().mean(1).sqrt()  # (1,)
        return movement, artist, code, heat, far, self.taste(features)


def knowledge(told, axes: int = 128) -> dict:
    """Give the mean of what occurs in the pictures that were learned, and whitened axes of it."""
    mean = told.mean(0)  # (1248,)
    spread = told.std(0) + 1e-3  # (1248,)
    _, sizes, turned = torch.linalg.svd((told - mean) / spread, full_matrices=False)
    count = min(axes, len(sizes) // 4 + 1)
    whiten = len(told) ** 0.5 / (sizes[:count] + 1e-3)  # (axes,)
    return {"mean": mean, "axes": turned[:count].T * whiten / spread[:, None]}  # (1248, axes)
