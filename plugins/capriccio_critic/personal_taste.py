"""Learn whose pictures are liked from a few picks, and score pictures by that."""

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .metrics import auroc
from .onnx_writer import write_logistic_model
from .preprocess import as_uint8
from .readings import MEASURED, Readings
from .traits import HUES, traits

if TYPE_CHECKING:
    from .analyzer import Critic

Array = np.ndarray[Any, Any]

MIN_PICKS = 5  # liked, and disliked
FOLDS, REPEATS = 5, 4  # of the cross-validation
MAX_PAIRS = 4_000  # that a ranking is fitted on
LIMIT = 3.0  # standard deviations at which features are clipped, as in the written model
LASSO, RIDGE, LEAST_RIDGE = 0.05, 0.05, 0.002  # penalties of the ranking's weights
EMBEDDING = 2.0  # traits that the whole embedding has the variance of
MAX_STEPS = 300  # of the solver
# Traits that are amounts: most pictures have little of them, so their square roots are compared.
AMOUNTS = {"darks", "lights", "flesh", *HUES}
CHANCE_QUANTILE = 1.645  # standard deviations that chance exceeds one time in twenty
NAMED = 3  # traits by which a taste is described
KIND = "taste of the analyzer critic"
NUMBERS = ("liked", "disliked", "agreement", "chance")  # in the card, and so are these texts
TEXTS = ("owner", "goes by", "critic", "critic_sha256")


class Taste:
    """A personal taste: scores pictures by how likely its owner is to like them.

    It is a logistic ranking on what a critic sees: its embedding, its measured readings, and the
    traits of `traits.traits`. `learn` makes the file.

    Args:
        path: of the `.onnx` file of a taste.

    Raises:
        ModelError: the file is no taste.
    """

    def __init__(self, path: Path | str):
        from capriccio import Model, ModelError

        self.path = Path(path)
        self._model: Model = Model(self.path)
        self.card: dict[str, Any] = self._model.card
        known = self.card.get
        fits = (
            known("kind") == KIND
            and all(isinstance(known(name), int | float) for name in NUMBERS)
            and all(isinstance(known(name), str) for name in TEXTS)
            and isinstance(known("features"), list)
            and set(self._model.inputs) == {"features"}
        )
        if not fits:
            raise ModelError(
                f"model {str(path)!r} is not a taste; learn one with: "
                "capriccio critic learn --liked FOLDER --disliked FOLDER --out FILE.onnx"
            )

    def __reduce__(self) -> tuple[type, tuple[Path]]:
        return Taste, (self.path,)

    @property
    def owner(self) -> str:
        """Whose taste it is."""
        return str(self.card["owner"])

    def score(self, critic: "Critic", image: Array, readings: Readings | None = None) -> float:
        """Return the probability, 0..1, that the owner likes an image rather than dislikes it.

        Args:
            critic: with the model that the taste was learned with.
            image: `(height, width, 3)` uint8, or floats 0..1.
            readings: of the image by that critic, where they are known.

        Raises:
            ModelError: the taste was learned with another model of the critic.
        """
        from capriccio import ModelError

        if self.card["critic_sha256"] != digest_of(critic):
            raise ModelError(
                f"taste {str(self.path)!r} was learned with the critic's model "
                f"{self.card['critic']!r}, which is not the one in use; choose that one, or learn "
                "the taste again with: capriccio critic learn"
            )
        names, features = features_of(critic, image, readings)
        if names != self.card["features"]:
            raise ModelError(
                f"taste {str(self.path)!r} was learned by another version of Capriccio, from other "
                "features; learn it again with: capriccio critic learn"
            )
        score = self._model(features=features[None].astype(np.float32))
        return float(np.clip(np.asarray(score).ravel()[0], 0, 1))

    def describe(self) -> str:
        """Return in a sentence whose taste it is, what it goes by, and how far to trust it."""
        card = self.card
        words = (
            f"The taste of {self.owner}, learned from {card['liked']} liked and "
            f"{card['disliked']} disliked pictures: {card['goes by']}. Of pairs that it had not "
            f"seen it ordered {card['agreement']:.0%} as {self.owner} does"
        )
        if card["agreement"] <= card["chance"]:
            return (
                f"{words}; guessing reaches {card['chance']:.0%} by luck. That is not enough: "
                "show it more pictures, or such as differ more."
            )
        return f"{words} (guessing: 50%, by luck up to {card['chance']:.0%})."


def open_taste(path: Path | str) -> Taste:
    """Return the taste in a file.

    Raises:
        ValueError: there is no such file.
        ModelError: the file is no taste.
    """
    if not Path(path).is_file():
        raise ValueError(
            f"there is no taste {str(path)!r}; learn one with: "
            "capriccio critic learn --liked FOLDER --disliked FOLDER --out FILE.onnx"
        )
    return Taste(path)


