"""The networks: a text encoder, a generator that paints, a discriminator.

Sizes are chosen for inference on a CPU: plain 3 x 3 convolutions, which ONNX Runtime computes
fastest there, static shapes, no kernel that depends on an input. Text and noise reach the
generator as a scale and a shift of features, and upsampling is the convolution before it, whose
channels become pixels (sub-pixel convolution, arXiv 1609.05158), or one transposed convolution
that computes the same.

Attributes of the modules are named as in the checkpoints that exist.
"""

from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..vocabulary import MAX_WORDS, PADDING, START

EXAMPLES = 40  # random inputs with which a model is quantized
LATENT = 64  # size of z: enough for shape, place and brushwork
CODE = 128  # size of an encoded prompt
STYLE = 128  # size of what z and code become together; the knobs `first` to `fourth` shift it

# Channels at 4, 8, 16 … rows, the last level half the picture's size. Chosen by measurement: a
# frame takes two cores of a Xeon with AVX-512 2.3 ms at 64, 2.8 ms at 128 and 11 ms at 256.
GENERATOR_WIDTHS = {
    64: (144, 128, 88, 48),
    128: (144, 128, 80, 40, 24),
    256: (192, 160, 128, 80, 40, 24),
}
DISCRIMINATOR_WIDTHS = {  # from half the picture's size down to 4 rows
    64: (32, 64, 96, 160),
    128: (32, 64, 96, 128, 192),
    256: (24, 48, 64, 96, 128, 192),
}
# Of latents, at 4, 8, 16 and 32 rows: 0.24 G multiply-adds, a quarter of their decoder's.
LATENT_CHANNELS, LATENT_ROWS = 8, 32  # of a picture of 256 pixels, as the part `vae` encodes it
LATENT_GENERATOR_WIDTHS = (192, 160, 128, 80)
LATENT_DISCRIMINATOR_WIDTHS = (80, 112, 144, 192)  # from 32 rows down to 4
MIN_GRAIN_ROWS = 16  # from this many rows on a level has noise of its own: the grain of the paper
PAPER = 0.8  # about the lightness of paper, from which the generator starts

# Of the exported graph.
INPUTS = ["z", "words", "shares", "code", "turn", "grain"]
OUTPUTS = ["image", "codes"]


class TextEncoder(nn.Module):
    """Encode prompts, (batch, MAX_WORDS) word numbers, as codes, (batch, CODE).

    A convolution sees every word with its neighbours, so that the green leaves of a red apple
    stay green; four attention heads pool the words.
    """

    def __init__(self, words: int, width: int = 64, heads: int = 4):
        super().__init__()
        self.table = nn.Embedding(words, width, padding_idx=PADDING)
        self.beside = nn.Conv1d(width, width, 3, padding=1)
        self.attend = nn.Linear(width, heads)
        self.last = nn.Linear(heads * width, CODE)
        nn.init.normal_(self.table.weight, std=0.5)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        mask = (words != PADDING).unsqueeze(2)  # (batch, 24, 1)
        h = self.table(words) * mask  # (batch, 24, 64)
        near = self.beside(h.transpose(1, 2)).transpose(1, 2)  # (batch, 24, 64)
        h = h + F.leaky_relu(near, 0.2)  # (batch, 24, 64)
        weight = self.attend(h).masked_fill(~mask, -1e4).softmax(1)  # (batch, 24, 4)
        pooled = weight.transpose(1, 2) @ h  # (batch, 4, 64)
        return F.layer_norm(self.last(pooled.flatten(1)), (CODE,))  # (batch, 128)


