"""The network that draws, and the same network as a module that takes one step, for export.

An LSTM (Graves, arXiv 1308.0850) reads where the pen is and chooses its next move from a mixture of
Gaussians, then what the pen does there. Beyond Graves and sketch-rnn (Ha and Eck, arXiv 1704.03477)
it is told where on the paper it is and where its stroke began, which an LSTM would have to add up
by itself, and the pen's state is conditioned on the move that was chosen.
"""

import math
from contextlib import nullcontext
from itertools import pairwise
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from capriccio.training import mixed_precision
from torch import nn

from ..latents import PIXELS
from ..pen_moves import FEATURES

INPUT, HEAD, MIXTURE = 128, 64, 20  # the mixture is that of sketch-rnn
PENS = 3
GATES = (0, 1, 3, 2)  # the order of an LSTM's gates in PenStep, those that are squashed alike first
LANDING = 6  # features of the point that a move leads to
MIN_LOG_SIGMA, MAX_LOG_SIGMA = -6.0, 3.0
MAX_CORRELATION = 0.98


class Mixture(NamedTuple):
    """Parameters of a mixture of Gaussians in two dimensions, each (…, MIXTURE)."""

    weights: torch.Tensor  # logits
    x: torch.Tensor
    y: torch.Tensor
    sigma_x: torch.Tensor  # logarithms
    sigma_y: torch.Tensor
    correlation: torch.Tensor


class PenNetwork(nn.Module):
    """Return the mixture of the next move, and logits of what the pen does there.

    What it is told of a drawing is a vector of weights: those of words, then the latents.

    Args:
        words: that it may be conditioned on.
        width: of the LSTM.
        latents: that its encoder reads from a picture of a drawing; 0 for no encoder.
        kind: "full", "plain" (an LSTM that knows the last move alone, as in sketch-rnn's decoder),
            or "memoryless" (a network without recurrence that knows the last move alone).
    """

    def __init__(
        self, words: int, width: int, dropout: float = 0.1, kind: str = "full", latents: int = 0
    ):
        super().__init__()
        self.width, self.kind = width, kind
        given = FEATURES if kind == "full" else 3
        self.see = nn.Linear(given, INPUT)
        told = torch.randn(max(words, 1) + latents, INPUT) * 0.3  # (words + latents, INPUT)
        told[max(words, 1) :] *= max(latents, 1) ** -0.5  # together they weigh as much as a word
        self.words = nn.Parameter(told)
        self.encoder = PictureEncoder(latents) if latents else None
        self.memory: Any = nn.LSTM(INPUT, width, batch_first=True)
        if kind == "memoryless":
            self.memory = None
            self.through = nn.Linear(INPUT, width)
        self.hear = nn.Linear(width + INPUT, 6 * MIXTURE)
        self.lift = nn.Linear(width + INPUT, HEAD)
        if kind == "full":
            self.land = nn.Linear(LANDING, HEAD)
        self.decide = nn.Linear(HEAD, PENS)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features, word, moves, state=None):
        """Return the mixture of each next move and the logits of its pen.

        Args:
            features: (b, t, FEATURES) before each move.
            word: (b, words + latents), zeros where nothing is told.
            moves: (b, t, 2) that were made, on which the pen is conditioned.
            state: of the LSTM, zeros if None.
        """
        x = self.inputs(features, word.unsqueeze(1))  # (b, t, INPUT)
        if self.memory is None:
            deep = F.silu(self.through(x))  # (b, t, width)
        else:
            # The recurrence alone computes in bfloat16: means need all digits.
            with mixed_precision("cpu") if self.training else nullcontext():
                deep, state = self.memory(x, state)  # (b, t, width)
            deep = deep.float()  # (b, t, width)
        deep = torch.cat([self.dropout(deep), x], -1)  # (b, t, width + INPUT)
        return self.mixture(deep), self.pen(deep, features, moves), state

    def told(self, words, pictures):
        """Return what the network is told, (b, words + latents), and the nats that latents cost.

        Args:
            words: (b, words) weights.
            pictures: (b, 1, PIXELS, PIXELS) to encode; where one is blank, latents are zeros.
        """
        if self.encoder is None:
            return words, words.new_zeros(len(words))  # (b)
        seen = pictures.flatten(1).amax(1) > 0  # (b)
        mean, log_sigma = self.encoder(pictures)  # (b, latents) both
        latents = mean  # (b, latents)
        if self.training:
            latents = mean + torch.exp(log_sigma) * torch.randn_like(mean)  # (b, latents)
        return torch.cat([words, latents * seen[:, None]], 1), latent_costs(mean, log_sigma) * seen

    def inputs(self, features, word):
        """Return what the LSTM reads, (…, INPUT)."""
        if self.kind != "full":
            features = features[..., [2, 3, 6]]  # (…, 3): the last move, and whether it is lifted
        return F.silu(self.see(features) + word @ self.words)  # (…, INPUT)

    def mixture(self, deep) -> Mixture:
        """Return the mixture of the next move."""
        parts = self.hear(deep).split(MIXTURE, -1)  # 6 of (…, MIXTURE)
        weights, x, y, sigma_x, sigma_y, correlation = parts
        return Mixture(
            weights,
            x,
            y,
            sigma_x.clamp(MIN_LOG_SIGMA, MAX_LOG_SIGMA),
            sigma_y.clamp(MIN_LOG_SIGMA, MAX_LOG_SIGMA),
            MAX_CORRELATION * torch.tanh(correlation),
        )

    def pen(self, deep, features, moves):
        """Return the logits of what the pen does at the point that it moved to, (…, PENS)."""
        return self.decision(self.lift(deep), features, moves)  # (…, PENS)

    def decision(self, hidden, features, moves):
        """Return the logits of the pen from what `lift` made, (…, HEAD)."""
        if self.kind == "full":
            places, begun = features[..., :2], features[..., 4:6]  # (…, 2)
            # Where the stroke began, seen from the new point; nowhere where it begins there.
            back = (begun - moves) * (1 - features[..., 6:7])  # (…, 2)
            hidden = hidden + self.land(torch.cat([moves, places + moves, back], -1))  # (…, HEAD)
        return self.decide(F.silu(hidden))  # (…, PENS)


