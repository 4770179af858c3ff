"""Judge the judge: `python -m capriccio_critic.evaluate --data FOLDER [--model FILE.onnx]`.

On the test split of the folder it learned from: what is named rightly, whether certainty is
honest, whether the map says why, whether novelty and quality mean something. In the loop, without
a folder: what it costs a live show (`--live`), and whether a second net sees what it chose
(`--second`).
"""

import json
from csv import DictReader
from pathlib import Path

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
from .preprocess import squeeze
from .training.degradations import WAYS, degrade

DELETED = 0.2  # share of the places that the map marks, and of those drawn at random
DRAWS = 2  # random deletions a picture
MOST = 1_000  # pictures that are deleted from and spoiled


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True),
              help="The folder it learned from, with its labels.csv.")  # fmt: skip
@click.option("--model", default="paintings", show_default=True, help="FILE.onnx to judge.")
@click.option("--count", default=0, help="So many pictures of the test alone, for a quick look.")
@click.option("--other", multiple=True, type=click.Path(path_type=Path, exists=True),
              help="A folder of pictures that are no such paintings, for novelty.")  # fmt: skip
@click.option("--photos", type=click.Path(path_type=Path, exists=True),
              help="A folder of photographs, for novelty.")  # fmt: skip
@click.option("--picture", type=click.Path(path_type=Path), metavar="FILE.png",
              help="Draw who is taken for whom.")  # fmt: skip
@click.option("--second", metavar="FILE.onnx",
              help="Another critic, to say whether the best of 16 look as was asked.")  # fmt: skip
@click.option("--trials", default=20, show_default=True, type=click.IntRange(1),
              help="So many choices a movement, for --second.")  # fmt: skip
@click.option("--live", type=click.FloatRange(0, min_open=True), metavar="SECONDS",
              help="Count late frames of live shows, with the critic and without.")  # fmt: skip
@click.option("--part", default="vae", show_default=True, metavar="GENERATOR",
              help="What paints, for --second and --live.")  # fmt: skip
def evaluate(data, model, count, other, photos, picture, second, trials, live, part) -> None:
    """Measure a critic on the test split of DATA, and in the loop; print the figures as JSON."""
    if not (data or second or live):
        raise click.UsageError("nothing to measure; give --data, --second or --live")
    critic, figures = Critic(model=model), {}
    if data:
        strange = {folder.name: folder for folder in other}
        if photos:
            strange["photographs"] = photos
        figures.update(on_test(critic, data, count, strange, picture))
    if second:
        from .live_eval import second_opinion

        figures.update(second_opinion(critic, Critic(model=second), generator(part), trials=trials))
    if live:
        from .live_eval import live as perform

        figures.update(perform(critic, generator(part), live))
    click.echo(json.dumps({name: round(value, 4) for name, value in figures.items()}, indent=2))


