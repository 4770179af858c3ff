"""The generators to be measured against, written down from their papers' widths, in plain torch.

Their weights are random, since only the time counts. FastGAN's (arXiv 2101.04775) has 1024, 512,
256, 128, 128, 64, 32 channels at 4 to 256 rows, every second doubling with two gated convolutions
and the others with one, and skips from each level to the one four doublings on. StyleGAN2's
(arXiv 1912.04958, configuration F) has 512 channels up to 64 rows, 256 at 128 and 128 at 256, in
modulated convolutions whose kernels are computed for every picture, and a mapping of eight layers.
"""

import os
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import torch
import torch.nn.functional as F
from capriccio import Moment
from capriccio.training import export
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ..generator import GAN
from ..training.networks import INPUTS, OUTPUTS, STYLE, Listener, Painter, Player

FAST = {4: 1024, 8: 512, 16: 256, 32: 128, 64: 128, 128: 64, 256: 32, 512: 16}
STYLED = {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64}


class _Gated(nn.Module):
    """Double the rows: nearest neighbours, convolution, normalisation, gated linear unit."""

    def __init__(self, before: int, after: int, twice: bool):
        super().__init__()
        self.twice = twice
        self.one = nn.Conv2d(before, 2 * after, 3, padding=1, bias=False)
        self.two = nn.Conv2d(after, 2 * after, 3, padding=1, bias=False) if twice else None
        self.norms = nn.ModuleList(nn.BatchNorm2d(2 * after) for _ in range(1 + twice))

    def forward(self, x):
        x = F.interpolate(x, scale_factor=2.0)  # (1, before, 2 rows, 2 rows)
        x = F.glu(self.norms[0](self.one(x)), 1)  # (1, after, 2 rows, 2 rows)
        if self.two is not None:
            x = x + 0.1 * torch.randn_like(x[:, :1])  # chance, on every level as they do
            x = F.glu(self.norms[1](self.two(x)), 1)
        return x


class _Skip(nn.Module):
    """Weigh the channels of a large level by what a small one holds."""

    def __init__(self, small: int, large: int):
        super().__init__()
        self.one, self.two = nn.Conv2d(small, large, 4, bias=False), nn.Conv2d(large, large, 1)

    def forward(self, small, large):
        h = self.one(F.adaptive_avg_pool2d(small, 4))  # (1, large, 1, 1)
        return large * torch.sigmoid(self.two(F.silu(h)))


class FastGAN(nn.Module):
    """A generator as large as FastGAN's: z, (1, 256), to a picture, (1, 3, size, size)."""

    def __init__(self, size: int):
        super().__init__()
        rows = [4 * 2**level for level in range(size.bit_length() - 2)]
        widths = [FAST[r] for r in rows]
        self.first = nn.ConvTranspose2d(256, 2 * widths[0], 4, bias=False)
        self.norm = nn.BatchNorm2d(2 * widths[0])
        self.ups = nn.ModuleList(
            _Gated(a, b, twice=level % 2 == 0) for level, (a, b) in enumerate(pairwise(widths))
        )
        self.pairs = [(level, level + 4) for level in range(len(widths) - 4)]
        self.skips = nn.ModuleList(_Skip(widths[a], widths[b]) for a, b in self.pairs)
        self.last = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def forward(self, z):
        x = F.glu(self.norm(self.first(z[:, :, None, None])), 1)  # (1, 1024, 4, 4)
        levels = [x]
        for number, up in enumerate(self.ups, 1):
            x = up(x)
            for (small, large), skip in zip(self.pairs, self.skips, strict=True):
                if large == number:
                    x = skip(levels[small], x)
            levels.append(x)
        return torch.tanh(self.last(x))


