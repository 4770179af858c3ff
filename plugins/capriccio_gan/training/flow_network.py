"""A small flow of latents: a network that knows which way noise has to move to become a picture.

Rectified flow (Liu et al., arXiv 2209.03003; Lipman et al., arXiv 2210.02747): between noise and
the latents of a picture lies a straight line, and the network learns its direction at each place.
Words weigh twice, as in classifier-free guidance (Ho and Salimans, arXiv 2207.12598).
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..vocabulary import MAX_WORDS, PADDING, START
from .networks import LATENT, LATENT_CHANNELS, LATENT_ROWS

CODE = 256  # numbers of a prompt, and of a time
WIDTHS = (64, 96, 192)  # channels where latents have 32, 16 and 8 rows
BLOCKS = (1, 2, 3)  # on the way down, and once more on the way up
HEADS, GROUPS = 4, 8
FREQUENCIES = 32  # of a time
STEPS, GUIDED, GUIDANCE = 4, 2, 4.0  # of Euler's method, how many are guided, and how strongly
GRAIN = LATENT_CHANNELS * LATENT_ROWS**2  # numbers of the noise
DRIFTING = 0.8  # share of the noise that is z's; the rest is the seed's alone


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut, scaled and shifted by a code."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.norm, self.conv = nn.GroupNorm(GROUPS, before), nn.Conv2d(before, after, 3, padding=1)
        self.norm_out = nn.GroupNorm(GROUPS, after, affine=False)
        self.turn = nn.Linear(CODE, 2 * after)
        self.conv_out = nn.Conv2d(after, after, 3, padding=1)
        self.short = nn.Conv2d(before, after, 1) if before != after else nn.Identity()
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.turn.weight)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        deep = self.conv(F.silu(self.norm(x)))  # (batch, after, rows, rows)
        scale, shift = self.turn(code)[:, :, None, None].chunk(2, 1)  # (batch, after, 1, 1) both
        deep = F.silu(self.norm_out(deep) * (1 + scale) + shift)
        short: Tensor = self.short(x)
        return short + self.conv_out(deep)  # (batch, after, rows, rows)


class Attention(nn.Module):
    """Each place reads all others."""

    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, width)
        self.read, self.write = nn.Conv2d(width, 3 * width, 1), nn.Conv2d(width, width, 1)
        nn.init.zeros_(self.write.weight)

    def forward(self, x: Tensor) -> Tensor:
        batch, width, rows, columns = x.shape
        parts = self.read(self.norm(x)).view(batch, 3, HEADS, width // HEADS, rows * columns)
        query, key, value = parts.transpose(3, 4).unbind(1)  # (batch, heads, places, numbers)
        seen = F.scaled_dot_product_attention(query, key, value)
        seen = seen.transpose(2, 3).reshape(batch, width, rows, columns)
        return x + self.write(seen)  # (batch, width, rows, columns)


class FlowNetwork(nn.Module):
    """Return the direction from noise to latents, (batch, 8, rows, rows).

    A U-Net (Ronneberger et al., arXiv 1505.04597) with attention where it is narrowest.

    Args:
        words: numbers of words that it can be told.
    """

    def __init__(self, words: int, widths: tuple[int, ...] = WIDTHS):
        super().__init__()
        self.words = nn.Embedding(words, CODE, PADDING)
        self.text = nn.Sequential(nn.LayerNorm(CODE), nn.Linear(CODE, CODE))
        self.time = nn.Sequential(
            nn.Linear(2 * FREQUENCIES, CODE), nn.SiLU(), nn.Linear(CODE, CODE)
        )
        self.enter = nn.Conv2d(LATENT_CHANNELS, widths[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        self.narrow, self.wide = nn.ModuleList(), nn.ModuleList()
        width = widths[0]
        for level, after in enumerate(widths):
            if level:
                self.narrow.append(nn.Conv2d(width, after, 3, stride=2, padding=1))
                width = after
            self.down.append(
                nn.ModuleList(ResidualBlock(width, width) for _ in range(BLOCKS[level]))
            )
        self.attend = nn.ModuleList(Attention(width) for _ in range(2))
        for level in reversed(range(len(widths))):
            after = widths[level]
            if level < len(widths) - 1:
                self.wide.append(nn.Conv2d(width, after, 1))
            befores = [2 * after] + [after] * (BLOCKS[level] - 1)
            self.up.append(nn.ModuleList(ResidualBlock(before, after) for before in befores))
            width = after
        self.norm = nn.GroupNorm(GROUPS, width)
        self.leave = nn.Conv2d(width, LATENT_CHANNELS, 3, padding=1)
        for weights in self.leave.parameters():
            nn.init.zeros_(weights)

    def encode(self, words: Tensor) -> Tensor:
        """Return the codes of prompts, (batch, CODE), of words (batch, MAX_WORDS)."""
        told = (words > START).float().unsqueeze(2)  # (batch, MAX_WORDS, 1)
        mean = (self.words(words) * told).sum(1) / told.sum(1).clamp(min=1).sqrt()
        code: Tensor = self.text(mean)  # (batch, CODE)
        return code

    def forward(self, x: Tensor, t: Tensor, code: Tensor) -> Tensor:
        """Return the direction at latents x, (batch, 8, rows, rows), and times t, (batch,)."""
        code = F.silu(code + self.time(waves(t)))  # (batch, CODE)
        x = self.enter(x)  # (batch, width, rows, rows)
        kept = []
        for level, blocks in enumerate(self.down):
            if level:
                x = self.narrow[level - 1](x)
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x, code)
            kept.append(x)
        x = self.attend[0](x)
        for level, blocks in enumerate(self.up):
            if level:
                x = F.interpolate(self.wide[level - 1](x), scale_factor=2.0, mode="nearest")
            x = torch.cat([x, kept.pop()], 1)
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x, code)
            if not level:
                x = self.attend[1](x)
        direction: Tensor = self.leave(F.silu(self.norm(x)))  # (batch, 8, rows, rows)
        return direction


def waves(t: Tensor) -> Tensor:
    """Return times 0..1 as sines and cosines, (batch, 2 * FREQUENCIES)."""
    rates = torch.exp(torch.linspace(0, math.log(1000.0), FREQUENCIES, device=t.device))
    angles = t[:, None] * rates  # (batch, FREQUENCIES)
    return torch.cat([angles.sin(), angles.cos()], 1)


def sample(
    net: FlowNetwork, noise: Tensor, code: Tensor, *, steps: int = STEPS, guided: int = GUIDED,
    guidance: float = GUIDANCE,
) -> Tensor:  # fmt: skip
    """Return latents, (batch, 8, rows, rows), that noise becomes under codes, by Euler's method.

    Args:
        guided: how many steps, the first ones, are guided.
        guidance: how much further than the code alone says; 1 is as it says.
    """
    nothing = torch.zeros(1, 2, dtype=torch.long, device=noise.device)
    x, untold = noise, net.encode(nothing).expand_as(code)
    for step in range(steps):
        t = torch.full((len(x),), step / steps, device=noise.device)
        if step < guided:
            both = net(torch.cat([x, x]), torch.cat([t, t]), torch.cat([code, untold]))
            toward, free = both.chunk(2)  # (batch, 8, rows, rows) both
            direction = free + guidance * (toward - free)
        else:
            direction = net(x, t, code)
        x = x + direction / steps
    return x


class FlowModel(nn.Module):
    """The flow as one graph with the inputs and outputs of the part `gan`; its image is latents.

    Noise is a sum of fixed fields of noise, of which `z` tells how much of each, and of the grain:
    so a walk of `z` is a walk through pictures.
    """

    def __init__(self, net: FlowNetwork, **sampling: Any):
        """Keep a network.

        Args:
            net: that was trained.
            sampling: as of `sample`.
        """
        super().__init__()
        self.net, self.sampling = net, sampling
        random = torch.Generator().manual_seed(2)
        fields = torch.randn(LATENT, GRAIN, generator=random) / LATENT**0.5
        self.fields = nn.Parameter(fields, requires_grad=False)  # (64, 8192)

    def forward(
        self, z: Tensor, words: Tensor, shares: Tensor, code: Tensor, turn: Tensor, grain: Tensor
    ) -> tuple[Tensor, Tensor]:
        codes = self.net.encode(words)  # (2, 256)
        told = code + shares @ codes + turn  # (1, 256)
        strength = z.square().mean(1, keepdim=True)  # (1, 1): 1 where z is as long as usual
        own = z @ self.fields * strength.clamp(min=1).rsqrt()  # (1, 8192)
        rest = (1 - DRIFTING * strength.clamp(max=1)).sqrt()  # (1, 1)
        noise = DRIFTING**0.5 * own + rest * grain  # (1, 8192)
        x = noise.view(1, LATENT_CHANNELS, LATENT_ROWS, LATENT_ROWS)
        return sample(self.net, x, told, **self.sampling), codes

    def random_inputs(self) -> tuple[Tensor, ...]:
        """Return random inputs in the order of INPUTS."""
        words = torch.randint(PADDING, self.net.words.num_embeddings, (2, MAX_WORDS))
        words[:, 0] = START
        words[:, 5:] = PADDING
        return (
            torch.randn(1, LATENT), words, torch.tensor([[1.0, 0.0]]), torch.zeros(1, CODE),
            torch.zeros(1, CODE), torch.randn(1, GRAIN),
        )  # fmt: skip
