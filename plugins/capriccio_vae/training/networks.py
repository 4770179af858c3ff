"""The dreamer's networks: a variational autoencoder of two levels that knows styles apart.

A picture is first an *idea*, 64 numbers, and then a *touch*, a map of 8 by 8 places. The prior of
the idea is a normal distribution; that of the touch is one whose mean and width follow from idea
and style (a ladder, Sønderby et al., arXiv 1602.02282). Both are written in the coordinates of a
standard normal, so that the whole latent is one vector around nought, and a picture whose style is
changed keeps its surprises while everything that could be expected changes with the style.
"""

from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

IDEA = 64  # enough for composition and colours of a picture; too few to store 11,000 of them
TOUCH = 8  # numbers at each of 8 by 8 places: 512, about a byte for every 12 by 12 pixels
LATENT = IDEA + TOUCH * 64
SEEING = (40, 80, 128)  # channels at 32, 16 and 8 rows of the encoder
PAINTING = (128, 128, 96, 48, 24)  # at 4, 8, 16, 32, 64 rows of the decoder: 170 M multiply-adds
CODE = 128  # numbers that tint every block


class Block(nn.Module):
    """Two convolutions around a residual, coloured in between by a code where there is one."""

    def __init__(self, width: int, code: int = 0):
        super().__init__()
        self.one = nn.Conv2d(width, width, 3, padding=1)
        self.two = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.two.weight)  # begins as the identity: deep nets start to learn at once
        self.tint = nn.Linear(code, 2 * width) if code else None

    def forward(self, x, code=None):
        h = self.one(F.leaky_relu(x, 0.2))  # (batch, width, rows, rows)
        if self.tint is not None:
            scale, shift = self.tint(code)[:, :, None, None].chunk(2, 1)  # (batch, width, 1, 1)
            h = h * (1 + scale) + shift  # (batch, width, rows, rows)
        return x + self.two(F.leaky_relu(h, 0.2))  # (batch, width, rows, rows)


