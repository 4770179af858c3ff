"""Evaluate a model: `python -m capriccio_gan.evaluate --data FOLDER --model FILE.onnx`.

All figures are taken from the features of the evaluation encoder, a small network that was trained
on the folder's training pictures to recognize which words describe them. They are not Inception's,
so they compare models of one folder with each other and with real pictures, and with nothing
published. Beside each figure stands the same of real pictures against real ones: the floor.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import click
import numpy as np
from capriccio import write_image

from .generator import GAN
from .training.attributes import COLOURS, colour_names, measure_attributes
from .training.captions import compose
from .training.dataset import Pictures, read_pictures, vocabulary_of
from .training.scans import prepare_scan
from .vocabulary import START, Vocabulary

ENCODER_STEPS = 750  # as in the training
MIN_PER_KIND = 5  # validation pictures; of fewer, how often a kind is recognized means nothing
NEAR_QUANTILE = 0.01  # of the distances of validation pictures to the nearest training picture
SHEET_COLUMNS, SHEET_ROWS = 8, 8
LOOKED_AT = 500  # pictures of which sharpness and grid are measured
MAX_HUE_DISTANCE = 30  # degrees within which two colours are the same to most people
MIN_BLACK = 0.1  # share of black pixels of a black subject

# Features and word logits of images, as `encode_images` returns them.
Encode = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True),
              help="Folder of the training.")  # fmt: skip
@click.option("--model", required=True, type=click.Path(path_type=Path),
              help="FILE.onnx to evaluate.")  # fmt: skip
@click.option("--count", default=5000, show_default=True, type=click.IntRange(100),
              help="Pictures to generate.")  # fmt: skip
@click.option("--prompts", default=1000, show_default=True, type=click.IntRange(20),
              help="Pictures to generate from prompts of a colour and a kind.")  # fmt: skip
@click.option("--steps", default=ENCODER_STEPS, show_default=True,
              help="Steps of the evaluation encoder where it must be trained.")  # fmt: skip
@click.option("--rows", default="64", show_default=True, type=click.Choice(["64", "128", "256"]),
              help="Side at which the evaluation encoder reads pictures, in pixels.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="Seed of the pictures.")
@click.option("--sheet", type=click.Path(path_type=Path),
              help="Write a PNG with a row for each of the eight most common kinds.")  # fmt: skip
def evaluate(data: Path, model: Path, rows: str, **options: Any) -> None:
    """Print the figures of a model as JSON, beside the same of real pictures."""
    try:
        with redirect_stdout(sys.stderr):  # progress of a training is no JSON
            figures = evaluate_model(data, model, rows=int(rows), **options)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(json.dumps(figures, indent=2))


def evaluate_model(
    data: Path,
    model: Path,
    *,
    count: int = 5000,
    prompts: int = 1000,
    steps: int = ENCODER_STEPS,
    rows: int = 64,
    seed: int = 0,
    sheet: Path | None = None,
) -> dict[str, Any]:
    """Return the figures of a model on the folder of its training.

    Args:
        data: the folder.
        model: the `.onnx` file. The evaluation encoder beside it, `FILE.witness.safetensors`, is
            used if there is one, and otherwise trained.
        count: pictures to generate from captions of validation pictures.
        prompts: pictures to generate from prompts of a colour and a kind.
        steps: of the evaluation encoder where it must be trained.
        rows: side at which the evaluation encoder reads pictures: 64, 128 or 256. Only that of 64
            has been trained with the model; others are kept as `FILE.witness128.safetensors`.
        seed: of the pictures.
        sheet: a picture file to write, with a row for each of the most common kinds.

    Raises:
        ValueError: the folder holds fewer than 50 readable pictures.
    """
    from capriccio.training import (
        frechet,
        grid_energy,
        kernel_distance,
        precision_recall,
        sharpness,
        spread,
    )

    from .training.sheets import sheet as lay_out
    from .training.text_image import ROWS, encode_images, train_word_classifier

    part = GAN(model=model, seed=seed)
    random = np.random.default_rng(seed)
    training, validation = read_pictures(Path(data), part.size)
    vocabulary = Vocabulary(vocabulary_of(training))
    suffix = ".witness.safetensors" if rows == ROWS else f".witness{rows}.safetensors"
    checkpoint = Path(model).with_suffix(suffix)
    encoder = train_word_classifier(
        training, vocabulary, checkpoint, rows=rows, device="cpu",
        steps=0 if checkpoint.is_file() else steps, seed=seed + 1, resume=True, dry_run=False,
    )  # fmt: skip

    def encode(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return encode_images(encoder, images, "cpu")

    chosen = random.integers(len(validation), size=count)
    captions = [compose(validation.facts[i], random) for i in chosen]
    images = _paint(part, captions, random)  # (count, size, size, 3)
    generated = encode(images)[0]  # (count, features)
    real, known = encode(validation.images)[0], encode(training.images)[0]
    # As many real pictures as generated ones, since the estimates are biased by their number.
    reference = known[random.permutation(len(known))[: len(generated)]]
    figures: dict[str, Any] = {
        "features": f"{generated.shape[1]} features of a network trained on the training split; "
        "not Inception",
        "frechet": frechet(real, generated),
        "real frechet": frechet(real, reference),
        "kernel distance": kernel_distance(real, generated),
        "real kernel distance": kernel_distance(real, reference),
        "spread": spread(generated) / spread(real),
        "sharpness": sharpness(images[:LOOKED_AT]) / sharpness(validation.images[:LOOKED_AT]),
        "grid energy": _rounded(grid_energy(images[:LOOKED_AT])),
        "real grid energy": _rounded(grid_energy(validation.images[:LOOKED_AT])),
    }
    for prefix, features in (("", generated), ("real ", reference)):
        precision, recall = precision_recall(real, features[: 2 * len(real)])
        figures |= {f"{prefix}precision": precision, f"{prefix}recall": recall}
    figures |= memorization(real, generated, known)
    if sheet:
        asked = common_prompts(training, SHEET_ROWS)
        figures["rows of the sheet"] = asked
        images = _paint(part, [prompt for prompt in asked for _ in range(SHEET_COLUMNS)], random)
        write_image(np.asarray(lay_out(images, SHEET_COLUMNS)), sheet)
    figures |= prompt_adherence(part, encode, vocabulary, validation, prompts, random)
    figures |= movement_adherence(part, encode, vocabulary, validation, prompts, random)
    return {name: round(v, 4) if isinstance(v, float) else v for name, v in figures.items()}


def common_prompts(pictures: Pictures, count: int) -> list[str]:
    """Return `count` prompts: the most common kinds, each in its most common colour."""
    kinds = Counter(facts.kind for facts in pictures.facts if facts.kind)
    prompts = []
    for kind, _ in kinds.most_common(count):
        colours = Counter(f.attributes.colours[:1] for f in pictures.facts if f.kind == kind)
        prompts.append(" ".join([*colours.most_common(1)[0][0], kind]))
    return prompts or [""] * count


def _rounded(energies: dict[int, float]) -> dict[str, float]:
    return {f"{period} pixels": round(energy, 3) for period, energy in energies.items()}


def _paint(part: GAN, prompts: list[str], random: np.random.Generator) -> np.ndarray:
    """Return a random picture of each prompt, each on its own paper."""
    z = random.standard_normal((len(prompts), part.latent))
    return part.paint(z, prompts, grain=part.random_grain(len(prompts), random))


def memorization(real: np.ndarray, generated: np.ndarray, training: np.ndarray) -> dict[str, float]:
    """Return how often pictures are nearer to a training picture than 99 % of unseen ones are.

    All arguments are features, `(pictures, features)`.
    """
    from capriccio.training import nearest_distances

    unseen = nearest_distances(real, training)[0]
    ours = nearest_distances(generated, training)[0]
    near = np.quantile(unseen, NEAR_QUANTILE)
    return {
        "nearer than 1 % of unseen": float((ours < near).mean()),
        "real nearer than 1 % of unseen": float((unseen < near).mean()),
        "median gap to a learned picture": float(np.median(ours)),
        "real median gap to a learned picture": float(np.median(unseen)),
    }


def prompt_adherence(
    part: GAN,
    encode: Encode,
    vocabulary: Vocabulary,
    validation: Pictures,
    prompts: int,
    random: np.random.Generator,
) -> dict[str, Any]:
    """Return how often the kind and the colour of a prompt are found in its picture.

    All kinds with enough validation pictures are prompted equally often, in colours that their
    real pictures have; the encoder chooses among these kinds, for generated and real pictures
    alike.
    """
    kinds = _common([facts.kind for facts in validation.facts], vocabulary)
    if not kinds:
        return {}
    recognize = _recognizer(encode, vocabulary, kinds)
    wanted, captions, colours = [], [], []
    for number in range(prompts):
        kind = number % len(kinds)
        coloured = [f.attributes.colours for f in validation.facts
                    if f.kind == kinds[kind] and f.attributes.colours]  # fmt: skip
        colour = coloured[random.integers(len(coloured))][0] if coloured else ""
        wanted.append(kind)
        colours.append(colour)
        captions.append(f"{colour} {kinds[kind]}".strip())
    images = _paint(part, captions, random)
    found = sum(
        has_colour(image, colour) for colour, image in zip(colours, images, strict=True) if colour
    )
    real = _named_of_real(recognize, validation, [facts.kind for facts in validation.facts], kinds)
    return {
        "kinds": len(kinds),
        "kind named": float((recognize(images) == np.array(wanted)).mean()),
        "real kind named": real,
        "colour found": found / max(1, sum(map(bool, colours))),
    }


def movement_adherence(
    part: GAN,
    encode: Encode,
    vocabulary: Vocabulary,
    validation: Pictures,
    prompts: int,
    random: np.random.Generator,
) -> dict[str, Any]:
    """Return how often the movement of a prompt is found in its picture.

    All movements with enough validation pictures are prompted equally often, with kinds that their
    real pictures have.
    """
    of_all = [facts.movement for facts in validation.facts]
    movements = _common(of_all, vocabulary)
    if len(movements) < 2:
        return {}
    recognize = _recognizer(encode, vocabulary, movements)
    wanted = np.arange(prompts) % len(movements)
    kinds = [
        [facts.kind for facts in validation.facts if facts.movement == movement]
        for movement in movements
    ]
    captions = [
        f"{movements[one]} {kinds[one][random.integers(len(kinds[one]))]}".strip() for one in wanted
    ]
    named = recognize(_paint(part, captions, random)) == wanted
    return {
        "movements": len(movements),
        "movement named": float(named.mean()),
        "real movement named": _named_of_real(recognize, validation, of_all, movements),
    }


def _common(labels: list[str], vocabulary: Vocabulary) -> list[str]:
    """Return the labels that the vocabulary knows and enough pictures have, sorted."""
    counts = Counter(labels)
    return sorted(
        label
        for label, count in counts.items()
        if label and count >= MIN_PER_KIND and not vocabulary.encode(label)[1]
    )


def _recognizer(
    encode: Encode, vocabulary: Vocabulary, labels: list[str]
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that returns which of the labels each of some images shows most."""
    columns = [[n for n in vocabulary.encode(label)[0] if n > START] for label in labels]

    def recognize(images: np.ndarray) -> np.ndarray:
        logits = encode(images)[1]  # (images, words)
        scores = np.stack([logits[:, words].mean(axis=1) for words in columns], 1)
        found: np.ndarray = scores.argmax(axis=1)
        return found

    return recognize


