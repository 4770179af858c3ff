"""A small flow of latents: a network that knows which way noise has to move to become a picture.

Rectified flow (Liu et al., arXiv 2209.03003; Lipman et al., arXiv 2210.02747): between noise and
the latents of a picture lies a straight line, and the network learns its direction at each place.
Words can count more than they say, as in classifier-free guidance (Ho and Salimans, arXiv
2207.12598). A student that was distilled (distillation.py) takes one step to the end.
"""

import copy
import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..vocabulary import MAX_WORDS, PADDING, START
from .networks import INPUTS, LATENT, LATENT_CHANNELS, LATENT_ROWS

CODE = 256  # numbers of a prompt, and of a time
WIDTHS = (64, 96, 192)  # channels where latents have 32, 16 and 8 rows
BLOCKS = (1, 2, 3)  # on the way down, and once more on the way up
HEADS, GROUPS = 4, 8
FREQUENCIES = 32  # of a time
TEACHER_STEPS = 6  # of Euler's method
UNGUIDED, GUIDANCE = 0.1, 9.0  # from which time words count more than they say, and how much
RESCALED = 0.3  # how far the deviation of guided latents is made that of others
FLOW_INPUTS = [*INPUTS, "source", "start"]
GRAIN = LATENT_CHANNELS * LATENT_ROWS**2  # numbers of the noise
WALKED = 0.8  # share of the noise that is z's; the rest is the seed's alone


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut, scaled and shifted by a code."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.norm, self.conv = nn.GroupNorm(GROUPS, before), nn.Conv2d(before, after, 3, padding=1)
        self.norm_out = nn.GroupNorm(GROUPS, after, affine=False)
        self.modulation = nn.Linear(CODE, 2 * after)
        self.conv_out = nn.Conv2d(after, after, 3, padding=1)
        self.shortcut = nn.Conv2d(before, after, 1) if before != after else nn.Identity()
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.modulation.weight)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        hidden = self.conv(F.silu(self.norm(x)))  # (batch, after, rows, rows)
        scale, shift = self.modulation(code)[:, :, None, None].chunk(
            2, 1
        )  # (batch, after, 1, 1) both
        hidden = F.silu(self.norm_out(hidden) * (1 + scale) + shift)
        shortcut: Tensor = self.shortcut(x)
        return shortcut + self.conv_out(hidden)  # (batch, after, rows, rows)


