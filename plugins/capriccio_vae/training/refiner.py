"""The network that paints what a VAE has blurred as the latents of a sharp picture.

A VAE of 576 numbers knows the masses of a picture, not its touch. The refiner reads its picture of
128 pixels, or its latents of 256, and returns latents of the painterly autoencoder, whose decoder
paints 256 pixels; what the VAE cannot know is invented, as a discriminator of latents demands.

Names of module attributes are those of saved checkpoints and exported graphs.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .autoencoder import CHANNELS, ResidualBlock, convolution

WIDTHS = (64, 128, 160)  # at 32, 16 and 8 rows: 0.5 G multiply-adds
PIXELS = 48  # numbers of 4 by 4 pixels
MARGIN = 4  # latents that are added around a whole picture, and cut off: zeros would draw a frame
# What latents have beyond the mean of 3 by 3 places is 0.65 times as strong as in real pictures. As
# strong as there it would show the texture that is invented; this is half the way.
DETAILS = 1.25
DISCRIMINATOR_WIDTHS = (72, 112, 144)  # at 32, 16 and 8 rows


class RefinerNetwork(nn.Module):
    """Return latents, (batch, 8, rows / 4, columns / 4), of pictures, (batch, 3, …) in 0..1.

    With `latents` of blurred latents, (batch, 8, rows, columns), instead of pictures.
    """

    def __init__(self, latents: bool = False) -> None:
        super().__init__()
        fine, middle, coarse = WIDTHS
        self.first = convolution(CHANNELS if latents else PIXELS, fine)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, 2) for a, b in pairwise(WIDTHS))
        self.before = nn.ModuleList([ResidualBlock(fine), ResidualBlock(middle)])
        self.deepest = nn.Sequential(ResidualBlock(coarse), ResidualBlock(coarse))
        self.up = nn.ModuleList([nn.Conv2d(coarse, middle, 1), nn.Conv2d(middle, fine, 1)])
        self.after = nn.ModuleList([
            nn.Sequential(ResidualBlock(middle), ResidualBlock(middle)),
            nn.Sequential(ResidualBlock(fine), ResidualBlock(fine)),
        ])  # fmt: skip
        self.last = convolution(fine, CHANNELS)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(as_map(x))  # (batch, 64, rows, columns)
        kept = []
        for block, down in zip(self.before, self.down, strict=True):
            h = block(h)  # (batch, width, rows, columns)
            kept.append(h)
            h = down(F.leaky_relu(h, 0.2))  # (batch, next width, rows / 2, columns / 2)
        h = self.deepest(h)  # (batch, 192, rows / 4, columns / 4)
        for up, blocks in zip(self.up, self.after, strict=True):
            h = F.interpolate(up(F.leaky_relu(h, 0.2)), scale_factor=2.0, mode="bilinear")
            h = blocks(h + kept.pop())  # (batch, width, 2 rows, 2 columns)
        return self.last(F.leaky_relu(h, 0.2)).float()  # (batch, 8, rows, columns)


class LatentPatchDiscriminator(nn.Module):
    """Score patches of latents, given the picture or the latents that they were refined from.

    Returns logits at 32, 16 and 8 rows, and the features they were read from.
    """

    def __init__(self, latents: bool = False) -> None:
        super().__init__()
        widths = DISCRIMINATOR_WIDTHS
        self.read = nn.Conv2d(CHANNELS if latents else PIXELS, 16, 1)
        self.first = convolution(CHANNELS + 16, widths[0])
        self.one = convolution(widths[0], widths[0])
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(nn.GroupNorm(8, width) for width in widths)
        self.heads = nn.ModuleList(convolution(width, 1) for width in widths)

    def forward(self, z: Tensor, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        seen = self.read(as_map(x))  # (batch, 16, 32, 32)
        h = self.first(torch.cat([z, seen], 1))  # (batch, 72, 32, 32)
        h = F.leaky_relu(self.norms[0](self.one(F.leaky_relu(h, 0.2))), 0.2)
        logits, features = [self.heads[0](h).float()], [h]
        for layer, norm, head in zip(self.layers, self.norms[1:], self.heads[1:], strict=True):
            h = F.leaky_relu(norm(layer(h)), 0.2)  # (batch, width, rows / 2, columns / 2)
            logits.append(head(h).float())
            features.append(h)
        return logits, features


class Refiner(nn.Module):
    """All that learns, in one module, so that one checkpoint holds it."""

    def __init__(self, latents: bool = False) -> None:
        super().__init__()
        self.net, self.critic = RefinerNetwork(latents), LatentPatchDiscriminator(latents)


def as_map(x: Tensor) -> Tensor:
    """Return pictures, (batch, 3, …), as maps of a quarter of their rows; latents as they are."""
    return F.pixel_unshuffle(x * 4 - 2, 4) if x.shape[1] == 3 else x


class WholeRefiner(nn.Module):
    """The network as whole pictures are refined: edges go on beyond them, details are stronger."""

    def __init__(self, net: RefinerNetwork):
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        margin = MARGIN * (4 if x.shape[1] == 3 else 1)  # of a picture 4 pixels a latent
        z = self.net(F.pad(x, (margin,) * 4, mode="replicate"))
        z = z + (DETAILS - 1) * (z - F.avg_pool2d(z, 3, 1, 1))
        return z[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN]


class BytesRefiner(nn.Module):
    """The network as it is exported: latents, (1, 8, 32, 32), of bytes, (1, 128, 128, 3)."""

    def __init__(self, net: RefinerNetwork):
        super().__init__()
        self.whole = WholeRefiner(net)

    def forward(self, picture: Tensor) -> Tensor:
        return self.whole(picture.permute(0, 3, 1, 2).float() / 255)
