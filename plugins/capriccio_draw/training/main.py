"""Train a model that draws on drawings: stroke-3, Quick, Draw! or SVG: data, loop, export.

    capriccio train draw --data sketch-kanji --out kanji.onnx --hours 0.4

The objective is the negative log-likelihood of each move and of the pen. Coordinates in files are
whole numbers, which a density could name at no cost; so noise of one step of their grid is added,
uniform, in training and in what is reported.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from capriccio import Model
from capriccio.training import Trainer, cosine_schedule, export, seed_everything

from ..generator import Draw
from ..latents import PIXELS, encoder_path, picture_of
from ..pen_moves import FEATURES, augmented, moves_of, strokes_of
from .dataset import Sketches, provenance, read_sketches
from .network import (
    MIXTURE,
    PENS,
    EncoderMean,
    PenNetwork,
    PenStep,
    PictureEncoder,
    move_nats,
)
from .pictures import STEPS as PICTURE_STEPS
from .pictures import learn_pictures, pictures_of
from .starting import begin_with

Array = np.ndarray[Any, Any]
Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]

WIDTH = 256  # of the LSTM: a step takes 0.05 ms on one core
BATCH_SIZE = 64
CHUNK = 16  # batches that are sorted by length together, so that little is padded
STEPS = 6000
LEARNING_RATE, WEIGHT_DECAY = 3e-3, 0.01  # of AdamW
TAKEN_RATE = 1e-3  # of weights that another training made
WORD_DROPOUT = 0.1  # share of drawings whose word is not told, so that drawing needs none
STROKE_DROPOUT = 0.1  # share of drawings that lack a stroke
PICTURED = 0.6  # share of drawings of which a picture is told, where there is an encoder
LATENT_COST = 0.1  # of a nat that latents hold, in nats: less than one, so that they are used
UNTOLD = -1  # the label of a drawing whose word is not told
PAPER = 1.15  # side of the paper, in the extents that 98 of 100 drawings stay within


# -- data -------------------------------------------------------------------------------------


class SketchBatches:
    """Batches of a collection, in units of its spread.

    Args:
        pictured: share of the drawings in training that are told by a picture and not by a word.
        others: drawings of another collection, told by a picture; each epoch has as many of them
            as of its own.

    Attributes:
        unit: standard deviation of the moves in the file's own lengths.
        side: of the paper, in units.
        grid: one step of the coordinates in the file, in units.
        drawings: of training, its own and then the others, each with the number of its word.
    """

    def __init__(
        self, sketches: Sketches, grid: float, seed: int, pictured: float = 0.0,
        others: list[list[Array]] | None = None,
    ):  # fmt: skip
        self.sketches, self.seed, self.pictured = sketches, seed, pictured
        rows = [moves_of(strokes) for strokes, _ in sketches.drawings["train"][:4000]]
        self.unit = float(np.concatenate([row[1:, :2] for row in rows]).std())
        extents = [np.ptp(np.concatenate(strokes_of(row)), axis=0).max() for row in rows]
        self.side = PAPER * float(np.percentile(extents, 98)) / self.unit
        self.grid = grid / self.unit
        # As large as its own.
        whole = float(np.median(extents))
        self.drawings = sketches.drawings["train"] + [
            ([points * (whole / extent_of(strokes)) for points in strokes], UNTOLD)
            for strokes in others or []
        ]
        own = len(sketches.drawings["train"])
        self._count = own + min(own, len(self.drawings) - own)  # drawings of an epoch
        self._order: tuple[int, list[list[int]]] = (-1, [])

    def train(self, step: int, size: int = BATCH_SIZE) -> Batch:
        """Return the batch of a step, augmented."""
        drawings = self.drawings
        per_epoch = max(1, self._count // size)
        epoch, place = divmod(step, per_epoch)
        if self._order[0] != epoch:
            self._order = (epoch, self._batches(epoch, size))
        random = np.random.default_rng([self.seed, step])
        rows, labels, pictured = [], [], []
        for number in self._order[1][place]:
            strokes, label = drawings[number]
            strokes = augmented(strokes, random, drop_strokes=STROKE_DROPOUT * self.has_words)
            rows.append(moves_of(strokes))
            labels.append(label if random.random() > WORD_DROPOUT else UNTOLD)
            if self.pictured and (label == UNTOLD or random.random() < self.pictured):
                labels[-1] = UNTOLD
                pictured.append(strokes)
            else:
                pictured.append([])
        return self.batch(rows, labels, random, pictured)

    @property
    def has_words(self) -> bool:
        """Whether the drawings have words."""
        return len(self.sketches.words) > 1

    def _numbers(self, epoch: int) -> Array:
        """Return the numbers of the drawings of an epoch: its own, and as many others."""
        own = len(self.sketches.drawings["train"])
        random = np.random.default_rng([self.seed, epoch, 2])
        others = random.permutation(len(self.drawings) - own)[:own]
        return np.concatenate([np.arange(own), own + others])

    def _batches(self, epoch: int, size: int) -> list[list[int]]:
        """Return the drawings of each batch of an epoch, those of one batch about equally long."""
        drawings = self.drawings
        random = np.random.default_rng([self.seed, epoch, 1])
        order, found = random.permutation(self._numbers(epoch)), []
        for begin in range(0, len(order), size * CHUNK):
            part = sorted(
                order[begin : begin + size * CHUNK].tolist(),
                key=lambda number: sum(map(len, drawings[number][0])),
            )
            found += [part[at : at + size] for at in range(0, len(part), size)]
        return [found[place] for place in random.permutation(len(found)).tolist()]

    def whole(self, split: str, size: int = BATCH_SIZE, *, pictured: bool = False) -> list[Batch]:
        """Return all drawings of a split, with the same noise each time.

        Args:
            pictured: whether they are told by their pictures, and not by their words.
        """
        random = np.random.default_rng(1)
        drawings = sorted(self.sketches.drawings[split], key=lambda one: sum(map(len, one[0])))
        return [
            self.batch(
                [moves_of(strokes) for strokes, _ in part],
                [UNTOLD if pictured else label for _, label in part],
                random,
                [strokes if pictured else [] for strokes, _ in part],
            )
            for part in (drawings[at : at + size] for at in range(0, len(drawings), size))
        ]

    def batch(
        self, rows: list[Array], labels: list[int], random: np.random.Generator,
        pictured: list[list[Array]] | None = None,
    ) -> Batch:  # fmt: skip
        """Return rows as features (b, t, FEATURES), words (b, words), moves (b, t, 2), pens (b, t).

        Pens are -1 beyond the end. The fifth are pictures (b, 1, PIXELS, PIXELS) of the strokes in
        `pictured`, blank where there are none.
        """
        longest = max(map(len, rows))
        moves = np.zeros((len(rows), longest, 2), np.float32)
        pens = np.full((len(rows), longest), -1)
        for number, row in enumerate(rows):
            noise = random.uniform(-0.5, 0.5, (len(row), 2)) * self.grid
            moves[number, : len(row)] = row[:, :2] / self.unit + noise
            pens[number, : len(row)] = row[:, 2]
        words = np.zeros((len(rows), max(1, len(self.sketches.words))), np.float32)
        if self.has_words:
            for number, label in enumerate(labels):
                words[number, label] = label != UNTOLD
        pictures = np.zeros((len(rows), 1, PIXELS, PIXELS), np.float32)
        for number, strokes in enumerate(pictured or []):
            if strokes:
                pictures[number, 0] = picture_of(strokes)
        tensor = torch.from_numpy
        features = tensor(batch_features(moves, pens))
        return features, tensor(words), tensor(moves), tensor(pens), tensor(pictures)


def extent_of(strokes: list[Array]) -> float:
    """Return the larger side of the box around strokes."""
    return max(float(np.ptp(np.concatenate(strokes), axis=0).max()), 1e-9)


def batch_features(moves: Array, pens: Array) -> Array:
    """Return `pen_moves.features_of` of a batch, (b, t, FEATURES), before each move."""
    count, longest = pens.shape
    made = np.zeros((count, longest, FEATURES), np.float32)
    places = np.cumsum(moves, axis=1)  # (b, t, 2) after each move
    before = np.ones((count, longest), bool)  # whether the pen was lifted before the move
    before[:, 1:] = pens[:, :-1] != 0
    steps = np.arange(longest)[None]
    begun = np.maximum.accumulate(np.where(before, steps, 0), axis=1)  # (b, t) of the stroke
    begun_at = np.take_along_axis(places, begun[..., None], 1)  # (b, t, 2)
    strokes = np.cumsum(before, axis=1)
    made[:, 0, 6] = made[:, 0, 9] = 1
    made[:, 1:, :2] = places[:, :-1]
    made[:, 1:, 2:4] = moves[:, :-1]
    made[:, 1:, 4:6] = (begun_at - places)[:, :-1]
    made[:, 1:, 6] = before[:, 1:]
    made[:, 1:, 7] = np.minimum(steps - begun + 1, 32)[:, :-1] / 16
    made[:, 1:, 8] = np.minimum(strokes, 32)[:, :-1] / 16
    return made


# -- likelihood -------------------------------------------------------------------------------


def losses(net: PenNetwork, batch: Batch) -> tuple[torch.Tensor, ...]:
    """Return the nats of all moves, of the pen, and in latents, and the number of points."""
    features, words, moves, pens, pictures = batch
    told, costs = net.told(words, pictures)
    mixture, logits, _ = net(features, told, moves)
    real = pens >= 0  # (b, t)
    drawn = move_nats(mixture, moves)[real].sum()
    lifted = F.cross_entropy(logits.flatten(0, 1), pens.flatten(), ignore_index=-1, reduction="sum")
    return drawn, lifted, costs.sum(), real.sum()


def evaluate(net: PenNetwork, batches: list[Batch]) -> dict[str, float]:
    """Return the nats per point, of moves and pen together and apart."""
    net.eval()
    totals = torch.zeros(4)
    with torch.no_grad():
        for batch in batches:
            totals += torch.stack([part.float() for part in losses(net, batch)])
    drawn, lifted, held, points = totals.tolist()
    figures = {
        "nats per point": (drawn + lifted) / points,
        "of moves": drawn / points,
        "of the pen": lifted / points,
    }
    return {**figures, "in latents": held / points} if held else figures


def told_ways(net: PenNetwork, batches: SketchBatches, split: str) -> list[list[Batch]]:
    """Return a split told by its words and, where there is an encoder, by its pictures as well."""
    ways = [batches.whole(split)]
    return [*ways, batches.whole(split, pictured=True)] if net.encoder else ways


def evaluate_ways(net: PenNetwork, ways: list[list[Batch]]) -> dict[str, float]:
    """Return the nats per point, told by words and, where there are two ways, by pictures.

    Then the first figure is the mean of both: the model has to do both.
    """
    told, *others = (evaluate(net, batches) for batches in ways)
    for pictured in others:
        both = (told["nats per point"] + pictured["nats per point"]) / 2
        told = {"nats per point, both ways": both, **told}
        told |= {f"{name}, pictured": nats for name, nats in pictured.items()}
    return told


# -- training ---------------------------------------------------------------------------------


def fit(
    batches: SketchBatches,
    net: PenNetwork,
    checkpoint: Path,
    *,
    steps: int = STEPS,
    hours: float | None = None,
    rate: float = LEARNING_RATE,
    seed: int = 0,
    resume: bool = False,
    dry_run: bool = False,
) -> Trainer:
    """Train a network and return its trainer, with the best weights in `ema`."""
    optimizer = torch.optim.AdamW(
        net.parameters(), rate, betas=(0.9, 0.98), weight_decay=WEIGHT_DECAY
    )
    trainer = Trainer(
        net, optimizer, checkpoint, seed=seed, decay=0.998, resume=resume, dry_run=dry_run
    )
    valid = told_ways(net, batches, "valid")

    def loss(step: int) -> torch.Tensor:
        drawn, lifted, held, points = losses(net, batches.train(step))
        return (drawn + lifted + LATENT_COST * held) / points

    trainer.run(
        loss,
        steps=steps,
        hours=hours,
        validate=lambda net: evaluate_ways(net, valid),
        every=250,
        schedule=cosine_schedule,
        enough=1500,
    )
    return trainer


def train(
    data: Path,
    out: Path,
    *,
    resume: bool = False,
    dry_run: bool = False,
    hours: float | None = None,
    seed: int = 0,
    steps: int = STEPS,
    width: int = WIDTH,
    grid: float = 1.0,
    start: Path | None = None,
    latents: int = 0,
    others: Path | None = None,
) -> None:
    """Train a model on the drawings in `data`, a file or a folder, and write it to `out`.

    Args:
        steps: of the optimizer, at most.
        width: of the LSTM.
        grid: one step of the coordinates in the data.
        start: a checkpoint or a model, such as quickdraw.onnx, whose weights to begin with.
        latents: that an encoder reads from drawings, for `morph`; it is written beside the model.
        others: drawings of another kind, from which the encoder learns as well.
    """
    torch.set_num_threads(1)  # so small a network is slower with more
    if latents < 0 or (others and not latents):
        raise ValueError(f"an encoder must have latents, got {latents}")
    sketches = read_sketches(Path(data))
    extra = read_sketches(Path(others)) if others else Sketches()
    batches = SketchBatches(
        sketches,
        grid,
        seed,
        pictured=PICTURED if latents else 0.0,
        others=[strokes for strokes, _ in extra.drawings["train"]],
    )
    counts = {split: len(part) for split, part in sketches.drawings.items()}
    print(f"{counts} drawings, {len(sketches.words)} words; {sketches.left_out} are too long")
    seed_everything(seed)
    net = PenNetwork(len(sketches.words), width, latents=latents)
    taken = begin_with(net, start, sketches.words) if start and not resume else set()
    if net.encoder and not resume and "encoder.read.weight" not in taken:
        learn_first(net.encoder, batches, seed, dry_run)
    trainer = fit(
        batches,
        net,
        Path(out).with_suffix(".safetensors"),
        steps=steps,
        hours=hours,
        rate=TAKEN_RATE if start else LEARNING_RATE,
        seed=seed,
        resume=resume,
        dry_run=dry_run,
    )
    metrics: dict[str, float] = {}
    for split in ("valid", "test"):
        if sketches.drawings[split]:
            figures = evaluate_ways(trainer.ema, told_ways(trainer.ema, batches, split))
            metrics |= {f"{split} {name}": round(nats, 4) for name, nats in figures.items()}
    print("metrics:", metrics)
    words = max(1, len(sketches.words))
    command = f"capriccio train draw --data {Path(data).resolve().name} --out {Path(out).name}"
    given = {"hours": hours, "steps": steps if steps != STEPS else None, "seed": seed or None,
             "width": width if width != WIDTH else None, "grid": grid if grid != 1 else None,
             "start": start and start.name, "latents": latents or None,
             "others": others and Path(others).resolve().name}  # fmt: skip
    command += "".join(f" --{name} {value}" for name, value in given.items() if value is not None)
    told = {**provenance(Path(data), sketches), **origin_of(start), "command": command}
    if trainer.ema.encoder:
        export_encoder(trainer.ema, out, told, dry_run)
    export(
        PenStep(trainer.ema.eval()),
        example_inputs(width, words + latents),
        out,
        input_names=["state", "seen", "word", "heat", "luck"],
        output_names=["next_state", "made"],
        tolerance={"next_state": 1e-4, "made": 1e-3},
        draw=lambda: example_inputs(width, words + latents),
        half=True,
        card={
            "name": Path(out).stem,
            "part": "draw",
            "does": "one move of a pen; state in, state out",
            **told,
            "metrics": metrics,
            "objective": "nats per point, lengths in units of the moves' standard deviation, with "
            "uniform noise of one step of the grid",
            "unit": batches.unit,
            "side": batches.side,
            "grid": grid,
            "words": sketches.words,
            "latents": latents,
            **({"others": provenance(Path(others), extra)} if others else {}),
            "points": points_of(sketches),
            "seed": seed,
            "steps": trainer.step,
            "hours": round(trainer.seconds / 3600, 3),
        },
        dry_run=dry_run,
    )


train.reads_files = True  # type: ignore[attr-defined]  # not only folders


def export_encoder(net: PenNetwork, out: Path, card: dict[str, Any], dry_run: bool) -> None:
    """Write the encoder of a network beside the model at `out`."""
    encoder: Any = net.encoder
    path = encoder_path(Path(out))
    export(
        EncoderMean(encoder.eval()),
        (torch.rand(1, 1, PIXELS, PIXELS),),
        path,
        input_names=["picture"],
        output_names=["latents"],
        tolerance=1e-3,
        half=True,
        card={
            **card,
            "name": path.stem,
            "part": "draw's encoder",
            "does": "reads the latents of a drawing from a picture of its ink",
        },
        dry_run=dry_run,
    )


def origin_of(start: Path | None) -> dict[str, Any]:
    """Return what a card says of the model that a training began with; its licence goes on."""
    if start is None or start.suffix != ".onnx":
        return {}
    card: Any = Model(start).card
    said = {key: card.get(key, "") for key in ("name", "data", "licence", "credit")}
    begun = {**said, **({"begun_with": card["begun_with"]} if "begun_with" in card else {})}
    shared = {"licence": card["licence"]} if "SA" in str(card.get("licence", "")) else {}
    return {"begun_with": begun, **shared}


def learn_first(encoder: PictureEncoder, batches: SketchBatches, seed: int, dry_run: bool) -> None:
    """Train the encoder alone on pictures of all drawings."""
    drawings = [strokes for strokes, _ in batches.drawings]
    pictures = pictures_of(drawings[:500] if dry_run else drawings, np.random.default_rng(seed))
    nats = learn_pictures(encoder, pictures, steps=2 if dry_run else PICTURE_STEPS, seed=seed)
    print(f"the encoder alone: {nats:.1f} nats a picture, of {len(pictures)}")


def points_of(sketches: Sketches) -> list[int]:
    """Return how many points a drawing has: the least, the middle, the most."""
    counts = [sum(map(len, strokes)) for strokes, _ in sketches.drawings["train"]]
    return [int(np.percentile(counts, share)) for share in (1, 50, 99)]


def example_inputs(width: int, words: int) -> tuple[torch.Tensor, ...]:
    """Return random inputs for checking the exported graph."""
    weights = torch.rand(1, words)  # what it is told
    luck = torch.randn(MIXTURE + 2 + PENS)  # (…,)
    return (
        torch.rand(2, width) * 2 - 1,  # (2, width)
        torch.randn(1, FEATURES),
        weights,
        torch.rand(2) + 0.2,  # (2,)
        luck,
    )


def plain(model: str = "kanji") -> Callable[[], object]:
    """Return one step of a shipped model in plain torch, for `capriccio bench` to time."""
    card = Model(Draw.model_path(model)).card
    words, latents = max(1, len(card["words"])), int(card.get("latents", 0))
    step = PenStep(PenNetwork(words, WIDTH, latents=latents).eval())
    inputs = example_inputs(WIDTH, words + latents)

    def run() -> object:
        with torch.inference_mode():
            return step(*inputs)

    return run
