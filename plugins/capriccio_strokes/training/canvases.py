"""Synthetic canvases to learn from: targets of random strokes, and paintings of them under way."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..strokes import STRIDE, coverage

SIDE = 64  # pixels of the canvases that are learned from; their pyramid goes on to MIN_SIDE
REACH = 11  # pixels that a stroke may reach from its place: 4 + MAX_HALF_LENGTH, nearly


def random_targets(count: int, random: np.random.Generator) -> Tensor:
    """Return canvases of random strokes, (count, 3, 64, 64): few large ones under many small.

    Lengths follow a power law, as sizes do in pictures of the world; colours come from a small
    palette, edges are hard or soft, strokes straight or bent, shaded, more or less opaque.
    """
    made = np.empty((count, SIDE, SIDE, 3), np.float32)
    ys, xs = np.mgrid[:SIDE, :SIDE].astype(np.float32) + 0.5
    for canvas in made:
        palette = random.random((6, 3)) * random.uniform(0.3, 1) + random.normal(0, 0.1, 3)
        slopes = random.normal(0, 0.15, (2, 3))
        across, down = xs[..., None] / SIDE - 0.5, ys[..., None] / SIDE - 0.5
        canvas[:] = palette[0] + across * slopes[0] + down * slopes[1]
        strokes = int(random.integers(5, 120))
        lengths = np.exp(random.uniform(np.log(2), np.log(SIDE * 0.9), strokes))
        flow = random.uniform(0, np.pi)
        for length in np.sort(lengths)[::-1]:
            _paint_random_stroke(canvas, xs, ys, length / 2, flow, palette, random)
        canvas += random.normal(0, random.uniform(0, 0.03), canvas.shape)
    return torch.from_numpy(made.clip(0, 1)).permute(0, 3, 1, 2).contiguous()


def _paint_random_stroke(
    canvas: np.ndarray,
    xs: np.ndarray,
    ys: np.ndarray,
    half_length: float,
    flow: float,
    palette: np.ndarray,
    random: np.random.Generator,
) -> None:
    """Paint a random stroke whose angle is near `flow` onto a canvas."""
    half_width = max(0.5, half_length * np.exp(-random.uniform(0, 2)))
    angle, (x, y) = flow + random.normal(0, 0.7), random.uniform(0, SIDE, 2)
    color = palette[random.integers(len(palette))] + random.normal(0, 0.08, 3)
    reach = half_length + half_width + 1
    rows = slice(max(0, int(y - reach)), int(y + reach) + 1)
    columns = slice(max(0, int(x - reach)), int(x + reach) + 1)
    dx, dy = xs[rows, columns] - x, ys[rows, columns] - y
    u, v = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
    v = v - random.normal(0, 0.3) * u * u / half_length  # a bend
    soft = np.exp(random.uniform(0, np.log(1 + half_width)))
    if random.random() < 0.5:
        mask = coverage(u / soft, v / soft, half_length / soft, half_width / soft)
    else:
        radius = np.hypot(u / half_length, v / half_width)
        mask = ((1 - radius) * half_width / soft + 0.5).clip(0, 1)
    shade = xs[rows, columns, None] / SIDE * random.normal(0, 0.3, 3)
    mask = mask[..., None] * random.uniform(0.5, 1)
    canvas[rows, columns] += mask * (color + shade - canvas[rows, columns])


def begun_canvases(target: Tensor, random: np.random.Generator) -> Tensor:
    """Return canvases of targets under way: hardly begun, or rough at some scale."""
    canvas = target.mean((2, 3), keepdim=True).expand_as(target).clone()  # (batch, 3, 64, 64)
    for i in range(len(target)):
        stage = random.integers(5)
        if stage == 0:
            canvas[i] = torch.from_numpy(random.random((3, 1, 1), np.float32))
        elif stage > 1:
            rough = F.avg_pool2d(target[i : i + 1], int(2 ** random.integers(1, 5)))
            canvas[i] = F.interpolate(rough, target.shape[2:], mode="bilinear")[0]
    return canvas


@torch.no_grad()
def paint_some(
    canvas: Tensor, gain: Tensor, color: Tensor, mask: Tensor, random: np.random.Generator
) -> Tensor:
    """Return canvases with one proposed stroke in nine painted on them, none upon another."""
    full = F.pad(canvas, (REACH,) * 4)  # (batch, 3, side + 22, side + 22)
    useful = (gain > 0).float()[..., None, None]  # (batch, rows, rows, 1, 1)
    low, left = random.integers(0, 3, 2)
    for row in range(low, gain.shape[1], 3):
        for column in range(left, gain.shape[2], 3):
            y, x = row * STRIDE + STRIDE // 2, column * STRIDE + STRIDE // 2
            under = full[:, :, y : y + 2 * REACH, x : x + 2 * REACH]  # (batch, 3, 22, 22)
            share = (mask * useful)[:, row, column].unsqueeze(1)  # (batch, 1, 22, 22)
            under += share * (color[:, row, column, :, None, None] - under)
    return full[:, :, REACH:-REACH, REACH:-REACH].contiguous()  # (batch, 3, side, side)
