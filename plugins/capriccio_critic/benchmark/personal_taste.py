"""Measure learned tastes on simulated users: `python -m capriccio_critic.benchmark.personal_taste`.

Each user likes pictures by one known rule. A taste is learned from forty picks, and asked which of
two pictures by other artists the user prefers. The rules are computed otherwise than the features
that tastes are learned from.
"""

from collections.abc import Iterable
from csv import DictReader
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from capriccio import read_image

from ..analyzer import Critic
from ..personal_taste import Ranking, features_of, fit_ranking
from ..progress import ProgressBar

Array = np.ndarray[Any, Any]

PICKS = 20  # liked, and disliked
SHOWN = 2  # times as many pictures as are picked are looked through
PAIRS = 4_000  # of unseen pictures, a trial
RULES = ("prefers blue", "low contrast", "portraits", "thick touch", "symmetry")
BINS = 4  # of each channel, in the histograms


class Collection(NamedTuple):
    """Pictures: their features and histograms, how each rule values them, and their artists.

    - `features`: (pictures, n), the first `measured` of which are no embedding
    - `histograms`: (pictures, 64)
    - `values`: (pictures,), by rule
    - `artists`: (pictures,) of names
    """

    features: Array
    measured: int
    histograms: Array
    values: dict[str, Array]
    artists: Array


@click.command()
@click.option("--data", multiple=True, required=True, type=click.Path(path_type=Path, exists=True),
              help="A folder with genres in its labels.csv; several may be named.")  # fmt: skip
@click.option("--split", default="test", show_default=True,
              help="The value of split_artist_disjoint of the pictures to take.")  # fmt: skip
@click.option("--trials", default=40, show_default=True, type=click.IntRange(1),
              help="Users of each kind, with other picks.")  # fmt: skip
@click.option("--count", default=0, help="Number of pictures to use; 0 for all.")
@click.option("--model", default="paintings", show_default=True, help="The model of the critic.")
def main(data: tuple[Path, ...], split: str, trials: int, count: int, model: str) -> None:
    """Learn the tastes of simulated users, and print a table of how well they are met.

    \b
      python -m capriccio_critic.benchmark.personal_taste --data paintings-wikiart-artists-224 \\
          --data paintings-peopleart-256
    """
    collection = read_collection(Critic(model=model), data, split, count)
    click.echo(f"{len(collection.artists)} pictures by {len(set(collection.artists))} artists\n")
    click.echo("| user | taste | colour histogram |\n| --- | --- | --- |")
    means = []
    for rule in RULES:
        found = [try_user(collection, rule, seed) for seed in range(trials)]  # (trials, 2)
        means.append(np.mean(found, axis=0))
        low, high = np.quantile(np.array(found)[:, 0], (0.1, 0.9))
        taste, histogram = means[-1]
        click.echo(f"| {rule} | {taste:.1%} ({low:.0%} to {high:.0%}) | {histogram:.1%} |")
    taste, histogram = np.mean(means, axis=0)
    click.echo(f"| mean | {taste:.1%} | {histogram:.1%} |")


def read_collection(
    critic: Critic, folders: Iterable[Path], split: str, count: int = 0
) -> Collection:
    """Return the coloured pictures of a split whose genre is known.

    Raises:
        ValueError: there are fewer than four times as many as are picked.
    """
    rows = []
    for folder in folders:
        with open(folder / "labels.csv", newline="", encoding="utf-8") as file:
            rows += [
                (folder / row["path"], row["genre"], row["artist"])
                for row in DictReader(file)
                if row.get("split_artist_disjoint") == split
                and row.get("genre")
                and row.get("grayscale", "0") == "0"
            ]
    if count:
        order = np.random.default_rng(0).permutation(len(rows))[:count]
        rows = [rows[place] for place in order]
    if len(rows) < 4 * 2 * PICKS:
        raise ValueError(
            f"expected at least {8 * PICKS} pictures with a genre in the split {split!r}, "
            f"got {len(rows)}"
        )
    features, histograms, values, measured = [], [], [], 0
    with ProgressBar(len(rows)) as advance:
        for path, genre, _ in rows:
            advance()
            image = read_image(path)
            names, found = features_of(critic, image)
            measured = len(names) - 1
            features.append(found)
            histograms.append(histogram_of(image))
            values.append(rule_values(image, genre))
    return Collection(
        np.array(features),
        measured,
        np.array(histograms),
        {rule: np.array([one[rule] for one in values]) for rule in RULES},
        np.array([artist for _, _, artist in rows]),
    )


