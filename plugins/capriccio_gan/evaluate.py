"""Judge a model by figures: `python -m capriccio_gan.evaluate --data FOLDER --model FILE.onnx`.

Every figure is taken on features of the witness, a small network that learned on the folder's
training pictures alone which words may be said of them. They are not Inception's, so they
compare models of one folder with each other and with real pictures, and with nothing published.
Beside each figure stands the same of real pictures against real ones: that is the floor.
"""

import json
import sys
from collections import Counter
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import click
import numpy as np
from capriccio import write_image
from capriccio.training import frechet, kernel_distance, nearest_distances, precision_recall, spread

from .training.attributes import COLOURS, Look, colour_names, look
from .training.captions import compose
from .training.dataset import Pictures, read_pictures, vocabulary_of
from .training.scans import Page, prepare
from .vocabulary import Vocabulary

READING = 750  # steps of the witness, as in the training
FEW = 5  # validation pictures of a kind: of fewer, how often they are named says nothing
CLOSE = 0.01  # share of real pictures of validation that lie nearer to a training picture


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True),
              help="The folder it learned from.")  # fmt: skip
@click.option("--model", required=True, type=click.Path(path_type=Path), help="FILE.onnx to judge.")
@click.option("--count", default=5000, show_default=True, type=click.IntRange(100),
              help="Pictures to paint.")  # fmt: skip
@click.option("--prompts", default=1000, show_default=True, type=click.IntRange(20),
              help="Of these, so many are asked for by fruit and colour.")  # fmt: skip
@click.option("--steps", default=READING, show_default=True, help="Steps of a witness to train.")
@click.option("--seed", default=0, show_default=True)
@click.option("--sheet", type=click.Path(path_type=Path),
              help="Write a PNG: a row for each of the eight commonest kinds.")  # fmt: skip
def evaluate(data: Path, model: Path, **options) -> None:
    """Print how well a model paints, as JSON, beside the same figures of real pictures."""
    try:
        with redirect_stdout(sys.stderr):  # where a witness is trained, its progress is not JSON
            figures = judge(data, model, **options)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(json.dumps(figures, indent=2))


def judge(
    data: Path,
    model: Path,
    *,
    count: int = 5000,
    prompts: int = 1000,
    steps: int = READING,
    seed: int = 0,
    sheet: Path | None = None,
) -> dict[str, Any]:
    """Give the figures of a model on the folder it learned from, and write a sheet if asked to.

    The witness beside the model (`FILE.witness.safetensors`) is taken up where there is one, and
    trained otherwise. Raises ValueError where the folder holds fewer than 50 readable pictures.
    """
    from .generator import GAN
    from .training.main import sheet as laid_out
    from .training.text_image import features, learn_words

    part = GAN(model=model, seed=seed)
    chance = np.random.default_rng(seed)
    size = part.size
    learn, check = read_pictures(Path(data), size)
    vocabulary = Vocabulary(vocabulary_of(learn))
    kept = Path(model).with_suffix(".witness.safetensors")
    witness = learn_words(
        learn, vocabulary, kept, device="cpu", steps=0 if kept.is_file() else steps, seed=seed + 1,
        resume=True, dry_run=False,
    )  # fmt: skip

    def seen(squares):
        return features(witness, squares, "cpu")

    asked = [compose(check.facts[i], chance) for i in chance.integers(len(check), size=count)]
    made = part.paint(
        chance.standard_normal((count, part.latent)), asked, grain=part.papers(count, chance)
    )
    ours, real, known = seen(made)[0], seen(check.squares)[0], seen(learn.squares)[0]
    # As many real pictures as painted ones, or the estimate's bias would speak.
    fellows = known[chance.permutation(len(known))[: len(ours)]]
    figures: dict[str, Any] = {
        "features": f"a witness of {ours.shape[1]} features, trained on the training split; "
        "not Inception",
        "frechet": frechet(real, ours),
        "real frechet": frechet(real, fellows),
        "kernel distance": kernel_distance(real, ours),
        "real kernel distance": kernel_distance(real, fellows),
        "spread": spread(ours) / spread(real),
    }
    for name, one in (("", ours), ("real ", fellows)):
        precision, recall = precision_recall(real, one[: 2 * len(real)])
        figures |= {f"{name}precision": precision, f"{name}recall": recall}
    figures |= memorised(real, ours, known)
    if sheet:
        rows = commonest(learn, 8)
        figures["rows of the sheet"] = rows
        squares = _painted(part, [prompt for prompt in rows for _ in range(8)], chance)
        write_image(np.asarray(laid_out(squares, 8)), sheet)
    figures |= adherence(part, witness, seen, vocabulary, check, prompts, chance)
    return {name: round(v, 4) if isinstance(v, float) else v for name, v in figures.items()}


