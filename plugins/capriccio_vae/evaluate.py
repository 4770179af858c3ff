"""Measure a model: `python -m capriccio_vae.evaluate --data FOLDER --model FILE`.

On pictures of a folder that it did not learn from. Styles are recognised by `critic`, which learned
them from real paintings alone; its features are not Inception's, so distances compare models with
each other and with real pictures, not with published figures.
"""

import json
from csv import DictReader
from pathlib import Path
from time import perf_counter
from typing import Any

import click
import numpy as np
from capriccio import ModelError, Moment, analyzer, write_image

from .generator import LEARNED_BLOOM, VAE


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True),
              help="The folder it learned from, with its labels.csv.")  # fmt: skip
@click.option("--model", required=True, help="FILE.onnx to measure, its encoder beside it.")
@click.option("--count", default=50, show_default=True, type=click.IntRange(2),
              help="Samples of each style.")  # fmt: skip
@click.option("--critic", "critic_model", default="paintings", show_default=True,
              help="The critic's model that recognises styles.")  # fmt: skip
@click.option("--sheet", type=click.Path(path_type=Path),
              help="Write a PNG: samples of each style, and a picture moved to it.")  # fmt: skip
def evaluate(data: Path, model: str, count: int, critic_model: str, sheet: Path | None) -> None:
    """Print how well a model reconstructs, samples and keeps to a style, as JSON."""
    if not (data / "labels.csv").is_file():
        raise click.ClickException(
            f"{str(data)!r} has no labels.csv; it says which pictures were not learned from"
        )
    try:
        part = VAE(model=model)
        figures = measure(part, analyzer("critic", model=critic_model), data, count)
        if sheet:
            picture, _ = read_split(data, "val", part.styles)[0]
            write_image(sample_sheet(part, picture), sheet)
    except (ModelError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(json.dumps(figures, indent=2))


def measure(part: VAE, critic: Any, data: Path, count: int) -> dict[str, Any]:
    """Return the figures of a model on the validation pictures of styles that the critic knows.

    Raises:
        ValueError: there are fewer than two such pictures.
    """
    from capriccio.training import frechet

    shared = [style for style in part.styles if style in critic.movements]
    real = {split: read_split(data, split, part.styles) for split in ("val", "test")}
    known = [(image, style) for image, style in real["val"] if style in shared]
    if len(known) < 2:
        raise ValueError(
            f"{str(data)!r} must have at least 2 validation pictures of styles that {part} and "
            f"{critic} both know, got {len(known)}"
        )
    copies = [(image, part.decode(part.encode(image, style), style))
              for image, style in real["val"]]  # fmt: skip
    errors = [((a / 255.0 - b / 255.0) ** 2).mean() for a, b in copies]
    figures: dict[str, Any] = {
        "pictures": len(copies),
        "mse": float(np.mean(errors)),
        **latencies(part, real["val"][0][0]),
    }
    samples = [(sample(part, style, seed), style) for style in shared for seed in range(count)]
    moved = [
        (part(Moment(), source=image, style=style, amount=1.0), style)
        for (image, _), style in zip(known, np.resize(shared, len(known)).tolist(), strict=True)
    ]
    sets = {"real": known, "dreams": samples, "moved": moved}
    seen = {name: [critic.predict(image) for image, _ in pairs] for name, pairs in sets.items()}
    for name, pairs in sets.items():
        recognised = [critic.movements[int(one["movement"].argmax())] for one in seen[name]]
        hits = np.array(
            [found == style for found, (_, style) in zip(recognised, pairs, strict=True)], float
        )
        styles = np.array([style for _, style in pairs])
        rates = [hits[styles == style].mean() for style in shared if (styles == style).any()]
        figures[f"named as asked, {name}"] = float(np.mean(rates))
    if figures["named as asked, real"]:
        share = figures["named as asked, dreams"] / figures["named as asked, real"]
        figures["named, dreams against real"] = share
    embeddings = {name: np.concatenate([one["embedding"] for one in found])
                  for name, found in seen.items()}  # fmt: skip
    tests = [critic.predict(image)["embedding"] for image, style in real["test"] if style in shared]
    figures["frechet, dreams"] = frechet(embeddings["real"], embeddings["dreams"])
    if len(tests) > 1:
        figures["frechet, real against real"] = frechet(embeddings["real"], np.concatenate(tests))
    return {name: round(v, 4) if isinstance(v, float) else v for name, v in figures.items()}


def read_split(data: Path, split: str, styles: list[str]) -> list[tuple[np.ndarray, str]]:
    """Return the pictures of a split, cropped as they are learned, with their styles."""
    from .training.dataset import read_picture

    found = []
    with open(data / "labels.csv", newline="", encoding="utf-8") as file:
        for row in DictReader(file):
            path = data / row["path"]
            if row["split"] == split and path.parent.name in styles:
                pixels = read_picture(path)
                if pixels is not None:
                    found.append((pixels, path.parent.name))
    return found


def sample(part: VAE, style: str, seed: int) -> np.ndarray:
    """Return a picture of a style, on a walk of its own."""
    part.reset(seed)
    return part(Moment(), drift=(seed * 0.618) % 1, bloom=LEARNED_BLOOM, style=style)


def sample_sheet(part: VAE, picture: np.ndarray) -> np.ndarray:
    """Return a column for each style: two samples, and the picture moved all the way to it."""
    columns = [
        [*(sample(part, style, seed) for seed in (1, 2)),
         part(Moment(), source=picture, style=style, amount=1.0)]
        for style in part.styles
    ]  # fmt: skip
    return np.concatenate([np.concatenate(column) for column in columns], 1)


def latencies(part: VAE, image: np.ndarray, repeats: int = 200) -> dict[str, float]:
    """Return the median time of encoding and decoding one image, in milliseconds."""
    z, style = part.encode(image), part.styles[0]
    figures = {}
    for name, call in (
        ("encode, ms", lambda: part.encode(image, style)),
        ("decode, ms", lambda: part.decode(z, style)),
    ):
        times = []
        for _ in range(repeats):
            start = perf_counter()
            call()
            times.append(perf_counter() - start)
        figures[name] = float(np.median(times) * 1000)
    return figures


if __name__ == "__main__":
    evaluate(prog_name="python -m capriccio_vae.evaluate")
