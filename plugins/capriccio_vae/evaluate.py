"""Judge the dreamer by figures: `python -m capriccio_vae.evaluate --data FOLDER --model FILE`.

On pictures of a folder that it did not learn from. What a picture looks like is said by `critic`,
which learned the styles from real paintings alone; its features are not Inception's, so distances
compare models with each other and with real pictures, and with nothing published.
"""

import json
from csv import DictReader
from pathlib import Path
from time import perf_counter
from typing import Any

import click
import numpy as np
from capriccio import ModelError, Moment, analyzer, write_image

from .generator import VAE
from .training.dataset import read_picture

EVEN = 0.6  # bloom at which pictures are as they were learned


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True),
              help="The folder it learned from, with its labels.csv.")  # fmt: skip
@click.option("--model", required=True, help="FILE.onnx to judge, its encoder beside it.")
@click.option("--count", default=50, show_default=True, type=click.IntRange(2),
              help="Dreams of each style.")  # fmt: skip
@click.option("--critic", "judge", default="paintings", show_default=True,
              help="The critic's model that names styles.")  # fmt: skip
@click.option("--sheet", type=click.Path(path_type=Path),
              help="Write a PNG: each style's dreams, and a picture moved to it.")  # fmt: skip
def evaluate(data: Path, model: str, count: int, judge: str, sheet: Path | None) -> None:
    """Print how well a model copies, dreams and keeps to a style, as JSON."""
    if not (data / "labels.csv").is_file():
        raise click.ClickException(
            f"{str(data)!r} has no labels.csv; it says which pictures were not learned from"
        )
    try:
        part = VAE(model=model)
        figures = measure(part, analyzer("critic", model=judge), data, count)
        if sheet:
            write_image(shown(part, read(data, "val", part.styles)[0][0]), sheet)
    except (ModelError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(json.dumps(figures, indent=2))


def measure(part: VAE, critic: Any, data: Path, count: int) -> dict[str, Any]:
    """Give a model's figures on the validation pictures of styles that the critic knows.

    Raises ValueError where there are fewer than two such pictures.
    """
    from capriccio.training import frechet

    shared = [style for style in part.styles if style in critic.movements]
    real = {split: read(data, split, part.styles) for split in ("val", "test")}
    asked = [(image, style) for image, style in real["val"] if style in shared]
    if len(asked) < 2:
        raise ValueError(
            f"{str(data)!r} has {len(asked)} validation pictures of styles that {part} and {critic}"
            " both know; give at least 2"
        )
    copies = [(image, part.decode(part.encode(image, style), style))
              for image, style in real["val"]]  # fmt: skip
    errors = [((a / 255.0 - b / 255.0) ** 2).mean() for a, b in copies]
    figures: dict[str, Any] = {
        "pictures": len(copies),
        "mse": float(np.mean(errors)),
        **latencies(part, real["val"][0][0]),
    }
    dreams = [(dream(part, style, seed), style) for style in shared for seed in range(count)]
    moved = [
        (part(Moment(), source=image, style=style, amount=1.0), style)
        for (image, _), style in zip(asked, np.resize(shared, len(asked)).tolist(), strict=True)
    ]
    sets = {"real": asked, "dreams": dreams, "moved": moved}
    looks = {name: [critic.see(image) for image, _ in those] for name, those in sets.items()}
    for name, those in sets.items():
        seen = looks[name]
        named = [critic.movements[int(one["movement"].argmax())] for one in seen]
        hits = np.array([n == style for n, (_, style) in zip(named, those, strict=True)], float)
        kinds = np.array([style for _, style in those])
        rates = [hits[kinds == style].mean() for style in shared if (kinds == style).any()]
        figures[f"named as asked, {name}"] = float(np.mean(rates))
    if figures["named as asked, real"]:
        share = figures["named as asked, dreams"] / figures["named as asked, real"]
        figures["named, dreams against real"] = share
    codes = {name: np.concatenate([one["embedding"] for one in seen])
             for name, seen in looks.items()}  # fmt: skip
    tests = [critic.see(image)["embedding"] for image, style in real["test"] if style in shared]
    figures["frechet, dreams"] = frechet(codes["real"], codes["dreams"])
    if len(tests) > 1:
        figures["frechet, real against real"] = frechet(codes["real"], np.concatenate(tests))
    return {name: round(v, 4) if isinstance(v, float) else v for name, v in figures.items()}


def read(data: Path, split: str, styles: list[str]) -> list[tuple[np.ndarray, str]]:
    """Read the pictures of a split, cut as they are learned, with their styles."""
    found = []
    with open(data / "labels.csv", newline="", encoding="utf-8") as file:
        for row in DictReader(file):
            path = data / row["path"]
            if row["split"] == split and path.parent.name in styles:
                pixels = read_picture(path)
                if pixels is not None:
                    found.append((pixels, path.parent.name))
    return found


def dream(part: VAE, style: str, seed: int) -> np.ndarray:
    """Dream one picture of a style, on a walk of its own."""
    part.reset(seed)
    return part(Moment(), drift=(seed * 0.618) % 1, bloom=EVEN, style=style)


def shown(part: VAE, picture: np.ndarray) -> np.ndarray:
    """Give a column for each style: two dreams, and the picture moved all the way towards it."""
    columns = [
        [*(dream(part, style, seed) for seed in (1, 2)),
         part(Moment(), source=picture, style=style, amount=1.0)]
        for style in part.styles
    ]  # fmt: skip
    return np.concatenate([np.concatenate(column) for column in columns], 1)


def latencies(part: VAE, image: np.ndarray, times: int = 200) -> dict[str, float]:
    """Give the median time of encoding and decoding one picture, in milliseconds."""
    z, style = part.encode(image), part.styles[0]
    figures = {}
    for name, work in (
        ("encode, ms", lambda: part.encode(image, style)),
        ("decode, ms", lambda: part.decode(z, style)),
    ):
        took = []
        for _ in range(times):
            begun = perf_counter()
            work()
            took.append(perf_counter() - begun)
        figures[name] = float(np.median(took) * 1000)
    return figures


if __name__ == "__main__":
    evaluate(prog_name="python -m capriccio_vae.evaluate")
