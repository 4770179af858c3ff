"""Train the critic: a network that names movement and artist, from scratch, in two stages.

The first stage trains without the held-out artists and is tested on them: what the network knows of
a movement beyond the artists of its training. The second trains on all artists and is tested on
unseen pictures. Read from top to bottom: pictures, training, export.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from capriccio import open_image
from capriccio.training import Trainer, export, licence_of, mixed_precision, seed_everything
from torch import Tensor

from ..metrics import accuracy, calibration_error, fit_temperature, macro_accuracy
from ..preprocess import SIDE, measure, resize_square
from ..readings import MEASURED
from .dataset import SPLITS, STORED, UNKNOWN, Pictures, read_pictures
from .network import (
    ClassificationHead,
    CriticNetwork,
    ExportedCritic,
    Gallery,
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
SHARES = (0.15, 0.42, 0.43)  # of the time: without labels, without some artists, with all
PAIRS_A_BATCH = 64
# The labels that are learned, in the order of the heads, and the weight of each in the loss.
LABELS = {"kind": 1.0, "artist": 0.3, "genre": 0.3, "century": 0.3, "medium": 0.2}
LABEL_NAMES = tuple(LABELS)
ARTIST_POWER, MOVEMENT_POWER = 0.4, 0.6  # 1 leaves the shares as they are, 0 makes all equal
NEAR_YEARS = 60.0
MIN_WORKS = 8  # pictures of an artist, to be named as such
MIN_LIKE = 3  # pictures of an artist, to be named as similar
# Between these quantiles of the distance of pictures that were not trained on from those that were,
# certainty begins to fade; it is gone as many times further off.
FAMILIAR, FADING = (0.9, 0.99), 3.0
REGULARIZATIONS = (0.003, 0.01, 0.03, 0.1, 0.3)


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


def sampling_weights(pictures: Pictures, rows: Array, robust: bool = True) -> Array:
    """Return the probability of each of these rows in a batch.

    One artist painted 866 pictures and most others a handful; without weights a movement would be
    known by the hands of two. The share of an artist grows with the root of the root of the
    pictures, that of a movement with the root of its artists' shares.

    Args:
        robust: draw each picture equally often instead, if False.
    """
    if not robust:
        return np.full(len(rows), 1 / len(rows))
    owner = pictures.artist[rows] + 1  # 0 where it is not known, which counts as one artist
    if not owner.any():
        owner = pictures.kind[rows] + 1
    weights = np.bincount(owner)[owner] ** (ARTIST_POWER - 1.0)
    kind = pictures.kind[rows] + 1  # 0 where it is not known
    weights *= np.bincount(kind, weights)[kind] ** (MOVEMENT_POWER - 1.0)
    return weights / weights.sum()


def smoothed_targets(pictures: Pictures, rows: Array) -> Tensor:
    """Return what is to be predicted for each movement, (movements, movements).

    Nearly all of it is the movement itself; more of the rest goes to those of the same time.
    """
    count = len(pictures.kinds)
    kind, year = pictures.kind[rows], pictures.year[rows]
    years = [np.median(year[known]) if (known := (kind == k) & (year > 0)).any() else 0.0
             for k in range(count)]  # fmt: skip
    apart = np.abs(np.subtract.outer(years, years))  # (movements, movements), years
    near = np.exp(-((apart / NEAR_YEARS) ** 2)) * (1 - np.eye(count)) + 1e-9
    near /= near.sum(1, keepdims=True)
    own = 1 - LABEL_SMOOTHING
    target = own * np.eye(count) + LABEL_SMOOTHING / 2 * (near + 1 / count)
    return torch.from_numpy(target / target.sum(1, keepdims=True)).float()


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


def masked_cross_entropy(logits: Tensor, truth: Tensor, targets: Tensor | None) -> Tensor:
    """Return the cross entropy of each picture, (batch,); 0 where the truth, -1, is not known.

    Args:
        targets: what is to be predicted for each name; by default its own and a little of all.
    """
    known = truth.clamp(min=0)  # (batch,)
    if targets is None:
        loss = F.cross_entropy(logits, known, label_smoothing=LABEL_SMOOTHING, reduction="none")
    else:
        loss = F.cross_entropy(logits, targets[known], reduction="none")
    return torch.where(truth >= 0, loss, 0.0)


def invariance_loss(one: Tensor, other: Tensor) -> Tensor:
    """Return how different two views of the same pictures are, (batch, width) each (VICReg).

    Each number must vary among pictures and tell something of its own (arXiv 2105.04906).
    """
    total = 25 * F.mse_loss(one, other)
    for z in (one, other):
        z = z - z.mean(0)  # (batch, width)
        total = total + 12.5 * F.relu(1 - (z.var(0) + 1e-4).sqrt()).mean()
        covariance = z.T @ z / (len(z) - 1)  # (width, width)
        off = covariance - torch.diag(covariance.diag())  # (width, width)
        total = total + off.square().sum() / z.shape[1]
    return total


def pretrain(
    net: CriticNetwork,
    pictures: Pictures,
    rows: Array,
    checkpoint: Path,
    *,
    hours: float,
    seed: int,
    resume: bool,
    dry_run: bool,
) -> Trainer:
    """Train without labels: two changed crops of a picture must be alike, and unlike others."""
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE / 2, weight_decay=0.05)
    trainer = Trainer(
        net, optimizer, checkpoint, seed=seed, decay=0.998, resume=resume, dry_run=dry_run
    )
    weights = sampling_weights(pictures, rows)

    def loss(step: int) -> Tensor:
        rng = np.random.default_rng([seed, step, 1])
        chosen = rng.choice(rows, PAIRS_A_BATCH, p=weights)
        views = [augmented_crops(pictures.pixels, chosen, 64, rng) for _ in range(2)]
        x = torch.cat(views).contiguous(memory_format=torch.channels_last)
        with mixed_precision("cpu"):
            projected = net.project(x)  # (2 * batch, 256)
        return invariance_loss(*projected.float().chunk(2))

    def schedule(progress: float) -> float:
        return min(1.0, progress / 0.05 + 0.02, 0.52 + 0.5 * np.cos(np.pi * progress))

    print(f"without labels: {len(rows)} pictures to train on", flush=True)
    trainer.run(loss, steps=1_000_000, hours=hours, schedule=schedule, every=500, clip=5.0)
    return trainer


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
    robust: bool = True,
) -> Trainer:
    """Train on the pictures of `rows`, keeping the weights that do best on those of `check`."""
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.05)
    trainer = Trainer(
        net, optimizer, checkpoint, seed=seed, decay=0.998, resume=resume, dry_run=dry_run
    )
    weights = sampling_weights(pictures, rows, robust)
    truths = [torch.from_numpy(getattr(pictures, name)) for name in LABELS]
    targets = smoothed_targets(pictures, rows)
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
        with mixed_precision("cpu"):
            predicted = [logits.float() for logits in net(x)]
        total = torch.zeros(())
        for index, (logits, truth) in enumerate(zip(predicted, truths, strict=True)):
            smoothed = targets if index == 0 and robust else None
            own = masked_cross_entropy(logits, truth[chosen], smoothed)  # (batch,)
            mixed = masked_cross_entropy(logits, truth[chosen][other], smoothed)  # (batch,)
            total += LABELS[LABEL_NAMES[index]] * (share * own + (1 - share) * mixed).mean()
        return total

    def validate(ema: CriticNetwork) -> dict[str, float]:
        logits = predict_logits(ema, pictures.pixels[check])
        figures = {
            f"{name} missed": 1 - accuracy_by_artist(one.numpy(), pictures, check, name)
            for name, one in zip(LABELS, logits, strict=True)
        }
        known = pictures.kind[check] >= 0
        truth = torch.from_numpy(pictures.kind[check][known])
        return {**figures, "cross entropy": F.cross_entropy(logits[0][known], truth).item()}

    trainer.run(loss, steps=1_000_000, hours=hours, validate=validate, every=500,
                schedule=schedule, clip=2.0)  # fmt: skip
    return trainer


def accuracy_by_artist(predicted: Array, pictures: Pictures, rows: Array, name: str) -> float:
    """Return the share named correctly, the mean of artists: each counts as one; 0 of none.

    Args:
        predicted: logits or probabilities of `rows`, (rows, names).
        name: the label, a field of `pictures`.
    """
    truth, owner = getattr(pictures, name)[rows], pictures.artist[rows]
    hits, known = predicted.argmax(1) == truth, truth >= 0
    means = [hits[known & (owner == one)].mean() for one in np.unique(owner[known])]
    return float(np.mean(means)) if means else 0.0


@torch.no_grad()
def predict_logits(net: CriticNetwork, pixels: Array) -> list[Tensor]:
    """Return the logits of whole pictures for each list of names, (pictures, names)."""
    parts = [net(whole_pictures(pixels[at : at + 64])) for at in range(0, len(pixels), 64)]
    return [torch.cat(each).float() for each in zip(*parts, strict=True)]


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
    net: CriticNetwork = CriticNetwork([len(names) for names in names_of(pictures)])
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    split, artist_split = pictures.split, pictures.artist_split
    paths = [out.with_suffix(f"{name}.safetensors") for name in (".unlabelled", ".unseen", "")]
    figures: dict[str, float] = {}
    has_unseen = (artist_split == "test").any()
    # Nothing is learned from a test picture of either split.
    train_rows = split == "train"
    rows = np.flatnonzero(train_rows & np.isin(artist_split, ("train", "")))
    shares = SHARES if has_unseen else (SHARES[0], 0.0, 1 - SHARES[0])
    common: dict[str, Any] = {"seed": seed, "dry_run": dry_run}
    trainer = pretrain(net, pictures, rows, paths[0], hours=hours * shares[0],
                       resume=resume and paths[0].is_file(), **common)  # fmt: skip
    net.load_state_dict(trainer.ema.state_dict())
    unseen: Calibration | None = None
    if has_unseen:
        # What selects a checkpoint here must not be a test picture of the second stage either.
        rows = rows[pictures.kind[rows] >= 0]
        check = np.flatnonzero((artist_split == "val") & (split != "test") & (pictures.kind >= 0))
        print(f"first stage: {len(rows)} pictures to train on, {len(check)} to check", flush=True)
        trainer = train_stage(net, pictures, rows, check, paths[1], rate=RATE,
                              hours=hours * shares[1], resume=resume and paths[1].is_file(),
                              **common)  # fmt: skip
        net.load_state_dict(trainer.ema.state_dict())
        unseen = fit_calibration(net, pictures, rows, check)
        figures.update(unseen_figures(net, unseen.head, pictures))
        print(figures, flush=True)
    rows, check = np.flatnonzero(train_rows), np.flatnonzero(split == "val")
    rows, check = (part[pictures.kind[part] >= 0] for part in (rows, check))
    print(f"{len(rows)} pictures to train on, {len(check)} to check", flush=True)
    trainer = train_stage(net, pictures, rows, check, paths[2], rate=RATE * 0.7,
                          hours=hours * shares[2], resume=resume and paths[2].is_file(),
                          **common)  # fmt: skip
    calibrate_and_export(trainer.ema, pictures, data, out, figures, unseen, seed=seed,
                         dry_run=dry_run, card={
        "data": ", ".join(sorted(set(pictures.source) - {""})) or data.name,
        "hours": round(hours, 2),
        "seed": seed,
        **({} if half is None else {"half": half}),
        "command": f"capriccio train critic --data {data.name} --out {out.name} --hours {hours:g} "
        f"--seed {seed}" + ("" if half is None else f" --half {half}"),
        **licence_of(data),
    })  # fmt: skip


def names_of(pictures: Pictures) -> list[list[str]]:
    """Return the names of each label, in the order of `LABELS`."""
    plural = ("kinds", "artists", "genres", "centuries", "mediums")
    return [getattr(pictures, name) for name in plural]


# -- calibration ------------------------------------------------------------------------------


class Calibration(NamedTuple):
    """What follows from pictures that were not trained on, with the head that was fitted to it.

    `regularizations` and `heats` have one number for each label; `unseen_heat` is the temperature
    of movements for artists that were not trained on; `share` is the weight of artists in them.
    """

    head: ClassificationHead
    regularizations: list[float]
    heats: list[float]
    unseen_heat: float
    share: float


def fit_calibration(
    net: CriticNetwork,
    pictures: Pictures,
    rows: Array,
    check: Array,
    unseen: Calibration | None = None,
) -> Calibration:
    """Fit the heads to the pictures of `rows`, and what they leave open to those of `check`.

    Args:
        unseen: of a network that was trained without some artists: regularization, the weight of
            artists and the temperature for unknown ones are its own, which `check` cannot tell.
    """
    features, checked = (extract_features(net, squares(pictures.pixels[part]))
                         for part in (rows, check))  # fmt: skip
    readouts: list[Readout] = []
    chosen: list[float] = []
    heats: list[float] = []
    is_new = ~np.isin(pictures.artist[check], np.unique(pictures.artist[rows]))
    many = np.bincount(pictures.artist[rows] + 1, minlength=len(pictures.artists) + 1) >= MIN_WORKS
    logits: list[Array] = []
    for index, name in enumerate(LABELS):
        truth = getattr(pictures, name)
        known, tested = truth[rows] >= 0, truth[check] >= 0
        if name == "artist":
            known &= many[truth[rows] + 1]
            tested &= ~is_new & many[truth[check] + 1]
        count = len(names_of(pictures)[index])
        weights = torch.from_numpy(sampling_weights(pictures, rows[known])).float()
        strengths = REGULARIZATIONS if unseen is None else (unseen.regularizations[index],)
        found = []
        if known.sum() < 2:
            readouts.append(Readout.of_nothing(features.shape[1], count))
            chosen.append(strengths[0])
            heats.append(1.0)
            logits.append(np.zeros((len(check), count), np.float32))
            continue
        for strength in strengths:
            readout = fit_readout(features[known], torch.from_numpy(truth[rows][known]), count,
                                  strength, weights)  # fmt: skip
            values = readout(checked)
            loss = weighted_loss(values[tested], truth[check][tested],
                                 pictures.artist[check][tested])  # fmt: skip
            found.append((loss, strength, readout, values.numpy()))
        _, strength, readout, values = min(found, key=lambda one: one[0])
        readouts.append(readout)
        chosen.append(strength)
        logits.append(values)
        by = tested & ~is_new if index < 2 else tested
        heats.append(fit_temperature(values[by], truth[check][by]) if by.any() else 1.0)
    kind, new = pictures.kind[check], is_new & (pictures.kind[check] >= 0)
    if unseen is not None:
        unseen_heat, share = unseen.unseen_heat, unseen.share
    else:
        unseen_heat = fit_temperature(logits[0][new], kind[new]) if new.any() else heats[0]
        share = 0.0
    belong = np.full((len(pictures.artists), len(pictures.kinds)), 1e-6, np.float32)
    owned = (pictures.artist[rows] >= 0) & (pictures.kind[rows] >= 0)
    np.add.at(belong, (pictures.artist[rows][owned], pictures.kind[rows][owned]), 1)
    belong /= belong.sum(1, keepdims=True)

    def head_of(share: float) -> ClassificationHead:
        return ClassificationHead(readouts, heats, unseen_heat, torch.from_numpy(belong), share)

    def loss_of(share: float) -> float:
        known = kind >= 0
        p = head_of(share)(checked[known])[0][0].clamp(min=1e-9).log()
        return weighted_loss(p, kind[known], pictures.artist[check][known])

    if unseen is None:
        share = min((0.0, 0.25, 0.5, 0.75, 1.0), key=loss_of)
    return Calibration(head_of(share), chosen, heats, unseen_heat, share)


def weighted_loss(logits: Tensor, truth: Array, owner: Array) -> float:
    """Return the cross entropy, the mean of artists: each counts as one."""
    if not len(truth):
        return 0.0
    loss = F.cross_entropy(logits, torch.from_numpy(truth), reduction="none").numpy()
    return float(np.mean([loss[owner == one].mean() for one in np.unique(owner)]))


def unseen_figures(
    net: CriticNetwork, head: ClassificationHead, pictures: Pictures
) -> dict[str, float]:
    """Return the figures of pictures by artists that were not trained on, by folder and together.

    A century within one counts, and a movement among the three likeliest.
    """
    test = np.flatnonzero((pictures.artist_split == "test") & (pictures.kind >= 0))
    outputs = [
        one.numpy() for one in head(extract_features(net, squares(pictures.pixels[test])))[0]
    ]
    figures: dict[str, float] = {}
    source = pictures.source[test]
    largest = max(set(source), key=list(source).count)
    sets = {largest: source == largest, "others": source != largest, "all": source != ""}
    for name, among in sets.items():
        if not among.any():
            continue
        p, truth = outputs[0][among], pictures.kind[test][among]
        best = np.argsort(-p, axis=1)[:, :3]
        figures[f"unseen artists, {name}: pictures"] = int(among.sum())
        figures[f"unseen artists, {name}: movement"] = accuracy(p, truth)
        figures[f"unseen artists, {name}: movement, macro"] = macro_accuracy(p, truth)
        figures[f"unseen artists, {name}: movement among 3"] = float(
            (best == truth[:, None]).any(1).mean()
        )
        figures[f"unseen artists, {name}: calibration error"] = calibration_error(p, truth)
    for index, name in enumerate(LABELS):
        truth = getattr(pictures, name)[test]
        known = truth >= 0
        if name not in ("kind", "artist") and known.any():
            figures[f"unseen artists: {name}"] = accuracy(outputs[index][known], truth[known])
            figures[f"unseen artists: {name}, macro"] = macro_accuracy(
                outputs[index][known], truth[known]
            )
        if name == "century" and known.any():
            values = np.array([int(one or 0) for one in pictures.centuries])
            gap = np.abs(values[outputs[index][known].argmax(1)] - values[truth[known]])
            figures["unseen artists: century within one"] = float((gap <= 1).mean())
    return figures


# -- export -----------------------------------------------------------------------------------


def calibrate_and_export(
    net: CriticNetwork,
    pictures: Pictures,
    data: Path,
    out: Path,
    figures: dict[str, float],
    unseen: Calibration | None,
    *,
    card: dict[str, Any],
    seed: int,
    dry_run: bool,
) -> None:
    """Calibrate, train the preference, test once, and export; the card holds what readings need."""
    net = net.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    pixels = pictures.pixels
    rows, check, test = (np.flatnonzero((pictures.split == split) & (pictures.kind >= 0))
                         for split in SPLITS)  # fmt: skip
    calibration = fit_calibration(net, pictures, rows, check, unseen)
    head = calibration.head
    features, checked, tested = (extract_features(net, squares(pixels[part]))
                                 for part in (rows, check, test))  # fmt: skip
    figures.update(seen_figures(head, tested, pictures, test))
    files = [data / path for path in pictures.paths]
    few = DRY_RUN_COPIED if dry_run else None  # of each picture seven copies are made
    preference, scores = train_preference(
        net, [files[row] for row in rows[:few]], [files[row] for row in check[:few]], seed=seed
    )
    size = net.trunk.statistics_size
    distribution = fit_distribution(features[:, :size])
    offset = checked[:, :size] - distribution["mean"]  # (checked, 1248)
    distances = (offset @ distribution["axes"]).square().mean(1).sqrt().numpy()  # (checked,)
    limits = tuple(float(np.quantile(distances, share)) for share in FAMILIAR)
    limits = limits[0], limits[0] + FADING * (limits[1] - limits[0])
    gallery, painters, works = build_gallery(features[:, size:], pictures, rows)
    measured = [measure_file(files[row]) for row in check]
    # Half of the scores that quality is ranked by are pictures', half are copies', of all kinds.
    copies = 1 + np.arange(len(scores)) % (scores.shape[1] - 1)
    ranked = np.concatenate([scores[:, 0], scores[np.arange(len(scores)), copies]])
    card = {
        "part": "critic",
        "inputs": {"picture": f"(1, {SIDE}, {SIDE}, 3) uint8, the whole picture squeezed to it"},
        "movements": pictures.kinds,
        "artists": pictures.artists,
        "genres": pictures.genres,
        "centuries": pictures.centuries,
        "mediums": pictures.mediums,
        "years": years_of(pictures, rows),
        "like artists": painters,
        "like pictures": works,
        "temperatures": [round(heat, 3) for heat in (*head.heats, head.unseen_heat)],
        "told by artists": head.share,
        "novelty": quantiles(distances, 101),
        "quality": quantiles(ranked, 101),
        "typical": {name: quantiles([m[name] for m in measured], 101) for name in MEASURED},
        "metrics": {name: round(value, 4) for name, value in figures.items()},
        "pictures": len(rows),
        **card,
    }
    outputs = ["movement", "artist", "genre", "century", "medium", "embedding", "heat", "far",
               "quality", "like_artist", "like_picture"]  # fmt: skip
    examples = torch.from_numpy(squares(pixels[test if len(test) else check]))

    def draw() -> tuple[Tensor]:
        return (examples[torch.randint(len(examples), (1,))],)

    export(
        ExportedCritic(net, head, preference, distribution, gallery, limits),
        draw(),
        out,
        input_names=["picture"],
        output_names=[
            "movement",
            "artist",
            "genre",
            "century",
            "medium",
            "embedding",
            "heat",
            "far",
            "quality",
            "like_artist",
            "like_picture",
        ],
        card=card,
        tolerance=dict.fromkeys(outputs, 1e-2) | {"heat": 5e-2},  # of its own maximum
        half=not dry_run,  # features that nothing was learned of are smaller than its rounding
        draw=draw,
        dry_run=dry_run,
    )


def seen_figures(
    head: ClassificationHead, tested: Tensor, pictures: Pictures, test: Array
) -> dict[str, float]:
    """Return the figures of test pictures, of all and of those from the largest folder alone."""
    outputs = [one.numpy() for one in head(tested)[0]]
    figures: dict[str, float] = {}
    source = pictures.source[test]
    largest = max(set(source), key=list(source).count) if len(test) else ""
    among = (source == largest) & (pictures.kind[test] >= 0)
    if largest and not among.all():
        p, truth = outputs[0][among], pictures.kind[test][among]
        figures[f"{largest}: movement"] = accuracy(p, truth)
        figures[f"{largest}: movement, macro"] = macro_accuracy(p, truth)
        figures[f"{largest}: movement, calibration error"] = calibration_error(p, truth)
    for name, values in zip(LABELS, outputs, strict=True):
        truth = getattr(pictures, name)[test]
        known = truth >= 0
        if known.any():
            called, p = "movement" if name == "kind" else name, values[known]
            figures[called] = accuracy(p, truth[known])
            figures[f"{called}, macro"] = macro_accuracy(p, truth[known])
            figures[f"{called}, calibration error"] = calibration_error(p, truth[known])
    return figures


def years_of(pictures: Pictures, rows: Array) -> dict[str, list[int]]:
    """Return for each movement between which years nine tenths of its pictures are."""
    years = {}
    for index, name in enumerate(pictures.kinds):
        known = pictures.year[rows][(pictures.kind[rows] == index) & (pictures.year[rows] > 0)]
        if len(known):
            years[name] = np.quantile(known, (0.05, 0.95)).round().astype(int).tolist()
    return years


def build_gallery(
    codes: Tensor, pictures: Pictures, rows: Array
) -> tuple[Gallery, list[str], list[str]]:
    """Return what a picture is compared with, and the names of its artists and pictures.

    Args:
        codes: of the pictures of `rows`, which were trained on, (rows, 256).
    """
    owner = pictures.artist[rows]
    counts = np.bincount(owner + 1, minlength=len(pictures.artists) + 1)[1:]
    named = [one for one in range(len(pictures.artists)) if counts[one] >= MIN_LIKE] or [UNKNOWN]
    owners = [np.flatnonzero(owner == one) for one in named]
    owners = [of if len(of) else np.arange(len(rows)) for of in owners]
    shown = np.array([at for at, row in enumerate(rows) if pictures.titles[row]] or [0])
    works = [
        f"{pictures.titles[row]}, {pictures.artists[pictures.artist[row]]}"
        if pictures.titles[row]
        else ""
        for row in rows[shown]
    ]
    artists = [pictures.artists[one] if one >= 0 else "" for one in named]
    return Gallery(codes, owners, shown), artists, works


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
    return np.quantile(np.asarray(values), np.linspace(0, 1, count)).round(6).tolist()
