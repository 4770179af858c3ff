"""Evaluate a critic: `python -m capriccio_critic.evaluate --data FOLDER [--model FILE.onnx]`.

On the test split of the folder it was trained on: accuracy, calibration, faithfulness of the map,
novelty and quality. Without a folder: its cost in a live show (`--live`), and whether a second
model agrees with its selection (`--second`).
"""

import json
from collections.abc import Sequence
from csv import DictReader
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from capriccio import generator, read_image

from .analyzer import Critic
from .files import find_pictures
from .metrics import (
    accuracy,
    auroc,
    calibration_error,
    calibration_floor,
    confusion,
    macro_accuracy,
)
from .preprocess import resize_square

if TYPE_CHECKING:
    from PIL.Image import Image

Array = np.ndarray[Any, Any]
DELETED = 0.2  # share of the map's fields
DRAWS = 2  # random deletions a picture
MAX_SLOW = 1_000  # pictures on which the map and quality, which take long, are measured


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True),
              help="The folder it was trained on, with its labels.csv.")  # fmt: skip
@click.option("--model", default="paintings", show_default=True, help="FILE.onnx to evaluate.")
@click.option("--count", default=0, help="Number of test pictures to use; 0 for all.")
@click.option("--other", multiple=True, type=click.Path(path_type=Path, exists=True),
              help="A folder of pictures of another kind, for novelty.")  # fmt: skip
@click.option("--photos", type=click.Path(path_type=Path, exists=True),
              help="A folder of photographs, for novelty.")  # fmt: skip
@click.option("--picture", type=click.Path(path_type=Path), metavar="FILE.png",
              help="Write the confusion matrix there.")  # fmt: skip
@click.option("--second", metavar="FILE.onnx",
              help="Another critic that judges the best of 16 pictures.")  # fmt: skip
@click.option("--trials", default=20, show_default=True, type=click.IntRange(1),
              help="Selections a movement, for --second.")  # fmt: skip
@click.option("--live", type=click.FloatRange(0, min_open=True), metavar="SECONDS",
              help="Count late frames of live shows with and without the critic.")  # fmt: skip
@click.option("--part", default="vae", show_default=True, metavar="GENERATOR",
              help="The generator of the pictures, for --second and --live.")  # fmt: skip
def evaluate(
    data: Path | None,
    model: str,
    count: int,
    other: tuple[Path, ...],
    photos: Path | None,
    picture: Path | None,
    second: str | None,
    trials: int,
    live: float | None,
    part: str,
) -> None:
    """Evaluate a critic on the test split of DATA, or in use; print the figures as JSON."""
    if not (data or second or live):
        raise click.UsageError("one of --data, --second and --live is required")
    critic = Critic(model=model)
    figures: dict[str, float] = {}
    if data:
        folders = {folder.name: folder for folder in other}
        if photos:
            folders["photographs"] = photos
        figures.update(evaluate_test_split(critic, data, count, folders, picture))
    if second:
        from .live_eval import agreement, second_opinion

        other_critic = Critic(model=second)
        figures.update(second_opinion(critic, other_critic, generator(part), trials=trials))
        figures.update(agreement(critic, other_critic, generator(part)))
    if live:
        from .live_eval import late_frames

        figures.update(late_frames(critic, generator(part), live))
    click.echo(json.dumps({name: round(value, 4) for name, value in figures.items()}, indent=2))


