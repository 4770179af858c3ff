"""Measure the brush: how near it comes with so many strokes, beside a patient optimiser.

    python -m capriccio_vae.brush.evaluate --data FOLDER

The yardstick is greedy: for every stroke it tries marks at random, keeps the best, and betters it
by small steps, each time working out what the whole painting gains. Both lay the same marks of
the same brush, in their best colours.
"""

from csv import DictReader
from pathlib import Path
from time import perf_counter

import click
import numpy as np
from capriccio import Model, Moment, read_image, write_image

from .generator import FEWEST, TIMES, Painter, shrunk
from .renderer import Painting, halved, side_of
from .strokes import BRUSHES, SIDE, THIN, best_colour, mask_of

COUNTS = (10, 30, 100, 300, 1000, 3000)
STROKES = 300  # at which both are compared
LONGEST = 64.0  # pixels: half the length of the longest mark that the yardstick tries


def greedy(target: np.ndarray, marks: int, tries: int, seed: int = 0) -> np.ndarray:
    """Paint a target, (height, width, 3) float32 0..1, by search; give the canvas."""
    chance = np.random.default_rng(seed)
    canvas = np.empty_like(target)
    canvas[:] = target.mean((0, 1))
    for _ in range(marks):
        best, most, found = None, 0.0, None
        for attempt in range(2 * tries):
            if attempt < tries:
                mark = _anywhere(target.shape, chance)
            elif best is None:
                break
            else:
                mark = _beside(best, 0.9 ** (20 * (attempt - tries) / tries), chance)
            gain, at, laid = _gain(target, canvas, mark)
            if gain > most:
                best, most, found = mark, gain, (at, laid)
        if found is not None:
            canvas[found[0]] = found[1]
    return canvas


def _anywhere(shape, chance) -> np.ndarray:
    turn = chance.uniform(0, np.pi)
    long = np.exp(chance.uniform(np.log(1.5), np.log(LONGEST)))
    wide = max(THIN, long * chance.uniform(0.15, 1))
    x, y = chance.uniform(0, shape[1]), chance.uniform(0, shape[0])
    return np.array([x, y, long, wide, np.cos(turn), np.sin(turn)])


def _beside(mark: np.ndarray, reach: float, chance) -> np.ndarray:
    near = mark.copy()
    near[:2] += chance.normal(0, 4 * reach, 2)
    near[2:4] *= np.exp(chance.normal(0, 0.3 * reach, 2))
    near[3] = max(THIN, near[3])
    turn = np.arctan2(mark[5], mark[4]) + chance.normal(0, 0.3 * reach)
    near[4:] = np.cos(turn), np.sin(turn)
    return near


def _gain(target, canvas, mark):
    """Give the squared error that a mark takes away, where it lies, and what is there with it."""
    touched = mask_of("bristle", mark, target.shape[:2])
    if touched is None:
        return 0.0, None, None
    at, mask = touched
    under = canvas[at]
    gap = target[at] - under
    colour = best_colour(mask, under, target[at])
    change = mask * (colour.clip(0, 1) - under)
    return float((gap * gap).sum() - ((gap - change) ** 2).sum()), at, under + change


def painted(model: Model, image: np.ndarray, marks: int) -> np.ndarray:
    """Paint an image with the network as the painter would; give the canvas at 128 pixels."""
    painting = Painting(model, shrunk(image, side_of(marks)), marks)
    while len(painting.marks) < marks and painting.look():
        pass
    return painting.canvas if side_of(marks) == SIDE else halved(painting.canvas)


def strips(images: list[np.ndarray], model: str, side: int = 192) -> np.ndarray:
    """Paint each image with more and more strokes, a row each."""
    stages = [(10, "bristle"), (30, "bristle"), (100, "bristle"), *((300, b) for b in BRUSHES),
              (3000, "bristle")]  # fmt: skip
    rows = []
    for image in images:
        row = []
        for count, brush in stages:
            detail = float(np.log(count / FEWEST) / np.log(TIMES))
            painter = Painter(model=model, size=side)
            row.append(painter(Moment(), target=image, detail=detail, brush=brush))
            painter.close()
        rows.append(np.concatenate(row, 1))
    return np.concatenate(rows)


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True,
              help="Folder of pictures, with a labels.csv that names their split.")  # fmt: skip
@click.option("--model", default="brush", show_default=True, help="Brush to measure.")
@click.option("--split", default="val", show_default=True)
@click.option("--pictures", default=100, show_default=True, help="How many, spread over the split.")
@click.option("--tries", default=60, show_default=True, help="Random marks a stroke, and steps.")
@click.option("--yardstick", default=100, show_default=True, help="Pictures for the yardstick.")
@click.option("--sheet", type=click.Path(path_type=Path), help="Write a PNG of six paintings.")
def command(data, model, split, pictures, tries, yardstick, sheet) -> None:
    """Print the error against the number of strokes, and the yardstick's with its time."""
    with open(data / "labels.csv", newline="", encoding="utf-8") as file:
        rows = [row["path"] for row in DictReader(file) if row["split"] == split]
    rows = [rows[i * len(rows) // pictures] for i in range(min(pictures, len(rows)))]
    if sheet:
        six = [read_image(data / rows[i * len(rows) // 6]) for i in range(6)]
        write_image(strips(six, model), sheet)
    images = [read_image(data / row) for row in rows]
    targets = [shrunk(image, SIDE) for image in images]
    brush = Model(Painter.model_path(model))
    painted(brush, images[0], FEWEST)
    print(f"{len(targets)} pictures of {data.name}, split {split}, at 128, {brush.provider}")
    ground = np.mean([t.var((0, 1)).mean() for t in targets])
    print(f"{'strokes':>8} {'mean squared error':>19} {'seconds':>8}\n{0:8} {ground:19.5f}")
    ours: dict[int, list[float]] = {}
    for count in COUNTS:
        begun = perf_counter()
        both = zip(images, targets, strict=True)
        ours[count] = [float(((painted(brush, i, count) - t) ** 2).mean()) for i, t in both]
        took = (perf_counter() - begun) / len(targets)
        print(f"{count:8} {np.mean(ours[count]):19.5f} {took:8.3f}", flush=True)
    theirs, seconds, mine = [], 0.0, 0.0
    for image, target in list(zip(images, targets, strict=True))[:yardstick]:
        begun = perf_counter()
        theirs.append(float(((greedy(target, STROKES, tries) - target) ** 2).mean()))
        seconds += perf_counter() - begun
        begun = perf_counter()
        painted(brush, image, STROKES)
        mine += perf_counter() - begun
    if theirs:
        share = np.mean(ours[STROKES][: len(theirs)]) / np.mean(theirs)
        print(f"greedy, {len(theirs)} pictures, {STROKES} strokes: {np.mean(theirs):.5f}, "
              f"{seconds / len(theirs):.2f} s a picture")  # fmt: skip
        print(f"the brush leaves {share:.2f} times its error in 1/{seconds / mine:.0f} of its time")


if __name__ == "__main__":
    command()
