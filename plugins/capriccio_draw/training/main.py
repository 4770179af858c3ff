"""Train a model that draws on drawings: stroke-3, Quick, Draw! or SVG: data, loop, export.

    capriccio train draw --data sketch-kanji --out kanji.onnx --hours 0.4

The objective is the negative log-likelihood of each move and of the pen. Coordinates in files are
whole numbers, which a density could name at no cost; so noise of one step of their grid is added,
uniform, in training and in what is reported.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from capriccio import Model
from capriccio.training import Trainer, export, seed_everything

from ..generator import Draw
from ..pen_moves import FEATURES, augmented, moves_of, strokes_of
from .dataset import Sketches, provenance, read_sketches
from .network import MIXTURE, PENS, PenNetwork, PenStep, move_nats

Array = np.ndarray[Any, Any]
Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]

WIDTH = 256  # of the LSTM: a step takes 0.05 ms on one core
BATCH_SIZE = 64
CHUNK = 16  # batches that are sorted by length together, so that little is padded
STEPS = 6000
LEARNING_RATE, WEIGHT_DECAY = 3e-3, 0.01  # of AdamW
WORD_DROPOUT = 0.1  # share of drawings whose word is not told, so that drawing needs none
STROKE_DROPOUT = 0.1  # share of drawings that lack a stroke
PAPER = 1.15  # side of the paper, in the extents that 98 of 100 drawings stay within


# -- data -------------------------------------------------------------------------------------


class SketchBatches:
    """Batches of a collection, in units of its spread.

    Attributes:
        unit: standard deviation of the moves in the file's own lengths.
        side: of the paper, in units.
        grid: one step of the coordinates in the file, in units.
    """

    def __init__(self, sketches: Sketches, grid: float, seed: int):
        self.sketches, self.seed = sketches, seed
        rows = [moves_of(strokes) for strokes, _ in sketches.drawings["train"][:4000]]
        self.unit = float(np.concatenate([row[1:, :2] for row in rows]).std())
        extents = [np.ptp(np.concatenate(strokes_of(row)), axis=0).max() for row in rows]
        self.side = PAPER * float(np.percentile(extents, 98)) / self.unit
        self.grid = grid / self.unit
        self._order: tuple[int, list[list[int]]] = (-1, [])

    def train(self, step: int, size: int = BATCH_SIZE) -> Batch:
        """Return the batch of a step, augmented."""
        drawings = self.sketches.drawings["train"]
        per_epoch = max(1, len(drawings) // size)
        epoch, place = divmod(step, per_epoch)
        if self._order[0] != epoch:
            self._order = (epoch, self._batches(epoch, size))
        random = np.random.default_rng([self.seed, step])
        rows, labels = [], []
        for number in self._order[1][place]:
            strokes, label = drawings[number]
            strokes = augmented(strokes, random, drop_strokes=STROKE_DROPOUT * self.has_words)
            rows.append(moves_of(strokes))
            labels.append(label if random.random() > WORD_DROPOUT else -1)
        return self.batch(rows, labels, random)

    @property
    def has_words(self) -> bool:
        """Whether the drawings have words."""
        return len(self.sketches.words) > 1

    def _batches(self, epoch: int, size: int) -> list[list[int]]:
        """Return the drawings of each batch of an epoch, those of one batch about equally long."""
        drawings = self.sketches.drawings["train"]
        random = np.random.default_rng([self.seed, epoch, 1])
        order, found = random.permutation(len(drawings)), []
        for begin in range(0, len(order), size * CHUNK):
            part = sorted(
                order[begin : begin + size * CHUNK].tolist(),
                key=lambda number: sum(map(len, drawings[number][0])),
            )
            found += [part[at : at + size] for at in range(0, len(part), size)]
        return [found[place] for place in random.permutation(len(found)).tolist()]

    def whole(self, split: str, size: int = BATCH_SIZE) -> list[Batch]:
        """Return all drawings of a split, with the same noise each time."""
        random = np.random.default_rng(1)
        drawings = sorted(self.sketches.drawings[split], key=lambda one: sum(map(len, one[0])))
        return [
            self.batch(
                [moves_of(strokes) for strokes, _ in drawings[at : at + size]],
                [label for _, label in drawings[at : at + size]],
                random,
            )
            for at in range(0, len(drawings), size)
        ]

    def batch(self, rows: list[Array], labels: list[int], random: np.random.Generator) -> Batch:
        """Return rows as features (b, t, FEATURES), words (b, words), moves (b, t, 2), pens (b, t).

        Pens are -1 beyond the end.
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
                words[number, label] = label >= 0
        tensor = torch.from_numpy
        features = tensor(batch_features(moves, pens))
        return features, tensor(words), tensor(moves), tensor(pens)


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


