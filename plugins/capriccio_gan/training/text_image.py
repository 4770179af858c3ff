"""Train an image encoder and a text encoder, so that a picture and its captions get close codes.

A picture and a caption fit where the product of their codes is high. Which pairs fit is known
exactly: a caption is true of a picture if every word of it is among the words that may describe
the picture. So each batch trains all its pairs, each by itself (the sigmoid loss of SigLIP, arXiv
2303.15343, with several true pairs a row). The image encoder then guides the generator, and the
discriminator reads its features.

More image encoders learn the words alone, each from a seed and with widths of its own: two
auxiliary encoders, in whose features generated pictures are to be distributed like real ones, and
the evaluation encoder. That one takes no part in the training and measures its progress; its
figures are not those of Inception.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from capriccio.training import Trainer, disk_array, mixed_precision
from torch import nn

from ..vocabulary import Vocabulary
from .captions import compose, words_of
from .dataset import Pictures
from .networks import CODE, TextEncoder
from .spaces import to_pictures

ROWS = 64  # pictures are encoded at this size, whatever size they have
WIDTHS = (24, 48, 96, 160)  # at 32, 16, 8 and 4 rows: about 30 M multiply-adds
AUXILIARY_WIDTHS = ((24, 48, 96, 160), (40, 56, 88, 144))
EVALUATION_WIDTHS = (32, 48, 80, 128)
FINER_WIDTHS = {64: (), 128: (16,), 256: (12, 16)}  # before those, of an encoder of more rows
BATCH = 128


class ImageEncoder(nn.Module):
    """Encode pictures, (batch, 3, rows, rows) in 0..1; the maps on the way are returned as well.

    `code` is the size of the last layer: CODE, or the number of words that are to be recognized.
    Pictures of another size than `rows` are scaled to it.
    """

    def __init__(self, code: int = CODE, widths: tuple[int, ...] = WIDTHS, rows: int = ROWS):
        super().__init__()
        self.rows = rows
        widths = (*FINER_WIDTHS[rows], *widths)
        self.first = nn.Conv2d(12, widths[0], 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in pairwise(widths))
        self.more = nn.ModuleList(nn.Conv2d(b, b, 3, padding=1) for b in widths[1:])
        self.norms = nn.ModuleList(nn.BatchNorm2d(b) for b in (*widths, *widths[1:]))
        self.last = nn.Linear(widths[-1], code)

    def forward(self, x: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor, torch.Tensor]:
        """Return the maps, the pooled features, (batch, width), and the codes, (batch, code)."""
        if x.shape[2] != self.rows:
            x = F.interpolate(x, size=(self.rows, self.rows), mode="area")  # (batch, 3, 64, 64)
        h = self.first(F.pixel_unshuffle(x * 2 - 1, 2))  # (batch, 24, 32, 32)
        h = F.relu(self.norms[0](h))  # (batch, 24, 32, 32)
        maps = []
        for level, (down, more) in enumerate(zip(self.down, self.more, strict=True)):
            h = F.relu(self.norms[1 + level](down(h)))  # (batch, width, rows / 2, rows / 2)
            h = h + F.relu(self.norms[1 + len(self.down) + level](more(h)))
            maps.append(h)
        pooled = h.mean((2, 3))  # (batch, 160)
        return maps, pooled, self.last(pooled)  # three maps, (batch, 160), (batch, 128)


class TextImageModel(nn.Module):
    """An image encoder and a text encoder that are trained together."""

    def __init__(self, words: int):
        super().__init__()
        # Named as in the checkpoints that exist.
        self.reader, self.listener = ImageEncoder(), TextEncoder(words)
        # SigLIP's start: most pairs do not fit.
        self.slope, self.offset = nn.Parameter(torch.tensor(1.0)), nn.Parameter(torch.tensor(-2.0))

    @property
    def image_encoder(self) -> ImageEncoder:
        return self.reader

    @property
    def text_encoder(self) -> TextEncoder:
        return self.listener

    def pair_logits(self, images: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
        """Return the log odds that images fit captions, for all pairs of (batch, CODE) codes."""
        return self.slope.exp() * images @ texts.T / CODE**0.5 + self.offset  # (images, captions)

    def logits(self, images: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
        """Return the log odds that each image fits its own caption."""
        return self.slope.exp() * (images * texts).sum(1) / CODE**0.5 + self.offset  # (batch,)


def jitter(x: torch.Tensor, groups: int = 1) -> torch.Tensor:
    """Return pictures shifted, zoomed, mirrored and lit a little, each differently.

    Args:
        x: (batch, 3, rows, rows) in 0..1.
        groups: of pictures, one after another, which are all treated alike.
    """
    count, device = len(x) // groups, x.device
    matrix = torch.zeros(count, 2, 3, device=device)  # (batch, 2, 3)
    zoom = 1 + 0.2 * (torch.rand(count, device=device) - 0.5)  # (batch,)
    flip = torch.where(torch.rand(count, device=device) < 0.5, 1.0, -1.0)  # (batch,)
    matrix[:, 0, 0], matrix[:, 1, 1] = zoom * flip, zoom
    matrix[:, :, 2] = 0.25 * (torch.rand(count, 2, device=device) - 0.5)
    light = 1 + 0.2 * (torch.rand(count, 1, 1, 1, device=device) - 0.5)  # (batch, 1, 1, 1)
    matrix, light = matrix.repeat(groups, 1, 1), light.repeat(groups, 1, 1, 1)
    grid = F.affine_grid(matrix, list(x.shape), align_corners=False)  # (batch, rows, rows, 2)
    x = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
    return (x * light).clamp(0, 1)  # (batch, 3, rows, rows)


def true_words(pictures: Pictures, vocabulary: Vocabulary) -> np.ndarray:
    """Return which words may describe which picture, `(pictures, words)` bool."""
    table = np.zeros((len(pictures), len(vocabulary)), bool)
    for row, facts in enumerate(pictures.facts):
        numbers = [n for word in words_of(facts) for n in vocabulary.encode(word)[0][1:] if n > 1]
        table[row, numbers] = True
    table[:, :2] = True  # PADDING and START are true of any picture
    return table


def downscale(pictures: Pictures, rows: int = ROWS) -> torch.Tensor:
    """Return images at the size they are encoded at, (pictures, 3, rows, rows) uint8."""
    images = torch.from_numpy(pictures.images)
    small = torch.from_numpy(disk_array((len(images), 3, rows, rows), np.uint8))
    for part, place in zip(images.split(500), small.split(500), strict=True):
        part = part.permute(0, 3, 1, 2).float()  # (500, 3, size, size)
        place[:] = F.interpolate(part, size=(rows, rows), mode="area").round()
    return small


def learning_rate(progress: float) -> float:
    """Return the share of the encoders' learning rate: a tenth of warm-up, then linear decay."""
    return min(1.0, 0.05 + 10 * progress) * (1 - 0.95 * progress)


