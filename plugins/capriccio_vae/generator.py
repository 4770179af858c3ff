"""The dreamer: walks through the latent space of a variational autoencoder and paints the way."""

from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from capriccio import Generator, ModelError, as_image, as_mixture, read_image

from .latent_walk import STEPS, closed_walk
from .training.dataset import encoder_beside, middle_square


class VAE(Generator):
    """Dream pictures in a style: one turns into the next along a walk that ends where it began.

    `drift` 0..1 goes once round the walk, which the seed chooses; 0 and 1 are the same picture,
    and in between the dream moves at an even pace. `bloom` 0..1 goes from the middle of all
    pictures, where nothing but the style moves, over pictures as they were learned (0.6) to dreams
    bolder than any of them. `ripeness` goes from green to red and `swell` from small subjects to
    large; both leave the picture alone at 0.5. `style` keeps the walk to one kind of picture, such
    as "pears" or "impressionism" ("" takes all in turn); two styles and how far from one to the
    other, `("baroque", "expressionism", 0.3)`, are mixed. With `source`, an image or the path of
    one, or two and how far from one to the other, that is painted instead of a dream, moved towards
    `style` by `amount` 0..1, if the model has an encoder. A list of styles stands in its card.

    Returns `(128, 128, 3)` uint8. A VAE after Kingma and Welling (arXiv 1312.6114), whose decoder
    was finished by a critic (arXiv 1512.09300); `capriccio train vae` learns another set.
    """

    name = "vae"
    models = {  # noqa: RUF012
        name: Path(__file__).with_name(f"{name}.onnx") for name in ("watercolors", "paintings")
    }

    def __init__(self, *, model: str = "watercolors", seed: int = 0):
        self._path = self.model_path(model)
        self._model: Any = None
        self._reader: Any = None
        self.reset(seed)

    def reset(self, seed: int = 0) -> None:
        """Choose another walk; the same seed walks the same way."""
        self._seed = seed
        self._walks: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._read: list[tuple[np.ndarray, np.ndarray]] = []  # the pictures that were read last
        self._files: dict[str, np.ndarray] = {}  # latents of picture files

    def generate(
        self, now, *, drift=0.0, bloom=0.5, ripeness=0.5, swell=0.5,
        style="", source=None, amount=0.6,
    ):  # fmt: skip
        """Paint the picture at `drift` of the walk, or `source`."""
        if self._model is None:
            self._open()
        styles = self._styles(style)
        # Four standard deviations from end to end of a dial: what the set itself spans.
        turn = np.array((4 * ripeness - 2, 4 * swell - 2), np.float32).dot(self._turns)
        if source is None:
            z, shares = self._dreamt(styles, drift, bloom / 0.6)
            return self._paint(z + turn, shares)
        z = self._latent_of(source)
        asked = [(name, amount * share) for name, share in styles]
        z[: len(turn)] += turn + self._nearer(z[: len(turn)], asked)
        return self._paint(z, self._shares([("", 1 - amount), *asked]))

    def encode(self, image, style: str = "") -> np.ndarray:
        """Give the middle of a picture's cloud, `(latent,)` float32: what `decode` paints again.

        The picture is cut to its middle square, (128, 128, 3). Raises ModelError where the model
        has no encoder.
        """
        if self._model is None:
            self._open()
        if self._reader is None:
            path = encoder_beside(Path(self._path))
            if not path.is_file():
                raise ModelError(
                    f"model {str(self._path)!r} has no encoder {path.name!r} beside it; "
                    "capriccio train vae writes both"
                )
            from capriccio import Model

            self._reader = Model(path)
        shares = self._shares(self._styles(style))[None]
        found = self._reader(picture=middle_square(as_image(image, self))[None], style=shares)
        return found["z"][0]

    def decode(self, z, style="") -> np.ndarray:
        """Paint a latent, `(latent,)` floats, in a style, two that are mixed, or none.

        Raises ValueError where `z` has another shape or holds NaN or infinity.
        """
        if self._model is None:
            self._open()
        try:
            vector = np.asarray(z)
        except ValueError:  # lists of several lengths
            vector = np.empty(0, object)
        if vector.shape != (self.latent,) or vector.dtype.kind not in "fiu":
            raise ValueError(
                f"z of {self} has shape {vector.shape} and kind {str(vector.dtype)!r}; "
                f"give {self.latent} numbers"
            )
        with np.errstate(over="ignore"):  # what is too large becomes infinity, and is told
            vector = vector.astype(np.float32, copy=False)
        if not np.isfinite(vector).all():
            raise ValueError(f"z of {self} holds nan or infinity; give {self.latent} numbers")
        return self._paint(vector, self._shares(self._styles(style)))

    @property
    def styles(self) -> list[str]:
        """The names of the styles that can be asked for."""
        if self._model is None:
            self._open()
        return list(self._names)

    @property
    def latent(self) -> int:
        """How many numbers a latent has."""
        if self._model is None:
            self._open()
        return self._model.inputs["z"].shape[1]

    def close(self) -> None:
        """Let the models go."""
        self._model = self._reader = None

    # -- dreams -------------------------------------------------------------------------------

    def _dreamt(self, styles, drift: float, size: float):
        """Give the latent at `drift` of the walk through styles, and the shares of the styles."""
        if len(styles) == 2:  # between two latents lies the emptiness near the middle
            size = size / np.hypot(styles[0][1], styles[1][1])
        place = drift * STEPS
        step = min(int(place), STEPS - 1)
        between = np.float32(place - step)
        z = self._middle
        shares: Any = 0.0
        for name, part in styles:
            if name not in self._walks:
                self._walks[name] = self._laid_out(name)
            walk, told = self._walks[name]
            here, style = walk[step], told[step]
            z = z + np.float32(size * part) * (here + between * (walk[step + 1] - here))
            shares = shares + np.float32(part) * (style + between * (told[step + 1] - style))
        return z, shares

    def _laid_out(self, style: str) -> tuple[np.ndarray, np.ndarray]:
        """Lay out a walk around the middle, `(STEPS + 1, numbers)`, and its styles' shares."""
        random = np.random.default_rng([abs(self._seed), self._seed < 0])
        kinds = {style: self._kinds[style]} if style else self._kinds
        walk, told = closed_walk(kinds, self._middle, random)
        where = [self._names.index(name) for name in kinds]
        shares = np.zeros((STEPS + 1, len(self._names)), np.float32)
        shares[:, where] = told
        return walk.astype(np.float32), shares

    def _styles(self, style) -> list[tuple[str, float]]:
        """Give the styles that are asked for, with their shares."""
        asked = as_mixture(style, self, "style", str)
        if asked[0][0] == asked[-1][0]:
            asked = [(asked[0][0], 1.0)]
        for name, _ in asked:
            if name and name not in self._kinds:
                near = get_close_matches(name, self._kinds, n=1)
                there = ", ".join(map(repr, sorted(self._kinds)))
                hint = f"did you mean {near[0]!r}?" if near else f"there are {there}"
                raise ValueError(f"{self} knows no style {name!r}; {hint}")
        return asked

    def _shares(self, styles) -> np.ndarray:
        """Give how much there is of each style the model knows; of none, a little of all."""
        shares = np.zeros(len(self._names), np.float32)
        for name, share in styles:
            if name:
                shares[self._names.index(name)] += share
            else:
                shares += share / len(shares)
        return shares

    # -- pictures that are shown to it --------------------------------------------------------

    def _latent_of(self, source) -> np.ndarray:
        """Read a picture, or two and how far from one to the other."""
        parts = as_mixture(source, self, "source")
        return np.sum([share * self._seen(image) for image, share in parts], axis=0)

    def _nearer(self, z: np.ndarray, styles) -> np.ndarray:
        """Give what brings a latent towards styles, as far as their own pictures lie, no further.

        An attribute's direction is the difference of two means, as in arXiv 1512.09300.
        """
        shift = np.zeros_like(z)
        for name, share in styles:
            if name:
                way, length = self._ways[name]
                missing = length - (z - self._middle) @ way
                shift += np.float32(share * max(0.0, missing)) * way
        return shift

    def _seen(self, image) -> np.ndarray:
        """Read a picture, or remember it: a file, or one that stands still, is read once."""
        if isinstance(image, str | Path):
            path = str(image)
            if path not in self._files:
                self._files[path] = self.encode(read_image(path))
            return self._files[path]
        if not isinstance(image, np.ndarray):
            raise TypeError(
                f"knob 'source' of {self} holds {type(image).__name__!r}; give an image, a numpy "
                "array (height, width, 3), or the path of one"
            )
        picture = as_image(image, self)
        for known, latent in self._read:
            if known.shape == picture.shape and (known == picture).all():
                return latent
        latent = self.encode(picture)
        self._read = [*self._read[-1:], (picture.copy(), latent)]
        return latent

    # -- the model ----------------------------------------------------------------------------

    def _paint(self, z: np.ndarray, shares: np.ndarray) -> np.ndarray:
        if not self._knows_styles:
            return self._model(z=z[None])[0]
        whole = np.zeros((1, self._model.inputs["z"].shape[1]), np.float32)
        whole[0, : len(z)] = z  # a model's walk may go through ideas alone
        return self._model(z=whole, style=shares[None].astype(np.float32, copy=False))[0]

    def _open(self) -> None:
        from capriccio import Model

        model = Model(self._path)
        try:
            latents = model.card["latents"]
            self._middle = np.array(latents["middle"], np.float32)
            self._turns = np.array([latents["ripeness"], latents["swell"]], np.float32)
            self._kinds = {
                kind: np.array(points, np.float64) for kind, points in latents["kinds"].items()
            }
            means = {kind: points.mean(0) - self._middle for kind, points in self._kinds.items()}
            lengths = {kind: float(np.linalg.norm(mean)) for kind, mean in means.items()}
            self._ways = {
                kind: ((mean / max(lengths[kind], 1e-9)).astype(np.float32), lengths[kind])
                for kind, mean in means.items()
            }
            self._names = model.card.get("styles") or list(self._kinds)
            self._knows_styles = "style" in model.inputs
            sizes = {len(self._middle), *(array.shape[-1] for array in self._kinds.values())}
            fits = (
                len(model.outputs) == 1 and len(sizes) == 1 and set(self._names) == {*self._kinds}
            )
            if self._knows_styles:
                fits &= model.inputs["style"].shape == (1, len(self._names))
                fits &= max(sizes) <= model.inputs["z"].shape[1]
            else:  # of a model of before styles
                fits &= sizes == {model.inputs["z"].shape[1]}
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            fits = False
        if not fits:
            raise ModelError(
                f"model {str(self._path)!r} is not one of this painter's; "
                "make one with capriccio train vae --data FOLDER --out FILE.onnx"
            )
        self._model = model