class Block(nn.Module):
    """A residual block of two convolutions, modulated in between by style and noise."""

    def __init__(self, width: int, has_grain: bool):
        super().__init__()
        self.one = nn.Conv2d(width, width, 3, padding=1)
        self.two = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.two.weight)  # starts as the identity: deep nets learn from the start
        self.tint = nn.Linear(STYLE, 2 * width)
        self.grain = nn.Parameter(torch.zeros(width)) if has_grain else None

    def forward(
        self, x: torch.Tensor, style: torch.Tensor, grain: torch.Tensor | None
    ) -> torch.Tensor:
        h = self.one(F.leaky_relu(x, 0.2))  # (batch, width, rows, rows)
        scale, shift = self.tint(style)[:, :, None, None].chunk(2, 1)  # (batch, width, 1, 1)
        h = h * (1 + scale) + shift  # (batch, width, rows, rows)
        if self.grain is not None and grain is not None:
            h = h + (grain * self.grain.view(1, -1, 1, 1)).to(h.dtype)  # (batch, width, rows, rows)
        return x + self.two(F.leaky_relu(h, 0.2))  # (batch, width, rows, rows)


class GeneratorNetwork(nn.Module):
    """Paint z, (batch, LATENT), and a code, (batch, CODE), as (batch, 3, size, size) in 0..1."""

    style_size = STYLE

    def __init__(self, size: int, widths: tuple[int, ...] | None = None):
        super().__init__()
        widths = widths or GENERATOR_WIDTHS[size]
        self.size, self.rows = size, [4 * 2**level for level in range(len(widths))]
        self.one = nn.Linear(LATENT + CODE, 192)
        self.two = nn.Linear(192, STYLE)
        self.first = nn.Linear(STYLE, widths[0] * 16)
        self.blocks = nn.ModuleList(
            Block(width, rows >= MIN_GRAIN_ROWS)
            for width, rows in zip(widths, self.rows, strict=True)
        )
        # Every pixel becomes four: faster at inference than a convolution and a pixel shuffle.
        ups = [nn.ConvTranspose2d(a, b, 2, 2) for a, b in pairwise(widths)]
        for up in ups:  # the four start alike: no checkerboard
            up.weight.data = up.weight.data[:, :, :1, :1].repeat(1, 1, 2, 2)  # (in, out, 2, 2)
            nn.init.zeros_(up.bias)  # type: ignore[arg-type]
        self.up = nn.ModuleList(ups)
        self.last = nn.Conv2d(widths[-1], 12, 3, padding=1)
        self.last.weight.data = self.last.weight.data[::4].repeat_interleave(4, 0)  # (12, in, 3, 3)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]
        self.grain_size = sum(rows**2 for rows in self.rows if rows >= MIN_GRAIN_ROWS)

    def mapping(self, z: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
        """Return the style of z and code, (batch, STYLE)."""
        h = F.leaky_relu(self.one(torch.cat([z, code], 1)), 0.2)  # (batch, 192)
        return self.two(h)  # (batch, 128)

    def synthesis(self, style: torch.Tensor, grain: torch.Tensor) -> torch.Tensor:
        """Return pictures of styles and noise, (batch, grain_size)."""
        h = self.first(style).view(len(style), -1, 4, 4)  # (batch, width, 4, 4)
        begin = 0
        for block, up, rows in zip(self.blocks, [*self.up, None], self.rows, strict=True):
            noise = None
            if block.grain is not None:
                noise = grain[:, begin : begin + rows**2].view(-1, 1, rows, rows)
                begin += rows**2
            h = block(h, style, noise)  # (batch, width, rows, rows)
            if up is not None:
                h = up(h)  # (batch, next width, 2 rows, 2 rows)
        return self.finish(h)

    def finish(self, h: torch.Tensor) -> torch.Tensor:
        """Return the pictures of the last features, (batch, width, size / 2, size / 2)."""
        h = self.last(F.leaky_relu(h, 0.2))  # (batch, 12, size / 2, size / 2)
        return F.pixel_shuffle(h, 2).float() + PAPER  # (batch, 3, size, size)

    def forward(self, z: torch.Tensor, code: torch.Tensor, grain: torch.Tensor) -> torch.Tensor:
        return self.synthesis(self.mapping(z, code), grain)  # (batch, 3, size, size)

    def style_weights(self) -> list[torch.Tensor]:
        """Return the weights of all layers that read the style, (outputs, STYLE) each."""
        tints = [block.tint for block in self.blocks if isinstance(block, Block)]
        return [self.first.weight, *(tint.weight for tint in tints)]


class LatentGenerator(GeneratorNetwork):
    """Paint z and a code as the latents of a picture, (batch, 8, 32, 32), instead of pixels."""

    def __init__(self) -> None:
        widths = LATENT_GENERATOR_WIDTHS
        super().__init__(8 * LATENT_ROWS, widths)
        # A latent is not a pixel: its neighbours differ, and no value is repeated on a grid.
        self.up = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 1), nn.Upsample(scale_factor=2.0, mode="bilinear"))
            for a, b in pairwise(widths)
        )
        self.last = nn.Conv2d(widths[-1], LATENT_CHANNELS, 3, padding=1)

    def finish(self, h: torch.Tensor) -> torch.Tensor:
        return self.last(F.leaky_relu(h, 0.2)).float()  # (batch, 8, 32, 32)


