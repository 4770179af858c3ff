"""The painterly autoencoder: pictures of any size to latents of an eighth of it, and back.

Fully convolutional and regularised by a KL term, as the first stage of latent generators is
(Rombach et al., arXiv 2112.10752). Upsampling is bilinear, and grain enters at two levels, so that
texture need not be made of the latents' own grid. Zeros around a picture would leave a faint frame:
where a whole picture is encoded or decoded, a margin is added first and cut off afterwards.

Names of module attributes are those of saved checkpoints and exported graphs.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FACTOR = 8  # pixels to a latent's side
CHANNELS = 8  # of a latent: 1 / 24 of the numbers of its picture
ENCODER_WIDTHS = (32, 64, 96)  # at 1/2, 1/4 and 1/8 of the side
DECODER_WIDTHS = (96, 48, 32)  # at 1/8, 1/4 and 1/2 of the side: 0.75 G multiply-adds at 256 rows
CRITIC_WIDTHS = (48, 64, 96, 128)  # at 1/2, 1/4, 1/8 and 1/16 of the side
GRAIN = 288  # side of the tile of grain: it repeats beyond pictures of 576 pixels


def convolution(inputs: int, outputs: int) -> nn.Conv2d:
    """Return a convolution that keeps the side."""
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class ResidualBlock(nn.Module):
    """Two convolutions around a residual; begins as the identity."""

    def __init__(self, width: int):
        super().__init__()
        self.one, self.two = convolution(width, width), convolution(width, width)
        nn.init.zeros_(self.two.weight)

    def forward(self, x: Tensor) -> Tensor:
        h = self.one(F.leaky_relu(x, 0.2))  # (batch, width, rows, columns)
        return x + self.two(F.leaky_relu(h, 0.2))  # (batch, width, rows, columns)


class Encoder(nn.Module):
    """Return mean and log variance, (batch, 8, rows / 8, columns / 8), of (batch, 3, …) in 0..1."""

    def __init__(self) -> None:
        super().__init__()
        one, two, three = ENCODER_WIDTHS
        self.first = convolution(12, one)
        self.steps = nn.ModuleList([convolution(one, two), convolution(two, three)])
        self.blocks = nn.ModuleList([
            ResidualBlock(two), nn.Sequential(ResidualBlock(three), ResidualBlock(three)),
        ])  # fmt: skip
        self.last = convolution(three, 2 * CHANNELS)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.first(F.pixel_unshuffle(x * 4 - 2, 2))  # (batch, 32, rows / 2, columns / 2)
        for step, block in zip(self.steps, self.blocks, strict=True):
            h = F.avg_pool2d(step(F.leaky_relu(h, 0.2)), 2)  # (batch, width, rows / 2, columns / 2)
            h = block(h)  # (batch, width, rows / 2, columns / 2)
        mean, log_variance = self.last(F.leaky_relu(h, 0.2)).float().chunk(2, 1)
        return mean, log_variance.clamp(-12, 2)


class Grain(nn.Module):
    """Add a fixed tile of noise, as strongly as each channel has learned to use it."""

    tile: Tensor

    def __init__(self, width: int, seed: int):
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(1, width, 1, 1))
        noise = torch.randn(1, 1, GRAIN, GRAIN, generator=torch.Generator().manual_seed(seed))
        self.register_buffer("tile", noise.half().float())

    def forward(self, h: Tensor) -> Tensor:
        rows, columns = h.shape[2:]
        if self.training:  # a part of the tile at random, or the decoder would learn it by heart
            y, x = (int(torch.randint(GRAIN - side + 1, ())) for side in (rows, columns))
            return h + self.strength * self.tile[:, :, y : y + rows, x : x + columns]
        ys, xs = (torch.arange(side, device=h.device) % GRAIN for side in (rows, columns))
        return h + self.strength * self.tile[:, :, ys][:, :, :, xs]


class Decoder(nn.Module):
    """Return the pictures, (batch, 3, 8 rows, 8 columns), of latents, (batch, 8, rows, columns)."""

    def __init__(self) -> None:
        super().__init__()
        one, two, three = DECODER_WIDTHS
        self.first = convolution(CHANNELS, one)
        self.blocks = nn.ModuleList([
            nn.Sequential(ResidualBlock(one), ResidualBlock(one)), ResidualBlock(two),
            convolution(three, three),
        ])  # fmt: skip
        self.steps = nn.ModuleList([convolution(one, two), convolution(two, three)])
        self.grain = nn.ModuleList([Grain(two, 1), Grain(three, 2)])
        self.last = convolution(three, 12)
        # The four pixels of a place begin alike: no weave.
        self.last.weight.data = self.last.weight.data[::4].repeat_interleave(4, 0)  # (12, in, 3, 3)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, z: Tensor) -> Tensor:
        h = self.blocks[0](self.first(z))  # (batch, 96, rows, columns)
        for step, grain, block in zip(self.steps, self.grain, self.blocks[1:], strict=True):
            h = step(F.leaky_relu(h, 0.2))  # (batch, next width, rows, columns)
            # A convolution before the enlargement costs a quarter of one after it.
            h = F.interpolate(h, scale_factor=2.0, mode="bilinear")  # (batch, …, 2 rows, 2 columns)
            h = block(grain(h))  # (batch, next width, 2 rows, 2 columns)
        # As a transposed convolution of 6 by 6 pixels at a stride of 2: each pixel is overlapped.
        h = self.last(F.leaky_relu(h, 0.2))  # (batch, 12, 4 rows, 4 columns)
        return F.pixel_shuffle(h, 2).float() + 0.5  # (batch, 3, 8 rows, 8 columns)


class PatchDiscriminator(nn.Module):
    """Return a logit for every patch at 1/4, 1/8 and 1/16 of the side."""

    def __init__(self) -> None:
        super().__init__()
        self.first = convolution(12, CRITIC_WIDTHS[0])
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in pairwise(CRITIC_WIDTHS))
        self.heads = nn.ModuleList(
            nn.Sequential(convolution(width, width), nn.LeakyReLU(0.2), convolution(width, 1))
            for width in CRITIC_WIDTHS[1:]
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        h = self.first(F.pixel_unshuffle(x * 4 - 2, 2))  # (batch, 48, rows / 2, columns / 2)
        logits = []
        for layer, head in zip(self.layers, self.heads, strict=True):
            h = layer(F.leaky_relu(h, 0.2))  # (batch, width, rows / 2, columns / 2)
            logits.append(head(F.leaky_relu(h, 0.2)).float())  # (batch, 1, rows / 2, columns / 2)
        return logits


class Autoencoder(nn.Module):
    """All that learns, in one module, so that one checkpoint holds it."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()
        self.critic = PatchDiscriminator()


