"""Time the part beside FastGAN's and StyleGAN2's generators, in plain torch.

The rivals have the widths of their papers and random weights, since only the time counts. FastGAN
(arXiv 2101.04775) has 1024, 512, 256, 128, 128, 64, 32 channels at 4 to 256 rows, every second
level doubling with two gated convolutions and the others with one, and skips from each level to
the one four doublings on. StyleGAN2 (arXiv 1912.04958, configuration F) has 512 channels up to 64
rows, 256 at 128 and 128 at 256, in modulated convolutions whose kernels are computed for every
picture, and a mapping of eight layers.
"""

import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from capriccio import Moment
from capriccio.training import export
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ..generator import GAN
from .networks import (
    INPUTS,
    OUTPUTS,
    STYLE,
    GeneratorNetwork,
    InferenceModel,
    TextEncoder,
)

# Channels by rows.
FASTGAN_WIDTHS = {4: 1024, 8: 512, 16: 256, 32: 128, 64: 128, 128: 64, 256: 32, 512: 16}
STYLEGAN2_WIDTHS = {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64}
WORDS = 1200  # of the vocabulary, as many as the watercolours'
RIVAL_INTERVAL = 10  # frames; the rivals are slow


class _GatedUpsampling(nn.Module):
    """Double the rows: nearest neighbours, convolution, normalization, gated linear unit."""

    def __init__(self, before: int, after: int, twice: bool):
        super().__init__()
        self.twice = twice
        self.one = nn.Conv2d(before, 2 * after, 3, padding=1, bias=False)
        self.two = nn.Conv2d(after, 2 * after, 3, padding=1, bias=False) if twice else None
        self.norms = nn.ModuleList(nn.BatchNorm2d(2 * after) for _ in range(1 + twice))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.interpolate(x, scale_factor=2.0)  # (1, before, 2 rows, 2 rows)
        x = F.glu(self.norms[0](self.one(x)), 1)  # (1, after, 2 rows, 2 rows)
        if self.two is not None:
            x = x + 0.1 * torch.randn_like(x[:, :1])  # noise on every level
            x = F.glu(self.norms[1](self.two(x)), 1)  # (1, after, 2 rows, 2 rows)
        return x


class _SkipExcitation(nn.Module):
    """Scale the channels of a large level by those of a small one."""

    def __init__(self, small: int, large: int):
        super().__init__()
        self.one, self.two = nn.Conv2d(small, large, 4, bias=False), nn.Conv2d(large, large, 1)

    def forward(self, small: torch.Tensor, large: torch.Tensor) -> torch.Tensor:
        h = self.one(F.adaptive_avg_pool2d(small, 4))  # (1, large, 1, 1)
        return large * torch.sigmoid(self.two(F.silu(h)))  # (1, large, rows, rows)


class FastGAN(nn.Module):
    """A generator of FastGAN's widths: z, (1, 256), to a picture, (1, 3, size, size)."""

    def __init__(self, size: int):
        super().__init__()
        rows = [4 * 2**level for level in range(size.bit_length() - 2)]
        widths = [FASTGAN_WIDTHS[r] for r in rows]
        self.first = nn.ConvTranspose2d(256, 2 * widths[0], 4, bias=False)
        self.norm = nn.BatchNorm2d(2 * widths[0])
        self.ups = nn.ModuleList(
            _GatedUpsampling(a, b, twice=level % 2 == 0)
            for level, (a, b) in enumerate(pairwise(widths))
        )
        self.pairs = [(level, level + 4) for level in range(len(widths) - 4)]
        self.skips = nn.ModuleList(_SkipExcitation(widths[a], widths[b]) for a, b in self.pairs)
        self.last = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        x = F.glu(self.norm(self.first(z[:, :, None, None])), 1)  # (1, 1024, 4, 4)
        levels = [x]
        for number, up in enumerate(self.ups, 1):
            x = up(x)
            for (small, large), skip in zip(self.pairs, self.skips, strict=True):
                if large == number:
                    x = skip(levels[small], x)
            levels.append(x)
        return torch.tanh(self.last(x))  # (1, 3, size, size)


