"""Train the critic: a network that names movement and artist, from scratch, in two stages.

The first stage trains without the held-out artists and is tested on them: what the network knows of
a movement beyond the artists of its training. The second trains on all artists and is tested on
unseen pictures. Read from top to bottom: pictures, training, export.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from capriccio import open_image
from capriccio.training import Trainer, export, licence_of, mixed_precision, seed_everything
from torch import Tensor

from ..metrics import accuracy, calibration_error, fit_temperature, macro_accuracy
from ..preprocess import SIDE, measure, resize_square
from ..readings import MEASURED
from .dataset import SPLITS, STORED, Pictures, read_pictures
from .network import (
    ClassificationHead,
    CriticNetwork,
    ExportedCritic,
    Readout,
    fit_distribution,
    fit_readout,
)
from .preference import extract_features, train_preference

Array = np.ndarray[Any, Any]
# Crops for training are smaller than test pictures, for they show things larger (1906.06423).
CROP_SIDES = ((0.25, 64), (0.55, 80), (1.0, 96))  # until this progress: shapes first, cheaply
BATCH = 32
RATE = 2e-3  # AdamW, with a batch of 32 and normalised layers
LABEL_SMOOTHING = 0.1  # (1512.00567): a movement is one word for a whole life's work
CUTMIX = 0.3  # share of the batches that are mixed from two (CutMix, 1905.04899)
GREY = 0.08  # share of the pictures that are turned grey: 6 % are, and colour must not be all
DRY_RUN_PICTURES, DRY_RUN_COPIED = 120, 10
HOURS = 1.0
FIRST_STAGE = 0.45  # of the time
ARTIST_WEIGHT = 0.7  # of the artist's loss, where the movement's counts 1


# -- pictures ---------------------------------------------------------------------------------


def augmented_crops(pixels: Array, chosen: Array, side: int, rng: np.random.Generator) -> Tensor:
    """Return randomly cropped and changed pictures, (batch, 3, side, side) in 0..1.

    Four groups each have a crop's size and shape of their own, resized without aliasing.
    """
    parts = []
    for group in np.array_split(chosen, 4):
        area = rng.uniform(0.25, 1.0)  # of the picture
        aspect = np.exp(rng.uniform(-0.3, 0.3))  # test pictures of any shape are resized to squares
        height = min(STORED, round(STORED * np.sqrt(area * aspect)))
        width = min(STORED, round(STORED * np.sqrt(area / aspect)))
        tops = rng.integers(0, STORED - height + 1, len(group))
        lefts = rng.integers(0, STORED - width + 1, len(group))
        places = zip(group, tops, lefts, strict=True)
        cut = np.stack([pixels[i, a : a + height, b : b + width] for i, a, b in places])
        part = torch.from_numpy(cut).permute(0, 3, 1, 2).float() / 255  # (batch / 4, 3, …, …)
        parts.append(
            F.interpolate(part, (side, side), mode="bilinear", antialias=True, align_corners=False)
        )
    x = torch.cat(parts)  # (batch, 3, side, side)
    x = torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(3), x)  # (batch, 3, side, side)
    # Scans differ in light, contrast and cast, which must not identify a movement.
    light, contrast, colour = (1 + 0.25 * (2 * torch.rand(3, len(x), 1, 1, 1) - 1)).unbind(0)
    grey = x.mean(1, keepdim=True)  # (batch, 1, side, side)
    colour = torch.where(torch.rand(len(x), 1, 1, 1) < GREY, 0.0, colour)  # (batch, 1, 1, 1)
    x = grey + (x - grey) * colour  # (batch, 3, side, side)
    middle = x.mean((1, 2, 3), keepdim=True)  # (batch, 1, 1, 1)
    cast = 1 + 0.06 * torch.randn(len(x), 3, 1, 1)  # (batch, 3, 1, 1)
    x = ((x - middle) * contrast + middle * light) * cast  # (batch, 3, side, side)
    for i in np.flatnonzero(rng.random(len(x)) < 0.25):  # random erasing (1708.04896)
        height, width = rng.integers(side // 8, side // 2, 2)
        a, b = rng.integers(0, side - height), rng.integers(0, side - width)
        x[i, :, a : a + height, b : b + width] = 0.5
    return x.clamp(0, 1).contiguous(memory_format=torch.channels_last)


def whole_pictures(pixels: Array, side: int = SIDE) -> Tensor:
    """Return pictures as they are tested, (batch, 3, side, side) in 0..1."""
    x = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 255
    x = F.interpolate(x, (side, side), mode="bilinear", antialias=True, align_corners=False)
    return x.contiguous(memory_format=torch.channels_last)  # (batch, 3, side, side)


# -- training ---------------------------------------------------------------------------------


def sampling_weights(pictures: Pictures, rows: Array) -> Array:
    """Return the probability of each of these rows in a batch: less for prolific artists.

    One artist painted 866 of 6,627 pictures, another 31. Weighting by the root of their number
    keeps a movement from being one artist, without repeating rare pictures too often.
    """
    owner, names = pictures.artist, pictures.artists
    if len(names) == 1:
        owner, names = pictures.kind, pictures.kinds
    counts = np.bincount(owner[rows], minlength=len(names))
    weights = 1 / np.sqrt(counts[owner[rows]])
    return weights / weights.sum()


def cutmix(x: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor, float]:
    """Replace a square of each picture by that of another, in a share of the batches.

    Returns:
        The batch; the row that each picture was mixed with; the share of its own that remains.
    """
    if rng.random() >= CUTMIX:
        return x, torch.arange(len(x)), 1.0
    side, other = x.shape[2], torch.randperm(len(x))
    width = round(side * np.sqrt(rng.uniform(0.05, 0.45)))
    a, b = rng.integers(0, side - width, 2)
    x[:, :, a : a + width, b : b + width] = x[other, :, a : a + width, b : b + width]
    return x, other, 1 - (width / side) ** 2


def train_stage(
    net: CriticNetwork,
    pictures: Pictures,
    rows: Array,
    check: Array,
    checkpoint: Path,
    *,
    rate: float,
    hours: float,
    seed: int,
    resume: bool,
    dry_run: bool,
) -> Trainer:
    """Train on the pictures of `rows`, keeping the weights that do best on those of `check`."""
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.05)
    trainer = Trainer(
        net, optimizer, checkpoint, seed=seed, decay=0.998, resume=resume, dry_run=dry_run
    )
    weights = sampling_weights(pictures, rows)
    kind, artist = torch.from_numpy(pictures.kind), torch.from_numpy(pictures.artist)
    side = CROP_SIDES[0][1]

    def schedule(progress: float) -> float:
        nonlocal side
        side = next(side for end, side in CROP_SIDES if progress < end or end == 1.0)
        return min(1.0, progress / 0.05 + 0.02, 0.5 + 0.5 * np.cos(np.pi * progress))

    def loss(step: int) -> Tensor:
        rng = np.random.default_rng([seed, step])
        chosen = rng.choice(rows, BATCH, p=weights)
        x = augmented_crops(pictures.pixels, chosen, side, rng)  # (batch, 3, side, side)
        x, other, share = cutmix(x, rng)
        movements, artists, _ = net(x)  # (batch, 13), (batch, 40)
        total = torch.zeros(())
        for logits, truth, weight in ((movements, kind, 1.0), (artists, artist, ARTIST_WEIGHT)):
            own, mixed = truth[chosen], truth[chosen][other]  # (batch,) each
            part = F.cross_entropy(logits, own, label_smoothing=LABEL_SMOOTHING)
            total += weight * share * part
            if share < 1:
                part = F.cross_entropy(logits, mixed, label_smoothing=LABEL_SMOOTHING)
                total += weight * (1 - share) * part
        return total

    def validate(ema: CriticNetwork) -> dict[str, float]:
        movements, artists = predict_logits(ema, pictures.pixels[check])
        hits = (movements.argmax(1) == kind[check]).float().mean().item()
        artist_hits = (artists.argmax(1) == artist[check]).float().mean().item()
        loss = F.cross_entropy(movements, kind[check]).item()
        return {"missed": 1 - hits, "artist missed": 1 - artist_hits, "cross entropy": loss}

    with mixed_precision("cpu"):
        trainer.run(loss, steps=1_000_000, hours=hours, validate=validate, every=500,
                    schedule=schedule, clip=2.0)  # fmt: skip
    return trainer


@torch.no_grad()
def predict_logits(net: CriticNetwork, pixels: Array) -> tuple[Tensor, Tensor]:
    """Return the logits of whole pictures: (pictures, 13) and (pictures, 40)."""
    parts = [net(whole_pictures(pixels[at : at + 64]))[:2] for at in range(0, len(pixels), 64)]
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
    half: int | None = None,
) -> None:
    """Train on a folder of pictures, with kinds from its sub-folders, and write `out`, an `.onnx`.

    Args:
        half: 0 or 1, to train on one half of the pictures: a model that judges what another has
            selected must not have been trained on the same pictures.
    """
    data, out, hours = Path(data), Path(out), HOURS if hours is None else hours
    seed_everything(seed)
    pictures = read_pictures(data, DRY_RUN_PICTURES if dry_run else None, half)
    net: CriticNetwork = CriticNetwork(len(pictures.kinds), len(pictures.artists))
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    split, artist_split = pictures.split, pictures.artist_split
    first, second = out.with_suffix(".unseen.safetensors"), out.with_suffix(".safetensors")
    figures: dict[str, float] = {}
    if (artist_split == "test").any():
        # What selects a checkpoint here must not be a test picture of the second stage either.
        rows = np.flatnonzero((artist_split == "train") & (split == "train"))
        check = np.flatnonzero((artist_split == "val") & (split == "val"))
        print(f"first stage: {len(rows)} pictures to train on, {len(check)} to check", flush=True)
        trainer = train_stage(net, pictures, rows, check, first, rate=RATE, seed=seed,
                              hours=hours * FIRST_STAGE, resume=resume and first.is_file(),
                              dry_run=dry_run)  # fmt: skip
        unseen = np.flatnonzero(artist_split == "test")
        features = extract_features(trainer.ema, squares(pictures.pixels[unseen]))
        head = fit_head(trainer.ema, pictures, rows, check)[0]
        predicted, truth = head(features)[0].numpy(), pictures.kind[unseen]
        figures["unseen artists: movement"] = accuracy(predicted, truth)
        figures["unseen artists: movement, macro"] = macro_accuracy(predicted, truth)
        print(figures, flush=True)
        net.load_state_dict(trainer.ema.state_dict())
    rows, check = np.flatnonzero(split == "train"), np.flatnonzero(split == "val")
    print(f"{len(rows)} pictures to train on, {len(check)} to check", flush=True)
    trainer = train_stage(net, pictures, rows, check, second, rate=RATE * 0.7, seed=seed,
                          hours=hours * (1 - FIRST_STAGE) if figures else hours,
                          resume=resume and second.is_file(), dry_run=dry_run)  # fmt: skip
    calibrate_and_export(trainer.ema, pictures, data, out, figures, seed=seed, dry_run=dry_run,
                         card={
        "data": data.name,
        "hours": round(hours, 2),
        "seed": seed,
        **({} if half is None else {"half": half}),
        "command": f"capriccio train critic --data {data.name} --out {out.name} --hours {hours:g} "
        f"--seed {seed}" + ("" if half is None else f" --half {half}"),
        **licence_of(data),
    })  # fmt: skip


# -- export -----------------------------------------------------------------------------------


def calibrate_and_export(
    net: CriticNetwork,
    pictures: Pictures,
    data: Path,
    out: Path,
    figures: dict[str, float],
    *,
    card: dict[str, Any],
    seed: int,
    dry_run: bool,
) -> None:
    """Calibrate, train the preference, test once, and export; the card holds what readings need."""
    net = net.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    pixels = pictures.pixels
    rows, check, test = (np.flatnonzero(pictures.split == split) for split in SPLITS)
    head, features, checked = fit_head(net, pictures, rows, check)
    predicted = head(extract_features(net, squares(pixels[test])))[:2]
    truths = pictures.kind[test], pictures.artist[test]
    for name, tensor, truth in zip(("movement", "artist"), predicted, truths, strict=True):
        probabilities = tensor.numpy()
        figures[name] = accuracy(probabilities, truth)
        figures[f"{name}, macro"] = macro_accuracy(probabilities, truth)
        figures[f"{name}, calibration error"] = calibration_error(probabilities, truth)
    files = [data / path for path in pictures.paths]
    few = DRY_RUN_COPIED if dry_run else None  # of each picture seven copies are made
    preference, scores = train_preference(
        net, [files[row] for row in rows[:few]], [files[row] for row in check[:few]], seed=seed
    )
    size = net.trunk.statistics_size
    distribution = fit_distribution(features[:, :size])
    offset = checked[:, :size] - distribution["mean"]  # (checked, 1248)
    distances = (offset @ distribution["axes"]).square().mean(1).sqrt().numpy()  # (checked,)
    measured = [measure_file(files[row]) for row in check]
    # Half of the scores that quality is ranked by are pictures', half are copies', of all kinds.
    copies = 1 + np.arange(len(scores)) % (scores.shape[1] - 1)
    ranked = np.concatenate([scores[:, 0], scores[np.arange(len(scores)), copies]])
    card = {
        "part": "critic",
        "inputs": {"picture": f"(1, {SIDE}, {SIDE}, 3) uint8, the whole picture squeezed to it"},
        "movements": pictures.kinds,
        "artists": pictures.artists,
        "temperatures": [round(heat, 3) for heat in head.heats],
        "told by artists": head.share,
        "novelty": quantiles(distances, 101),
        "quality": quantiles(ranked, 101),
        "typical": {name: quantiles([m[name] for m in measured], 21) for name in MEASURED},
        "metrics": {name: round(value, 4) for name, value in figures.items()},
        "pictures": len(rows),
        **card,
    }
    examples = torch.from_numpy(squares(pixels[test if len(test) else check]))

    def draw() -> tuple[Tensor]:
        return (examples[torch.randint(len(examples), (1,))],)

    export(
        ExportedCritic(net, head, preference, distribution),
        draw(),
        out,
        input_names=["picture"],
        output_names=["movement", "artist", "embedding", "heat", "far", "quality"],
        card=card,
        tolerance=1e-2,
        draw=draw,
        dry_run=dry_run,
    )


def fit_head(
    net: CriticNetwork, pictures: Pictures, rows: Array, check: Array
) -> tuple[ClassificationHead, Tensor, Tensor]:
    """Fit the head that names movement and artist; return it with the features of both sets.

    The checked pictures select the temperatures, and the weight of the artists in a movement.
    """
    features, checked = (
        extract_features(net, squares(pictures.pixels[part])) for part in (rows, check)
    )
    readouts: list[Readout] = []
    heats: list[float] = []
    for truth, names in ((pictures.kind, pictures.kinds), (pictures.artist, pictures.artists)):
        trained, tested = torch.from_numpy(truth[rows]), torch.from_numpy(truth[check])
        readouts.append(fit_readout(features, trained, checked, tested, len(names)))
        heats.append(fit_temperature(readouts[-1](checked).numpy(), truth[check]))
    belong = np.zeros((len(pictures.artists), len(pictures.kinds)), np.float32)
    np.add.at(belong, (pictures.artist[rows], pictures.kind[rows]), 1)
    belong /= np.maximum(belong.sum(1, keepdims=True), 1)

    def head_of(share: float) -> ClassificationHead:
        return ClassificationHead(readouts[0], readouts[1], heats, torch.from_numpy(belong), share)

    def cross_entropy(share: float) -> float:
        kind = torch.from_numpy(pictures.kind[check])[:, None]
        return -head_of(share)(checked)[0].gather(1, kind).clamp(min=1e-9).log().mean().item()

    return head_of(min((0.0, 0.25, 0.5, 0.75, 1.0), key=cross_entropy)), features, checked


def squares(pixels: Array) -> Array:
    """Return stored pictures at the size of the network's input, (pictures, 128, 128, 3) uint8."""
    return np.stack([resize_square(one) for one in pixels])


def measure_file(file: Path) -> dict[str, float]:
    """Return the readings of a picture that need no network."""
    with open_image(file) as picture:
        image = np.asarray(picture.convert("RGB"))
    return measure(image, resize_square(image))


def quantiles(values: Any, count: int) -> list[float]:
    """Return `count` quantiles of values, from the lowest to the highest, evenly spaced."""
    return np.quantile(np.asarray(values), np.linspace(0, 1, count)).round(4).tolist()