def commonest(pictures: Pictures, count: int) -> list[str]:
    """Give so many prompts: the commonest kinds, each in its commonest colour."""
    kinds = Counter(facts.kind for facts in pictures.facts if facts.kind)
    prompts = []
    for kind, _ in kinds.most_common(count):
        colours = Counter(f.look.colours[:1] for f in pictures.facts if f.kind == kind)
        prompts.append(" ".join([*colours.most_common(1)[0][0], kind]))
    return prompts or [""] * count


def _painted(part, prompts: list[str], chance) -> np.ndarray:
    z = chance.standard_normal((len(prompts), part.latent))
    return part.paint(z, prompts, grain=part.papers(len(prompts), chance))


def memorised(real: np.ndarray, made: np.ndarray, learned: np.ndarray) -> dict[str, float]:
    """Give how often pictures lie nearer to a learned one than 99 % of unseen pictures do."""
    unseen, ours = nearest_distances(real, learned)[0], nearest_distances(made, learned)[0]
    close = np.quantile(unseen, CLOSE)
    return {
        "nearer than 1 % of unseen": float((ours < close).mean()),
        "real nearer than 1 % of unseen": float((unseen < close).mean()),
        "median gap to a learned picture": float(np.median(ours)),
        "real median gap to a learned picture": float(np.median(unseen)),
    }


def adherence(part, witness, seen, vocabulary, check: Pictures, prompts: int, chance) -> dict:
    """Give how often the witness names the fruit that was asked for, and the eye the colour.

    Kinds are asked for equally often, those of which validation has five pictures; the witness
    is asked only to choose among them, of painted pictures and of real ones alike. Colours are
    those that the kind's real pictures have.
    """
    there = Counter(f.kind for f in check.facts if f.kind and f.kind in vocabulary)
    kinds = sorted(kind for kind, count in there.items() if count >= FEW)
    if not kinds:
        return {}
    columns = [vocabulary.read(kind)[0][1] for kind in kinds]

    def named(squares):
        return seen(squares)[1][:, columns].argmax(axis=1)

    of_kind = [i for i, facts in enumerate(check.facts) if facts.kind in kinds]
    truth = np.array([kinds.index(check.facts[i].kind) for i in of_kind])
    real = named(check.squares[of_kind]) == truth
    wanted, asked, colours = [], [], []
    for number in range(prompts):
        kind = number % len(kinds)
        looks = [f.look for f in check.facts if f.kind == kinds[kind] and f.look.colours]
        colour = looks[chance.integers(len(looks))].colours[0] if looks else ""
        wanted.append(kind)
        colours.append(colour)
        asked.append(f"{colour} {kinds[kind]}".strip())
    made = _painted(part, asked, chance)
    right = named(made) == np.array(wanted)
    # Every kind counts alike, though apples are half of the real ones.
    by_kind = [real[truth == kind].mean() for kind in range(len(kinds))]
    told = [c for c, square in zip(colours, made, strict=True) if c and _has_colour(square, c)]
    return {
        "kinds": len(kinds),
        "kind named": float(right.mean()),
        "real kind named": float(np.mean(by_kind)),
        "colour found": len(told) / max(1, sum(map(bool, colours))),
    }


def _has_colour(square: np.ndarray, colour: str) -> bool:
    """Say whether a painting's most common colour is the one asked for, or next to it."""
    from PIL import Image

    page: Page = prepare(Image.fromarray(square), square.shape[0])
    found: Look = look(page)
    first = found.colours[0] if found.colours else ""
    if colour == first:
        return True
    if colour in HUES and first in HUES:
        # Within 30 degrees of hue is the same colour to most.
        apart = abs(HUES[colour] - HUES[first]) % 360
        return min(apart, 360 - apart) <= 30
    dark = (colour_names(page.square) == COLOURS.index("black")).mean()
    return bool(colour == "black" and dark > 0.1)


# The hue, in degrees, in the middle of what a name is given to.
HUES = {"red": 0, "dark red": 0, "pink": 0, "orange": 28, "yellow": 47, "green": 100, "blue": 220,
        "purple": 300, "brown": 30}  # fmt: skip


if __name__ == "__main__":
    evaluate(prog_name="python -m capriccio_gan.evaluate")
