"""The network that doubles the sides of a picture with the detail of paintings."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .autoencoder import Grain, PatchDiscriminator, ResidualBlock, convolution

WIDTH, BLOCKS = 40, 2  # at half the side of the input
FINE_WIDTH = 24  # at the side of the input
MARGIN = 8  # pixels of the edge that are repeated around a picture, and cut off


class UpscalerNetwork(nn.Module):
    """Return pictures of twice the side, (batch, 3, 2 rows, 2 columns), of (batch, 3, …) in 0..1.

    What it learns is added to a bilinear enlargement. As in the decoder of the autoencoder,
    features are enlarged bilinearly and grain enters before the last convolutions. Names of
    attributes are those of saved checkpoints and exported graphs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first = convolution(12, WIDTH)
        self.blocks = nn.Sequential(*(ResidualBlock(WIDTH) for _ in range(BLOCKS)))
        self.step = convolution(WIDTH, FINE_WIDTH)
        self.grain = Grain(FINE_WIDTH, 3)
        self.fine = convolution(FINE_WIDTH, FINE_WIDTH)
        self.last = convolution(FINE_WIDTH, 12)
        # The four pixels of a place begin alike: no weave.
        self.last.weight.data = self.last.weight.data[::4].repeat_interleave(4, 0)  # (12, in, 3, 3)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(F.pixel_unshuffle(x * 4 - 2, 2))  # (batch, 40, rows / 2, columns / 2)
        h = self.step(F.leaky_relu(self.blocks(h), 0.2))  # (batch, 24, rows / 2, columns / 2)
        h = F.interpolate(h, scale_factor=2.0, mode="bilinear")  # (batch, 24, rows, columns)
        h = self.fine(F.leaky_relu(self.grain(h), 0.2))  # (batch, 24, rows, columns)
        h = self.last(F.leaky_relu(h, 0.2))  # (batch, 12, rows, columns)
        return enlarge(x) + F.pixel_shuffle(h, 2).float()  # (batch, 3, 2 rows, 2 columns)


class Upscaler(nn.Module):
    """All that learns, in one module, so that one checkpoint holds it."""

    def __init__(self) -> None:
        super().__init__()
        self.net, self.critic = UpscalerNetwork(), PatchDiscriminator()


class BytesUpscaler(nn.Module):
    """The network as it is exported: bytes to bytes, (1, rows, columns, 3); sides are even."""

    def __init__(self, net: UpscalerNetwork):
        super().__init__()
        self.net = net

    def forward(self, picture: Tensor) -> Tensor:
        x = picture.permute(0, 3, 1, 2).float() / 255  # (1, 3, rows, columns)
        x = F.pad(x, (MARGIN,) * 4, mode="replicate")  # (1, 3, rows + 16, columns + 16)
        y = self.net(x)[:, :, 2 * MARGIN : -2 * MARGIN, 2 * MARGIN : -2 * MARGIN]
        return (y.clamp(0, 1) * 255 + 0.5).permute(0, 2, 3, 1).to(torch.uint8)


def enlarge(x: Tensor) -> Tensor:
    """Return pictures of twice the side by bilinear interpolation."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear")