def _named_of_real(
    recognize: Callable[[np.ndarray], np.ndarray],
    validation: Pictures,
    labels: list[str],
    known: list[str],
) -> float:
    """Return how often the label of a validation picture is recognized, every label alike."""
    chosen = [index for index, label in enumerate(labels) if label in known]
    truth = np.array([known.index(labels[index]) for index in chosen])
    correct = recognize(validation.images[chosen]) == truth
    # Every label counts alike, though apples are half of the real pictures.
    return float(np.mean([correct[truth == number].mean() for number in range(len(known))]))


def has_colour(image: np.ndarray, colour: str) -> bool:
    """Return whether the main colour of a picture's subject is `colour`, or next to it."""
    from PIL import Image

    # What is made like a sheet is one, even where its subject touches a side.
    scan = prepare_scan(Image.fromarray(image), image.shape[0], min_plain=0)
    main = next(iter(measure_attributes(scan).colours), "")
    if colour == main:
        return True
    if colour in HUES and main in HUES:
        distance = abs(HUES[colour] - HUES[main]) % 360
        return min(distance, 360 - distance) <= MAX_HUE_DISTANCE
    black = (colour_names(scan.image) == COLOURS.index("black")).mean()
    return bool(colour == "black" and black > MIN_BLACK)


# Degrees, in the middle of the range of hues that has the name.
HUES = {"red": 0, "dark red": 0, "pink": 0, "orange": 28, "yellow": 47, "green": 100, "blue": 220,
        "purple": 300, "brown": 30}  # fmt: skip


if __name__ == "__main__":
    evaluate(prog_name="python -m capriccio_gan.evaluate")
