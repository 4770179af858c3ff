"""Train the brush: a network that proposes the marks which would bring a painting nearer.

It learns without any data set, from canvases of random strokes that it is asked to paint again
(the idea of self-training is that of Paint Transformer, arXiv 2108.03798; objective and network
are our own). For every place it proposes one mark. The best colour of an opaque mark follows in
closed form, and so does the squared error that the mark takes away. That gain is what is
maximised, with no matching of strokes to strokes. Looking at a pyramid of smaller canvases, one
small network proposes marks of every size.

Read from top to bottom: network, gain, canvases, training, export. To train it again:

    python -m capriccio_vae.brush.train --out brush.onnx --hours 0.75
"""

from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as F
from capriccio.training import Trainer, export, seed_everything
from torch import nn

from ..strokes import LONG, LOWEST, SIDE, STRIDE, THIN, WIDE, cover

WIDTHS = (32, 64)  # channels at 1/2 and 1/4 of the side
BLOCKS = 3  # residual blocks at 1/4: they see 60 pixels, more than the largest mark
REACH = 11  # pixels that a mark may reach from the middle of its place: 4 + LONG, nearly
CANVAS = 64  # pixels of the canvases that are learned from; the pyramid goes on to LOWEST
BATCH = 8
POOL = 512  # canvases kept at once; a few are painted anew at every step
FRESH = 6
LOOKS = 2  # paintings of one canvas that are learned from: an early one, then one with its marks
RATE = 7e-4  # Adam's; at 1e-3 all marks shrank to nothing in the first hundred steps
HOURS = 0.75


# -- network ----------------------------------------------------------------------------------


class Brush(nn.Module):
    """Propose a mark for each place, from target and canvas, (batch, 3, side, side) in 0..1."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(24, WIDTHS[0], 3, padding=1)
        self.down = nn.Conv2d(*WIDTHS, 2, 2)
        wide = WIDTHS[1]
        self.one = nn.ModuleList(nn.Conv2d(wide, wide, 3, padding=1) for _ in range(BLOCKS))
        self.two = nn.ModuleList(nn.Conv2d(wide, wide, 3, padding=1) for _ in range(BLOCKS))
        for conv in self.two:
            nn.init.zeros_(conv.weight)  # begins as the identity
        self.last = nn.Conv2d(wide, 7, 1)

    def forward(self, target, canvas):
        seen = torch.cat([target - 0.5, target - canvas], 1) * 2  # (batch, 6, side, side)
        h = F.leaky_relu(self.first(F.pixel_unshuffle(seen, 2)))  # (batch, 32, side / 2, side / 2)
        h = self.down(h)  # (batch, 64, rows, rows), rows = side / 4
        for one, two in zip(self.one, self.two, strict=True):
            h = h + two(F.leaky_relu(one(F.leaky_relu(h))))  # (batch, 64, rows, rows)
        return self.last(F.leaky_relu(h)).permute(0, 2, 3, 1)  # (batch, rows, rows, 7)


def marks_of(said):
    """Turn what the network says, (..., 7), into marks, (...) each.

    Middle x and y in pixels from the middle of the place, half length, half width, the angle's
    cosine and sine, and the logarithm of the gain that it expects.
    """
    x, y = STRIDE * said[..., 0].tanh(), STRIDE * said[..., 1].tanh()  # (...)
    wide = THIN * (said[..., 3].sigmoid() * np.log(WIDE / THIN)).exp()  # (...)
    long = wide * (said[..., 2].sigmoid() * np.log(6.0)).exp()  # (...), up to 6 times as long
    long = LONG * (long / LONG).tanh()  # (...)
    # A mark turned by half a circle is the same: the angle is told twice over, and halved here.
    turn = torch.atan2(said[..., 5], said[..., 4]) / 2  # (...)
    return x, y, long, wide, turn.cos(), turn.sin(), said[..., 6]


def pyramid(x) -> list[torch.Tensor]:
    """Give a canvas, (batch, 3, side, side), and its halves down to LOWEST."""
    levels = [x]
    while levels[-1].shape[2] > LOWEST:
        levels.append(F.avg_pool2d(levels[-1], 2))
    return levels


# -- gain -------------------------------------------------------------------------------------


def windows(x):
    """Cut out what lies around each place, (batch, rows, rows, channels, pixels)."""
    batch, channels, side, _ = x.shape
    pad = REACH - STRIDE // 2
    cut = F.unfold(F.pad(x, (pad,) * 4), 2 * REACH, stride=STRIDE)  # (batch, channels * 484, rows²)
    cut = cut.view(batch, channels, 4 * REACH**2, side // STRIDE, side // STRIDE)
    return cut.permute(0, 3, 4, 1, 2)  # (batch, rows, rows, channels, 484)


def judge(target, canvas, marks):
    """Give each mark's gain in squared error, what there was to gain, its colour and its cover."""
    x, y, long, wide, cosine, sine, _ = (m[..., None, None] for m in marks)
    across = torch.arange(2 * REACH) - REACH + 0.5  # (22,)
    dx, dy = across.view(1, -1) - x, across.view(-1, 1) - y  # (batch, rows, rows, 22, 22)
    mask = cover(dx * cosine + dy * sine, dy * cosine - dx * sine, long, wide)
    inside = torch.ones_like(target[:, :1])  # (batch, 1, side, side)
    around = windows(torch.cat([target - canvas, canvas, inside], 1))  # (batch, rows, rows, 7, 484)
    gap, under, inside = around.split([3, 3, 1], 3)
    seen = mask.flatten(-2).unsqueeze(-2) * inside  # (batch, rows, rows, 1, 484)
    # The canvas becomes canvas + mask (colour - canvas); the best colour is a least square.
    bare = gap + seen * under  # (batch, rows, rows, 3, 484)
    colour = (seen * bare).sum(-1) / (seen.square().sum(-1) + 1e-3)  # (batch, rows, rows, 3)
    colour = colour.clip(0, 1)
    left = (bare - seen * colour[..., None]).square().sum((-1, -2))  # (batch, rows, rows)
    before = gap.square().sum((-1, -2))  # (batch, rows, rows)
    return before - left, before, colour, mask