class Ranking(NamedTuple):
    """A linear score: the product of standardized and clipped features with the weights."""

    mean: Array  # (n,), and so are the others
    spread: Array
    weight: Array

    def score(self, features: Array) -> Array:
        """Return the scores of pictures, (pictures,), by their features, (pictures, n)."""
        scaled = np.clip((features - self.mean) / self.spread, -LIMIT, LIMIT)
        scores: Array = scaled @ self.weight
        return scores


def learn(
    critic: "Critic",
    liked: Iterable[Array],
    disliked: Iterable[Array],
    path: Path | str,
    *,
    owner: str = "its owner",
) -> Taste:
    """Learn a taste from pictures that somebody likes and dislikes; write it and return it.

    Args:
        critic: whose features are used; the taste then works with that model alone.
        liked: images; forty in all suffice.
        disliked: images.
        path: of the `.onnx` file to write.
        owner: whose taste it is.

    Raises:
        ValueError: fewer than 5 are liked, or disliked, or a picture is both.
    """
    names: list[str] = []
    rows: list[list[Array]] = [[], []]
    for row, images in zip(rows, (liked, disliked), strict=True):
        for image in images:
            names, features = features_of(critic, image)
            row.append(features)
    for row, kind in zip(rows, ("liked", "disliked"), strict=True):
        if len(row) < MIN_PICKS:
            raise ValueError(
                f"a taste needs at least {MIN_PICKS} {kind} pictures, got {len(row)}; "
                "twenty liked and twenty disliked are enough"
            )
    likes = np.arange(len(rows[0]) + len(rows[1])) < len(rows[0])  # (pictures,)
    features = np.array(rows[0] + rows[1])  # (pictures, n)
    places = {found.tobytes(): place for place, found in enumerate(rows[0], 1)}
    for place, found in enumerate(rows[1], 1):
        if same := places.get(found.tobytes()):
            raise ValueError(
                f"liked picture {same} and disliked picture {place} are the same; expected each to "
                "be either liked or disliked"
            )
    measured = len(names) - 1
    ranking = fit_ranking(features, likes, measured)
    held_out, agreement = cross_validate(features, likes, measured)
    slope, bias = fit_probability(held_out, likes)
    known = ranking.score(features)
    slope /= float(known.std()) + 1e-9
    bias -= slope * float(known.mean())
    counts = int(likes.sum()), int((~likes).sum())
    options = critic.construction.options
    card = {
        "kind": KIND,
        "owner": owner,
        "liked": counts[0],
        "disliked": counts[1],
        "agreement": round(agreement, 4),
        "chance": round(chance_bound(*counts), 4),
        "enough": bool(agreement > chance_bound(*counts)),
        "goes by": _strongest(features, ranking, names),
        "critic": Path(str(options.get("model", "paintings"))).name,
        "critic_sha256": digest_of(critic),
        "features": names,
        "licence": "yours: it holds weights alone, no picture",
    }
    write_logistic_model(
        Path(path), ranking.mean, ranking.spread, ranking.weight * slope, bias, card
    )
    return Taste(path)


def features_of(
    critic: "Critic", image: Array, readings: Readings | None = None
) -> tuple[list[str], Array]:
    """Return what a taste goes by, (n,), and its names, the last that of the whole embedding."""
    image = as_uint8(image)
    readings = critic.analyze(image) if readings is None else readings
    found = {
        name: value**0.5 if name in AMOUNTS else value for name, value in traits(image).items()
    }
    found |= {name: getattr(readings, name) for name in MEASURED}
    embedding = critic.embed(image).ravel()
    names = [*found, f"embedding of {len(embedding)}"]
    return names, np.concatenate([list(found.values()), embedding]).astype(np.float64)


def fit_ranking(features: Array, likes: Array, measured: int) -> Ranking:
    """Return the ranking by which liked pictures come before disliked ones.

    A logistic regression on the differences of all pairs, which is convex. What is measured has a
    lasso penalty, for a person goes by a few things; the embedding has a ridge penalty.

    Args:
        features: (pictures, n), of which the first `measured` are no embedding.
        likes: (pictures,) bool.
        measured: the number of traits and readings.
    """
    mean, spread = features.mean(axis=0), features.std(axis=0)  # (n,) each
    spread = np.maximum(spread, 1e-3 * np.abs(mean) + 1e-6)
    scaled = np.clip((features - mean) / spread, -LIMIT, LIMIT)  # (pictures, n)
    known, seen = scaled[:, :measured], scaled[:, measured:]
    # However long the embedding is, it weighs as much as `EMBEDDING` traits. There are no more
    # directions in it than pictures: its weights are a combination of those.
    scale = np.sqrt(EMBEDDING / max(1, seen.shape[1]))
    places, sizes, directions = np.linalg.svd(seen * scale, full_matrices=False)
    gaps = _gaps(np.hstack([known, places * sizes]), likes)  # (pairs, measured + r)
    of_embedding = np.arange(gaps.shape[1]) >= measured
    found = fit_logistic(
        gaps,
        np.ones(len(gaps)),
        lasso=np.where(of_embedding, 0.0, LASSO),
        ridge=np.where(of_embedding, RIDGE, LEAST_RIDGE),
    )
    weight = np.concatenate([found[:measured], directions.T @ found[measured:] * scale])
    return Ranking(mean, spread, weight)


