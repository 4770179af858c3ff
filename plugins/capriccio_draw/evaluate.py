"""Measure a model that draws, against baselines, copies and a classifier.

python -m capriccio_draw.evaluate likelihood --data sketch-kanji --model kanji
python -m capriccio_draw.evaluate copies --data sketch-kanji --model kanji
python -m capriccio_draw.evaluate words --data sketch-quickdraw-25x345 --model quickdraw
python -m capriccio_draw.evaluate morphs --data my-drawings --model mine.onnx --out morphs.webp
python -m capriccio_draw.evaluate speed --model kanji
python -m capriccio_draw.evaluate stage --model kanji --seconds 60
python -m capriccio_draw.evaluate travel --model kanji
"""

import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from capriccio import Moment, Sketch, Stroke, rasterise

from .generator import Draw
from .hand import Hand
from .latents import PIXELS, picture_of, places_of
from .morphing import box_of
from .pen import Pen, PenModel
from .plotting import for_plotter
from .plotting import travel as lifted_travel

Array = np.ndarray[Any, Any]

PLACES = 64  # points of a drawing that is compared
WORDS = 20  # that a classifier names
LEAST_STEPS = 1000  # of a baseline
# Widths of the baselines: a plain LSTM of 157 has half the weights of a model of width 256.
BASELINES = {"memoryless": 256, "plain": 157}
SHEET, ROW, CELL = 40, 20, 72  # drawings of a panel and of a row, and pixels of each
PAIRS, BETWEEN = 12, 9  # rows of a sheet of morphs, and drawings between two
ADDED = (0.8, 0.2, 0.1)  # the colour of what was added


@click.group()
def command() -> None:
    """Measure a model that draws."""