class _ModulatedConvolution(nn.Module):
    """A convolution whose kernel is scaled and normalized for every picture."""

    def __init__(
        self, before: int, after: int, side: int, up: bool = False, is_normalized: bool = True
    ):
        super().__init__()
        self.up, self.is_normalized = up, is_normalized
        self.weight = nn.Parameter(torch.randn(after, before, side, side))
        self.scale = nn.Linear(512, before)
        self.bias = nn.Parameter(torch.zeros(1, after, 1, 1))

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        kernel = self.weight * self.scale(w).view(1, -1, 1, 1)  # (after, before, side, side)
        if self.is_normalized:
            kernel = kernel * (kernel.square().sum((1, 2, 3), keepdim=True) + 1e-8).rsqrt()
        if self.up:
            x = F.conv_transpose2d(x, kernel.transpose(0, 1), stride=2, padding=0)
            taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
            blur = (taps[:, None] * taps / 16).expand(x.shape[1], 1, 4, 4)
            x = F.conv2d(F.pad(x, (1, 1, 1, 1)), blur, groups=x.shape[1])
        else:
            x = F.conv2d(x, kernel, padding=kernel.shape[2] // 2)
        if not self.is_normalized:
            return x + self.bias
        x = x + torch.randn_like(x[:, :1])
        return F.leaky_relu(x + self.bias, 0.2) * 2**0.5


class StyleGAN2(nn.Module):
    """A generator of StyleGAN2's widths: z, (1, 512), to a picture, (1, 3, size, size)."""

    def __init__(self, size: int):
        super().__init__()
        layers = [(nn.Linear(512, 512), nn.LeakyReLU(0.2)) for _ in range(8)]
        self.map = nn.Sequential(*(layer for pair in layers for layer in pair))
        self.start = nn.Parameter(torch.randn(1, 512, 4, 4))
        self.one = _ModulatedConvolution(512, 512, 3)
        rows = [8 * 2**level for level in range(size.bit_length() - 3)]
        self.ups = nn.ModuleList(
            _ModulatedConvolution(STYLEGAN2_WIDTHS[r // 2], STYLEGAN2_WIDTHS[r], 3, up=True)
            for r in rows
        )
        self.convs = nn.ModuleList(
            _ModulatedConvolution(STYLEGAN2_WIDTHS[r], STYLEGAN2_WIDTHS[r], 3) for r in rows
        )
        self.colours = nn.ModuleList(
            _ModulatedConvolution(STYLEGAN2_WIDTHS[r], 3, 1, is_normalized=False)
            for r in (4, *rows)
        )

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        w = self.map(F.normalize(z) * 512**0.5)  # (1, 512)
        x = self.one(self.start, w)
        image = self.colours[0](x, w)  # (1, 3, 4, 4)
        for up, conv, colour in zip(self.ups, self.convs, self.colours[1:], strict=True):
            x = conv(up(x, w), w)
            image = F.interpolate(image, scale_factor=2.0, mode="bilinear") + colour(x, w)
        return image  # (1, 3, size, size)


def random_model(size: int, widths: tuple[int, ...] | None = None) -> InferenceModel:
    """Return a model with random weights, none of which are zero as at the start of a training."""
    torch.manual_seed(0)
    generator = GeneratorNetwork(size, widths)
    for name, weight in generator.named_parameters():
        if name.endswith(("two.weight", "grain")):
            nn.init.normal_(weight, std=0.02)
    return InferenceModel(TextEncoder(WORDS), generator).eval()


def export_random_model(size: int, path: Path) -> InferenceModel:
    """Export a model with random weights to `path`, and return it."""
    model = random_model(size)
    directions = np.random.default_rng(0).standard_normal((4, STYLE)) / STYLE**0.5
    card = {
        "part": "gan",
        "data": "none; the weights are random",
        "vocabulary": [f"word{number}" for number in range(WORDS - 2)],
        "dials": [{"direction": list(one), "turns": [-1.0, 0.0, 1.0]} for one in directions],
    }
    export(model, model.random_inputs(), path, input_names=INPUTS, output_names=OUTPUTS, card=card,
           tolerance={"image": 1, "codes": 1e-3}, draw=model.random_inputs)  # fmt: skip
    return model


@torch.no_grad()
def multiply_adds(net: nn.Module, *inputs: torch.Tensor) -> float:
    """Return the multiply-adds of one picture, in units of 1e9."""
    with FlopCounterMode(display=False) as counter:
        net(*inputs)
    return counter.get_total_flops() / 2e9


def measure(
    size: int, model: Path | None = None, frames: int = 200, threads: int = 2
) -> dict[str, Any]:
    """Return milliseconds a frame and ratios of frame rates.

    The part is called as a sketch calls it: with a walk, a moving knob and fades between prompts.
    All three are timed in turn in one run, so that other load on the machine affects all alike.

    Args:
        size: of the pictures, in pixels.
        model: an `.onnx` file; by default one with random weights.
        frames: to time.
        threads: of torch.
    """
    torch.set_num_threads(threads)
    with TemporaryDirectory() as folder:
        path = model or Path(folder) / "random.onnx"
        random = None if model else export_random_model(size, path)
        part = GAN(model=path)
        size = part.size
        fast, style = FastGAN(size).eval(), StyleGAN2(size).eval()
        z_fast, z_style = torch.randn(1, 256), torch.randn(1, 512)

        def ours(frame: int) -> None:
            now = Moment(beats=frame / 15, seconds=frame / 30)
            prompt = ("word1 word2", "word3")[frame // 40 % 2]
            part(now, prompt=prompt, drift=now.phase(bars=4), first=now.wave(bars=2), bloom=0.7)

        def rival(net: nn.Module, z: torch.Tensor) -> Callable[[int], None]:
            def paint(frame: int) -> None:
                with torch.inference_mode():
                    net(z)

            return paint

        calls = {"ours": ours, "fastgan": rival(fast, z_fast), "stylegan2": rival(style, z_style)}
        times: dict[str, list[float]] = {name: [] for name in calls}
        for call in calls.values():
            call(0)
        for frame in range(frames):
            for name, call in calls.items():
                if name == "ours" or frame % RIVAL_INTERVAL == 0:
                    start = perf_counter()
                    call(frame)
                    times[name].append(1000 * (perf_counter() - start))
        figures: dict[str, Any] = {"size": size, "threads": threads, "load": os.getloadavg()[0]}
        for name, one in times.items():
            p50, p95, p99 = np.percentile(one, [50, 95, 99])
            figures[name] = {"p50": p50, "p95": p95, "p99": p99, "least": min(one)}
        for name in ("fastgan", "stylegan2"):
            for by in ("p50", "least"):
                ratio = figures[name][by] / figures["ours"][by]
                figures[f"frame rate beside {name}, by {by}"] = ratio
        figures["gmac"] = {
            **({"ours": multiply_adds(random, *random.random_inputs())} if random else {}),
            "fastgan": multiply_adds(fast, z_fast),
            "stylegan2": multiply_adds(style, z_style),
        }
    return _rounded(figures)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    return round(float(value), 3) if isinstance(value, float) else value
