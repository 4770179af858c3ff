"""The brush network: it proposes strokes for a target and a canvas.

Names of module attributes are those of saved checkpoints and exported graphs.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..strokes import MAX_HALF_LENGTH, MAX_HALF_WIDTH, MIN_HALF_WIDTH, MIN_SIDE, STRIDE

CHANNELS = (32, 64)  # at 1/2 and 1/4 of the side
BLOCKS = 3  # residual blocks at 1/4: they see 60 pixels, more than the largest stroke


class BrushNetwork(nn.Module):
    """Propose a stroke for each place, from target and canvas, (batch, 3, side, side) in 0..1."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(24, CHANNELS[0], 3, padding=1)
        self.down = nn.Conv2d(*CHANNELS, 2, 2)
        wide = CHANNELS[1]
        self.one = nn.ModuleList(nn.Conv2d(wide, wide, 3, padding=1) for _ in range(BLOCKS))
        self.two = nn.ModuleList(nn.Conv2d(wide, wide, 3, padding=1) for _ in range(BLOCKS))
        for conv in self.two:
            nn.init.zeros_(conv.weight)  # begins as the identity
        self.last = nn.Conv2d(wide, 7, 1)

    def forward(self, target: Tensor, canvas: Tensor) -> Tensor:
        x = torch.cat([target - 0.5, target - canvas], 1) * 2  # (batch, 6, side, side)
        h = F.leaky_relu(self.first(F.pixel_unshuffle(x, 2)))  # (batch, 32, side / 2, side / 2)
        h = self.down(h)  # (batch, 64, rows, rows), rows = side / 4
        for one, two in zip(self.one, self.two, strict=True):
            h = h + two(F.leaky_relu(one(F.leaky_relu(h))))  # (batch, 64, rows, rows)
        return self.last(F.leaky_relu(h)).permute(0, 2, 3, 1)  # (batch, rows, rows, 7)


def stroke_parameters(outputs: Tensor) -> tuple[Tensor, ...]:
    """Return the strokes that outputs of the network, (..., 7), stand for, seven of (...).

    Middle x and y in pixels from the middle of the place, half length, half width, the angle's
    cosine and sine, and the logarithm of the gain that the network expects.
    """
    x, y = STRIDE * outputs[..., 0].tanh(), STRIDE * outputs[..., 1].tanh()  # (...)
    widths = np.log(MAX_HALF_WIDTH / MIN_HALF_WIDTH)
    half_width = MIN_HALF_WIDTH * (outputs[..., 3].sigmoid() * widths).exp()  # (...)
    half_length = half_width * (outputs[..., 2].sigmoid() * np.log(6.0)).exp()  # up to 6 times it
    half_length = MAX_HALF_LENGTH * (half_length / MAX_HALF_LENGTH).tanh()  # (...)
    # A stroke turned by half a circle is the same: the outputs are of twice the angle.
    angle = torch.atan2(outputs[..., 5], outputs[..., 4]) / 2  # (...)
    return x, y, half_length, half_width, angle.cos(), angle.sin(), outputs[..., 6]


def pyramid(x: Tensor) -> list[Tensor]:
    """Return a canvas, (batch, 3, side, side), and its halves down to MIN_SIDE."""
    levels = [x]
    while levels[-1].shape[2] > MIN_SIDE:
        levels.append(F.avg_pool2d(levels[-1], 2))
    return levels


class PyramidBrushNetwork(nn.Module):
    """The network as it is exported: strokes of every size, (strokes, 7), in pixels of the canvas.

    Middle x and y, half length, half width, cosine and sine, and the gain that is expected.
    """

    def __init__(self, net: BrushNetwork):
        super().__init__()
        self.net = net.eval()

    def forward(self, target: Tensor, canvas: Tensor) -> Tensor:
        target, canvas = target.permute(0, 3, 1, 2), canvas.permute(0, 3, 1, 2)
        rows = []
        for level, (one, two) in enumerate(zip(pyramid(target), pyramid(canvas), strict=True)):
            scale = 2**level
            outputs = self.net(one, two)  # (1, rows, rows, 7)
            x, y, half_length, half_width, cosine, sine, gain = stroke_parameters(outputs)
            places = STRIDE * torch.arange(x.shape[1]) + STRIDE / 2  # (rows,)
            columns = [
                (x + places.view(1, 1, -1)) * scale,
                (y + places.view(1, -1, 1)) * scale,
                half_length * scale,
                half_width * scale,
                cosine,
                sine,
                (gain.exp() - 0.01) * scale**2,
            ]
            rows.append(torch.stack(columns, -1).view(-1, 7))  # (rows², 7)
        return torch.cat(rows)  # (1364, 7)
