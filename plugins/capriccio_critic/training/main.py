"""Train the critic: a network that names movements and more, from scratch, in three stages.

The first learns from the pictures alone, without labels. The second trains without the held-out
artists and is tested on them: what the network knows of a movement beyond the artists of its
training. The third trains on all artists and is tested on unseen pictures. Read from top to bottom:
pictures, training, export.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from capriccio import open_image
from capriccio.training import (
    PictureFile,
    Trainer,
    export,
    licence_of,
    mixed_precision,
    seed_everything,
)
from torch import Tensor

from ..preprocess import SIDE, measure, resize_square
from ..readings import MEASURED
from .calibration import (
    Calibration,
    features_of,
    fit_calibration,
    seen_figures,
    squares,
    unseen_figures,
)
from .dataset import (
    LABELS,
    SPLITS,
    STORED,
    UNKNOWN,
    Pictures,
    names_of,
    read_pictures,
    sampling_weights,
)
from .network import CriticNetwork, ExportedCritic, Gallery, fit_distribution
from .preference import train_preference

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
LABEL_WEIGHTS = (1.0, 0.3, 0.3, 0.3, 0.2)  # of the labels in the loss
NEAR_YEARS = 60.0
MIN_LIKE = 3  # pictures of an artist, to be named as similar
# Between these quantiles of the distance of pictures that were not trained on from those that were,
# certainty begins to fade; it is gone as many times further off.
FAMILIAR, FADING = (0.9, 0.99), 3.0


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
            total += LABEL_WEIGHTS[index] * (share * own + (1 - share) * mixed).mean()
        return total

    def validate(ema: CriticNetwork) -> dict[str, float]:
        logits = predict_logits(ema, pictures.pixels, check)
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
def predict_logits(net: CriticNetwork, pixels: Array, rows: Array) -> list[Tensor]:
    """Return the logits of whole pictures for each list of names, (rows, names)."""
    chunks = [rows[at : at + 64] for at in range(0, len(rows), 64)]
    parts = [net(whole_pictures(pixels[chunk])) for chunk in chunks]
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
    """Train on pictures, with kinds from their folders, and write `out`, an `.onnx`.

    Args:
        data: a folder, a zip or a tar, or a folder with several of them.
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
    calibrate_and_export(trainer.ema, pictures, out, figures, unseen, seed=seed,
                         dry_run=dry_run, card={
        "data": ", ".join(sorted(set(pictures.source) - {""})) or data.name,
        "hours": round(hours, 2),
        "seed": seed,
        **({} if half is None else {"half": half}),
        "command": f"capriccio train critic --data {data.name} --out {out.name} --hours {hours:g} "
        f"--seed {seed}" + ("" if half is None else f" --half {half}"),
        **licence_of(data),
    })  # fmt: skip


train.reads_files = True  # type: ignore[attr-defined]  # zips and tars too


# -- export -----------------------------------------------------------------------------------


def calibrate_and_export(
    net: CriticNetwork,
    pictures: Pictures,
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
    features, checked, tested = (features_of(net, pixels, part) for part in (rows, check, test))
    figures.update(seen_figures(head, tested, pictures, test))
    files = pictures.files
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
    measured = [measure_file(files[row]) for row in check.tolist()]
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
    examples = test if len(test) else check

    def draw() -> tuple[Tensor]:
        row = examples[torch.randint(len(examples), (1,)).numpy()]
        return (torch.from_numpy(squares(pixels[row])),)

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


def measure_file(file: PictureFile) -> dict[str, float]:
    """Return the readings of a picture that need no network."""
    with open_image(file.openable()) as picture:
        image = np.asarray(picture.convert("RGB"))
    return measure(image, resize_square(image))


def quantiles(values: Any, count: int) -> list[float]:
    """Return `count` quantiles of values, from the lowest to the highest, evenly spaced."""
    return np.quantile(np.asarray(values), np.linspace(0, 1, count)).round(6).tolist()
