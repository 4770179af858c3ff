"""The analyzer `critic`: names a picture's movement and scores the picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from capriccio import Analyzer, Generator, ModelError, Moment

from .preprocess import SIDE, as_uint8, measure, resize_square
from .readings import MEASURED, Readings

if TYPE_CHECKING:
    from capriccio import Model

    from .personal_taste import Taste
    from .selection import Choice, Lineage, Wish

Array = np.ndarray[Any, Any]
# Outputs with a value for each of a list of names, and the entry of the card with these.
NAMES = {
    "movement": "movements",
    "artist": "artists",
    "genre": "genres",
    "century": "centuries",
    "medium": "mediums",
    "like_artist": "like artists",
    "like_picture": "like pictures",
}
OUTPUTS = {*NAMES, "embedding", "heat", "far", "quality"}
SHOWN = 3  # of each list of names


class Critic(Analyzer):
    """Name the movement that a picture looks like, score the picture, and show where it saw that.

    Reads an image, `(height, width, 3)` uint8 of any size, into `Readings`, which documents each
    of them; `docs/critic.md` states what `quality` was trained on. `explain` puts them into words,
    `best_of` and `evolve` select among the pictures of a generator, `capriccio critique` reads
    files.

    A convolutional network trained from scratch on 10,678 paintings (`capriccio train critic`
    trains others). It reads the whole picture resized to 128 by 128.
    """

    name = "critic"
    seekable = "now"
    models = {"paintings": Path(__file__).with_name("paintings.onnx")}  # noqa: RUF012

    def __init__(self, *, model: str = "paintings"):
        self._path = self.model_path(model)
        self._model: Model | None = None

    def analyze(self, thing: Array) -> Readings:
        """Return the readings of an image."""
        return self.analyze_with_movements(thing)[0]

    def analyze_with_movements(self, image: Array) -> tuple[Readings, dict[str, float]]:
        """Return the readings of an image, and the probability of each movement by name."""
        image = as_uint8(image)
        square = resize_square(image)
        outputs = self._open()(picture=square[None])
        movement, artist = outputs["movement"][0], outputs["artist"][0]
        measured = measure(image, square)
        for name in MEASURED:
            measured[name] = self._rank(name, measured[name])
        order = np.argsort(-movement)
        readings = Readings(
            certainty=_clip(movement[order[0]]),
            novelty=self._rank("novelty", outputs["far"][0]),
            quality=self._rank("quality", outputs["quality"][0]),
            **measured,
            hand=_clip(artist.max()),
            movement=self.movements[order[0]],
            artist=self.artists[int(artist.argmax())],
            runners_up=tuple((self.movements[i], _clip(movement[i])) for i in order[1:4]),
            genres=self._likeliest("genre", outputs),
            centuries=self._likeliest("century", outputs),
            mediums=self._likeliest("medium", outputs),
            like_artists=self._likeliest("like_artist", outputs),
            like_pictures=self._likeliest("like_picture", outputs),
            heat=outputs["heat"][0],
        )
        return readings, self._by_name(movement)

    def predict(self, image: Array) -> dict[str, Array]:
        """Return the outputs of the network for an image, by name, each with a batch of 1."""
        return self._open()(picture=resize_square(as_uint8(image))[None])

    @property
    def movements(self) -> list[str]:
        """The movements that the model knows."""
        return self._open().card["movements"]

    def years(self, movement: str) -> tuple[int, int] | None:
        """Return between which years a movement's pictures are; None where that is not known."""
        found = self._open().card.get("years", {}).get(movement)
        return (found[0], found[1]) if found else None

    @property
    def artists(self) -> list[str]:
        """The artists that the model knows."""
        return self._open().card["artists"]

    def movement_probabilities(self, image: Array) -> dict[str, float]:
        """Return the probability of each movement, by name."""
        return self._by_name(self.predict(image)["movement"][0])

    def embed(self, image: Array) -> Array:
        """Return the embedding of an image, (256,) float32; similar pictures lie close together."""
        return self.predict(image)["embedding"][0]

    def percentile(self, reading: str, value: float) -> float:
        """Return the share of paintings, 0..1, in which a measured reading is below `value`."""
        return _clip(value)

    def explain(
        self, image: Array, *, mine: Sequence[Array] = (), taste: Path | str | None = None
    ) -> str:
        """Describe in words what the critic sees, and suggest changes that were tried.

        Args:
            image: `(height, width, 3)` uint8, or floats 0..1.
            mine: images of earlier works, to tell what changed.
            taste: the file of a personal taste, by which suggestions are chosen as well.
        """
        from .comparison import read_works
        from .descriptions import explain
        from .personal_taste import open_taste

        named = ((f"number {place}", as_uint8(one)) for place, one in enumerate(mine, 1))
        return explain(
            self,
            as_uint8(image),
            mine=read_works(self, named) if len(mine) else None,
            taste=None if taste is None else open_taste(taste),
        )

    def learn(
        self, liked: Sequence[Array], disliked: Sequence[Array], path: Path | str, **options: str
    ) -> "Taste":
        """Learn a personal taste from images and write it, see `personal_taste.learn`."""
        from .personal_taste import learn

        return learn(self, liked, disliked, path, **options)

    def remarks(self, several: Sequence[Readings]) -> list[str]:
        """Return a short remark on each of several pictures: what distinguishes it."""
        from .descriptions import remarks

        return remarks(several)

    def best_of(
        self,
        part: Generator,
        count: int,
        now: Moment,
        *,
        toward: "Wish" = "quality",
        seed: int = 0,
        **held: Any,
    ) -> "Choice":
        """Return the best of `count` pictures of `part`, see `selection.best_of`."""
        from .selection import best_of

        return best_of(self, part, count, now, toward=toward, seed=seed, **held)

    def lineage(
        self,
        part: Generator,
        size: int = 8,
        *,
        toward: "Wish" = "quality",
        seed: int = 0,
        **held: Any,
    ) -> "Lineage":
        """Return a population of pictures of `part` to evolve, see `selection.Lineage`."""
        from .selection import Lineage

        return Lineage(self, part, size, toward=toward, seed=seed, **held)

    def evolve(
        self,
        part: Generator,
        now: Moment,
        *,
        toward: "Wish" = "quality",
        generations: int = 6,
        **options: Any,
    ) -> "Choice":
        """Evolve pictures of `part` for some generations and return the best."""
        from .selection import evolve

        return evolve(self, part, now, toward=toward, generations=generations, **options)

    def close(self) -> None:
        """Release the model."""
        self._model = None

    def _by_name(self, probabilities: Array) -> dict[str, float]:
        return {name: _clip(p) for name, p in zip(self.movements, probabilities, strict=True)}

    def _likeliest(self, name: str, outputs: dict[str, Array]) -> tuple[tuple[str, float], ...]:
        """Return the first names of an output, with their shares; none where it has no names."""
        names, values = self._open().card[NAMES[name]], outputs[name][0]
        order = np.argsort(-values)[:SHOWN] if names != [""] else ()
        return tuple((names[i], _clip(values[i])) for i in order)

    def _rank(self, name: str, value: float) -> float:
        card = self._open().card
        quantiles = np.array(card["typical"][name] if name in MEASURED else card[name])
        ranks = np.linspace(0, 1, len(quantiles))
        below = np.interp(value, quantiles, ranks)
        above = np.interp(-value, -quantiles[::-1], ranks)
        return _clip((below + 1 - above) / 2)  # in the middle of equal ones

    def _open(self) -> "Model":
        if self._model is None:
            from capriccio import Model

            model = Model(self._path)
            card = model.card
            fits = (
                set(model.outputs) == OUTPUTS
                and model.inputs["picture"].shape == (1, SIDE, SIDE, 3)
                and all(isinstance(card.get(name), list) for name in (*NAMES.values(), "novelty"))
                and isinstance(card.get("typical"), dict)
                and set(card["typical"]) == set(MEASURED)
            )
            if not fits:
                raise ModelError(
                    f"model {str(self._path)!r} is not a critic; "
                    "train one with: capriccio train critic --data FOLDER --out FILE.onnx"
                )
            self._model = model
        return self._model


def _clip(value: Any) -> float:
    return min(1.0, max(0.0, float(value)))