def rule_values(image: Array, genre: str) -> dict[str, float]:
    """Return how much each simulated user likes an image, by the name of the rule."""
    from PIL import Image, ImageFilter

    picture = Image.fromarray(image)
    picture.thumbnail((128, 128), Image.Resampling.BILINEAR)
    hue, saturation, _ = np.moveaxis(np.asarray(picture.convert("HSV")).astype(int), 2, 0)
    grey = picture.convert("L")
    low, high = np.percentile(np.asarray(grey), (10, 90))
    # What an opening and a closing by 3 pixels leave, of what those by 9 take away.
    fine, coarse = (_detail_below(grey, size, ImageFilter) for size in (3, 9))
    square = np.asarray(picture.resize((24, 24), Image.Resampling.BILINEAR)).astype(float)
    mirrored = np.abs(square - square[:, ::-1]).mean() / (square.std() + 5)
    return {
        "prefers blue": float(((hue > 128) & (hue < 184) & (saturation > 40)).mean()),
        "low contrast": float(low - high),
        "portraits": float(genre == "portrait"),
        "thick touch": float(-fine / (coarse + 1e-3)),
        "symmetry": float(-mirrored),
    }


def _detail_below(grey: Any, size: int, filters: Any) -> float:
    """Return how much an opening and a closing by squares of some pixels change a picture."""
    least, most = filters.MinFilter(size), filters.MaxFilter(size)
    opened = np.asarray(grey.filter(least).filter(most)).astype(float)
    closed = np.asarray(grey.filter(most).filter(least)).astype(float)
    return float((closed - opened).mean())


def histogram_of(image: Array) -> Array:
    """Return the square roots of the shares of 64 colours, (64,)."""
    places = (image // (256 // BINS)).astype(int).reshape(-1, 3) @ (BINS * BINS, BINS, 1)
    return np.sqrt(np.bincount(places, minlength=BINS**3) / len(places))


def try_user(collection: Collection, rule: str, seed: int) -> tuple[float, float]:
    """Return how often a taste, and a ranking of histograms, agree with a user on unseen pairs.

    The user looks through eighty pictures by half of the artists, picks the twenty best and the
    twenty worst, and is then asked about random pairs by the others; with portraits the picks are
    twenty that are and twenty that are not.
    """
    rng = np.random.default_rng(seed)
    values = collection.values[rule]
    artists = rng.permutation(np.unique(collection.artists))
    shown = np.isin(collection.artists, artists[: len(artists) // 2])
    liked, disliked = pick(values, np.flatnonzero(shown), rng)
    picks = np.concatenate([liked, disliked])
    likes = np.arange(len(picks)) < len(liked)
    unseen = np.flatnonzero(~shown)
    one, other = rng.choice(unseen, (2, PAIRS))
    told = values[one] != values[other]
    right = values[one] > values[other]
    agreements = []
    for table, measured in (
        (collection.features, collection.measured),
        (collection.histograms, collection.histograms.shape[1]),
    ):
        ranking: Ranking = fit_ranking(table[picks], likes, measured)
        scores = ranking.score(table)
        agreements.append(float(((scores[one] > scores[other]) == right)[told].mean()))
    return agreements[0], agreements[1]


def pick(values: Array, shown: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return the places of the pictures that a user likes, and dislikes, among those shown."""
    if len(np.unique(values)) == 2:
        yes, no = (rng.permutation(shown[values[shown] == value]) for value in (1.0, 0.0))
        return yes[:PICKS], no[:PICKS]
    seen = rng.permutation(shown)[: SHOWN * 2 * PICKS]
    order = seen[np.argsort(-values[seen])]
    return order[:PICKS], order[-PICKS:]


if __name__ == "__main__":
    main(prog_name="python -m capriccio_critic.benchmark.personal_taste")
