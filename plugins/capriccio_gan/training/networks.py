"""The networks: a listener hears the words, a painter paints, a judge tells painted from real.

Sizes are for playing on a plain processor: plain 3 x 3 convolutions, which ONNX Runtime computes
fastest there, static shapes, no kernel that depends on an input. Words and chance reach the
painter as a scale and a shift of features, and upsampling is the convolution before it, whose
channels become pixels (sub-pixel convolution, arXiv 1609.05158), or one transposed convolution
that does the same.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from ..vocabulary import LONGEST, NOTHING

LATENT = 64  # numbers of chance: enough for shape, place and touch
CODE = 128  # numbers a prompt becomes
STYLE = 128  # numbers that chance and prompt become together, which the dials turn

# Channels at 4, 8, 16 … rows, the last level half the picture's size. Chosen by measurement: a
# frame takes two cores of a Xeon with AVX-512 2.3 ms at 64, 2.8 ms at 128 and 11 ms at 256.
WIDTHS = {
    64: (144, 128, 88, 48),
    128: (144, 128, 80, 40, 24),
    256: (192, 160, 128, 80, 40, 24),
}
JUDGE = {  # channels of the judge's own eye, from half the picture's size down to 4 rows
    64: (32, 64, 96, 160),
    128: (32, 64, 96, 128, 192),
    256: (24, 48, 64, 96, 128, 192),
}
GRAINY = 16  # from so many rows on each level has chance of its own: the grain of the paper


class Listener(nn.Module):
    """Hear a prompt, (batch, LONGEST) numbers of words, as a code, (batch, CODE).

    Every word is heard with its neighbours, so that green leaves of a red apple stay green; four
    listeners choose what to attend to.
    """

    def __init__(self, words: int, width: int = 64, heads: int = 4):
        super().__init__()
        self.table = nn.Embedding(words, width, padding_idx=NOTHING)
        self.beside = nn.Conv1d(width, width, 3, padding=1)
        self.attend = nn.Linear(width, heads)
        self.last = nn.Linear(heads * width, CODE)
        nn.init.normal_(self.table.weight, std=0.5)

    def forward(self, words):
        there = (words != NOTHING).unsqueeze(2)  # (batch, 24, 1)
        h = self.table(words) * there  # (batch, 24, 64)
        near = self.beside(h.transpose(1, 2)).transpose(1, 2)  # (batch, 24, 64)
        h = h + F.leaky_relu(near, 0.2)  # (batch, 24, 64)
        weight = self.attend(h).masked_fill(~there, -1e4).softmax(1)  # (batch, 24, 4)
        heard = weight.transpose(1, 2) @ h  # (batch, 4, 64)
        return F.layer_norm(self.last(heard.flatten(1)), (CODE,))  # (batch, 128)


class Block(nn.Module):
    """Two convolutions around a residual, tinted in between by the style, grained by chance."""

    def __init__(self, width: int, grainy: bool):
        super().__init__()
        self.one = nn.Conv2d(width, width, 3, padding=1)
        self.two = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.two.weight)  # begins as the identity: deep nets start to learn at once
        self.tint = nn.Linear(STYLE, 2 * width)
        self.grain = nn.Parameter(torch.zeros(width)) if grainy else None

    def forward(self, x, style, grain):
        h = self.one(F.leaky_relu(x, 0.2))  # (batch, width, rows, rows)
        scale, shift = self.tint(style)[:, :, None, None].chunk(2, 1)  # (batch, width, 1, 1)
        h = h * (1 + scale) + shift  # (batch, width, rows, rows)
        if self.grain is not None:
            h = h + (grain * self.grain.view(1, -1, 1, 1)).to(h.dtype)  # (batch, width, rows, rows)
        return x + self.two(F.leaky_relu(h, 0.2))  # (batch, width, rows, rows)


class Painter(nn.Module):
    """Paint chance, (batch, LATENT), and a code, (batch, CODE): (batch, 3, size, size) in 0..1."""

    def __init__(self, size: int, widths: tuple[int, ...] | None = None):
        super().__init__()
        widths = widths or WIDTHS[size]
        self.size, self.rows = size, [4 * 2**level for level in range(len(widths))]
        assert self.rows[-1] * 2 == size
        self.one = nn.Linear(LATENT + CODE, 192)
        self.two = nn.Linear(192, STYLE)
        self.first = nn.Linear(STYLE, widths[0] * 16)
        blocks = zip(widths, self.rows, strict=True)
        self.blocks = nn.ModuleList(Block(width, rows >= GRAINY) for width, rows in blocks)
        # Every pixel becomes four: played faster than a convolution and a pixel shuffle.
        ups = [nn.ConvTranspose2d(a, b, 2, 2) for a, b in pairwise(widths)]
        for up in ups:  # the four begin alike: no checkerboard
            up.weight.data = up.weight.data[:, :, :1, :1].repeat(1, 1, 2, 2)  # (in, out, 2, 2)
            nn.init.zeros_(up.bias)  # type: ignore[arg-type]
        self.up = nn.ModuleList(ups)
        self.last = nn.Conv2d(widths[-1], 12, 3, padding=1)
        self.last.weight.data = self.last.weight.data[::4].repeat_interleave(4, 0)  # (12, in, 3, 3)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]
        self.grains = sum(rows**2 for rows in self.rows if rows >= GRAINY)

    def style(self, z, code):
        h = F.leaky_relu(self.one(torch.cat([z, code], 1)), 0.2)  # (batch, 192)
        return self.two(h)  # (batch, 128)

    def tints(self) -> list[torch.Tensor]:
        """Give the weights by which the painter listens to the style, (outputs, STYLE) each."""
        tints = [block.tint for block in self.blocks if isinstance(block, Block)]
        return [self.first.weight, *(tint.weight for tint in tints)]

    def paint(self, style, grain):
        h = self.first(style).view(len(style), -1, 4, 4)  # (batch, width, 4, 4)
        begin = 0
        for block, up, rows in zip(self.blocks, [*self.up, None], self.rows, strict=True):
            here = None
            if block.grain is not None:
                here = grain[:, begin : begin + rows**2].view(-1, 1, rows, rows)
                begin += rows**2
            h = block(h, style, here)  # (batch, width, rows, rows)
            if up is not None:
                h = up(h)  # (batch, next width, 2 rows, 2 rows)
        h = self.last(F.leaky_relu(h, 0.2))  # (batch, 12, size / 2, size / 2)
        return F.pixel_shuffle(h, 2).float() + 0.8  # (batch, 3, size, size); 0.8 is about paper

    def forward(self, z, code, grain):
        return self.paint(self.style(z, code), grain)


class Judge(nn.Module):
    """Vote how real a picture is and how well it fits a prompt, (batch, votes), higher is real.

    Two eyes: one of its own, trained from nothing, sees every pixel; the other looks through the
    features of a reader that was trained on real pictures before and stays as it is, which lets
    few pictures go far (after Projected GANs, arXiv 2111.01007, with features of our own).
    """

    def __init__(self, size: int, seen: tuple[int, ...], widths: tuple[int, ...] | None = None):
        super().__init__()
        widths = widths or JUDGE[size]
        self.first = nn.Conv2d(12, widths[0], 3, padding=1)
        self.one = nn.ModuleList(nn.Conv2d(a, a, 3, padding=1) for a in widths[:-1])
        second = [nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths)]
        for conv in second:
            nn.init.zeros_(conv.weight)
        self.two = nn.ModuleList(second)
        self.past = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in pairwise(widths))
        self.touch = nn.Conv2d(widths[-2], 1, 1)  # of 8 rows: brush and paper, place by place
        self.whole = nn.Linear(widths[-1] * 16, 192)
        self.votes = nn.Linear(192, 1)
        self.looks = nn.ModuleList(nn.Conv2d(width, 64, 1) for width in seen)
        self.sees = nn.ModuleList(nn.Conv2d(64, 64, 3, 2, 1) for _ in seen)
        self.says = nn.ModuleList(nn.Conv2d(64, 1, 1) for _ in seen)
        # Words come in by projection, arXiv 1802.05637.
        wide = [192, *(64 for _ in seen)]
        self.asks = nn.ModuleList(nn.Linear(CODE, width, bias=False) for width in wide)

    def forward(self, x, features):
        h = self.first(F.pixel_unshuffle(x * 2 - 1, 2))  # (batch, width, size / 2, size / 2)
        votes = []
        for one, two, past in zip(self.one, self.two, self.past, strict=True):
            if h.shape[2] == 8:
                votes.append(self.touch(F.leaky_relu(h, 0.2)).flatten(1))  # (batch, 64)
            inner = two(F.leaky_relu(one(F.leaky_relu(h, 0.2)), 0.2))  # (batch, next, rows, rows)
            h = F.avg_pool2d(past(h) + inner, 2)  # (batch, next, rows / 2, rows / 2)
        h = F.leaky_relu(self.whole(F.leaky_relu(h, 0.2).flatten(1)), 0.2)  # (batch, 192)
        votes.append(self.votes(h).expand(-1, 16))  # (batch, 16): weighs like a patch
        gists = [h]
        eyes = zip(self.looks, self.sees, self.says, features, strict=True)
        for look, see, say, seen in eyes:
            h = F.leaky_relu(look(seen), 0.2)  # (batch, 64, rows, rows)
            h = F.leaky_relu(see(h), 0.2)  # (batch, 64, rows / 2, rows / 2)
            votes.append(say(F.adaptive_avg_pool2d(h, 4)).flatten(1))  # (batch, 16)
            gists.append(h.mean((2, 3)))  # (batch, 64)
        return torch.cat([vote.float() for vote in votes], 1), gists

    def fitting(self, gists, code):
        """Give what a prompt adds to each vote, (batch, votes), from the gists of the pictures."""
        fits = [
            (gist.float() * ask(code)).sum(1, keepdim=True) / gist.shape[1] ** 0.5
            for gist, ask in zip(gists, self.asks, strict=True)
        ]  # (batch, 1) each
        none = torch.zeros(len(code), 64, device=code.device)  # brush and paper know no words
        return torch.cat([none, *(fit.expand(-1, 16) for fit in fits)], 1)  # (batch, votes)


class Player(nn.Module):
    """Painter and listener as they are played: words in, bytes out, in one graph.

    Two prompts are heard on the way, their codes added by `shares` to the `code` handed in, so
    that a prompt that is known already costs nothing and any mixture can be faded. `turn` is
    added to the style: that is what the dials do.
    """

    def __init__(self, listener: Listener, painter: Painter):
        super().__init__()
        self.listener, self.painter = listener, painter

    def forward(self, z, words, shares, code, turn, grain):
        codes = self.listener(words)  # (2, 128)
        heard = code + shares @ codes  # (1, 128)
        style = self.painter.style(z, heard) + turn  # (1, 128)
        painted = self.painter.paint(style, grain).clamp(0, 1) * 255 + 0.5  # (1, 3, size, size)
        return painted.permute(0, 2, 3, 1).to(torch.uint8), codes  # (1, size, size, 3), (2, 128)

    def example(self):
        """Give inputs of the shapes that are played."""
        words = torch.randint(NOTHING, self.listener.table.num_embeddings, (2, LONGEST))
        words[:, 0] = 1
        return (
            torch.randn(1, LATENT),
            words,
            torch.rand(1, 2),
            0.3 * torch.randn(1, CODE),
            0.3 * torch.randn(1, STYLE),
            torch.randn(1, self.painter.grains),
        )


INPUTS = ["z", "words", "shares", "code", "turn", "grain"]
OUTPUTS = ["image", "codes"]