class Discriminator(nn.Module):
    """Score how real pictures are and how well they fit prompts, (batch, scores), higher is real.

    It has two branches: one of its own, trained from scratch, sees every pixel; the other reads
    the features of an image encoder that was trained on real pictures before and stays frozen,
    which makes few pictures suffice (after Projected GANs, arXiv 2111.01007, with features of our
    own). `features` are the widths of the encoder's maps.
    """

    inputs = 12  # channels of four pixels

    def __init__(self, size: int, features: tuple[int, ...], widths: tuple[int, ...] | None = None):
        super().__init__()
        widths = widths or DISCRIMINATOR_WIDTHS[size]
        self.first = nn.Conv2d(self.inputs, widths[0], 3, padding=1)
        self.one = nn.ModuleList(nn.Conv2d(a, a, 3, padding=1) for a in widths[:-1])
        second = [nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths)]
        for conv in second:
            nn.init.zeros_(conv.weight)
        self.two = nn.ModuleList(second)
        self.past = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in pairwise(widths))
        self.touch = nn.Conv2d(widths[-2], 1, 1)  # at 8 rows: brushwork and paper, patch by patch
        self.whole = nn.Linear(widths[-1] * 16, 192)
        self.votes = nn.Linear(192, 1)
        self.looks = nn.ModuleList(nn.Conv2d(width, 64, 1) for width in features)
        self.sees = nn.ModuleList(nn.Conv2d(64, 64, 3, 2, 1) for _ in features)
        self.says = nn.ModuleList(nn.Conv2d(64, 1, 1) for _ in features)
        # Prompts enter by projection, arXiv 1802.05637.
        pooled = [192, *(64 for _ in features)]
        self.asks = nn.ModuleList(nn.Linear(CODE, width, bias=False) for width in pooled)

    def forward(
        self, x: torch.Tensor, features: list[torch.Tensor]
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Return scores without a prompt, (batch, scores), and the pooled features of branches."""
        h = self.first(self.prepare(x))  # (batch, width, size / 2, size / 2)
        scores = []
        for one, two, past in zip(self.one, self.two, self.past, strict=True):
            if h.shape[2] == 8:
                scores.append(self.touch(F.leaky_relu(h, 0.2)).flatten(1))  # (batch, 64)
            inner = two(F.leaky_relu(one(F.leaky_relu(h, 0.2)), 0.2))  # (batch, next, rows, rows)
            h = F.avg_pool2d(past(h) + inner, 2)  # (batch, next, rows / 2, rows / 2)
        h = F.leaky_relu(self.whole(F.leaky_relu(h, 0.2).flatten(1)), 0.2)  # (batch, 192)
        scores.append(self.votes(h).expand(-1, 16))  # (batch, 16): weighs like 16 patches
        pooled = [h]
        branches = zip(self.looks, self.sees, self.says, features, strict=True)
        for project, down, head, feature in branches:
            h = F.leaky_relu(project(feature), 0.2)  # (batch, 64, rows, rows)
            h = F.leaky_relu(down(h), 0.2)  # (batch, 64, rows / 2, rows / 2)
            scores.append(head(F.adaptive_avg_pool2d(h, 4)).flatten(1))  # (batch, 16)
            pooled.append(h.mean((2, 3)))  # (batch, 64)
        return torch.cat([score.float() for score in scores], 1), pooled

    def prepare(self, x: torch.Tensor) -> torch.Tensor:
        """Return what the branch that sees every pixel reads, (batch, 12, size / 2, size / 2)."""
        return F.pixel_unshuffle(x * 2 - 1, 2)

    def conditional_scores(self, pooled: list[torch.Tensor], code: torch.Tensor) -> torch.Tensor:
        """Return what a prompt adds to each score, (batch, scores), given the pooled features."""
        fits = [
            (feature.float() * ask(code)).sum(1, keepdim=True) / feature.shape[1] ** 0.5
            for feature, ask in zip(pooled, self.asks, strict=True)
        ]  # (batch, 1) each
        none = torch.zeros(len(code), 64, device=code.device)  # patches do not depend on prompts
        return torch.cat([none, *(fit.expand(-1, 16) for fit in fits)], 1)  # (batch, scores)


class LatentDiscriminator(Discriminator):
    """Score latents, (batch, 8, 32, 32): one branch reads these, the others a preview of them."""

    inputs = LATENT_CHANNELS

    def __init__(self, features: tuple[int, ...]):
        super().__init__(8 * LATENT_ROWS, features, LATENT_DISCRIMINATOR_WIDTHS)

    def prepare(self, x: torch.Tensor) -> torch.Tensor:
        return x


class InferenceModel(nn.Module):
    """Generator and text encoder in one graph, as it is exported: words in, bytes out.

    Two prompts are encoded, and their codes added by `shares` to the `code` that is passed in, so
    that a known prompt needs no encoding and any mixture can be faded. `turn` is added to the
    style; the knobs `first` to `fourth` set it. A generator may be anything with the methods
    `mapping` and `synthesis` and the sizes of GeneratorNetwork.
    """

    def __init__(self, text_encoder: TextEncoder, generator: Any):
        super().__init__()
        self.listener, self.painter = text_encoder, generator

    def forward(
        self, z: torch.Tensor, words: torch.Tensor, shares: torch.Tensor, code: torch.Tensor,
        turn: torch.Tensor, grain: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
        codes = self.listener(words)  # (2, 128)
        mixed = code + shares @ codes  # (1, 128)
        style = self.painter.mapping(z, mixed) + turn  # (1, 128)
        x = self.painter.synthesis(style, grain)  # (1, 3, size, size)
        if x.shape[1] != 3:  # latents: their decoder is joined to the graph
            return x, codes  # (1, 8, 32, 32) or (1, 576), (2, 128)
        x = x.clamp(0, 1) * 255 + 0.5  # (1, 3, size, size)
        return x.permute(0, 2, 3, 1).to(torch.uint8), codes  # (1, size, size, 3), (2, 128)

    def random_inputs(self) -> tuple[torch.Tensor, ...]:
        """Return random inputs in the order of INPUTS."""
        words = torch.randint(PADDING, self.listener.table.num_embeddings, (2, MAX_WORDS))
        words[:, 0] = START
        return (
            torch.randn(1, LATENT),
            words,
            torch.rand(1, 2),
            0.3 * torch.randn(1, CODE),
            0.3 * torch.randn(1, self.painter.style_size),
            torch.randn(1, self.painter.grain_size),
        )


def example_feeds(model: Any, names: list[str] = INPUTS) -> list[dict[str, np.ndarray]]:
    """Return random inputs of a model by name, with which it is quantized."""
    drawn = (model.random_inputs() for _ in range(EXAMPLES))
    return [dict(zip(names, map(np.asarray, one), strict=True)) for one in drawn]
