"""Train the critic: a network that names movement and artist, from scratch, in two acts.

In the first act it learns without the artists that are held out, and is measured on them: what it
knows of a movement beyond the hands it has seen. In the second it learns from all artists, and is
measured on pictures it has not seen. Read from top to bottom: pictures, training, export.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from capriccio.training import Trainer, mixed_precision, seed_everything

from .net.train import Critic
from .pictures import STORED, Pictures, read_pictures

SIDE = 128  # what is judged; crops are learned smaller, for they show things larger (1906.06423)
SIDES = (64, 80, 96)  # of the crops: first shapes and colours, cheaply, then the brush
BATCH = 32
RATE = 2e-3  # AdamW, with a batch of 32 and normalised layers
SMOOTH = 0.1  # label smoothing (1512.00567): a movement is one word for a whole life's work
CUT = 0.3  # share of the batches that are mixed from two (CutMix, 1905.04899)
GREY = 0.08  # share of the pictures that are shown grey: 6 % are, and colour must not be all
HOURS = 1.0
FIRST = 0.45  # share of the time for the first act


# -- pictures ---------------------------------------------------------------------------------


def crops(pixels, chosen, side: int, random: np.random.Generator):
    """Cut out and change pictures as another eye might see them, (batch, 3, side, side) in 0..1.

    Four groups each have a crop's size and shape of their own, resized without aliasing.
    """
    parts = []
    for group in np.array_split(chosen, 4):
        area = random.uniform(0.25, 1.0)  # of the picture
        shape = np.exp(random.uniform(-0.3, 0.3))  # pictures of any shape will come squeezed
        high = min(STORED, round(STORED * np.sqrt(area * shape)))
        wide = min(STORED, round(STORED * np.sqrt(area / shape)))
        y = random.integers(0, STORED - high + 1, len(group))
        x = random.integers(0, STORED - wide + 1, len(group))
        cut = np.stack([
            pixels[i, a : a + high, b : b + wide] for i, a, b in zip(group, y, x, strict=True)
        ])  # fmt: skip
        part = torch.from_numpy(cut).permute(0, 3, 1, 2).float() / 255  # (batch / 4, 3, high, wide)
        parts.append(
            F.interpolate(part, (side, side), mode="bilinear", antialias=True, align_corners=False)
        )
    x = torch.cat(parts)  # (batch, 3, side, side)
    x = torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(3), x)  # (batch, 3, side, side)
    # Scans differ in light, contrast and cast; paintings are not told apart by those.
    light, contrast, vivid = (1 + 0.25 * (2 * torch.rand(3, len(x), 1, 1, 1) - 1)).unbind(0)
    grey = x.mean(1, keepdim=True)  # (batch, 1, side, side)
    vivid = torch.where(torch.rand(len(x), 1, 1, 1) < GREY, 0.0, vivid)  # (batch, 1, 1, 1)
    x = grey + (x - grey) * vivid  # (batch, 3, side, side)
    middle = x.mean((1, 2, 3), keepdim=True)  # (batch, 1, 1, 1)
    cast = 1 + 0.06 * torch.randn(len(x), 3, 1, 1)  # (batch, 3, 1, 1)
    x = ((x - middle) * contrast + middle * light) * cast  # (batch, 3, side, side)
    for i in np.flatnonzero(random.random(len(x)) < 0.25):  # random erasing (1708.04896)
        high, wide = random.integers(side // 8, side // 2, 2)
        a, b = random.integers(0, side - high), random.integers(0, side - wide)
        x[i, :, a : a + high, b : b + wide] = 0.5
    return x.clamp(0, 1).contiguous(memory_format=torch.channels_last)


def whole(pixels, side: int = SIDE):
    """Give whole pictures as they will be judged, (batch, 3, side, side) in 0..1."""
    x = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 255
    x = F.interpolate(x, (side, side), mode="bilinear", antialias=True, align_corners=False)
    return x.contiguous(memory_format=torch.channels_last)  # (batch, 3, side, side)


# -- training ---------------------------------------------------------------------------------


def act(
    net: Critic,
    pictures: Pictures,
    learn: np.ndarray,
    check: np.ndarray,
    checkpoint: Path,
    *,
    rate: float,
    hours: float,
    seed: int,
    resume: bool,
    dry_run: bool,
) -> Trainer:
    """Learn the pictures of the rows `learn`, keeping what does best on those of `check`."""
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.05)
    trainer = Trainer(
        net, optimizer, checkpoint, seed=seed, decay=0.998, resume=resume, dry_run=dry_run
    )
    # One artist painted 866 of 6,627 pictures, another 31: by the root of their number no movement
    # is one man, and none of their pictures is worn out.
    counts = np.bincount(pictures.artist[learn], minlength=len(pictures.artists))
    if len(pictures.artists) == 1:
        counts = np.bincount(pictures.kind[learn], minlength=len(pictures.kinds))
    owner = pictures.artist if len(pictures.artists) > 1 else pictures.kind
    chance = 1 / np.sqrt(counts[owner[learn]])
    chance /= chance.sum()
    kind, artist = torch.from_numpy(pictures.kind), torch.from_numpy(pictures.artist)
    progress = 0.0

    def schedule(now: float) -> float:
        nonlocal progress
        progress = now
        return min(1.0, now / 0.05 + 0.02, 0.5 + 0.5 * np.cos(np.pi * now))

    def loss(step: int):
        random = np.random.default_rng([seed, step])
        chosen = random.choice(learn, BATCH, p=chance)
        side = SIDES[0] if progress < 0.25 else SIDES[1] if progress < 0.55 else SIDES[2]
        x = crops(pictures.pixels, chosen, side, random)  # (batch, 3, side, side)
        other, share = torch.arange(BATCH), 1.0
        if random.random() < CUT:
            other, wide = torch.randperm(BATCH), round(side * np.sqrt(random.uniform(0.05, 0.45)))
            a, b = random.integers(0, side - wide, 2)
            x[:, :, a : a + wide, b : b + wide] = x[other, :, a : a + wide, b : b + wide]
            share = 1 - (wide / side) ** 2
        movements, artists, _ = net(x)  # (batch, 13), (batch, 40)
        total = 0.0
        for logits, truth, weight in ((movements, kind, 1.0), (artists, artist, 0.7)):
            mine, theirs = truth[chosen], truth[chosen][other]  # (batch,) each
            total += weight * share * F.cross_entropy(logits, mine, label_smoothing=SMOOTH)
            if share < 1:
                part = F.cross_entropy(logits, theirs, label_smoothing=SMOOTH)
                total += weight * (1 - share) * part
        return total

    def validate(ema: Critic) -> dict[str, float]:
        movements, artists = logits_of(ema, pictures.pixels[check])
        hits = (movements.argmax(1) == kind[check]).float().mean().item()
        hands = (artists.argmax(1) == artist[check]).float().mean().item()
        loss = F.cross_entropy(movements, kind[check]).item()
        return {"missed": 1 - hits, "artist missed": 1 - hands, "cross entropy": loss}

    with mixed_precision("cpu"):
        trainer.run(loss, steps=1_000_000, hours=hours, validate=validate, every=500,
                    schedule=schedule, clip=2.0)  # fmt: skip
    return trainer


@torch.no_grad()
def logits_of(net: Critic, pixels) -> tuple[torch.Tensor, torch.Tensor]:
    """Judge whole pictures: (pictures, 13) and (pictures, 40), before the softmax."""
    parts = [net(whole(pixels[at : at + 64]))[:2] for at in range(0, len(pixels), 64)]
    movements, artists = zip(*parts, strict=True)
    return torch.cat(movements), torch.cat(artists)


def train(
    data: Path,
    out: Path,
    *,
    resume: bool = False,
    dry_run: bool = False,
    hours: float | None = None,
    seed: int = 0,
) -> None:
    """Learn a folder of pictures, kinds from its sub-folders, and write the `.onnx` file `out`."""
    data, out, hours = Path(data), Path(out), HOURS if hours is None else hours
    seed_everything(seed)
    pictures = read_pictures(data, 120 if dry_run else None)
    net: Critic = Critic(len(pictures.kinds), len(pictures.artists))
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    share, apart = pictures.share, pictures.apart
    both = {"seed": seed, "dry_run": dry_run}
    first, second = out.with_suffix(".unseen.safetensors"), out.with_suffix(".safetensors")
    if (apart == "test").any():
        # What chooses here must not be tested in the second act either.
        check = np.flatnonzero((apart == "val") & (share == "val"))
        learn = np.flatnonzero((apart == "train") & (share == "train"))
        print(f"first act: {len(learn)} pictures to learn, {len(check)} to check", flush=True)
        trainer = act(net, pictures, learn, check, first, rate=RATE, hours=hours * FIRST,
                      resume=resume and first.is_file(), **both)  # fmt: skip
        net.load_state_dict(trainer.ema.state_dict())
        hours = hours * (1 - FIRST)
    learn, check = np.flatnonzero(share == "train"), np.flatnonzero(share == "val")
    print(f"{len(learn)} pictures to learn, {len(check)} to check", flush=True)
    act(net, pictures, learn, check, second, rate=RATE * 0.7, hours=hours,
        resume=resume and second.is_file(), **both)  # fmt: skip