def losses(net: PenNetwork, batch: Batch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the nats of all moves, those of the pen, and the number of points."""
    features, words, moves, pens = batch
    mixture, logits, _ = net(features, words, moves)
    real = pens >= 0  # (b, t)
    drawn = move_nats(mixture, moves)[real].sum()
    lifted = F.cross_entropy(logits.flatten(0, 1), pens.flatten(), ignore_index=-1, reduction="sum")
    return drawn, lifted, real.sum()


def evaluate(net: PenNetwork, batches: list[Batch]) -> dict[str, float]:
    """Return the nats per point, of moves and pen together and apart."""
    net.eval()
    totals = torch.zeros(3)
    with torch.no_grad():
        for batch in batches:
            totals += torch.stack([part.float() for part in losses(net, batch)])
    drawn, lifted, points = totals.tolist()
    return {
        "nats per point": (drawn + lifted) / points,
        "of moves": drawn / points,
        "of the pen": lifted / points,
    }


# -- training ---------------------------------------------------------------------------------


def fit(
    batches: SketchBatches,
    net: PenNetwork,
    checkpoint: Path,
    *,
    steps: int = STEPS,
    hours: float | None = None,
    seed: int = 0,
    resume: bool = False,
    dry_run: bool = False,
) -> Trainer:
    """Train a network and return its trainer, with the best weights in `ema`."""
    optimizer = torch.optim.AdamW(
        net.parameters(), LEARNING_RATE, betas=(0.9, 0.98), weight_decay=WEIGHT_DECAY
    )
    trainer = Trainer(
        net, optimizer, checkpoint, seed=seed, decay=0.998, resume=resume, dry_run=dry_run
    )
    valid = batches.whole("valid")

    def loss(step: int) -> torch.Tensor:
        drawn, lifted, points = losses(net, batches.train(step))
        return (drawn + lifted) / points

    def schedule(progress: float) -> float:
        """Return a linear warm-up over 2 % of the time, then a cosine decay to 2 %."""
        return min(progress * 50 + 0.02, 0.02 + 0.98 * (0.5 + 0.5 * math.cos(math.pi * progress)))

    trainer.run(
        loss,
        steps=steps,
        hours=hours,
        validate=lambda net: evaluate(net, valid),
        every=250,
        schedule=schedule,
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
) -> None:
    """Train a model on the drawings in `data`, a file or a folder, and write it to `out`.

    Args:
        steps: of the optimizer, at most.
        width: of the LSTM.
        grid: one step of the coordinates in the data.
        start: a checkpoint, such as kanji.best.safetensors, whose weights to begin with.
    """
    torch.set_num_threads(1)  # so small a network is slower with more
    sketches = read_sketches(Path(data))
    batches = SketchBatches(sketches, grid, seed)
    counts = {split: len(part) for split, part in sketches.drawings.items()}
    print(f"{counts} drawings, {len(sketches.words)} words; {sketches.left_out} are too long")
    seed_everything(seed)
    net = PenNetwork(len(sketches.words), width)
    if start and not resume:
        begin_with(net, start)
    trainer = fit(
        batches,
        net,
        Path(out).with_suffix(".safetensors"),
        steps=steps,
        hours=hours,
        seed=seed,
        resume=resume,
        dry_run=dry_run,
    )
    metrics: dict[str, float] = {}
    for split in ("valid", "test"):
        if sketches.drawings[split]:
            figures = evaluate(trainer.ema, batches.whole(split))
            metrics |= {f"{split} {name}": round(nats, 4) for name, nats in figures.items()}
    print("metrics:", metrics)
    words = max(1, len(sketches.words))
    command = f"capriccio train draw --data {Path(data).resolve().name} --out {Path(out).name}"
    given = {"hours": hours, "steps": steps if steps != STEPS else None, "seed": seed or None,
             "width": width if width != WIDTH else None, "grid": grid if grid != 1 else None,
             "start": start and start.name}  # fmt: skip
    command += "".join(f" --{name} {value}" for name, value in given.items() if value is not None)
    export(
        PenStep(trainer.ema.eval()),
        example_inputs(width, words),
        out,
        input_names=["state", "seen", "word", "heat", "luck"],
        output_names=["next_state", "made"],
        tolerance={"next_state": 1e-4, "made": 1e-3},
        draw=lambda: example_inputs(width, words),
        half=True,
        card={
            "name": Path(out).stem,
            "part": "draw",
            "does": "one move of a pen; state in, state out",
            **provenance(Path(data), sketches),
            "metrics": metrics,
            "objective": "nats per point, lengths in units of the moves' standard deviation, with "
            "uniform noise of one step of the grid",
            "unit": batches.unit,
            "side": batches.side,
            "grid": grid,
            "words": sketches.words,
            "points": points_of(sketches),
            "seed": seed,
            "steps": trainer.step,
            "hours": round(trainer.seconds / 3600, 3),
            "command": command,
        },
        dry_run=dry_run,
    )


train.reads_files = True  # type: ignore[attr-defined]  # not only folders


def begin_with(net: PenNetwork, checkpoint: Path) -> None:
    """Take over the averaged weights of a checkpoint, where their shapes are the same."""
    from safetensors.torch import load_file

    before = load_file(str(checkpoint))
    own = net.state_dict()
    taken = {
        name: before[f"ema.{name}"]
        for name, weights in own.items()
        if f"ema.{name}" in before and before[f"ema.{name}"].shape == weights.shape
    }
    taken.pop("words", None)
    if not taken:
        raise ValueError(f"{str(checkpoint)!r} has no weights of a network of this size")
    net.load_state_dict({**own, **taken})
    print(f"begins with {len(taken)} of {len(own)} tensors of {checkpoint.name}")


def points_of(sketches: Sketches) -> list[int]:
    """Return how many points a drawing has: the least, the middle, the most."""
    counts = [sum(map(len, strokes)) for strokes, _ in sketches.drawings["train"]]
    return [int(np.percentile(counts, share)) for share in (1, 50, 99)]


def example_inputs(width: int, words: int) -> tuple[torch.Tensor, ...]:
    """Return random inputs for checking the exported graph."""
    weights = F.one_hot(torch.randint(words, (1,)), words).float()  # (1, words)
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
    words = max(1, len(card["words"]))
    step = PenStep(PenNetwork(words, WIDTH).eval())
    inputs = example_inputs(WIDTH, words)

    def run() -> object:
        with torch.inference_mode():
            return step(*inputs)

    return run