def on_test(
    critic: Critic, data: Path, count: int, strange: dict[str, Path], picture: Path | None
) -> dict[str, float]:
    """Measure a critic on the test split of a folder, and on folders of what is strange to it."""
    rows = labelled(data)
    if count:
        rows = rows[:: max(1, len(rows) // count)][:count]
    images = [read_image(data / row["path"]) for row in rows]
    seen = [critic.see(image) for image in images]
    movement = np.stack([one["movement"][0] for one in seen])
    artist = np.stack([one["artist"][0] for one in seen])
    truth = np.array([critic.movements.index(row["movement"]) for row in rows])
    hands = np.array([critic.artists.index(row["artist"]) for row in rows])
    step = -(-len(rows) // MOST)  # what takes long is measured on a part, evenly spread
    figures = {
        "pictures": len(rows),
        "pictures, map and quality": len(rows[::step]),
        "movement": accuracy(movement, truth),
        "movement, macro": macro_accuracy(movement, truth),
        "movement, calibration error": calibration_error(movement, truth),
        "movement, calibration error by chance alone": calibration_floor(movement),
        "artist": accuracy(artist, hands),
        "artist, macro": macro_accuracy(artist, hands),
        "artist, calibration error": calibration_error(artist, hands),
        **deletion(critic, images[::step], seen[::step]),
        **preference(critic, images[::step]),
        **strangeness(critic, [one["far"][0] for one in seen], strange),
    }
    if picture:
        draw_confusion(confusion(movement, truth), critic.movements).save(picture)
    return figures


def labelled(data: Path) -> list[dict[str, str]]:
    """Read the rows of a folder's test split.

    Raises ValueError where the folder does not say which pictures those are.
    """
    if not (data / "labels.csv").is_file():
        raise ValueError(f"{str(data)!r} has no labels.csv; it says which pictures are the test's")
    with open(data / "labels.csv", newline="", encoding="utf-8") as file:
        return [row for row in DictReader(file) if row.get("split") == "test"]


def deletion(critic: Critic, images, seen) -> dict[str, float]:
    """Delete the fifth of the places that the map marks, and random fifths: what does it cost?

    A place is a field of the map, 16 by 16 pixels of what is seen; what is deleted takes on the
    mean colour of the picture.
    """
    chance = np.random.default_rng(0)
    marked, drawn = [], []
    for image, one in zip(images, seen, strict=True):
        square, name = squeeze(image), int(one["movement"][0].argmax())
        before = float(one["movement"][0][name])
        heat = one["heat"][0].ravel()
        fields = round(DELETED * heat.size)
        marked.append(before - _without(critic, square, np.argsort(-heat)[:fields], name))
        drawn += [
            before - _without(critic, square, chance.permutation(heat.size)[:fields], name)
            for _ in range(DRAWS)
        ]
    return {
        "probability lost with what the map marks": float(np.mean(marked)),
        "probability lost with as much at random": float(np.mean(drawn)),
    }


def _without(critic: Critic, square: np.ndarray, fields: np.ndarray, name: int) -> float:
    gone = np.zeros(64, bool)
    gone[fields] = True
    side = square.shape[0] // 8
    mask = gone.reshape(8, 8).repeat(side, 0).repeat(side, 1)
    changed = square.copy()
    changed[mask] = square.reshape(-1, 3).mean(axis=0)
    return float(critic.see(changed)["movement"][0][name])


def preference(critic: Critic, images) -> dict[str, float]:
    """Give how often quality prefers a picture to its spoiled copy, for each way to spoil one."""
    from PIL import Image

    chance = np.random.default_rng(1)
    won: dict[str, list[bool]] = {way: [] for way in WAYS}
    for image in images:
        picture = Image.fromarray(image)
        own = float(critic.see(image)["quality"][0])
        for way in WAYS:
            spoiled = np.asarray(degrade(picture, way, chance))
            won[way].append(own > float(critic.see(spoiled)["quality"][0]))
    figures = {f"preferred to its copy, {way}": float(np.mean(won[way])) for way in WAYS}
    return {"preferred to its copy": float(np.mean(list(figures.values()))), **figures}


def strangeness(critic: Critic, known, folders: dict[str, Path]) -> dict[str, float]:
    """Give how well novelty tells unseen paintings from noise, and from pictures in folders."""
    chance = np.random.default_rng(2)
    noise = [chance.integers(0, 256, (128, 128, 3)).astype(np.uint8) for _ in range(100)]
    strange = {"noise": noise}
    for name, folder in folders.items():
        files = find_pictures([folder])
        files = files[:: max(1, len(files) // 200)][:200]
        strange[f"{len(files)} of {name}"] = [read_image(file) for file in files]
    return {
        f"novelty, AUROC against {name}": auroc(
            np.array(known), np.array([critic.see(image)["far"][0] for image in images])
        )
        for name, images in strange.items()
        if images
    }


def draw_confusion(counts: np.ndarray, names: list[str]):
    """Draw a table of counts, rows true and columns named, as a picture; each row sums to 1."""
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
