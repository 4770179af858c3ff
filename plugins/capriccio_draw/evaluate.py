"""Measure a model that draws, against baselines, copies and a classifier.

python -m capriccio_draw.evaluate likelihood --data sketch-kanji --model kanji
python -m capriccio_draw.evaluate copies --data sketch-kanji --model kanji
python -m capriccio_draw.evaluate words --data sketch-quickdraw-25x345 --model quickdraw
python -m capriccio_draw.evaluate speed --model kanji
"""

import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from capriccio import Stroke, rasterise

from .generator import Draw
from .latents import PIXELS, picture_of, places_of
from .pen import Pen, PenModel

Array = np.ndarray[Any, Any]

PLACES = 64  # points of a drawing that is compared
WORDS = 20  # that a classifier names
PLAIN_WIDTH = 157  # of a plain LSTM with half the weights of a model of width 256
SHEET, CELL = 40, 72  # drawings of a panel, and pixels of each
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
@click.option("--grid", default=1.0, show_default=True, help="That the model was trained with.")
@click.option("--steps", default=1000, show_default=True, help="Of the baselines.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("baselines"))
def likelihood(data: Path, model: str, grid: float, steps: int, out: Path) -> None:
    """Print the nats per point on test drawings, beside a plain LSTM and one without memory."""
    import torch

    from .training.dataset import read_sketches
    from .training.main import SketchBatches, evaluate, fit
    from .training.network import PenNetwork

    torch.set_num_threads(1)
    card = PenModel(Draw.model_path(model)).card
    print(f"{model}: {card['metrics']} after {card['steps']} steps")
    sketches = read_sketches(data)
    batches = SketchBatches(sketches, grid, 0)
    test = batches.whole("test")
    out.mkdir(exist_ok=True)
    for kind, width in (("memoryless", 256), ("plain", PLAIN_WIDTH)):
        torch.manual_seed(0)
        net = PenNetwork(len(sketches.words), width, kind=kind)
        trainer = fit(batches, net, out / f"{model}-{kind}.safetensors", steps=steps)
        count = sum(weights.numel() for weights in net.parameters())
        print(kind, f"{count} weights", evaluate(trainer.ema, test))


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
    rows = [row for panel in panels for row in (panel[:20], panel[20:])]
    picture = rasterise(on_one_sheet(rows), (20 * CELL, len(rows) * CELL))
    Image.fromarray(picture).save(out, quality=60)
    print("words:", ", ".join(named(words, number) for number in range(SHEET)))
    print("begun:", ", ".join(sketches.words[label] for _, label in begun))


def named(part: Draw, number: int) -> str:
    """Return the word by chance that is drawn at a number."""
    part.whole(number)
    return part.word


def finished(part: Draw, strokes: list[Array], word: str, heat: float) -> list[Stroke]:
    """Return the first half of a drawing, finished in red."""
    places = np.concatenate(strokes)
    low, high = places.min(0), places.max(0)
    side = 1.15 * float((high - low).max())
    half = strokes[: max(1, len(strokes) // 2)]
    begun = [Stroke((points - (low + high) / 2) / side + 0.5) for points in half]
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