def evaluate_test_split(
    critic: Critic, data: Path, count: int, others: dict[str, Path], picture: Path | None
) -> dict[str, float]:
    """Return the figures of a critic on the test split of a folder.

    Args:
        count: number of pictures, evenly spread; 0 for all.
        others: folders of other pictures by name, for novelty.
        picture: where to write the confusion matrix.
    """
    rows = [row for row in read_test_rows(data) if row["movement"] in critic.movements]
    if not rows:
        raise ValueError(f"{str(data)!r} has no test picture of a movement that the critic knows")
    if count:
        rows = rows[:: max(1, len(rows) // count)][:count]
    images = [read_image(data / row["path"]) for row in rows]
    outputs = [critic.predict(image) for image in images]
    movement = np.stack([one["movement"][0] for one in outputs])
    artist = np.stack([one["artist"][0] for one in outputs])
    truth = np.array([critic.movements.index(row["movement"]) for row in rows])
    known = [at for at, row in enumerate(rows) if row.get("artist") in critic.artists]
    hands, artist = (
        np.array([critic.artists.index(rows[at]["artist"]) for at in known]),
        artist[known],
    )
    step = -(-len(rows) // MAX_SLOW)
    figures = {
        "pictures": len(rows),
        "pictures, map and quality": len(rows[::step]),
        "movement": accuracy(movement, truth),
        "movement, macro": macro_accuracy(movement, truth),
        "movement, calibration error": calibration_error(movement, truth),
        "movement, calibration error by chance alone": calibration_floor(movement),
        **artist_figures(artist[known], hands),
        **deletion_test(critic, images[::step], outputs[::step]),
        **preference_rates(critic, images[::step]),
        **novelty_auroc(critic, [one["far"][0] for one in outputs], others),
    }
    if picture:
        draw_confusion(confusion(movement, truth), critic.movements).save(picture)
    return figures


def artist_figures(artist: Array, hands: Array) -> dict[str, float]:
    """Return how well artists are named, by probabilities and true names; nothing without any."""
    if not len(hands):
        return {}
    return {
        "artist": accuracy(artist, hands),
        "artist, macro": macro_accuracy(artist, hands),
        "artist, calibration error": calibration_error(artist, hands),
    }


def read_test_rows(data: Path) -> list[dict[str, str]]:
    """Return the rows of the test split in a folder's `labels.csv`, with the critic's movements.

    Raises:
        ValueError: there is no such file.
    """
    from .training.dataset import MERGED

    if not (data / "labels.csv").is_file():
        raise ValueError(f"{str(data)!r} must hold a labels.csv with the test split")
    with open(data / "labels.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in DictReader(file) if row.get("split") == "test"]
    for row in rows:
        row["movement"] = MERGED.get(row["movement"], row["movement"])
    return rows


def deletion_test(
    critic: Critic, images: Sequence[Array], outputs: Sequence[dict[str, Array]]
) -> dict[str, float]:
    """Return the probability lost without the fifth of a picture that the map marks.

    Beside it the loss without random fifths. A field of the map is 16 by 16 pixels of the
    network's input; what is deleted takes on the mean colour of the picture.
    """
    rng = np.random.default_rng(0)
    marked, drawn = [], []
    for image, one in zip(images, outputs, strict=True):
        square, name = resize_square(image), int(one["movement"][0].argmax())
        before = float(one["movement"][0][name])
        heat = one["heat"][0].ravel()
        fields = round(DELETED * heat.size)
        marked.append(before - _without(critic, square, np.argsort(-heat)[:fields], name))
        drawn += [
            before - _without(critic, square, rng.permutation(heat.size)[:fields], name)
            for _ in range(DRAWS)
        ]
    return {
        "probability lost with what the map marks": float(np.mean(marked)),
        "probability lost with as much at random": float(np.mean(drawn)),
    }


def _without(critic: Critic, square: Array, fields: Array, name: int) -> float:
    """Return the probability of a movement without some fields of the picture."""
    deleted = np.zeros(64, bool)
    deleted[fields] = True
    side = square.shape[0] // 8
    mask = deleted.reshape(8, 8).repeat(side, 0).repeat(side, 1)
    changed = square.copy()
    changed[mask] = square.reshape(-1, 3).mean(axis=0)
    return float(critic.predict(changed)["movement"][0][name])


def preference_rates(critic: Critic, images: Sequence[Array]) -> dict[str, float]:
    """Return how often quality prefers a picture to its degraded copy, by kind of degradation."""
    from PIL import Image

    from .training.degradations import DEGRADATIONS, degrade

    rng = np.random.default_rng(1)
    won: dict[str, list[bool]] = {kind: [] for kind in DEGRADATIONS}
    for image in images:
        picture = Image.fromarray(image)
        own = float(critic.predict(image)["quality"][0])
        for kind in DEGRADATIONS:
            copy = np.asarray(degrade(picture, kind, rng))
            won[kind].append(own > float(critic.predict(copy)["quality"][0]))
    figures = {f"preferred to its copy, {kind}": float(np.mean(won[kind])) for kind in won}
    return {"preferred to its copy": float(np.mean(list(figures.values()))), **figures}


def novelty_auroc(
    critic: Critic, distances: Sequence[float], folders: dict[str, Path]
) -> dict[str, float]:
    """Return how well novelty separates unseen paintings from noise and from other pictures.

    Args:
        distances: the network's output `far` of the unseen paintings.
    """
    rng = np.random.default_rng(2)
    noise = [rng.integers(0, 256, (128, 128, 3)).astype(np.uint8) for _ in range(100)]
    others = {"noise": noise}
    for name, folder in folders.items():
        files = find_pictures([folder])
        files = files[:: max(1, len(files) // 200)][:200]
        others[f"{len(files)} of {name}"] = [read_image(file) for file in files]
    return {
        f"novelty, AUROC against {name}": auroc(
            np.array(distances), np.array([critic.predict(image)["far"][0] for image in images])
        )
        for name, images in others.items()
        if images
    }


def draw_confusion(counts: Array, names: list[str]) -> "Image":
    """Draw a confusion matrix, rows true and columns predicted; each row is scaled to 1."""
    from PIL import Image, ImageDraw, ImageFont

    field, margin = 44, 190
    size = margin + field * len(names) + 20
    page = Image.new("RGB", (size, size), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(14)
    small = ImageFont.load_default(13)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for row, name in enumerate(names):
        y = margin + row * field
        pen.text((margin - 8, y + field / 2), name, "black", font, anchor="rm")
        for column, share in enumerate(shares[row]):
            x = margin + column * field
            ink = tuple(int(255 - share * (255 - dark)) for dark in (150, 60, 20))
            pen.rectangle((x, y, x + field - 2, y + field - 2), fill=ink)
            if counts[row, column]:
                colour = "white" if share > 0.5 else "black"
                middle = (x + field / 2 - 1, y + field / 2 - 1)
                pen.text(middle, f"{share:.0%}", colour, small, anchor="mm")
        label = Image.new("RGBA", (margin - 10, 20))
        ImageDraw.Draw(label).text((0, 10), name, "black", font, anchor="lm")
        upright = label.rotate(90, expand=True)
        page.paste(upright, (margin + row * field + 11, 4), upright)
    pen.text((margin - 8, margin - 14), "true, named:", "grey", small, anchor="rm")
    return page


if __name__ == "__main__":
    evaluate(prog_name="python -m capriccio_critic.evaluate")