class Attention(nn.Module):
    """Each place reads all others."""

    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, width)
        self.qkv, self.proj = nn.Conv2d(width, 3 * width, 1), nn.Conv2d(width, width, 1)
        nn.init.zeros_(self.proj.weight)

    def forward(self, x: Tensor) -> Tensor:
        batch, width, rows, columns = x.shape
        parts = self.qkv(self.norm(x)).view(batch, 3, HEADS, width // HEADS, rows * columns)
        query, key, value = parts.transpose(3, 4).unbind(1)  # (batch, heads, places, numbers)
        seen = F.scaled_dot_product_attention(query, key, value)
        seen = seen.transpose(2, 3).reshape(batch, width, rows, columns)
        return x + self.proj(seen)  # (batch, width, rows, columns)


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
        self.conv_in = nn.Conv2d(LATENT_CHANNELS, widths[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        self.downsample, self.upsample = nn.ModuleList(), nn.ModuleList()
        width = widths[0]
        for level, after in enumerate(widths):
            if level:
                self.downsample.append(nn.Conv2d(width, after, 3, stride=2, padding=1))
                width = after
            self.down.append(
                nn.ModuleList(ResidualBlock(width, width) for _ in range(BLOCKS[level]))
            )
        self.attention = nn.ModuleList(Attention(width) for _ in range(2))
        for level in reversed(range(len(widths))):
            after = widths[level]
            if level < len(widths) - 1:
                self.upsample.append(nn.Conv2d(width, after, 1))
            befores = [2 * after] + [after] * (BLOCKS[level] - 1)
            self.up.append(nn.ModuleList(ResidualBlock(before, after) for before in befores))
            width = after
        self.norm = nn.GroupNorm(GROUPS, width)
        self.conv_out = nn.Conv2d(width, LATENT_CHANNELS, 3, padding=1)
        for weights in self.conv_out.parameters():
            nn.init.zeros_(weights)

    def encode(self, words: Tensor) -> Tensor:
        """Return the codes of prompts, (batch, CODE), of words (batch, MAX_WORDS)."""
        mask = (words > START).float().unsqueeze(2)  # (batch, MAX_WORDS, 1)
        mean = (self.words(words) * mask).sum(1) / mask.sum(1).clamp(min=1).sqrt()
        code: Tensor = self.text(mean)  # (batch, CODE)
        return code

    def forward(self, x: Tensor, t: Tensor, code: Tensor) -> Tensor:
        """Return the direction at latents x, (batch, 8, rows, rows), and times t, (batch,)."""
        return self.direction(self.features(x, t, code)[-1])

    def direction(self, last: Tensor) -> Tensor:
        """Return the direction, (batch, 8, rows, rows), that the last of the features tells."""
        found: Tensor = self.conv_out(F.silu(self.norm(last)))
        return found

    def features(self, x: Tensor, t: Tensor, code: Tensor) -> list[Tensor]:
        """Return the maps of all levels, (batch, width, rows, rows) each, down and up again."""
        code = F.silu(code + self.time(timestep_embedding(t)))  # (batch, CODE)
        x = self.conv_in(x)  # (batch, width, rows, rows)
        maps, kept = [], []
        for level, blocks in enumerate(self.down):
            if level:
                x = self.downsample[level - 1](x)
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x, code)
            kept.append(x)
            maps.append(x)
        x = self.attention[0](x)
        for level, blocks in enumerate(self.up):
            if level:
                x = F.interpolate(self.upsample[level - 1](x), scale_factor=2.0, mode="nearest")
            x = torch.cat([x, kept.pop()], 1)
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x, code)
            if not level:
                x = self.attention[1](x)
            maps.append(x)
        return maps


def timestep_embedding(t: Tensor) -> Tensor:
    """Return times 0..1 as sines and cosines, (batch, 2 * FREQUENCIES)."""
    rates = torch.exp(torch.linspace(0, math.log(1000.0), FREQUENCIES, device=t.device))
    angles = t[:, None] * rates  # (batch, FREQUENCIES)
    return torch.cat([angles.sin(), angles.cos()], 1)


def trajectory(
    net: FlowNetwork, x: Tensor, code: Tensor, *, start: Tensor | None = None,
    steps: int = TEACHER_STEPS, guidance: float = GUIDANCE,
) -> list[Tensor]:  # fmt: skip
    """Return the latents, (batch, 8, rows, rows) each, of Euler's steps from x to the end.

    Words count more than the network says, but for the first step from noise, which lays out the
    picture (guidance in an interval, arXiv 2404.07724), and the guided end keeps the deviation of
    the other (rescaled guidance, arXiv 2305.08891), so that colours stay those of paintings.

    Args:
        x: noise, or what lies between noise and latents at the times `start`.
        start: times, (batch,); 0, that of noise, by default.
        steps: of equal length, from there to the end.
        guidance: how much further than the words say; 1 is as they say.
    """
    nothing = net.encode(torch.zeros(1, 2, dtype=torch.long, device=x.device))  # (1, 256)
    begin = x.new_zeros(len(x)) if start is None else start
    states = [x]
    for step in range(steps):
        t = begin + (1 - begin) * step / steps  # (batch,)
        left = (1 - t).view(-1, 1, 1, 1)  # (batch, 1, 1, 1)
        direction = net(x, t, code).float()  # (batch, 8, rows, rows)
        guided = t >= UNGUIDED
        if guidance != 1 and guided.any():
            free = net(x[guided], t[guided], nothing.expand(int(guided.sum()), -1)).float()
            plain = x[guided] + left[guided] * direction[guided]  # the end as it is said
            end = plain + left[guided] * (guidance - 1) * (direction[guided] - free)
            ratio = plain.std((1, 2, 3), keepdim=True) / end.std((1, 2, 3), keepdim=True)
            direction[guided] = (end * (RESCALED * ratio + 1 - RESCALED) - x[guided]) / left[guided]
        x = x + ((1 - begin) / steps).view(-1, 1, 1, 1) * direction
        states.append(x)
    return states


def integrate(net: FlowNetwork, x: Tensor, code: Tensor, **options: Any) -> Tensor:
    """Return the last latents of `trajectory`."""
    return trajectory(net, x, code, **options)[-1]


def sample(
    net: FlowNetwork, noise: Tensor, code: Tensor, *, source: Tensor | None = None,
    start: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Return latents, (batch, 8, rows, rows), to which one step of a student leads.

    Args:
        source: latents of a picture that is painted again, (batch, 8, rows, rows).
        start: how much of it is kept, 0..1, (batch,); nothing by default.
    """
    t = noise.new_zeros(len(noise)) if start is None else start
    place = t.view(-1, 1, 1, 1)  # (batch, 1, 1, 1)
    between = (1 - place) * noise
    if source is not None:
        between = between + place * source
    latents: Tensor = between + (1 - place) * net(between, t, code)
    return latents


def noise_fields() -> Tensor:
    """Return the fixed fields of noise that a model mixes by its latent vector, (LATENT, GRAIN)."""
    random = torch.Generator().manual_seed(2)
    return torch.randn(LATENT, GRAIN, generator=random) / LATENT**0.5


def mixed_noise(fields: Tensor, z: Tensor, grain: Tensor) -> Tensor:
    """Return the noise that a picture begins with, (batch, 8, 32, 32).

    Args:
        fields: those of `noise_fields`.
        z: how much of each, (batch, LATENT).
        grain: noise of the picture's own, (batch, GRAIN).
    """
    strength = z.square().mean(1, keepdim=True)  # (batch, 1): 1 where z is as long as usual
    own = z @ fields * strength.clamp(min=1).rsqrt()  # (batch, GRAIN)
    rest = (1 - WALKED * strength.clamp(max=1)).sqrt()  # (batch, 1)
    noise = WALKED**0.5 * own + rest * grain  # (batch, GRAIN)
    return noise.view(-1, LATENT_CHANNELS, LATENT_ROWS, LATENT_ROWS)


class StoredLinear(nn.Module):
    """A linear layer whose weights are stored in 8 bits, with a scale for each row."""

    weight: Tensor
    scale: Tensor

    def __init__(self, layer: nn.Linear):
        super().__init__()
        scale = layer.weight.detach().abs().amax(1, keepdim=True).clamp(min=1e-8) / 127
        self.register_buffer("weight", (layer.weight.detach() / scale).round().to(torch.int8))
        self.register_buffer("scale", scale)
        self.bias = layer.bias

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.float() * self.scale, self.bias)


class FlowModel(nn.Module):
    """The flow as one graph with the inputs of the part `gan` and two more; its image is latents.

    Noise is a sum of fixed fields of noise, of which `z` tells how much of each, and of the grain:
    so a walk of `z` is a walk through pictures. `source` and `start` are as of `sample`.

    Args:
        net: a student.
    """

    def __init__(self, net: FlowNetwork):
        super().__init__()
        self.net = net = copy.deepcopy(net)
        for block in (one for one in net.modules() if isinstance(one, ResidualBlock)):
            block.modulation = StoredLinear(block.modulation)  # type: ignore[assignment]
        self.fields = nn.Parameter(noise_fields(), requires_grad=False)  # (64, 8192)

    def forward(
        self, z: Tensor, words: Tensor, shares: Tensor, code: Tensor, turn: Tensor, grain: Tensor,
        source: Tensor, start: Tensor,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        codes = self.net.encode(words)  # (2, 256)
        mixed = code + shares @ codes + turn  # (1, 256)
        x = mixed_noise(self.fields, z, grain)
        return sample(self.net, x, mixed, source=source, start=start), codes

    def random_inputs(self) -> tuple[Tensor, ...]:
        """Return random inputs in the order of FLOW_INPUTS."""
        words = torch.randint(PADDING, self.net.words.num_embeddings, (2, MAX_WORDS))
        words[:, 0] = START
        words[:, 5:] = PADDING
        source = torch.randn(1, LATENT_CHANNELS, LATENT_ROWS, LATENT_ROWS)
        start = torch.rand(1).round() * torch.rand(1)  # half of them from noise alone
        return (
            torch.randn(1, LATENT), words, torch.tensor([[1.0, 0.0]]), torch.zeros(1, CODE),
            torch.zeros(1, CODE), torch.randn(1, GRAIN), source, start,
        )  # fmt: skip