# -- canvases ---------------------------------------------------------------------------------


def synthetic(count: int, chance: np.random.Generator) -> torch.Tensor:
    """Paint canvases of random strokes, (count, 3, 64, 64): few large ones under many small.

    Lengths follow a power law, as sizes do in pictures of the world; colours come from a small
    palette, edges are hard or soft, strokes straight or bent, shaded, more or less opaque.
    """
    made = np.empty((count, CANVAS, CANVAS, 3), np.float32)
    ys, xs = np.mgrid[:CANVAS, :CANVAS].astype(np.float32) + 0.5
    for canvas in made:
        palette = chance.random((6, 3)) * chance.uniform(0.3, 1) + chance.normal(0, 0.1, 3)
        slopes = chance.normal(0, 0.15, (2, 3))
        across, down = xs[..., None] / CANVAS - 0.5, ys[..., None] / CANVAS - 0.5
        canvas[:] = palette[0] + across * slopes[0] + down * slopes[1]
        strokes = int(chance.integers(5, 120))
        lengths = np.exp(chance.uniform(np.log(2), np.log(CANVAS * 0.9), strokes))
        flow = chance.uniform(0, np.pi)
        for length in np.sort(lengths)[::-1]:
            _lay(canvas, xs, ys, length / 2, flow, palette, chance)
        canvas += chance.normal(0, chance.uniform(0, 0.03), canvas.shape)
    return torch.from_numpy(made.clip(0, 1)).permute(0, 3, 1, 2).contiguous()