def chamfer(one: Array, others: Array) -> Array:
    """Return the chamfer distance of points (n, 2) to those of others, (count, n, 2).

    It is the mean distance of each point to the nearest of the other drawing, both ways.
    """
    found = []
    own = (one**2).sum(-1)[:, None]
    for part in np.array_split(others, 1 + len(others) // 500):  # to save memory
        squared = own + (part**2).sum(-1)[:, None, :] - 2 * one @ part.swapaxes(1, 2)
        nearest = (np.sqrt(np.maximum(squared.min(axis), 0)).mean(1) for axis in (1, 2))
        found.append(sum(nearest) / 2)
    return np.concatenate(found)


def drawn(model: str, count: int, heat: float, word: str = "", seed: int = 0) -> list[list[Array]]:
    """Return so many drawings of a model, as strokes about the centre."""
    draw = Draw(model=model, seed=seed)
    return [
        [stroke.points - 0.5 for stroke in draw.whole(number, heat=heat, word=word, smoothness=0)]
        for number in range(count)
    ]


@command.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--model", default="kanji", show_default=True)
@click.option("--steps", type=int, help="Of the baselines, at most; by default the model's.")
@click.option("--hours", default=0.2, show_default=True, help="Of each baseline, at most.")
@click.option("--baseline", "kinds", type=click.Choice(list(BASELINES)), multiple=True,
              default=list(BASELINES), help="Both by default.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default=Path("baselines"))
def likelihood(
    data: Path, model: str, steps: int | None, hours: float, kinds: tuple[str, ...], out: Path
) -> None:
    """Print nats per point beside a plain LSTM of half the size, and a mixture without memory.

    The mixture knows the last move alone, and the word. Weights are chosen on validation.
    """
    import torch

    from .training.dataset import read_sketches
    from .training.main import WIDTH, SketchBatches, evaluate, fit
    from .training.network import PenNetwork

    torch.set_num_threads(1)
    card = PenModel(Draw.model_path(model)).card
    sketches = read_sketches(data)
    batches = SketchBatches(sketches, card["grid"], 0)
    steps = steps or max(card["steps"], LEAST_STEPS)
    out.mkdir(parents=True, exist_ok=True)
    nets = [PenNetwork(len(sketches.words), WIDTH, latents=int(card.get("latents", 0)))]
    rows = [(model, card["steps"], card["metrics"])]
    for kind in kinds:
        torch.manual_seed(0)
        net = PenNetwork(len(sketches.words), BASELINES[kind], kind=kind)
        trainer = fit(batches, net, out / f"{model}-{kind}.safetensors", steps=steps, hours=hours)
        metrics = {
            f"{split} {name}": nats
            for split in ("valid", "test")
            for name, nats in evaluate(trainer.ema, batches.whole(split)).items()
        }
        nets.append(net)
        rows.append((kind, trainer.step, metrics))
    for net, (name, taken, metrics) in zip(nets, rows, strict=True):
        weights = sum(part.numel() for part in net.parameters())
        nats = ", ".join(f"{split} {metrics[f'{split} nats per point']:.3f}"
                         for split in ("valid", "test"))  # fmt: skip
        print(f"{name}: {weights} weights, {taken} steps, nats per point: {nats}")


@command.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--model", default="kanji", show_default=True)
@click.option("--count", default=100, show_default=True)
@click.option("--heat", default=0.4, show_default=True)
def copies(data: Path, model: str, count: int, heat: float) -> None:
    """Print how near drawings come to those of training, and how near test drawings do."""
    from .training.dataset import read_sketches

    sketches = read_sketches(data)
    drawings = sketches.drawings["train"]
    known = np.array([places_of(strokes, PLACES) for strokes, _ in drawings], np.float32)
    tested = [strokes for strokes, _ in sketches.drawings["test"][:count]]
    for name, some in (("test", tested), ("invented", drawn(model, count, heat))):
        places = [places_of(strokes, PLACES).astype(np.float32) for strokes in some]
        nearest = [float(chamfer(one, known).min()) for one in places]
        shares = np.percentile(nearest, [1, 5, 50, 95])
        print(name, "nearest in training, 1st, 5th, 50th and 95th of 100:", shares.round(4))


@command.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--model", default="quickdraw", show_default=True)
@click.option("--count", default=10, show_default=True, help="Drawings of each word.")
@click.option("--heat", default=0.2, show_default=True)
def words(data: Path, model: str, count: int, heat: float) -> None:
    """Print how often a classifier of real drawings names what was drawn."""
    from .training.dataset import read_sketches

    sketches = read_sketches(data)
    per_word = np.bincount([label for _, label in sketches.drawings["train"]])
    chosen = np.argsort(-per_word, kind="stable")[:WORDS].tolist()
    train = [(picture_of(s), label) for s, label in sketches.drawings["train"] if label in chosen]
    real = [(s, label) for split in ("valid", "test") for s, label in sketches.drawings[split]
            if label in chosen]  # fmt: skip
    made = [(s, label) for label in chosen
            for s in drawn(model, count, heat, sketches.words[label])]  # fmt: skip
    classify = classifier(train)
    for name, some in (("real", real), ("drawn", made)):
        right = [classify(picture_of(strokes)) == label for strokes, label in some]
        print(f"{name}: {np.mean(right):.3f} of {len(right)} are named right")


def classifier(train: list[tuple[Array, int]]) -> Any:
    """Return a function that names a picture, fitted on pictures with labels.

    It is ridge regression on blurred ink and on its products with a random basis: enough for
    twenty words of twenty drawings each, and fitted in closed form.
    """
    random = np.random.default_rng(0)
    basis = random.normal(size=(PIXELS**2, 1500)) / PIXELS
    pictures = np.array([picture.ravel() for picture, _ in train])
    labels = np.array([label for _, label in train])
    names = np.unique(labels)
    mean = pictures.mean(0)

    def features(some: Array) -> Array:
        centred = some - mean
        return np.concatenate([centred, np.maximum(centred @ basis, 0)], axis=-1)

    known = features(pictures)
    wanted = (labels[:, None] == names).astype(float) - 1 / len(names)
    kernel = known @ known.T
    weights = np.linalg.solve(kernel + 30 * np.eye(len(kernel)), wanted)

    def classify(picture: Array) -> int:
        return int(names[(features(picture.reshape(1, -1)) @ known.T @ weights).argmax()])

    return classify


@command.command()
@click.option("--model", default="kanji", show_default=True)
@click.option("--steps", default=2000, show_default=True)
def speed(model: str, steps: int) -> None:
    """Print how long a step takes on one core, its random numbers included."""
    opened = PenModel(Draw.model_path(model))
    pen = Pen(opened, [0], opened.word_weights([("", 1.0)]))
    took = []
    for number in range(steps):
        if pen.ended:
            pen = Pen(opened, [number], opened.word_weights([("", 1.0)]))
        begun = time.perf_counter()
        pen.move(0.4)
        took.append(1000 * (time.perf_counter() - begun))
    print(f"a step of {model}: p50 {np.median(took):.3f} ms, p95 {np.percentile(took, 95):.3f} ms")


@command.command()
@click.option("--model", default="kanji", show_default=True)
@click.option("--rate", default=500, show_default=True, help="Points a second.")
@click.option("--fps", default=60, show_default=True)
@click.option("--seconds", default=60.0, show_default=True)
@click.option("--to", multiple=True, help="An output, such as screen.")
def stage(model: str, rate: int, fps: int, seconds: float, to: tuple[str, ...]) -> None:
    """Print how many frames of a live show are late while it draws points at this rate."""
    draw = Draw(model=model)
    draw.warm_up()
    weights = draw.model.word_weights([("", 1.0)])
    sketch = Sketch(fps=fps, size=(512, 512))
    pens = [Pen(draw.model, [0], weights)]
    made = 0

    @sketch.draw
    def frame(now: Moment) -> Array:
        """Draw the points that are due, one drawing after another."""
        nonlocal made
        while made < now.seconds * rate:
            if pens[-1].ended:
                pens.append(Pen(draw.model, [len(pens)], weights))
            pens[-1].move(0.4)
            made += 1
        hand = Hand(pens[-1])
        hand.finish()
        return rasterise(hand.drawing(0.5, 0.5, 0.01, "pen"), sketch.size)

    stats = sketch.perform(to, live=True, seconds=seconds)
    print(
        f"{made} points in {stats.seconds:.1f} s, {made / stats.seconds:.0f} a second: "
        f"{stats.late} of {stats.frames + stats.late} frames late"
    )


@command.command()
@click.option("--model", default="kanji", show_default=True)
@click.option("--count", default=SHEET, show_default=True)
@click.option("--heat", default=0.4, show_default=True)
def travel(model: str, count: int, heat: float) -> None:
    """Print how far a lifted pen travels over a sheet of drawings, sorted for a plotter."""
    draw = Draw(model=model)
    drawings = [draw.whole(number, heat=heat) for number in range(count)]
    whole = on_one_sheet([drawings[at : at + ROW] for at in range(0, count, ROW)])
    before, after = lifted_travel(whole), lifted_travel(for_plotter(whole))
    print(
        f"{len(whole)} strokes: {before:.2f} sides of the sheet, {after:.2f} sorted, "
        f"{after / before:.3f} times as far"
    )


@command.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="With words.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Picture to write.")
@click.option("--heat", default=0.3, show_default=True)
def sheet(data: Path, out: Path, heat: float) -> None:
    """Write a sheet of the first forty drawings of each model, unchosen.

    Below them are the first halves of forty test drawings by people, finished in red.
    """
    from PIL import Image

    from .training.dataset import read_sketches

    kanji, letters, words = (
        Draw(model=name, seed=1) for name in ("kanji", "omniglot", "quickdraw")
    )
    sketches = read_sketches(data)
    order = np.random.default_rng(1).permutation(len(sketches.drawings["test"]))[:SHEET].tolist()
    begun = [sketches.drawings["test"][number] for number in order]
    panels = [
        [part.whole(number, heat=heat) for number in range(SHEET)]
        for part in (kanji, letters, words)
    ]
    panels.append(
        [finished(words, strokes, sketches.words[label], heat) for strokes, label in begun]
    )
    rows = [row for panel in panels for row in (panel[:ROW], panel[ROW:])]
    picture = rasterise(on_one_sheet(rows), (ROW * CELL, len(rows) * CELL))
    Image.fromarray(picture).save(out, quality=60)
    print("words:", ", ".join(named(words, number) for number in range(SHEET)))
    print("begun:", ", ".join(sketches.words[label] for _, label in begun))


@command.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--model", required=True, help="Trained with --latents.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Picture to write.")
@click.option("--heat", default=0.1, show_default=True)
@click.option("--split", default="test", show_default=True)
def morphs(data: Path, model: str, out: Path, heat: float, split: str) -> None:
    """Write a sheet of what lies between pairs of drawings by people, unchosen.

    Those of people are red, at both ends of a row; between them the first and the last are what
    the network makes of the latents of each alone.
    """
    from PIL import Image

    from .training.dataset import read_sketches

    sketches, part = read_sketches(data), Draw(model=model, seed=1)
    order = np.random.default_rng(2).permutation(len(sketches.drawings[split]))[: 2 * PAIRS]
    people = [framed(*sketches.drawings[split][number][:1]) for number in order.tolist()]
    rows = [
        [
            one,
            *(part.morph(one, other, place, heat=heat) for place in np.linspace(0, 1, BETWEEN)),
            other,
        ]
        for one, other in zip(people[:PAIRS], people[PAIRS:], strict=True)
    ]
    red = [
        [[s._replace(color=ADDED if at in (0, BETWEEN + 1) else (0.0, 0.0, 0.0)) for s in drawing]
         for at, drawing in enumerate(row)]
        for row in rows
    ]  # fmt: skip
    picture = rasterise(on_one_sheet(red), ((BETWEEN + 2) * CELL, PAIRS * CELL))
    Image.fromarray(picture).save(out, quality=60)


def named(part: Draw, number: int) -> str:
    """Return the word by chance that is drawn at a number."""
    part.whole(number)
    return part.word


def framed(strokes: list[Array]) -> list[Stroke]:
    """Return strokes of a file as a drawing in the middle of the canvas."""
    middle, side = box_of(strokes)
    return [Stroke((points - middle) / (1.15 * side) + 0.5) for points in strokes]


def finished(part: Draw, strokes: list[Array], word: str, heat: float) -> list[Stroke]:
    """Return the first half of a drawing, finished in red."""
    begun = framed(strokes)[: max(1, len(strokes) // 2)]
    done = part.finish(begun, word=word, heat=heat)
    return [*begun, *(stroke._replace(color=ADDED) for stroke in done[len(begun) :])]


def on_one_sheet(rows: list[list[list[Stroke]]]) -> list[Stroke]:
    """Return rows of drawings as one drawing."""
    grid = np.array([max(map(len, rows)), len(rows)])
    return [
        stroke._replace(points=(np.array([x, y]) + stroke.points) / grid, width=0.018 / len(rows))
        for y, row in enumerate(rows)
        for x, drawing in enumerate(row)
        for stroke in drawing
    ]


if __name__ == "__main__":
    command()
