"""Measure suggestions on spoiled paintings: `python -m capriccio_critic.benchmark.suggestions`.

Each picture is spoiled in one of eight known ways; a suggestion is right where it names that fault
and brings the picture nearer to what it was.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from csv import DictReader
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from capriccio import read_image

from ..analyzer import Critic
from ..faults import FAULTS, ratios, tilt
from ..features import luminance
from ..progress import ProgressBar
from ..suggestions import MAX_SUGGESTIONS, SIDE, suggestions
from ..training.degradations import degrade
from ..traits import shrink

Array = np.ndarray[Any, Any]
# How a picture is spoiled, and the name of that fault.
KINDS = {
    "blur": "blurred",
    "cast": "discoloured",
    "posterise": "posterised",
    "jpeg": "compressed",
    "fade": "flat",
    "glare": "harsh",
    "dark": "dark",
    "tilt": "tilted",
}


class Trial(NamedTuple):
    """A spoiled picture, and whether its fault was named, and mended."""

    kind: str
    named: bool
    first: bool  # as the first suggestion
    mended: bool  # in the right direction
    nearer: bool  # by the mean squared difference of all pixels
    gain: float  # of quality, by mending it


@click.command()
@click.option("--data", multiple=True, required=True, type=click.Path(path_type=Path, exists=True),
              help="A folder of paintings with a labels.csv; several may be named.")  # fmt: skip
@click.option("--split", default="test", show_default=True,
              help="The value of split_artist_disjoint of the pictures to take.")  # fmt: skip
@click.option("--count", default=60, show_default=True, type=click.IntRange(8))
@click.option("--seed", default=0, show_default=True)
@click.option("--model", default="paintings", show_default=True, help="The model of the critic.")
@click.option("--calibrate", is_flag=True,
              help="Print the typical values of faults.py, of unspoiled pictures.")  # fmt: skip
def main(
    data: tuple[Path, ...], split: str, count: int, seed: int, model: str, calibrate: bool
) -> None:
    """Spoil pictures in known ways, and count how often the fault is named and mended.

    \b
      python -m capriccio_critic.benchmark.suggestions --data paintings-wikiart-artists-224
      python -m capriccio_critic.benchmark.suggestions --data … --split val --count 800 --calibrate
    """
    files = choose(data, split, count, seed)
    with ProgressBar(len(files)) as advance:
        if calibrate:
            click.echo(typical(read_image(path) for path in files if advance() is None))
            return
        critic = Critic(model=model)
        trials, sound = [], []
        rng = np.random.default_rng(seed)
        for number, path in enumerate(files):
            advance()
            original = shrink(read_image(path), SIDE)
            kind = list(KINDS)[number % len(KINDS)]
            spoiled, degrees = spoil(original, kind, rng)
            trials.append(judge(critic, kind, original, spoiled, degrees))
            found, _ = suggestions(critic, original, critic.analyze(original))
            sound.append([one.reading for one in found])
    click.echo(json.dumps(figures(trials, sound), indent=2))


def choose(folders: Iterable[Path], split: str, count: int, seed: int) -> list[Path]:
    """Return `count` coloured pictures of a split whose artists are in no other.

    Raises:
        ValueError: there are fewer.
    """
    files = []
    for folder in folders:
        with open(folder / "labels.csv", newline="", encoding="utf-8") as file:
            files += [
                folder / row["path"]
                for row in DictReader(file)
                if row.get("split_artist_disjoint") == split and row.get("grayscale", "0") == "0"
            ]
    if len(files) < count:
        raise ValueError(f"expected {count} pictures of the split {split!r}, got {len(files)}")
    order = np.random.default_rng(seed).permutation(len(files))[:count]
    return [files[place] for place in order]


def spoil(image: Array, kind: str, rng: np.random.Generator) -> tuple[Array, float]:
    """Return a spoiled copy, and by how many degrees it is turned clockwise.

    `dark` raises 0..1 to the power of 1.8 to 2.6. `tilt` is the degradation `crop`, a piece of
    about half the side from a picture that is turned by 6 to 12 degrees; here the angle is known.
    The others are those of `training.degradations`.
    """
    from PIL import Image

    picture = Image.fromarray(image)
    if kind == "dark":
        table = 255 * (np.arange(256) / 255) ** rng.uniform(1.8, 2.6) + 0.5
        return table.astype(np.uint8)[image], 0.0
    if kind == "tilt":
        degrees = float(rng.choice((-1, 1)) * rng.uniform(6, 12))
        share = rng.uniform(0.45, 0.6)
        left, top = rng.uniform(0.1, 0.9 - share, 2) * picture.size
        width, height = picture.size
        box = (left, top, left + share * width, top + share * height)
        turned = picture.rotate(-degrees, Image.Resampling.BICUBIC)
        return np.asarray(turned.resize(picture.size, Image.Resampling.BICUBIC, box)), degrees
    return np.asarray(degrade(picture, kind, rng)), 0.0


def judge(critic: Critic, kind: str, original: Array, spoiled: Array, degrees: float) -> Trial:
    """Return whether the fault of a spoiled picture is named among the suggestions, and mended."""
    found, _ = suggestions(critic, spoiled, critic.analyze(spoiled))
    named = [one for one in found if one.reading == KINDS[kind]]
    if not named:
        return Trial(kind, False, False, False, False, 0.0)
    (one,) = named
    if kind == "tilt":
        mended = abs(degrees - tilt(spoiled)[0]) < abs(degrees)
        return Trial(kind, True, one is found[0], mended, mended, one.gain)
    compared = COMPARED[kind]
    before, after = (_distance(compared, original, image) for image in (spoiled, one.image))
    nearer = _distance(_pixels, original, one.image) < _distance(_pixels, original, spoiled)
    return Trial(kind, True, one is found[0], after < before, nearer, one.gain)


def figures(trials: Sequence[Trial], sound: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Return the shares of spoiled pictures named and mended, and what sound ones are told."""
    names = set(KINDS.values())

    def share(values: Iterable[bool]) -> float:
        return round(float(np.mean(list(values))), 3)

    return {
        "pictures": len(trials),
        "named and mended": share(one.named and one.mended for one in trials),
        "named": share(one.named for one in trials),
        "named first": share(one.first for one in trials),
        "named by three of eight at random": round(MAX_SUGGESTIONS / len(KINDS), 3),
        "of those named, nearer in all pixels": share(one.nearer for one in trials if one.named),
        "of those named, quality gained": round(
            float(np.mean([one.gain for one in trials if one.named])), 3
        ),
        **{
            f"named and mended, {kind}": share(
                one.named and one.mended for one in trials if one.kind == kind
            )
            for kind in dict.fromkeys(one.kind for one in trials)
        },
        "faults named in an unspoiled picture": round(
            float(np.mean([len(names.intersection(one)) for one in sound])), 3
        ),
        "unspoiled pictures of which none is named": share(
            not names.intersection(one) for one in sound
        ),
    }


