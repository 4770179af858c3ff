"""Train the brush: a network that proposes the strokes which bring a canvas nearer to its target.

It needs no data set: it learns from canvases of random strokes (the idea of self-training is that
of Paint Transformer, arXiv 2108.03798; objective and network are our own). For every place it
proposes one stroke. The best colour of an opaque stroke follows in closed form, and so does the
squared error that the stroke takes away. That gain is what is maximised, with no matching of
strokes to strokes. Looking at a pyramid of smaller canvases, one small network proposes strokes of
every size. To train it again:

    python -m capriccio_strokes.training.main --out brush.onnx --hours 0.75
"""

from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
import torch.nn.functional as F
from capriccio.training import Trainer, export, seed_everything
from torch import Tensor

from ..strokes import SIDE, STRIDE, coverage
from .canvases import REACH, begun_canvases, paint_some, random_targets
from .network import BrushNetwork, PyramidBrushNetwork, pyramid, stroke_parameters

BATCH = 8
POOL = 512  # canvases kept at once
VALIDATED = 64  # canvases that a checkpoint is judged by
FRESH = 6  # of them are painted anew at every step
DRY_RUN_POOL = 8
PASSES = 2  # canvases of a target that are learned from: an early one, then one with its strokes
LEARNING_RATE = 7e-4  # Adam's; at 1e-3 all strokes shrank to nothing in the first hundred steps
HOURS = 0.75


def train(
    data: Path | None,
    out: Path,
    *,
    resume: bool = False,
    dry_run: bool = False,
    hours: float | None = None,
    seed: int = 0,
) -> None:
    """Train on canvases of random strokes and write the `.onnx` file `out`.

    Args:
        data: not used; the canvases are synthetic.
        hours: 0.75 by default.
    """
    out, hours = Path(out), HOURS if hours is None else hours
    seed_everything(seed)
    training = BrushTraining(seed, pool=DRY_RUN_POOL if dry_run else POOL)
    checkpoint = out.with_suffix(".safetensors")
    trainer = Trainer(
        training.net,
        training.optimizer,
        checkpoint,
        seed=seed,
        decay=0.998,
        dry_run=dry_run,
        resume=resume and checkpoint.is_file(),
    )
    metrics = trainer.run(
        training.loss,
        steps=1_000_000,
        hours=hours,
        validate=training.validate,
        every=500,
        schedule=_learning_rate,
        clip=0.5,
    )
    example = torch.rand(1, SIDE, SIDE, 3)

    def random_inputs() -> tuple[Tensor, Tensor]:
        return torch.rand_like(example), torch.rand_like(example)

    export(PyramidBrushNetwork(trainer.ema), random_inputs(), out,
           input_names=["target", "canvas"], output_names=["marks"], tolerance=2e-3,
           draw=random_inputs, dry_run=dry_run, card={
        "part": "painter",
        "inputs": {"target": f"(1, {SIDE}, {SIDE}, 3) float32 0..1", "canvas": "the same, so far"},
        "data": "none: canvases of random strokes",
        "objective": "the share of the squared error around each place that a stroke takes away",
        "metrics": metrics,
        "seed": seed,
        "hours": round(trainer.seconds / 3600, 2),
        "command": f"python -m capriccio_strokes.training.main --out {out.name} --hours {hours:g}",
        "license": "MIT",
    })  # fmt: skip


def _learning_rate(progress: float) -> float:
    """Return the factor of the learning rate: a short warm-up, then a cosine."""
    return min(1.0, 30 * progress + 0.01) * (0.51 + 0.49 * np.cos(np.pi * progress))


class BrushTraining:
    """The network, its optimizer, and what the trainer calls: loss and validation.

    Args:
        seed: of canvases and network.
        pool: number of canvases that are kept at once.
    """

    def __init__(self, seed: int, pool: int = POOL):
        self.seed = seed
        random = np.random.default_rng(seed)
        self.pool = random_targets(pool, random)  # (pool, 3, 64, 64)
        self.val = random_targets(min(pool, VALIDATED), random)  # (64, 3, 64, 64)
        self.net = BrushNetwork()
        self.optimizer = torch.optim.Adam(
            self.net.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.99)
        )

    def loss(self, step: int) -> Tensor:
        """Return the loss of a batch of random canvases."""
        random = np.random.default_rng([self.seed, step])
        fresh = random_targets(FRESH, random)  # (6, 3, 64, 64)
        self.pool[torch.from_numpy(random.permutation(len(self.pool))[:FRESH])] = fresh
        chosen = torch.from_numpy(random.integers(0, len(self.pool), BATCH))  # (batch,)
        missed, errors = passes(self.net, self.pool[chosen], random)
        return missed.sum() + 0.1 * errors.sum()

    def validate(self, ema: BrushNetwork) -> dict[str, float]:
        """Return the share of the gain that is missed, and the error of the expected gain."""
        random = np.random.default_rng(self.seed)
        both = [passes(ema, part, random) for part in self.val.split(16)]
        missed, errors = (torch.stack(part).mean().item() for part in zip(*both, strict=True))
        return {"missed gain": missed, "wrong by": errors}


