"""Measure a brush: its error by the number of strokes, beside a slow optimiser.

    python -m capriccio_strokes.evaluate --data FOLDER

The baseline is greedy: for every stroke it tries random ones, keeps the best and improves it by
small random changes, each time computing what the whole painting gains. Both paint strokes of the
same brush in their best colours.
"""

from csv import DictReader
from pathlib import Path
from time import perf_counter

import click
import numpy as np
from capriccio import Model, read_image

from .generator import MIN_STROKES, Painter
from .renderer import Painting, halved, shrunk, side_of
from .strokes import MIN_HALF_WIDTH, SIDE, best_color, stroke_mask

COUNTS = (10, 30, 100, 300, 1000, 3000)
COMPARED = 300  # strokes at which both are compared
MAX_HALF_LENGTH = 64.0  # pixels: of the longest stroke that the baseline tries


def paint_greedily(target: np.ndarray, strokes: int, tries: int, seed: int = 0) -> np.ndarray:
    """Return a canvas painted by random search.

    Args:
        target: (height, width, 3) float32 0..1.
        tries: random strokes for each that is painted, and changes of the best.
    """
    random = np.random.default_rng(seed)
    canvas = np.empty_like(target)
    canvas[:] = target.mean((0, 1))
    for _ in range(strokes):
        best, most, painted = None, 0.0, None
        for attempt in range(2 * tries):
            if attempt < tries:
                stroke = _random_stroke(target.shape, random)
            elif best is None:
                break
            else:
                reach = 0.9 ** (20 * (attempt - tries) / tries)
                stroke = _changed_stroke(best, reach, random)
            gain, region, pixels = _gain(target, canvas, stroke)
            if gain > most:
                best, most, painted = stroke, gain, (region, pixels)
        if painted is not None:
            canvas[painted[0]] = painted[1]
    return canvas


def _random_stroke(shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    angle = random.uniform(0, np.pi)
    half_length = np.exp(random.uniform(np.log(1.5), np.log(MAX_HALF_LENGTH)))
    half_width = max(MIN_HALF_WIDTH, half_length * random.uniform(0.15, 1))
    x, y = random.uniform(0, shape[1]), random.uniform(0, shape[0])
    return np.array([x, y, half_length, half_width, np.cos(angle), np.sin(angle), 0])


def _changed_stroke(stroke: np.ndarray, reach: float, random: np.random.Generator) -> np.ndarray:
    changed = stroke.copy()
    changed[:2] += random.normal(0, 4 * reach, 2)
    changed[2:4] *= np.exp(random.normal(0, 0.3 * reach, 2))
    changed[3] = max(MIN_HALF_WIDTH, changed[3])
    angle = np.arctan2(stroke[5], stroke[4]) + random.normal(0, 0.3 * reach)
    changed[4:6] = np.cos(angle), np.sin(angle)
    return changed


def _gain(target: np.ndarray, canvas: np.ndarray, stroke: np.ndarray):
    """Return the squared error that a stroke takes away, its region, and the pixels with it."""
    touched = stroke_mask("bristle", stroke, target.shape[:2])
    if touched is None:
        return 0.0, None, None
    region, mask, _ = touched
    under = canvas[region]
    gap = target[region] - under
    color = best_color(mask, under, target[region])
    change = mask * (color.clip(0, 1) - under)
    return float((gap * gap).sum() - ((gap - change) ** 2).sum()), region, under + change


def paint(model: Model, image: np.ndarray, strokes: int, **knobs: float) -> np.ndarray:
    """Return the canvas of an image painted with the network, at 128 pixels.

    Args:
        knobs: `wetness` and `relief`; by default those of the part.
    """
    painting = Painting(model, shrunk(image, side_of(strokes)), strokes)
    for knob in ("wetness", "relief"):
        setattr(painting, knob, knobs.get(knob, Painter.knobs[knob].default))
    while len(painting.strokes) < strokes and painting.paint_pass():
        pass
    return painting.canvas if side_of(strokes) == SIDE else halved(painting.canvas)


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True,
              help="Folder of pictures, with a labels.csv that names their split.")  # fmt: skip
@click.option("--model", default="brush", show_default=True, help="Brush to measure.")
@click.option("--split", default="val", show_default=True, help="Split of the pictures.")
@click.option("--pictures", default=100, show_default=True, help="Pictures, spread over the split.")
@click.option(
    "--tries",
    default=60,
    show_default=True,
    help="Random strokes of the baseline for each it paints, and changes of the best.",
)
@click.option("--yardstick", default=100, show_default=True, help="Pictures for the baseline.")
@click.option("--wetness", default=Painter.knobs["wetness"].default, show_default=True,
              help="How much paint a stroke takes up.")  # fmt: skip
@click.option("--relief", default=Painter.knobs["relief"].default, show_default=True,
              help="How strong the light on the paint is.")  # fmt: skip
def evaluate(
    data: Path,
    model: str,
    split: str,
    pictures: int,
    tries: int,
    yardstick: int,
    wetness: float,
    relief: float,
) -> None:
    """Print the error by the number of strokes, and that of the baseline with its time."""
    with open(data / "labels.csv", newline="", encoding="utf-8") as file:
        rows = [row["path"] for row in DictReader(file) if row["split"] == split]
    rows = [rows[i * len(rows) // pictures] for i in range(min(pictures, len(rows)))]
    images = [read_image(data / row) for row in rows]
    targets = [shrunk(image, SIDE) for image in images]
    brush = Model(Painter.model_path(model))
    knobs = {"wetness": wetness, "relief": relief}
    paint(brush, images[0], MIN_STROKES, **knobs)  # the first call is slower
    print(f"{len(targets)} pictures of {data.name}, split {split}, at 128, {brush.provider}")
    variance = np.mean([t.var((0, 1)).mean() for t in targets])
    print(f"{'strokes':>8} {'mean squared error':>19} {'seconds':>8}\n{0:8} {variance:19.5f}")
    errors: dict[int, list[float]] = {}
    for count in COUNTS:
        start = perf_counter()
        both = zip(images, targets, strict=True)
        errors[count] = [float(((paint(brush, i, count, **knobs) - t) ** 2).mean())
                         for i, t in both]  # fmt: skip
        seconds = (perf_counter() - start) / len(targets)
        print(f"{count:8} {np.mean(errors[count]):19.5f} {seconds:8.3f}", flush=True)
    greedy_errors, greedy_seconds, brush_seconds = [], 0.0, 0.0
    for image, target in list(zip(images, targets, strict=True))[:yardstick]:
        start = perf_counter()
        canvas = paint_greedily(target, COMPARED, tries)
        greedy_errors.append(float(((canvas - target) ** 2).mean()))
        greedy_seconds += perf_counter() - start
        start = perf_counter()
        paint(brush, image, COMPARED, **knobs)
        brush_seconds += perf_counter() - start
    if greedy_errors:
        count = len(greedy_errors)
        ratio = np.mean(errors[COMPARED][:count]) / np.mean(greedy_errors)
        print(f"greedy, {count} pictures, {COMPARED} strokes: {np.mean(greedy_errors):.5f}, "
              f"{greedy_seconds / count:.2f} s a picture")  # fmt: skip
        speedup = greedy_seconds / brush_seconds
        print(f"the brush leaves {ratio:.2f} times its error in 1/{speedup:.0f} of its time")


if __name__ == "__main__":
    evaluate(prog_name="python -m capriccio_strokes.evaluate")