class Encoder(nn.Module):
    """Read a picture, (batch, 3, 128, 128) in 0..1: its idea, and what it shows beyond it."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(48, SEEING[0], 3, padding=1)
        self.blocks = nn.ModuleList(Block(width) for width in SEEING)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, 2) for a, b in pairwise(SEEING))
        self.gather = nn.Conv2d(SEEING[-1], SEEING[-1], 2, 2)
        self.idea = nn.Linear(SEEING[-1] * 16, 2 * IDEA)
        self.look = nn.Conv2d(SEEING[-1] + PAINTING[1], 64, 3, padding=1)
        self.touch = nn.Conv2d(64, 2 * TOUCH, 1)

    def see(self, x):
        """Give the last map and the cloud of the idea: means and log variances, (batch, 64)."""
        h = self.first(F.pixel_unshuffle(x - 0.5, 4))  # (batch, 40, 32, 32)
        for block, down in zip(self.blocks, [*self.down, None], strict=True):
            h = block(h)  # (batch, width, rows, rows)
            if down is not None:
                h = down(h)  # (batch, next width, rows / 2, rows / 2)
        gathered = F.leaky_relu(self.gather(h), 0.2).flatten(1)  # (batch, 2048)
        mean, log_variance = self.idea(gathered).float().chunk(2, 1)  # twice (batch, 64)
        return h, mean, log_variance.clamp(-10, 4)

    def beyond(self, seen, plan):
        """Give the cloud of the touch, (batch, 512) twice, where `plan` is what was expected."""
        h = F.leaky_relu(self.look(torch.cat([seen, plan], 1)), 0.2)  # (batch, 64, 8, 8)
        mean, log_variance = self.touch(h).float().flatten(1).chunk(2, 1)  # twice (batch, 512)
        return mean, log_variance.clamp(-10, 4)


class Decoder(nn.Module):
    """Paint a latent, (batch, 576), in a style, (batch, styles), as (batch, 3, 128, 128)."""

    def __init__(self, styles: int):
        super().__init__()
        self.style = nn.Linear(styles, CODE, bias=False)
        self.code = nn.Linear(IDEA + CODE, CODE)
        self.first = nn.Linear(IDEA, PAINTING[0] * 16)
        self.blocks = nn.ModuleList(Block(width, CODE) for width in PAINTING)
        self.planned = Block(PAINTING[1], CODE)
        self.expect = nn.Conv2d(PAINTING[1], 2 * TOUCH, 1)  # the prior of the touch
        nn.init.zeros_(self.expect.weight)
        nn.init.zeros_(self.expect.bias)  # type: ignore[arg-type]
        self.lay = nn.Conv2d(TOUCH, PAINTING[1], 3, padding=1)
        # Every pixel becomes four: played a fifth faster than a convolution and a pixel shuffle.
        ups = [nn.ConvTranspose2d(a, b, 2, 2) for a, b in pairwise(PAINTING)]
        for up in ups:  # the four begin alike: no checkerboard
            up.weight.data = up.weight.data[:, :, :1, :1].repeat(1, 1, 2, 2)  # (in, out, 2, 2)
            nn.init.zeros_(up.bias)  # type: ignore[arg-type]
        self.up = nn.ModuleList(ups)
        self.last = nn.Conv2d(PAINTING[-1], 12, 3, padding=1)
        self.last.weight.data = self.last.weight.data[::4].repeat_interleave(4, 0)  # (12, in, 3, 3)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def plan(self, idea, style):
        """Give the code of every block and the map of what is expected, (batch, 128, 8, 8)."""
        share = F.relu(style) + 1e-6  # (batch, styles): of no style, of all alike
        share = share / share.sum(1, keepdim=True)  # (batch, styles)
        code = self.code(torch.cat([idea, self.style(share)], 1))  # (batch, 128)
        code = F.leaky_relu(code, 0.2)  # (batch, 128)
        h = self.first(idea).view(-1, PAINTING[0], 4, 4)  # (batch, 128, 4, 4)
        h = self.up[0](self.blocks[0](h, code))  # (batch, 128, 8, 8)
        return code, self.planned(h, code)

    def paint(self, code, plan, touch):
        """Lay the touch, (batch, 512) around nought, over the plan, and paint the picture."""
        mean, log_width = self.expect(F.leaky_relu(plan, 0.2)).chunk(2, 1)  # (batch, 8, 8, 8)
        laid = mean + log_width.clamp(-4, 4).exp() * touch.view(-1, TOUCH, 8, 8)  # (batch, 8, 8, 8)
        h = self.blocks[1](plan + self.lay(laid), code)  # (batch, 128, 8, 8)
        for block, up in zip(self.blocks[2:], self.up[1:], strict=True):
            h = block(up(h), code)  # (batch, width, 2 rows, 2 rows)
        h = self.last(F.leaky_relu(h, 0.2))  # (batch, 12, 64, 64)
        return F.pixel_shuffle(h, 2).float() + 0.5  # (batch, 3, 128, 128)

    def forward(self, z, style):
        code, plan = self.plan(z[:, :IDEA], style)
        return self.paint(code, plan, z[:, IDEA:])


class Critic(nn.Module):
    """Tell painted from real, patch by patch, each style for itself; and give what it saw."""

    def __init__(self, styles: int):
        super().__init__()
        widths = (32, 64, 96, 128)
        self.first = nn.Conv2d(12, widths[0], 3, padding=1)
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(nn.GroupNorm(8, width) for width in widths[1:])
        # A vote for all styles and one for each (after StarGAN v2, arXiv 1912.01865).
        self.heads = nn.ModuleList(nn.Conv2d(width, 1 + styles, 3, padding=1)
                                   for width in widths[2:])  # fmt: skip

    def see(self, x):
        """Give four feature maps, of 64, 32, 16 and 8 rows."""
        h = F.leaky_relu(self.first(F.pixel_unshuffle(x * 2 - 1, 2)), 0.2)  # (batch, 32, 64, 64)
        seen = [h]
        for layer, norm in zip(self.layers, self.norms, strict=True):
            h = F.leaky_relu(norm(layer(h)), 0.2)  # (batch, width, rows / 2, rows / 2)
            seen.append(h)
        return seen

    def vote(self, seen, style):
        """Give a vote for every patch, (batch, 320): above nought for real, and of this style."""
        share = torch.cat([torch.ones_like(style[:, :1]), style], 1)  # (batch, 1 + styles)
        votes = [
            (head(h).float().flatten(2) * share[:, :, None]).sum(1)  # (batch, 256), (batch, 64)
            for head, h in zip(self.heads, seen[2:], strict=True)
        ]
        return torch.cat(votes, 1)  # (batch, 320)

    def forward(self, x, style):
        return self.vote(self.see(x), style)

    def typical(self, x, kinds):
        """Give how much more a picture looks like its own kind than like the others, (batch,)."""
        votes = sum(head(h).flatten(2).mean(2)[:, 1:] for head, h in
                    zip(self.heads, self.see(x)[2:], strict=True))  # (batch, styles)  # fmt: skip
        return (votes.gather(1, kinds[:, None]) - votes.mean(1, keepdim=True))[:, 0]


class Studio(nn.Module):
    """All that learns, in one module, so that one checkpoint holds it."""

    def __init__(self, styles: int):
        super().__init__()
        self.encoder, self.decoder, self.critic = Encoder(), Decoder(styles), Critic(styles)
        self.log_width = nn.Parameter(torch.tensor(-2.0))  # of the Laplace; 0.14 to begin with

    def copy(self, x, style, told=None):
        """Give the middles of a picture's clouds, a copy from inside them, and what they cost.

        (batch, 576), (batch, 3, 128, 128), and the KL of idea and of touch in nats, (batch,) each.
        Where `told`, (batch, 1), is 0, the copy is made from the idea alone, and pays for no more.
        """
        seen, mean, log_variance = self.encoder.see(x)
        idea = mean + torch.randn_like(mean) * (log_variance / 2).exp()  # (batch, 64)
        code, plan = self.decoder.plan(idea, style)
        beyond, log_beyond = self.encoder.beyond(seen, plan)
        touch = beyond + torch.randn_like(beyond) * (log_beyond / 2).exp()  # (batch, 512)
        costs = kl(mean, log_variance), kl(beyond, log_beyond)
        if told is not None:
            touch, costs = touch * told, (costs[0], costs[1] * told[:, 0])
        return torch.cat([mean, beyond], 1), self.decoder.paint(code, plan, touch), costs

    def nats(self, x, painted):
        """Give the negative log-likelihood in nats a picture, (batch,): a Laplace distribution."""
        each = (x - painted).abs() / self.log_width.exp() + self.log_width + np.log(2)
        return each.flatten(1).sum(1)  # (batch,)


def kl(mean, log_variance):
    """Give the KL divergence of normal clouds from the standard normal in nats, (batch,)."""
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)  # (batch,)


class Painter(nn.Module):
    """The decoder as it is played: bytes straight from the graph to the glass."""

    def __init__(self, decoder: Decoder):
        super().__init__()
        self.decoder = decoder

    def forward(self, z, style):
        painted = self.decoder(z, style).clamp(0, 1) * 255 + 0.5  # (1, 3, 128, 128)
        return painted.permute(0, 2, 3, 1).to(torch.uint8)  # (1, 128, 128, 3)


class Reader(nn.Module):
    """The encoder as it is played: bytes in; the middle of the picture's cloud and its width."""

    def __init__(self, net: Studio):
        super().__init__()
        self.encoder, self.decoder = net.encoder, net.decoder

    def read(self, x, style):
        """Give middles and widths of the clouds, (batch, 576) each, of (batch, 3, 128, 128)."""
        seen, mean, log_variance = self.encoder.see(x)
        _, plan = self.decoder.plan(mean, style)
        beyond, log_beyond = self.encoder.beyond(seen, plan)
        spread = torch.cat([log_variance, log_beyond], 1).mul(0.5).exp()  # (batch, 576)
        return torch.cat([mean, beyond], 1), spread

    def forward(self, picture, style):
        return self.read(picture.permute(0, 3, 1, 2).float() / 255, style)