def passes(net: BrushNetwork, target: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Paint on begun canvases of targets, (batch, 3, side, side).

    Returns:
        The share of the possible gain that is missed, and the error of the expected gain, each
        for all passes and levels of the pyramid.
    """
    canvas = begun_canvases(target, random)  # (batch, 3, 64, 64)
    missed, errors = [], []
    for _ in range(PASSES):
        proposals: list[tuple[Tensor, Tensor, Tensor]] = []
        for one, two in zip(pyramid(target), pyramid(canvas), strict=True):
            strokes = stroke_parameters(net(one, two))
            gain, before, color, mask = stroke_gain(one, two, strokes)
            # A stroke that would harm is never painted: it counts little.
            missed.append(1 - (F.leaky_relu(gain, 0.1) / (before + 0.5)).mean())
            actual = (gain.detach().clip(min=0) + 0.01).log()  # (batch, rows, rows)
            errors.append(F.smooth_l1_loss(strokes[-1], actual))
            proposals.append((gain, color, mask))
        gain, color, mask = proposals[0]  # of the largest canvas
        canvas = paint_some(canvas, gain, color, mask, random)  # (batch, 3, 64, 64)
    return torch.stack(missed), torch.stack(errors)


def stroke_gain(
    target: Tensor, canvas: Tensor, strokes: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return each stroke's gain, the error there was, its best colour and its coverage.

    Args:
        target: (batch, 3, side, side), and `canvas` likewise.
        strokes: of `stroke_parameters`, (batch, rows, rows) each.

    Returns:
        (batch, rows, rows) twice, (batch, rows, rows, 3), and (batch, rows, rows, 22, 22).
    """
    x, y, half_length, half_width, cosine, sine, _ = (s[..., None, None] for s in strokes)
    across = torch.arange(2 * REACH) - REACH + 0.5  # (22,)
    dx, dy = across.view(1, -1) - x, across.view(-1, 1) - y  # (batch, rows, rows, 22, 22)
    u, v = dx * cosine + dy * sine, dy * cosine - dx * sine  # (batch, rows, rows, 22, 22)
    mask = coverage(u, v, half_length, half_width)  # (batch, rows, rows, 22, 22)
    inside = torch.ones_like(target[:, :1])  # (batch, 1, side, side)
    around = windows(torch.cat([target - canvas, canvas, inside], 1))  # (batch, rows, rows, 7, 484)
    gap, under, inside = around.split([3, 3, 1], 3)
    seen = mask.flatten(-2).unsqueeze(-2) * inside  # (batch, rows, rows, 1, 484)
    # The canvas becomes canvas + mask (color - canvas); the best color is a least square.
    bare = gap + seen * under  # (batch, rows, rows, 3, 484)
    color = (seen * bare).sum(-1) / (seen.square().sum(-1) + 1e-3)  # (batch, rows, rows, 3)
    color = color.clip(0, 1)
    left = (bare - seen * color[..., None]).square().sum((-1, -2))  # (batch, rows, rows)
    before = gap.square().sum((-1, -2))  # (batch, rows, rows)
    return before - left, before, color, mask


def windows(x: Tensor) -> Tensor:
    """Return what lies around each place, (batch, rows, rows, channels, pixels)."""
    batch, channels, side, _ = x.shape
    pad = REACH - STRIDE // 2
    cut = F.unfold(F.pad(x, (pad,) * 4), 2 * REACH, stride=STRIDE)  # (batch, channels * 484, rows²)
    cut = cut.view(batch, channels, 4 * REACH**2, side // STRIDE, side // STRIDE)
    return cut.permute(0, 3, 4, 1, 2)  # (batch, rows, rows, channels, 484)


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default="brush.onnx", show_default=True,
              help="The file to write.")  # fmt: skip
@click.option("--hours", default=HOURS, show_default=True, help="Time budget.")
@click.option("--resume", is_flag=True, help="Resume from the checkpoint beside the file.")
@click.option("--dry-run", is_flag=True, help="Take every step once, and keep no file.")
@click.option("--seed", default=0, show_default=True, help="Seed of the training.")
def command(out: Path, **options: Any) -> None:
    """Train the brush without any pictures, on canvases of random strokes."""
    train(None, out, **options)


if __name__ == "__main__":
    command(prog_name="python -m capriccio_strokes.training.main")