class _Modulated(nn.Module):
    """A convolution whose kernel is scaled and normalised anew for every picture."""

    def __init__(self, before: int, after: int, side: int, up: bool = False, tamed: bool = True):
        super().__init__()
        self.up, self.tamed = up, tamed
        self.weight = nn.Parameter(torch.randn(after, before, side, side))
        self.scale = nn.Linear(512, before)
        self.bias = nn.Parameter(torch.zeros(1, after, 1, 1))

    def forward(self, x, w):
        kernel = self.weight * self.scale(w).view(1, -1, 1, 1)  # (after, before, side, side)
        if self.tamed:
            kernel = kernel * (kernel.square().sum((1, 2, 3), keepdim=True) + 1e-8).rsqrt()
        if self.up:
            x = F.conv_transpose2d(x, kernel.transpose(0, 1), stride=2, padding=0)
            soft = torch.tensor([1.0, 3.0, 3.0, 1.0])
            blur = (soft[:, None] * soft / 16).expand(x.shape[1], 1, 4, 4)
            x = F.conv2d(F.pad(x, (1, 1, 1, 1)), blur, groups=x.shape[1])
        else:
            x = F.conv2d(x, kernel, padding=kernel.shape[2] // 2)
        if not self.tamed:
            return x + self.bias
        x = x + torch.randn_like(x[:, :1])
        return F.leaky_relu(x + self.bias, 0.2) * 2**0.5


class StyleGAN2(nn.Module):
    """A generator as large as StyleGAN2's: z, (1, 512), to a picture, (1, 3, size, size)."""

    def __init__(self, size: int):
        super().__init__()
        layers = [(nn.Linear(512, 512), nn.LeakyReLU(0.2)) for _ in range(8)]
        self.map = nn.Sequential(*(layer for pair in layers for layer in pair))
        self.start = nn.Parameter(torch.randn(1, 512, 4, 4))
        self.one = _Modulated(512, 512, 3)
        rows = [8 * 2**level for level in range(size.bit_length() - 3)]
        self.ups = nn.ModuleList(_Modulated(STYLED[r // 2], STYLED[r], 3, up=True) for r in rows)
        self.convs = nn.ModuleList(_Modulated(STYLED[r], STYLED[r], 3) for r in rows)
        self.colours = nn.ModuleList(_Modulated(STYLED[r], 3, 1, tamed=False) for r in (4, *rows))

    def forward(self, z):
        w = self.map(F.normalize(z) * 512**0.5)  # (1, 512)
        x = self.one(self.start, w)
        painted = self.colours[0](x, w)  # (1, 3, 4, 4)
        for up, conv, colour in zip(self.ups, self.convs, self.colours[1:], strict=True):
            x = conv(up(x, w), w)
            painted = F.interpolate(painted, scale_factor=2.0, mode="bilinear") + colour(x, w)
        return painted


def player(size: int, widths: tuple[int, ...] | None = None) -> Player:
    """Give a painter of random weights as it is played, none of its layers idle."""
    torch.manual_seed(0)
    painter = Painter(size, widths)
    for name, weight in painter.named_parameters():
        if name.endswith(("two.weight", "grain")):
            nn.init.normal_(weight, std=0.02)
    return Player(Listener(1200), painter).eval()


def write(size: int, path: Path) -> Player:
    """Write a painter of random weights as a model that the part plays."""
    made = player(size)
    directions = np.random.default_rng(0).standard_normal((4, STYLE)) / STYLE**0.5
    card = {
        "part": "gan",
        "data": "none; the weights are random",
        "vocabulary": [f"word{number}" for number in range(1198)],
        "dials": [{"direction": list(one), "turns": [-1.0, 0.0, 1.0]} for one in directions],
    }
    export(made, made.example(), path, input_names=INPUTS, output_names=OUTPUTS, card=card,
           tolerance={"image": 1, "codes": 1e-3}, draw=made.example)  # fmt: skip
    return made


@torch.no_grad()
def multiplications(net: nn.Module, *inputs) -> float:
    """Count the multiply-adds of one picture, in thousands of millions."""
    with FlopCounterMode(display=False) as counter:
        net(*inputs)
    return counter.get_total_flops() / 2e9


def measure(size: int, model: Path | None = None, frames: int = 200, threads: int = 2) -> dict:
    """Give milliseconds a frame and the ratios of frame rates, all taken in turn in one run.

    The part is called as a sketch calls it: it walks, turns its dials and fades between prompts
    it has heard. The three take turns, so that whatever else the machine does meets them alike.
    """
    torch.set_num_threads(threads)
    with TemporaryDirectory() as folder:
        path = model or Path(folder) / "random.onnx"
        made = None if model else write(size, path)
        part = GAN(model=path)
        size = part.size
        fast, style = FastGAN(size).eval(), StyleGAN2(size).eval()
        z, wide = torch.randn(1, 256), torch.randn(1, 512)

        def ours(frame: int) -> None:
            now = Moment(beats=frame / 15, seconds=frame / 30)
            prompt = ("word1 word2", "word3")[frame // 40 % 2]
            part(now, prompt=prompt, drift=now.phase(bars=4), first=now.wave(bars=2), bloom=0.7)

        def theirs(net, noise):
            def paint(frame: int) -> None:
                with torch.inference_mode():
                    net(noise)

            return paint

        players = {"ours": ours, "fastgan": theirs(fast, z), "stylegan2": theirs(style, wide)}
        times: dict[str, list[float]] = {name: [] for name in players}
        for play in players.values():
            play(0)
        for frame in range(frames):
            for name, play in players.items():
                if name == "ours" or frame % 10 == 0:
                    begun = perf_counter()
                    play(frame)
                    times[name].append(1000 * (perf_counter() - begun))
        figures: dict = {"size": size, "threads": threads, "load": os.getloadavg()[0]}
        for name, taken in times.items():
            p50, p95, p99 = np.percentile(taken, [50, 95, 99])
            figures[name] = {"p50": p50, "p95": p95, "p99": p99, "least": min(taken)}
        for name in ("fastgan", "stylegan2"):
            for what in ("p50", "least"):
                ratio = figures[name][what] / figures["ours"][what]
                figures[f"frame rate beside {name}, by {what}"] = ratio
        figures["gmac"] = {
            **({"ours": multiplications(made, *made.example())} if made else {}),
            "fastgan": multiplications(fast, z),
            "stylegan2": multiplications(style, wide),
        }
    return _rounded(figures)


def _rounded(thing):
    if isinstance(thing, dict):
        return {name: _rounded(value) for name, value in thing.items()}
    return round(float(thing), 3) if isinstance(thing, float) else thing
