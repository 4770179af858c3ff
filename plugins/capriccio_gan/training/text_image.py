"""Teach a reader to see, and a listener to hear, so that a picture and its words meet.

A small convolutional reader gives a picture a code and the listener gives a caption one; a pair
fits where their product is high. Which pairs fit is known exactly, for a caption is true of a
picture when every word of it is among the words that can be said of it; so each batch teaches
all its pairs, each by itself (the sigmoid loss of SigLIP, arXiv 2303.15343, with more than one
true pair a row). The reader then guides the painter, and the judge looks through its features.

Further readers learn the words alone, each from a seed and at widths of its own: two onlookers, in
whose features paintings are to be like real pictures on the whole, and the witness. It never takes
part in the training and measures its progress; its figures are not those of Inception.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from capriccio.training import Trainer
from torch import nn

from ..vocabulary import Vocabulary
from .captions import compose, words_of
from .dataset import Pictures
from .networks import CODE, Listener

ROWS = 64  # pictures are read at this size, whatever size they are painted in
WIDTHS = (24, 48, 96, 160)  # at 32, 16, 8 and 4 rows: about 30 M multiply-adds
ONLOOKERS = ((24, 48, 96, 160), (40, 56, 88, 144))
WITNESS = (32, 48, 80, 128)
BATCH = 128


class Reader(nn.Module):
    """Read a picture, (batch, 3, rows, rows) in 0..1, into what was seen on the way and a code."""

    def __init__(self, code: int = CODE, widths: tuple[int, ...] = WIDTHS):
        super().__init__()
        self.first = nn.Conv2d(12, widths[0], 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in pairwise(widths))
        self.more = nn.ModuleList(nn.Conv2d(b, b, 3, padding=1) for b in widths[1:])
        self.norms = nn.ModuleList(nn.BatchNorm2d(b) for b in (*widths, *widths[1:]))
        self.last = nn.Linear(widths[-1], code)

    def forward(self, x):
        if x.shape[2] != ROWS:
            x = F.interpolate(x, size=(ROWS, ROWS), mode="area")  # (batch, 3, 64, 64)
        h = self.first(F.pixel_unshuffle(x * 2 - 1, 2))  # (batch, 32, 32, 32)
        h = F.relu(self.norms[0](h))
        seen = []
        for level, (down, more) in enumerate(zip(self.down, self.more, strict=True)):
            h = F.relu(self.norms[1 + level](down(h)))  # (batch, width, rows / 2, rows / 2)
            h = h + F.relu(self.norms[1 + len(self.down) + level](more(h)))
            seen.append(h)
        pooled = h.mean((2, 3))  # (batch, 192)
        return seen, pooled, self.last(pooled)  # three maps, (batch, 192), (batch, 128)


class Lesson(nn.Module):
    """A reader and a listener that learn together."""

    def __init__(self, words: int):
        super().__init__()
        self.reader, self.listener = Reader(), Listener(words)
        # As SigLIP begins: most pairs do not fit.
        self.slope, self.offset = nn.Parameter(torch.tensor(1.0)), nn.Parameter(torch.tensor(-2.0))

    def fit(self, seen, heard):
        """Give the log odds that pictures fit captions, (batch, CODE) each, pair by pair."""
        return self.slope.exp() * seen @ heard.T / CODE**0.5 + self.offset  # (pictures, captions)

    def odds(self, seen, heard):
        """Give the log odds that each picture fits its own caption."""
        return self.slope.exp() * (seen * heard).sum(1) / CODE**0.5 + self.offset  # (batch,)


def shaken(x):
    """Shift, zoom and mirror pictures a little and change their light, each its own way."""
    count, device = len(x), x.device
    turn = torch.zeros(count, 2, 3, device=device)  # (batch, 2, 3)
    zoom = 1 + 0.2 * (torch.rand(count, device=device) - 0.5)
    flip = torch.where(torch.rand(count, device=device) < 0.5, 1.0, -1.0)
    turn[:, 0, 0], turn[:, 1, 1] = zoom * flip, zoom
    turn[:, :, 2] = 0.25 * (torch.rand(count, 2, device=device) - 0.5)
    grid = F.affine_grid(turn, list(x.shape), align_corners=False)  # (batch, rows, rows, 2)
    x = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
    light = 1 + 0.2 * (torch.rand(count, 1, 1, 1, device=device) - 0.5)
    return (x * light).clamp(0, 1)  # (batch, 3, rows, rows)


def truths(pictures: Pictures, vocabulary: Vocabulary) -> np.ndarray:
    """Give which words may be said of which picture, `(pictures, words) bool`."""
    table = np.zeros((len(pictures), len(vocabulary)), bool)
    for row, facts in enumerate(pictures.facts):
        numbers = [n for word in words_of(facts) for n in vocabulary.read(word)[0][1:] if n > 1]
        table[row, numbers] = True
    table[:, :2] = True  # an empty place and the beginning say nothing wrong
    return table


def shrunk(pictures: Pictures, rows: int = ROWS) -> torch.Tensor:
    """Give the squares at the size they are read in, (pictures, 3, rows, rows) uint8."""
    small = []
    for part in torch.from_numpy(pictures.squares).split(500):
        part = part.permute(0, 3, 1, 2).float()  # (500, 3, size, size)
        small.append(F.interpolate(part, size=(rows, rows), mode="area").round().to(torch.uint8))
    return torch.cat(small)


def learn_to_read(
    learn: Pictures,
    check: Pictures,
    vocabulary: Vocabulary,
    checkpoint: Path,
    *,
    device: str,
    steps: int,
    hours: float | None,
    seed: int,
    resume: bool,
    dry_run: bool,
) -> Lesson:
    """Train reader and listener together; give the pair that reads unseen pictures best."""
    lesson: Lesson = Lesson(len(vocabulary)).to(device)
    optimizer = torch.optim.AdamW(lesson.parameters(), 1e-3, weight_decay=0.05)
    trainer = Trainer(lesson, optimizer, checkpoint, seed=seed, decay=0.995, dry_run=dry_run,
                      resume=resume and checkpoint.is_file())  # fmt: skip
    sets = [(shrunk(part), truths(part, vocabulary), part) for part in (learn, check)]

    def batch(which: int, chosen, chance):
        squares, table, pictures = sets[which]
        x = squares[torch.from_numpy(chosen)].to(device).float() / 255  # (batch, 3, 64, 64)
        captions = [compose(pictures.facts[i], chance) for i in chosen]
        words = np.array([vocabulary.read(caption)[0] for caption in captions])  # (batch, 24)
        true = table[chosen][:, words].all(2)  # (batch, batch): every word may be said
        return x, torch.from_numpy(words).to(device), torch.from_numpy(true).to(device).float()

    def of_pairs(net, x, words, true):
        odds = net.fit(net.reader(x)[2], net.listener(words))  # (batch, batch)
        loss = F.binary_cross_entropy_with_logits(odds, true, reduction="none")
        # Half the weight to what fits, half to what does not, or silence would be the best answer.
        yes, no = true / true.sum().clamp_min(1), (1 - true) / (1 - true).sum().clamp_min(1)
        return (loss * (yes + no)).sum() / 2

    def loss(step: int):
        chance = np.random.default_rng([seed, step])
        chosen = chance.integers(len(learn), size=min(BATCH, len(learn)))
        x, words, true = batch(0, chosen, chance)
        with torch.autocast(device, torch.bfloat16, enabled=quick(device)):
            return of_pairs(lesson, shaken(x), words, true).float()

    def validate(ema):
        chance = np.random.default_rng(0)
        chosen = np.arange(len(check))
        parts = np.array_split(chosen, max(1, len(check) // BATCH))
        losses = [of_pairs(ema, *batch(1, part, chance)).item() for part in parts]
        return {"unread": float(np.mean(losses))}

    trainer.run(loss, steps=steps, hours=hours, validate=validate, every=max(20, steps // 10),
                schedule=lambda now: min(1.0, 0.05 + 10 * now) * (1 - 0.95 * now))  # fmt: skip
    lesson = trainer.ema.to(device)
    return lesson.eval().requires_grad_(False)


def learn_words(
    learn: Pictures,
    vocabulary: Vocabulary,
    checkpoint: Path,
    *,
    widths: tuple[int, ...] = WITNESS,
    device: str,
    steps: int,
    seed: int,
    resume: bool,
    dry_run: bool,
) -> Reader:
    """Train a reader of words on the training pictures, or take up one that was trained before."""
    net: Reader = Reader(len(vocabulary), widths).to(device)
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3, weight_decay=0.05)
    trainer = Trainer(net, optimizer, checkpoint, seed=seed, decay=0.995, dry_run=dry_run,
                      resume=resume and checkpoint.is_file())  # fmt: skip
    squares, table = shrunk(learn), torch.from_numpy(truths(learn, vocabulary))

    def loss(step: int):
        chosen = torch.randint(len(squares), (min(BATCH, len(squares)),))  # (batch,)
        x = shaken(squares[chosen].to(device).float() / 255)  # (batch, 3, 64, 64)
        with torch.autocast(device, torch.bfloat16, enabled=quick(device)):
            odds = net(x)[2]  # (batch, words)
        wanted = table[chosen].to(device).float()  # (batch, words)
        return F.binary_cross_entropy_with_logits(odds.float(), wanted)

    trainer.run(loss, steps=steps, every=max(20, steps // 4),
                schedule=lambda now: min(1.0, 0.05 + 10 * now) * (1 - 0.95 * now))  # fmt: skip
    return trainer.ema.to(device).eval().requires_grad_(False)


def quick(device: str) -> bool:
    """Say whether this device computes in bfloat16 faster than in float32."""
    if device == "cpu":
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return True


@torch.no_grad()
def features(reader: Reader, squares: np.ndarray, device: str) -> tuple[np.ndarray, np.ndarray]:
    """Give the pooled features and the odds of every word for squares of uint8, a row each."""
    pooled, odds = [], []
    for part in np.array_split(squares, 1 + len(squares) // 256):
        x = torch.from_numpy(part).to(device).permute(0, 3, 1, 2).float() / 255  # (part, 3, s, s)
        _, one, other = reader(x)
        pooled.append(one.float().cpu().numpy())
        odds.append(other.float().cpu().numpy())
    return np.concatenate(pooled), np.concatenate(odds)