def train_text_image(
    training: Pictures,
    validation: Pictures,
    vocabulary: Vocabulary,
    checkpoint: Path,
    *,
    device: str,
    steps: int,
    hours: float | None,
    seed: int,
    resume: bool,
    dry_run: bool,
) -> TextImageModel:
    """Train image and text encoder together; return the pair with the best validation loss."""
    model: TextImageModel = TextImageModel(len(vocabulary)).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=0.05)
    trainer = Trainer(model, optimizer, checkpoint, seed=seed, decay=0.995, dry_run=dry_run,
                      resume=resume and checkpoint.is_file())  # fmt: skip
    train_set, validation_set = (
        (downscale(part), true_words(part, vocabulary), part) for part in (training, validation)
    )

    def batch(
        dataset: tuple[torch.Tensor, np.ndarray, Pictures],
        chosen: np.ndarray,
        random: np.random.Generator,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        images, table, pictures = dataset
        x = images[torch.from_numpy(chosen)].to(device).float() / 255  # (batch, 3, 64, 64)
        captions = [compose(pictures.facts[i], random) for i in chosen]
        words = np.array([vocabulary.encode(caption)[0] for caption in captions])  # (batch, 24)
        fits = table[chosen][:, words].all(2)  # (batch, batch): every word may describe it
        return x, torch.from_numpy(words).to(device), torch.from_numpy(fits).to(device).float()

    def pair_loss(
        net: TextImageModel, x: torch.Tensor, words: torch.Tensor, fits: torch.Tensor
    ) -> torch.Tensor:
        logits = net.pair_logits(net.image_encoder(x)[2], net.text_encoder(words))  # (batch, batch)
        loss = F.binary_cross_entropy_with_logits(logits, fits, reduction="none")
        # Half the weight for pairs that fit, or answering no to all would be the best guess.
        yes, no = fits / fits.sum().clamp_min(1), (1 - fits) / (1 - fits).sum().clamp_min(1)
        return (loss * (yes + no)).sum() / 2  # ()

    def loss(step: int) -> torch.Tensor:
        random = np.random.default_rng([seed, step])
        chosen = random.integers(len(training), size=min(BATCH, len(training)))
        x, words, fits = batch(train_set, chosen, random)
        with mixed_precision(device):
            return pair_loss(model, jitter(x), words, fits).float()

    def validate(ema: Any) -> dict[str, float]:
        random = np.random.default_rng(0)
        parts = np.array_split(np.arange(len(validation)), max(1, len(validation) // BATCH))
        losses = [pair_loss(ema, *batch(validation_set, part, random)).item() for part in parts]
        return {"unread": float(np.mean(losses))}  # the name in checkpoints

    trainer.run(loss, steps=steps, hours=hours, validate=validate, every=max(20, steps // 10),
                schedule=learning_rate)  # fmt: skip
    return trainer.ema.to(device).eval().requires_grad_(False)


def train_word_classifier(
    training: Pictures,
    vocabulary: Vocabulary,
    checkpoint: Path,
    *,
    widths: tuple[int, ...] = EVALUATION_WIDTHS,
    rows: int = ROWS,
    device: str,
    steps: int,
    hours: float | None = None,
    seed: int,
    resume: bool,
    dry_run: bool,
) -> ImageEncoder:
    """Train an image encoder to recognize words, or load the one in the checkpoint to resume."""
    net: ImageEncoder = ImageEncoder(len(vocabulary), widths, rows).to(device)
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3, weight_decay=0.05)
    trainer = Trainer(net, optimizer, checkpoint, seed=seed, decay=0.995, dry_run=dry_run,
                      resume=resume and checkpoint.is_file())  # fmt: skip
    images, table = downscale(training, rows), torch.from_numpy(true_words(training, vocabulary))

    def loss(step: int) -> torch.Tensor:
        count = min(BATCH * ROWS // rows, len(images))
        chosen = torch.randint(len(images), (count,))  # (batch,)
        x = jitter(images[chosen].to(device).float() / 255)  # (batch, 3, 64, 64)
        with mixed_precision(device):
            logits = net(x)[2]  # (batch, words)
        wanted = table[chosen].to(device).float()  # (batch, words)
        return F.binary_cross_entropy_with_logits(logits.float(), wanted)

    trainer.run(loss, steps=steps, hours=hours, every=max(20, steps // 4), schedule=learning_rate)
    return trainer.ema.to(device).eval().requires_grad_(False)


@torch.no_grad()
def encode_images(
    encoder: ImageEncoder, images: np.ndarray, device: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pooled features and the codes of images, `(pictures, size, size, 3)` uint8."""
    features, codes = [], []
    for part in np.array_split(images, 1 + len(images) // 256):
        _, pooled, code = encoder(to_pictures(part, device))  # of (part, 3, size, size)
        features.append(pooled.float().cpu().numpy())
        codes.append(code.float().cpu().numpy())
    return np.concatenate(features), np.concatenate(codes)