def typical(images: Iterable[Array]) -> str:
    """Return, as the lines of `faults.py`, what is typical of unspoiled paintings."""
    table = [shrink(image, SIDE) for image in images]
    colours = np.array([ratios(image) for image in table], np.float64)  # (pictures, 4)
    mean = colours.mean(axis=0)
    whitening = np.linalg.cholesky(np.linalg.inv(np.cov(colours.T) + 1e-3 * np.eye(4)))  # (4, 4)
    lines = [
        f"CAST_MEAN = {tuple(np.round(mean, 3).tolist())}",
        f"CAST_WHITENING = {tuple(tuple(row) for row in np.round(whitening, 2).tolist())}",
    ]
    for fault in FAULTS:
        if fault.name == "discoloured":
            values = np.linalg.norm((colours - mean) @ whitening, axis=1)
        else:
            values = np.array([fault.measure(image) for image in table])
        median, high = np.quantile(values, (0.5, 0.95))
        lines.append(f"{fault.name}: ({median:.3f}, {high:.3f})")
    return "\n".join(lines)


# -- what a mended picture is compared with the original by ------------------------------------


def _distance(described: Callable[[Array], Array], original: Array, image: Array) -> float:
    return float(np.sqrt(((described(original) - described(image)) ** 2).mean()))


def _pixels(image: Array) -> Array:
    return image / 255


def _edges(image: Array) -> Array:
    """Return the mean gradient."""
    grey = luminance(image)
    return np.array([np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean()])


def _chromaticity(image: Array) -> Array:
    means = image.reshape(-1, 3).mean(axis=0)
    return np.asarray(means / max(1e-6, float(means.sum())))


def _contrast_and_colour(image: Array) -> Array:
    chroma = np.ptp(image.astype(np.int16), axis=2).mean() / 255
    return np.array([luminance(image).std(), chroma])


def _lightness(image: Array) -> Array:
    return np.array([luminance(image).mean()])


COMPARED: dict[str, Callable[[Array], Array]] = {
    "blur": _edges,
    "cast": _chromaticity,
    "posterise": _pixels,
    "jpeg": _pixels,
    "fade": _contrast_and_colour,
    "glare": _contrast_and_colour,
    "dark": _lightness,
}


if __name__ == "__main__":
    main(prog_name="python -m capriccio_critic.benchmark.suggestions")