class LatentEncoder(nn.Module):
    """The encoder as it is exported: the latents of a picture of bytes, (1, rows, columns, 3).

    Sides must be multiples of 8. Latents are shifted and scaled to a mean of 0 and a deviation
    of 1 in each channel, over the pictures of the training.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, net: Autoencoder, mean: Tensor, deviation: Tensor):
        super().__init__()
        self.encoder = net.encoder
        self.register_buffer("mean", mean.view(1, -1, 1, 1))
        self.register_buffer("deviation", deviation.view(1, -1, 1, 1))

    def forward(self, picture: Tensor) -> Tensor:
        x = picture.permute(0, 3, 1, 2).float() / 255  # (1, 3, rows, columns)
        x = F.pad(x, (FACTOR,) * 4, mode="replicate")  # (1, 3, rows + 16, columns + 16)
        z = self.encoder(x)[0][:, :, 1:-1, 1:-1]  # (1, 8, rows / 8, columns / 8)
        return (z - self.mean) / self.deviation


class LatentDecoder(nn.Module):
    """The decoder as it is exported: a picture of bytes, (1, 8 rows, 8 columns, 3), of latents."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, net: Autoencoder, mean: Tensor, deviation: Tensor):
        super().__init__()
        self.decoder = net.decoder
        self.register_buffer("mean", mean.view(1, -1, 1, 1))
        self.register_buffer("deviation", deviation.view(1, -1, 1, 1))

    def forward(self, z: Tensor) -> Tensor:
        z = F.pad(z * self.deviation + self.mean, (1, 1, 1, 1), mode="replicate")  # (1, 8, …)
        x = self.decoder(z)[:, :, FACTOR:-FACTOR, FACTOR:-FACTOR]  # (1, 3, 8 rows, 8 columns)
        return (x.clamp(0, 1) * 255 + 0.5).permute(0, 2, 3, 1).to(torch.uint8)
