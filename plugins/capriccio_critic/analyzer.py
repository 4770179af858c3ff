"""The critic: names a picture's movement, judges the picture, and shows why."""

from pathlib import Path

import numpy as np
from capriccio import Analyzer, ModelError

from .preprocess import SIDE, image_of, measure, squeeze
from .readings import MEASURED, Readings

OUTPUTS = {"movement", "artist", "embedding", "heat", "far", "quality"}


class Critic(Analyzer):
    """Name the movement a picture looks like, judge the picture, and show where it saw that.

    Reads an image, `(height, width, 3)` uint8 of any size, into `Readings`: what each means
    stands there and in `docs/critic.md`, and so does whose taste `quality` is. `explain` says it
    in words, with changes that were tried. `best_of` and `evolve` choose among what a generator
    makes. `capriccio critique` reads files.

    A convolutional network trained from scratch on 6,627 paintings (`capriccio train critic`
    learns others), which sees the whole picture squeezed to 128 by 128.
    """

    name = "critic"
    models = {"paintings": Path(__file__).with_name("paintings.onnx")}  # noqa: RUF012

    def __init__(self, *, model: str = "paintings"):
        self._path = self.model_path(model)
        self._model = None

    def analyze(self, thing) -> Readings:
        """Read an image."""
        return self.weigh(thing)[0]

    def weigh(self, image) -> tuple[Readings, dict[str, float]]:
        """Read an image, and give how probable each movement is beside the readings."""
        image = image_of(image)
        square = squeeze(image)
        seen = self._opened()(picture=square[None])
        movement, artist = seen["movement"][0], seen["artist"][0]
        order = np.argsort(-movement)
        readings = Readings(
            certainty=_share(movement[order[0]]),
            novelty=self._rank("novelty", seen["far"][0]),
            quality=self._rank("quality", seen["quality"][0]),
            **measure(image, square),
            hand=_share(artist.max()),
            movement=self.movements[order[0]],
            artist=self.artists[int(artist.argmax())],
            runners_up=tuple((self.movements[i], _share(movement[i])) for i in order[1:4]),
            heat=seen["heat"][0],
        )
        return readings, self._named(movement)

    def see(self, image) -> dict[str, np.ndarray]:
        """Give all that the network says of an image, by the names of its outputs."""
        return self._opened()(picture=squeeze(image_of(image))[None])

    @property
    def movements(self) -> list[str]:
        """The movements it knows."""
        return self._opened().card["movements"]

    @property
    def artists(self) -> list[str]:
        """The artists it knows."""
        return self._opened().card["artists"]

    def likeness(self, image) -> dict[str, float]:
        """Give how probable each movement is, by name."""
        return self._named(self.see(image)["movement"][0])

    def embed(self, image) -> np.ndarray:
        """Give the embedding of an image, (256,) float32: near for what looks alike."""
        return self.see(image)["embedding"][0]

    def typical(self, reading: str, value: float) -> float:
        """Say in how large a share of paintings a measured reading is lower than `value`."""
        known = self._opened().card["typical"][reading]
        return float(np.interp(value, known, np.linspace(0, 1, len(known))))

    def explain(self, image) -> str:
        """Say in words what it sees and how sure it is, and which changes made it better."""
        from .descriptions import explain

        return explain(self, image_of(image))

    def remarks(self, several) -> list[str]:
        """Say of each of several pictures' readings, in a few words, what sets it apart."""
        from .descriptions import remarks

        return remarks(several)

    def best_of(self, part, count: int, now, *, toward="quality", seed: int = 0, **knobs):
        """Have `part` make so many pictures and give the one that is most `toward`, as `Choice`.

        See `choosing.best_of`.
        """
        from .selection import best_of

        return best_of(self, part, count, now, toward=toward, seed=seed, **knobs)

    def lineage(self, part, size: int = 8, *, toward="quality", seed: int = 0, **held):
        """Give pictures of `part` that grow from one another, see `choosing.Lineage`."""
        from .selection import Lineage

        return Lineage(self, part, size, toward=toward, seed=seed, **held)

    def evolve(self, part, now, *, toward="quality", generations: int = 6, **options):
        """Grow pictures of `part` for some generations and give the best, as `Choice`."""
        from .selection import evolve

        return evolve(self, part, now, toward=toward, generations=generations, **options)

    def close(self) -> None:
        """Let the model go."""
        self._model = None

    def _named(self, movement: np.ndarray) -> dict[str, float]:
        return {name: _share(p) for name, p in zip(self.movements, movement, strict=True)}

    def _rank(self, what: str, value: float) -> float:
        known = self._opened().card[what]
        return _share(np.interp(value, known, np.linspace(0, 1, len(known))))

    def _opened(self):
        if self._model is None:
            from capriccio import Model

            model = Model(self._path)
            card = model.card
            fits = (
                set(model.outputs) == OUTPUTS
                and model.inputs["picture"].shape == (1, SIDE, SIDE, 3)
                and all(isinstance(card.get(n), list) for n in ("movements", "artists", "novelty"))
                and isinstance(card.get("typical"), dict)
                and set(card["typical"]) == set(MEASURED)
            )
            if not fits:
                raise ModelError(
                    f"model {str(self._path)!r} is not one of this critic's; "
                    "make one with capriccio train critic --data FOLDER --out FILE.onnx"
                )
            self._model = model
        return self._model


def _share(value) -> float:
    return min(1.0, max(0.0, float(value)))