def _lay(canvas, xs, ys, long, flow, palette, chance) -> None:
    """Lay one random stroke onto a canvas."""
    wide = max(0.5, long * np.exp(-chance.uniform(0, 2)))
    turn, (x, y) = flow + chance.normal(0, 0.7), chance.uniform(0, CANVAS, 2)
    colour = palette[chance.integers(len(palette))] + chance.normal(0, 0.08, 3)
    reach = long + wide + 1
    rows = slice(max(0, int(y - reach)), int(y + reach) + 1)
    columns = slice(max(0, int(x - reach)), int(x + reach) + 1)
    dx, dy = xs[rows, columns] - x, ys[rows, columns] - y
    u, v = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
    v = v - chance.normal(0, 0.3) * u * u / long  # a bend
    soft = np.exp(chance.uniform(0, np.log(1 + wide)))
    if chance.random() < 0.5:
        mask = cover(u / soft, v / soft, long / soft, wide / soft)
    else:
        mask = ((1 - np.hypot(u / long, v / wide)) * wide / soft + 0.5).clip(0, 1)
    shade = xs[rows, columns, None] / CANVAS * chance.normal(0, 0.3, 3)
    mask = mask[..., None] * chance.uniform(0.5, 1)
    canvas[rows, columns] += mask * (colour + shade - canvas[rows, columns])


def begun(target, chance: np.random.Generator) -> torch.Tensor:
    """Give paintings of the targets as they might stand: hardly begun, or rough at some scale."""
    canvas = target.mean((2, 3), keepdim=True).expand_as(target).clone()  # (batch, 3, 64, 64)
    for i in range(len(target)):
        stage = chance.integers(5)
        if stage == 0:
            canvas[i] = torch.from_numpy(chance.random((3, 1, 1), np.float32))
        elif stage > 1:
            rough = F.avg_pool2d(target[i : i + 1], int(2 ** chance.integers(1, 5)))
            canvas[i] = F.interpolate(rough, target.shape[2:], mode="bilinear")[0]
    return canvas


@torch.no_grad()
def painted_on(canvas, gain, colour, mask, chance: np.random.Generator):
    """Lay one proposed mark in nine on a canvas, none upon another: what it sees next."""
    full = F.pad(canvas, (REACH,) * 4)  # (batch, 3, side + 22, side + 22)
    useful = (gain > 0).float()[..., None, None]  # (batch, rows, rows, 1, 1)
    low, left = chance.integers(0, 3, 2)
    for row in range(low, gain.shape[1], 3):
        for column in range(left, gain.shape[2], 3):
            y, x = row * STRIDE + STRIDE // 2, column * STRIDE + STRIDE // 2
            under = full[:, :, y : y + 2 * REACH, x : x + 2 * REACH]  # (batch, 3, 22, 22)
            share = (mask * useful)[:, row, column].unsqueeze(1)  # (batch, 1, 22, 22)
            under += share * (colour[:, row, column, :, None, None] - under)
    return full[:, :, REACH:-REACH, REACH:-REACH].contiguous()  # (batch, 3, side, side)


# -- training ---------------------------------------------------------------------------------


