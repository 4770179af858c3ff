"""Train the critic: a network that names movement and artist, from scratch, in two acts.

In the first act it learns without the artists that are held out, and is measured on them: what it
knows of a movement beyond the hands it has seen. In the second it learns from all artists, and is
measured on pictures it has not seen. Read from top to bottom: pictures, training, export.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from capriccio.training import Trainer, export, licence, mixed_precision, seed_everything
from PIL import Image

from ..metrics import accuracy, calibration_error, macro_accuracy, temperature
from ..preprocess import SIDE, measure, squeeze
from ..readings import MEASURED
from .dataset import SHARES, STORED, Pictures, read_pictures
from .network import Critic, Naming, Player, knowledge, learn_readout
from .preference import features_of, learn_taste

# Crops are learned smaller than what is judged, for they show things larger (1906.06423).
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
        tops = random.integers(0, STORED - high + 1, len(group))
        lefts = random.integers(0, STORED - wide + 1, len(group))
        places = zip(group, tops, lefts, strict=True)
        cut = np.stack([pixels[i, a : a + high, b : b + wide] for i, a, b in places])
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
        total = torch.zeros(())
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
    half: int | None = None,
) -> None:
    """Learn a folder of pictures, kinds from its sub-folders, and write the `.onnx` file `out`.

    Of a `half`, 0 or 1, the other is not seen: a net that judges what another has chosen must not
    have learned the same pictures.
    """
    data, out, hours = Path(data), Path(out), HOURS if hours is None else hours
    seed_everything(seed)
    pictures = read_pictures(data, 120 if dry_run else None, half)
    net: Critic = Critic(len(pictures.kinds), len(pictures.artists))
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    share, apart = pictures.share, pictures.apart
    both: dict = {"seed": seed, "dry_run": dry_run}
    first, second = out.with_suffix(".unseen.safetensors"), out.with_suffix(".safetensors")
    figures: dict[str, float] = {}
    if (apart == "test").any():
        # What chooses here must not be tested in the second act either.
        check = np.flatnonzero((apart == "val") & (share == "val"))
        learn = np.flatnonzero((apart == "train") & (share == "train"))
        print(f"first act: {len(learn)} pictures to learn, {len(check)} to check", flush=True)
        trainer = act(net, pictures, learn, check, first, rate=RATE, hours=hours * FIRST,
                      resume=resume and first.is_file(), **both)  # fmt: skip
        unseen = np.flatnonzero(apart == "test")
        features = features_of(trainer.ema, squares(pictures.pixels[unseen]))
        naming = learn_naming(trainer.ema, pictures, learn, check)[0]
        judged, truth = naming(features)[0].numpy(), pictures.kind[unseen]
        figures["unseen artists: movement"] = accuracy(judged, truth)
        figures["unseen artists: movement, macro"] = macro_accuracy(judged, truth)
        print(figures, flush=True)
        net.load_state_dict(trainer.ema.state_dict())
    learn, check = np.flatnonzero(share == "train"), np.flatnonzero(share == "val")
    print(f"{len(learn)} pictures to learn, {len(check)} to check", flush=True)
    trainer = act(net, pictures, learn, check, second, rate=RATE * 0.7,
                  hours=hours * (1 - FIRST) if figures else hours,
                  resume=resume and second.is_file(), **both)  # fmt: skip
    finish(trainer.ema, pictures, data, out, figures, seed=seed, dry_run=dry_run, card={
        "data": data.name,
        "hours": round(hours, 2),
        "seed": seed,
        **({} if half is None else {"half": half}),
        "command": f"capriccio train critic --data {data.name} --out {out.name} --hours {hours:g} "
        f"--seed {seed}" + ("" if half is None else f" --half {half}"),
        **licence(data),
    })  # fmt: skip


# -- export -----------------------------------------------------------------------------------


def finish(
    net: Critic,
    pictures: Pictures,
    data: Path,
    out: Path,
    figures: dict[str, float],
    *,
    card: dict,
    seed: int,
    dry_run: bool,
) -> None:
    """Calibrate, learn the taste, test once, and export; all that readings need is in the card."""
    net = net.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    pixels, rows = pictures.pixels, {s: np.flatnonzero(pictures.share == s) for s in SHARES}
    check, test = rows["val"], rows["test"]
    naming, told, seen = learn_naming(net, pictures, rows["train"], check)
    judged = naming(features_of(net, squares(pixels[test])))[:2]
    for name, sure, truth in zip(
        ("movement", "artist"),
        (part.numpy() for part in judged),
        (pictures.kind, pictures.artist),
        strict=True,
    ):
        figures[name] = accuracy(sure, truth[test])
        figures[f"{name}, macro"] = macro_accuracy(sure, truth[test])
        figures[f"{name}, calibration error"] = calibration_error(sure, truth[test])
    files = [data / path for path in pictures.paths]
    taste, scores = learn_taste(
        net,
        [files[row] for row in rows["train"]],
        [files[row] for row in check],
        seed=seed,
    )
    told, seen = told[:, : net.trunk.told], seen[:, : net.trunk.told]
    known = knowledge(told)
    far = ((seen - known["mean"]) @ known["axes"]).square().mean(1).sqrt().numpy()  # (checked,)
    measured = [measured_of(files[row]) for row in check]
    # Half of what quality is compared with are pictures, half are copies, of each way alike.
    ways = 1 + np.arange(len(scores)) % (scores.shape[1] - 1)
    ranks = np.concatenate([scores[:, 0], scores[np.arange(len(scores)), ways]])
    card = {
        "part": "critic",
        "inputs": {"picture": f"(1, {SIDE}, {SIDE}, 3) uint8, the whole picture squeezed to it"},
        "movements": pictures.kinds,
        "artists": pictures.artists,
        "temperatures": [round(heat, 3) for heat in naming.heats],
        "told by artists": naming.share,
        "novelty": quantiles(far, 101),
        "quality": quantiles(ranks, 101),
        "typical": {name: quantiles([m[name] for m in measured], 21) for name in MEASURED},
        "metrics": {name: round(value, 4) for name, value in figures.items()},
        "pictures": len(rows["train"]),
        **card,
    }
    examples = torch.from_numpy(squares(pixels[test if len(test) else check]))

    def draw():
        return (examples[torch.randint(len(examples), (1,))],)

    export(
        Player(net, naming, taste, known),
        draw(),
        out,
        input_names=["picture"],
        output_names=["movement", "artist", "embedding", "heat", "far", "quality"],
        card=card,
        tolerance=1e-2,
        draw=draw,
        dry_run=dry_run,
    )


def learn_naming(net: Critic, pictures: Pictures, learn: np.ndarray, check: np.ndarray):
    """Learn to name movement and artist from all that the net sees; give the features as well.

    How warm, and how much the artists say of a movement, those checked decide.
    """
    told, seen = (features_of(net, squares(pictures.pixels[rows])) for rows in (learn, check))
    named, heats = [], []
    for truth, names in ((pictures.kind, pictures.kinds), (pictures.artist, pictures.artists)):
        mine, theirs = torch.from_numpy(truth[learn]), torch.from_numpy(truth[check])
        named.append(learn_readout(told, mine, seen, theirs, len(names)))
        heats.append(temperature(named[-1](seen).numpy(), truth[check]))
    belong = np.zeros((len(pictures.artists), len(pictures.kinds)), np.float32)
    np.add.at(belong, (pictures.artist[learn], pictures.kind[learn]), 1)
    belong /= np.maximum(belong.sum(1, keepdims=True), 1)

    def naming(share: float) -> Naming:
        return Naming(named[0], named[1], heats, torch.from_numpy(belong), share)

    def surprise(share: float) -> float:
        chance = naming(share)(seen)[0].gather(1, torch.from_numpy(pictures.kind[check])[:, None])
        return -chance.clamp(min=1e-9).log().mean().item()

    return naming(min((0.0, 0.25, 0.5, 0.75, 1.0), key=surprise)), told, seen


def squares(pixels: np.ndarray) -> np.ndarray:
    """Bring stored pictures to the size that is judged, (pictures, 128, 128, 3) uint8."""
    return np.stack([squeeze(one) for one in pixels])


def measured_of(file: Path) -> dict[str, float]:
    """Give the readings of a picture that need no network."""
    with Image.open(file) as picture:
        image = np.asarray(picture.convert("RGB"))
    return measure(image, squeeze(image))


def quantiles(values, count: int) -> list[float]:
    """Give so many values between the least and the greatest, each with as many below the next."""
    return np.quantile(np.asarray(values), np.linspace(0, 1, count)).round(4).tolist()
