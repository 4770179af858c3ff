"""The latent flow: words and noise become latents of a VAE, along nearly straight lines.

A rectified flow (Liu et al., arXiv 2209.03003) in the 576 numbers that the part `vae` has learned
for pictures of many kinds. Guidance away from the picture without words (Ho and Salimans, arXiv
2207.12598) makes words count; a copy of the network learns the guided velocity (Meng et al., arXiv
2210.03142), so that a picture takes one evaluation a step and not two.

Names of module attributes are those of saved checkpoints and exported graphs.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .networks import CODE, LATENT, TextEncoder

SPATIAL, ROWS = 8, 8  # the numbers of a VAE that have a place: channels, and rows of places
GRAIN = SPATIAL * ROWS**2
WIDTHS = (96, 128)  # at 8 and 4 rows: 65 M multiply-adds
CONDITION = 192  # numbers that modulate every block
FREQUENCIES = 16  # of the time
DROPOUT = 0.1
STEPS = 6  # of the exported graph
GUIDANCE = 2.0  # 1 would be none


class Block(nn.Module):
    """A residual block of two convolutions, modulated in between."""

    def __init__(self, width: int):
        super().__init__()
        self.one = nn.Conv2d(width, width, 3, padding=1)
        self.two = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.two.weight)
        self.tint = nn.Linear(CONDITION, 2 * width)
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.tint(condition)[:, :, None, None].chunk(2, 1)  # (batch, width, 1, 1)
        h = self.one(F.silu(x)) * (1 + scale) + shift  # (batch, width, rows, rows)
        return x + self.two(self.drop(F.silu(h)))  # (batch, width, rows, rows)


class FlowNetwork(nn.Module):
    """Return the velocity of latents, (batch, 576), at times 0..1, (batch,), for codes of words.

    The first 64 numbers belong to the whole picture, the others to places of a map of 8 by 8.
    """

    freq: Tensor

    def __init__(self) -> None:
        super().__init__()
        width, deep = WIDTHS
        self.time = nn.Linear(2 * FREQUENCIES, 64)
        self.cond = nn.Sequential(
            nn.Linear(LATENT + 64 + CODE, 256), nn.SiLU(), nn.Linear(256, CONDITION), nn.SiLU()
        )
        self.first = nn.Conv2d(SPATIAL, width, 3, padding=1)
        self.b1 = nn.ModuleList(Block(width) for _ in range(2))
        self.down = nn.Conv2d(width, deep, 2, 2)
        self.place = nn.Linear(CONDITION, 16 * deep)
        self.b2 = nn.ModuleList(Block(deep) for _ in range(4))
        self.squeeze = nn.Conv2d(deep, 32, 1)
        self.gin = nn.Linear(16 * 32, 192)
        self.gmlp = nn.Sequential(
            nn.Linear(192 + CONDITION, 320), nn.SiLU(), nn.Linear(320, 320), nn.SiLU(),
            nn.Linear(320, LATENT),
        )  # fmt: skip
        self.up = nn.Conv2d(deep, 4 * width, 1)
        self.b3 = nn.ModuleList(Block(width) for _ in range(2))
        self.last = nn.Conv2d(width, SPATIAL, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]
        self.register_buffer("freq", torch.exp(torch.linspace(0, 5, FREQUENCIES)))

    def forward(self, x: Tensor, time: Tensor, code: Tensor) -> Tensor:
        whole, places = x[:, :LATENT], x[:, LATENT:].view(-1, SPATIAL, ROWS, ROWS)
        angle = time[:, None] * self.freq  # (batch, 16)
        moment = F.silu(self.time(torch.cat([angle.sin(), angle.cos()], 1)))  # (batch, 64)
        condition = self.cond(torch.cat([whole, moment, code], 1))  # (batch, 192)
        h = self.first(places)  # (batch, 96, 8, 8)
        for block in self.b1:
            h = block(h, condition)
        kept = h
        h = self.down(h) + self.place(condition).view(len(x), -1, 4, 4)  # (batch, 128, 4, 4)
        for block in self.b2:
            h = block(h, condition)
        seen = F.silu(self.gin(self.squeeze(h).flatten(1)))  # (batch, 192)
        velocity = self.gmlp(torch.cat([seen, condition], 1))  # (batch, 64)
        h = F.pixel_shuffle(self.up(h), 2) + kept  # (batch, 96, 8, 8)
        for block in self.b3:
            h = block(h, condition)
        return torch.cat([velocity, self.last(F.silu(h)).flatten(1)], 1)  # (batch, 576)


class LatentFlow(nn.Module):
    """Text encoder, flow and guided flow, in one module, so that one checkpoint holds them.

    As a generator of the part `gan`: `z` is the noise of the whole picture, `grain` that of its
    places.
    """

    grain_size = GRAIN
    style_size = LATENT + CODE

    def __init__(self, words: int):
        super().__init__()
        self.text, self.flow = TextEncoder(words), FlowNetwork()
        self.guided = FlowNetwork()
        self.null = nn.Parameter(torch.zeros(1, CODE))  # the code of no words

    def velocity_loss(self, latents: Tensor, codes: Tensor, time: Tensor) -> Tensor:
        """Return the squared errors of the velocity at times, (batch, 576)."""
        noise = torch.randn_like(latents)
        at = (1 - time[:, None]) * noise + time[:, None] * latents  # (batch, 576)
        return (self.flow(at, time, codes).float() - (latents - noise)).square()

    def guided_loss(self, latents: Tensor, codes: Tensor, time: Tensor) -> Tensor:
        """Return the squared errors of the guided flow at times, (batch, 576)."""
        at = (1 - time[:, None]) * torch.randn_like(latents) + time[:, None] * latents
        with torch.no_grad():
            both = torch.cat([codes, self.null.expand(len(codes), -1)])  # (2 batch, 128)
            told, untold = self.flow(torch.cat([at, at]), time.repeat(2), both).float().chunk(2)
        return (self.guided(at, time, codes).float() - untold - GUIDANCE * (told - untold)).square()

    @torch.no_grad()
    def follow(self) -> None:
        """Copy the flow to the guided flow, which begins there."""
        for copy, weight in zip(self.guided.parameters(), self.flow.parameters(), strict=True):
            copy.copy_(weight)

    def mapping(self, z: Tensor, code: Tensor) -> Tensor:
        """Return noise and code side by side, (batch, 192): what knobs may turn."""
        return torch.cat([z, code], 1)

    def synthesis(self, style: Tensor, grain: Tensor) -> Tensor:
        """Return the latents, (batch, 576), that noise and code lead to."""
        z, code = style.split([LATENT, CODE], 1)
        x = torch.cat([z, grain], 1)  # (batch, 576)
        for step in range(STEPS):
            x = x + self.guided(x, torch.full((len(code),), step / STEPS), code) / STEPS
        return x

    def style_weights(self) -> list[Tensor]:
        """Return the weights that read noise and code, (outputs, 192)."""
        first = self.guided.cond[0]
        assert isinstance(first, nn.Linear)
        return [torch.cat([first.weight[:, :LATENT], first.weight[:, -CODE:]], 1)]