def train(
    out: Path,
    *,
    resume: bool = False,
    dry_run: bool = False,
    hours: float | None = None,
    seed: int = 0,
) -> None:
    """Learn to paint canvases of random strokes and write the `.onnx` file `out`."""
    out, hours = Path(out), HOURS if hours is None else hours
    seed_everything(seed)
    made = np.random.default_rng(seed)
    pool, check = synthetic(16 if dry_run else POOL, made), synthetic(64, made)
    net = Brush()
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE, betas=(0.9, 0.99))
    checkpoint = out.with_suffix(".safetensors")
    trainer = Trainer(net, optimizer, checkpoint, seed=seed, decay=0.998, dry_run=dry_run,
                      resume=resume and checkpoint.is_file())  # fmt: skip

    def looked(net: Brush, target, chance: np.random.Generator):
        """Give the share of what there was to gain that is missed, and how wrong it expected."""
        canvas, missed, wrong = begun(target, chance), [], []
        for _ in range(LOOKS):
            seen = []
            for large, small in zip(pyramid(target), pyramid(canvas), strict=True):
                marks = marks_of(net(large, small))
                gain, before, colour, mask = judge(large, small, marks)
                # A mark that would harm is never laid: it counts little.
                missed.append(1 - (F.leaky_relu(gain, 0.1) / (before + 0.5)).mean())
                truth = (gain.detach().clip(min=0) + 0.01).log()  # (batch, rows, rows)
                wrong.append(F.smooth_l1_loss(marks[-1], truth))
                seen.append((gain, colour, mask))
            canvas = painted_on(canvas, *seen[0], chance)  # (batch, 3, 64, 64)
        return torch.stack(missed), torch.stack(wrong)

    def loss(step: int):
        chance = np.random.default_rng([seed, step])
        pool[torch.from_numpy(chance.permutation(len(pool))[:FRESH])] = synthetic(FRESH, chance)
        chosen = torch.from_numpy(chance.integers(0, len(pool), BATCH))  # (batch,)
        missed, wrong = looked(net, pool[chosen], chance)
        return missed.sum() + 0.1 * wrong.sum()

    def validate(ema: Brush) -> dict[str, float]:
        chance = np.random.default_rng(seed)
        both = [looked(ema, part, chance) for part in check.split(16)]
        missed, wrong = (torch.stack(part).mean().item() for part in zip(*both, strict=True))
        return {"missed gain": missed, "wrong by": wrong}

    metrics = trainer.run(loss, steps=1_000_000, hours=hours, validate=validate, every=500,
                          schedule=lambda now: min(1.0, 30 * now + 0.01)
                          * (0.51 + 0.49 * np.cos(np.pi * now)), clip=0.5)  # fmt: skip
    example = torch.rand(1, SIDE, SIDE, 3)

    def draw():
        return torch.rand_like(example), torch.rand_like(example)

    export(Player(trainer.ema), draw(), out, input_names=["target", "canvas"],
           output_names=["marks"], tolerance=2e-3, draw=draw, dry_run=dry_run, card={
        "part": "painter",
        "inputs": {"target": f"(1, {SIDE}, {SIDE}, 3) float32 0..1", "canvas": "the same, so far"},
        "data": "none: canvases of random strokes",
        "objective": "the share of the squared error around each place that a mark takes away",
        "metrics": metrics,
        "seed": seed,
        "hours": round(trainer.seconds / 3600, 2),
        "command": f"python -m capriccio_vae.brush.train --out {out.name} --hours {hours:g}",
        "license": "MIT",
    })  # fmt: skip


# -- export -----------------------------------------------------------------------------------


class Player(nn.Module):
    """The brush as it is played: marks of every size, (marks, 7), in pixels of the canvas.

    Middle x and y, half length, half width, cosine and sine, and the gain that is expected.
    """

    def __init__(self, net: Brush):
        super().__init__()
        self.net = net.eval()

    def forward(self, target, canvas):
        large, small = target.permute(0, 3, 1, 2), canvas.permute(0, 3, 1, 2)
        rows = []
        for level, (one, two) in enumerate(zip(pyramid(large), pyramid(small), strict=True)):
            scale = 2**level
            x, y, long, wide, cosine, sine, gain = marks_of(self.net(one, two))
            places = STRIDE * torch.arange(x.shape[1]) + STRIDE / 2  # (rows,)
            made = [
                (x + places.view(1, 1, -1)) * scale,
                (y + places.view(1, -1, 1)) * scale,
                long * scale,
                wide * scale,
                cosine,
                sine,
                (gain.exp() - 0.01) * scale**2,
            ]
            rows.append(torch.stack(made, -1).view(-1, 7))  # (rows², 7)
        return torch.cat(rows)  # (1364, 7)


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default="brush.onnx", show_default=True,
              help="The file to write.")  # fmt: skip
@click.option("--hours", default=HOURS, show_default=True, help="Time to take.")
@click.option("--resume", is_flag=True, help="Go on where the last training was stopped.")
@click.option("--dry-run", is_flag=True, help="Take every step once and keep nothing.")
@click.option("--seed", default=0, show_default=True)
def command(out: Path, **options) -> None:
    """Teach the brush to paint, without any pictures, on canvases of random strokes."""
    train(out, **options)


if __name__ == "__main__":
    command()