def _gaps(features: Array, likes: Array) -> Array:
    """Return the differences of liked and disliked pictures, of at most `MAX_PAIRS` pairs."""
    count = int(likes.sum()) * int((~likes).sum())
    pairs = np.arange(count)
    if count > MAX_PAIRS:
        pairs = np.random.default_rng(0).choice(count, MAX_PAIRS, replace=False)
    one, other = np.divmod(pairs, int((~likes).sum()))
    gaps: Array = features[likes][one] - features[~likes][other]
    return gaps


def fit_logistic(rows: Array, signs: Array, *, lasso: Array, ridge: Array) -> Array:
    """Return the weights, (n,), with which `signs * (rows @ weights)` is large, by FISTA.

    The mean logistic loss plus `lasso * abs(weights)` and `ridge * weights**2` becomes least (Beck
    and Teboulle 2009).

    Args:
        rows: (rows, n).
        signs: (rows,), 1 or -1.
        lasso: (n,); `ridge` as well.
    """
    rows = rows * signs[:, None]
    rate = 1 / (np.linalg.norm(rows, 2) ** 2 / len(rows) / 4 + 2 * ridge.max())
    weight = ahead = np.zeros(rows.shape[1])
    momentum = 1.0
    for _ in range(MAX_STEPS):
        missed = 1 / (1 + np.exp(np.clip(rows @ ahead, -30, 30)))  # (rows,)
        found = ahead - rate * (2 * ridge * ahead - missed @ rows / len(rows))
        found = np.sign(found) * np.maximum(np.abs(found) - rate * lasso, 0)
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = found + (momentum - 1) / following * (found - weight)
        change = np.abs(found - weight).max(initial=0.0)
        weight, momentum = found, following
        if change < 1e-6:
            break
    return weight


def fit_probability(scores: Array, likes: Array) -> tuple[float, float]:
    """Return slope and bias with which the sigmoid of a score is the probability of liking it."""
    rows = np.stack([scores, np.ones(len(scores))], axis=1)  # (pictures, 2)
    signs = np.where(likes, 1.0, -1.0)
    slope, bias = fit_logistic(rows, signs, lasso=np.zeros(2), ridge=np.full(2, 0.01))
    return max(float(slope), 0.05), float(
        bias
    )  # what it knows nothing of is liked or not by chance


def cross_validate(features: Array, likes: Array, measured: int) -> tuple[Array, float]:
    """Return scores of pictures that were left out, (pictures,), and the agreement on their pairs.

    The agreement is the share of pairs, of a liked and a disliked picture left out together, that
    are ordered rightly. Scores have the mean 0 and the spread 1 in the ranking that gave them.
    """
    rng = np.random.default_rng(0)
    scores = np.zeros(len(likes))
    agreements = []
    for _ in range(REPEATS):
        for fold in range(FOLDS):
            if fold == 0:
                parts = np.empty(len(likes), int)
                for side in (likes, ~likes):
                    parts[side] = rng.permutation(int(side.sum())) % FOLDS
            left_out = parts == fold
            ranking = fit_ranking(features[~left_out], likes[~left_out], measured)
            known = ranking.score(features[~left_out])
            found = (ranking.score(features[left_out]) - known.mean()) / (known.std() + 1e-9)
            scores[left_out] += found / REPEATS
            mine = likes[left_out]
            agreements.append(auroc(found[~mine], found[mine]))
    return scores, float(np.mean(agreements))


def chance_bound(liked: int, disliked: int) -> float:
    """Return the agreement that guessing exceeds one time in twenty (Mann, Whitney 1947)."""
    deviation = np.sqrt((liked + disliked + 1) / (12 * liked * disliked))
    return float(min(1.0, 0.5 + CHANCE_QUANTILE * deviation))


@lru_cache(maxsize=8)
def _digest(path: Path, stamp: tuple[int, int]) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(critic: "Critic") -> str:
    """Return the SHA-256 of the model of a critic."""
    path = Path(critic.model_path(critic.construction.options.get("model", "paintings")))
    status = path.stat()
    return _digest(path, (status.st_size, status.st_mtime_ns))


def _strongest(features: Array, ranking: Ranking, names: list[str]) -> str:
    """Return in words the traits that a ranking goes by most, and the share of the embedding."""
    parts = np.clip((features - ranking.mean) / ranking.spread, -LIMIT, LIMIT) * ranking.weight
    measured, total = len(names) - 1, parts.sum(axis=1)
    strength = ranking.weight[:measured]
    most = np.argsort(-np.abs(strength))[:NAMED]
    words = [f"{'more' if strength[at] > 0 else 'less'} {names[at]}" for at in most]
    seen = parts[:, measured:].sum(axis=1)
    share = np.clip(np.cov(seen, total)[0, 1] / (total.var(ddof=1) + 1e-12), 0, 1)
    return f"{', '.join(words)}; {share:.0%} of it is what the network sees"