class PictureEncoder(nn.Module):
    """Return the mean of the latents of a picture, and the logarithm of their spread.

    A picture rather than a sequence, as in sketch-pix2seq (Chen et al., arXiv 1709.04121): what a
    person drew in another order is the same drawing.
    """

    def __init__(self, latents: int):
        super().__init__()
        self.latents = latents
        sizes = (1, 24, 48, 96)  # channels; each layer halves the sides
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride=2, padding=1) for before, after in pairwise(sizes)
        )
        self.read = nn.Linear(sizes[-1] * (-(-PIXELS // 8)) ** 2, 2 * latents)
        with torch.no_grad():
            self.read.bias[latents:] = -1.0  # little noise at first, or latents go unheard

    def forward(self, pictures):
        """Return (b, latents) twice, of pictures (b, 1, PIXELS, PIXELS)."""
        x = pictures
        for layer in self.layers:
            x = F.silu(layer(x))  # (b, channels, side, side)
        mean, log_sigma = self.read(x.flatten(1)).split(self.latents, -1)  # (b, latents) both
        return mean, log_sigma.clamp(MIN_LOG_SIGMA, MAX_LOG_SIGMA)


def latent_costs(mean, log_sigma):
    """Return the nats that latents hold, their divergence from a normal distribution, (b)."""
    return (0.5 * (mean.square() + torch.exp(2 * log_sigma) - 1) - log_sigma).sum(1)  # (b)


class EncoderMean(nn.Module):
    """Return the mean of the latents alone, for export."""

    def __init__(self, encoder: PictureEncoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, picture):
        """Return (1, latents) of a picture (1, 1, PIXELS, PIXELS)."""
        return self.encoder(picture)[0]


def move_nats(mixture: Mixture, moves) -> torch.Tensor:
    """Return the negative log-likelihood of moves (…, 2) in nats, (…)."""
    dx = (moves[..., :1] - mixture.x) * torch.exp(-mixture.sigma_x)  # (…, MIXTURE)
    dy = (moves[..., 1:] - mixture.y) * torch.exp(-mixture.sigma_y)  # (…, MIXTURE)
    rho = mixture.correlation  # (…, MIXTURE)
    free = 1 - rho.square()  # (…, MIXTURE)
    distance = (dx.square() + dy.square() - 2 * rho * dx * dy) / free  # (…, MIXTURE)
    log = -0.5 * distance - mixture.sigma_x - mixture.sigma_y - 0.5 * torch.log(free)
    log = log - math.log(2 * math.pi) + F.log_softmax(mixture.weights, -1)  # (…, MIXTURE)
    return -torch.logsumexp(log, -1)  # (…)


class PenStep(nn.Module):
    """Take one step of the pen: state in and out, and sample the move.

    Inputs:
        state: (2, width), hidden and cell; zeros at the start.
        seen: (1, FEATURES), see `pen_moves.PenFollower`, lengths in units of the card's `unit`.
        word: (1, words + latents), what it is told.
        heat: (2,), temperatures of the choice and of the spread; 1 and 1 sample as it learned.
        luck: (MIXTURE + 2 + PENS,), Gumbel noise of the choice, normal noise of the move, and
            Gumbel noise of the pen, to which a bias may be added.

    Outputs are the next state, and `made` (3,): the move, and what the pen does there.
    """

    def __init__(self, net: PenNetwork):
        super().__init__()
        self.net = net
        memory, width = net.memory, net.width
        with torch.no_grad():
            # The gates in one product.
            weights = torch.cat([memory.weight_ih_l0, memory.weight_hh_l0], 1)
            bias = memory.bias_ih_l0 + memory.bias_hh_l0  # (4 * width,)
            order = list(GATES)
            self.register_buffer("gates", weights.view(4, width, -1)[order].flatten(0, 1))
            self.register_buffer("gate_bias", bias.view(4, width)[order].flatten())
            self.register_buffer("heads", torch.cat([net.hear.weight, net.lift.weight]))
            self.register_buffer("head_bias", torch.cat([net.hear.bias, net.lift.bias]))

    def forward(self, state, seen, word, heat, luck):
        net, width = self.net, self.net.width
        x = net.inputs(seen, word)  # (1, INPUT)
        hidden, cell = state.split(1)  # (1, width) both
        gates = F.linear(torch.cat([x, hidden], -1), self.gates, self.gate_bias)
        gates, new = gates.split([3 * width, width], -1)  # (1, 3 * width) (1, width)
        enter, forget, out = torch.sigmoid(gates).split(width, -1)  # (1, width) each
        cell = forget * cell + enter * torch.tanh(new)  # (1, width)
        hidden = out * torch.tanh(cell)  # (1, width)
        heads = F.linear(torch.cat([hidden, x], -1), self.heads, self.head_bias)
        weights, rest, lifted = heads.split([MIXTURE, 5 * MIXTURE, HEAD], -1)
        gumbel, normal, pen_luck = luck.split([MIXTURE, 2, PENS])
        chosen = (weights / heat[:1] + gumbel).argmax(-1)  # (1,)
        # Of the chosen Gaussian alone: its mean, the logarithms of its spread, its correlation.
        mean, spread, rho = (
            rest.view(5, MIXTURE).index_select(1, chosen).view(1, 5).split([2, 2, 1], -1)
        )  # (1, 2) (1, 2) (1, 1)
        spread = heat[1:] * torch.exp(spread.clamp(MIN_LOG_SIGMA, MAX_LOG_SIGMA))  # (1, 2)
        rho = MAX_CORRELATION * torch.tanh(rho)  # (1, 1)
        one, other = normal.view(1, 2).split(1, -1)  # (1, 1) each
        across = rho * one + torch.sqrt(1 - rho * rho) * other  # (1, 1)
        move = mean + spread * torch.cat([one, across], -1)  # (1, 2)
        pens = net.decision(lifted, seen, move) / heat[:1] + pen_luck  # (1, PENS)
        pen = pens.argmax(-1, keepdim=True).float()  # (1, 1)
        return torch.cat([hidden, cell]), torch.cat([move, pen], -1).squeeze(0)
