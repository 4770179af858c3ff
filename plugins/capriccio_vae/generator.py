"""The image generator `vae`: walks through the latent space of a variational autoencoder."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from capriccio import (
    Generator,
    ModelError,
    Moment,
    as_image,
    as_mixture,
    center_crop,
    load_image,
)

from .autoencoder import FACTOR, Autoencoder, encoder_path, open_encoder, restyle
from .latent_walk import STEPS, closed_walk

AUTOENCODER = Path(__file__).with_name("painterly.onnx")  # its encoder lies beside it
SOURCE_SIDE = 512  # pixels of the longer side of a picture that is painted again
LEARNED_BLOOM = 0.6  # `bloom` at which latents lie as far from the mean as those of real pictures

# A style's name, "" for all styles, or two names and how far from one to the other.
Style = str | tuple[str, str, float]


class VAE(Generator):
    """Paint pictures in a style, each changing into the next along a closed walk.

    The seed chooses the walk. With `source`, that picture is painted instead, moved towards
    `style`, if the model has an encoder. The card of a model lists its styles.

    Returns images `(256, 256, 3)` uint8, or as large as `source`; `(128, 128, 3)` where a model was
    trained from scratch. A VAE (Kingma and Welling, arXiv 1312.6114) whose decoder was trained
    against a discriminator (arXiv 1512.09300), in the latents of an autoencoder of pictures of any
    size (arXiv 2112.10752); `capriccio train vae` trains another.

    Args:
        model: "watercolors", "paintings", "painterly" (the autoencoder alone: without a `source`
            it shows a bare ground), or the path of an `.onnx` file.
        seed: any whole number.
    """

    name = "vae"
    seekable = "now"
    models = {  # noqa: RUF012
        name: Path(__file__).with_name(f"{name}.onnx")
        for name in ("watercolors", "paintings", "painterly")
    }

    def __init__(self, *, model: str = "watercolors", seed: int = 0):
        self._path = self.model_path(model)
        self._model: Any = None
        self._encoder: Any = None
        self._autoencoder: Autoencoder | None = None
        self._names: Sequence[str] = []
        self._classes: dict[str, np.ndarray] = {}
        self.reset(seed)

    def reset(self, seed: int = 0) -> None:
        """Choose another walk; the same seed gives the same walk."""
        self._seed = seed
        self._walks: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._encoded: list[tuple[np.ndarray, np.ndarray]] = []  # the last images and their latents
        self._files: dict[str, tuple[np.ndarray, np.ndarray]] = {}  # read, and as painted

    def generate(
        self, now: Moment, *, drift: float = 0.0, bloom: float = 0.5, ripeness: float = 0.5,
        swell: float = 0.5, style: Style = "", source: Any = None, amount: float = 0.6,
    ) -> np.ndarray:  # fmt: skip
        """Return the picture at `drift` of the walk, or `source` painted again.

        Args:
            drift: position on the walk; 0 and 1 are the same picture.
            bloom: distance from the mean picture; 0 is the mean itself, 0.6 pictures as learned.
            ripeness: from green to red; 0.5 changes nothing.
            swell: from small subjects to large ones; 0.5 changes nothing.
            style: a name such as "pears", "" for several in turn, or two names and a share 0..1.
            source: an image or the path of one to paint, or two of them and a share 0..1.
            amount: how far `source` is moved towards `style`.
        """
        if self._model is None:
            self._open()
        styles = self._parsed_styles(style)
        if self._autoencoder is not None and source is not None:
            return self._autoencoder.decode(self._repainted(source, styles, amount))
        if self._only_encodes and self._autoencoder is not None:
            return self._autoencoder.decode(self._ground)
        # Four standard deviations from end to end of a knob: what the training set spans.
        shift = np.array((4 * ripeness - 2, 4 * swell - 2), np.float32).dot(self._directions)
        if source is None:
            z, shares = self._latent_at(styles, drift, bloom / LEARNED_BLOOM)
            return self._render(z + shift, shares)
        z = self._latent_of(source)
        weighted = [(name, amount * share) for name, share in styles]
        z[: len(shift)] += shift + self._towards(z[: len(shift)], weighted)
        return self._render(z, self._shares([("", 1 - amount), *weighted]))

    def encode(self, image: np.ndarray, style: Style = "") -> np.ndarray:
        """Return the latents of an image, float32, which `decode` paints again.

        They are `(8, height / 8, width / 8)` of an autoencoder, for an image of any size, and
        `(latent,)` of a model that was trained from scratch, for the middle square of an image.

        Raises:
            ModelError: the model has no encoder.
        """
        if self._model is None:
            self._open()
        if self._autoencoder is not None:
            return self._autoencoder.encode(as_image(image, self))
        return self.posterior(image, style)[0]

    def posterior(self, image: np.ndarray, style: Style = "") -> tuple[np.ndarray, np.ndarray]:
        """Return mean and deviation of the latents that an image may have, `(latent,)` each.

        Raises:
            ModelError: the model has no encoder of its own: an autoencoder knows no deviation.
        """
        if self._model is None:
            self._open()
        if self._encoder is None:
            self._encoder = open_encoder(self._path)
        learned = self._encoder.inputs["style"].shape[1]  # styles may have been added since
        height, width = self._encoder.inputs["picture"].shape[1:3]
        shares = self._shares(self._parsed_styles(style))[None, :learned]
        outputs = self._encoder(
            picture=center_crop(as_image(image, self), (width, height))[None], style=shares
        )
        return outputs["z"][0], outputs["spread"][0]

    def decode(self, z: Any, style: Style = "") -> np.ndarray:
        """Return the image of latents as `encode` returns them.

        Raises:
            ValueError: `z` has another shape, or holds NaN or infinity.
        """
        if self._model is None:
            self._open()
        if self._autoencoder is not None:
            return self._autoencoder.decode(self._checked_latents(z))
        try:
            vector = np.asarray(z)
        except ValueError:  # lists of several lengths
            vector = np.empty(0, object)
        if vector.shape != (self.latent,) or vector.dtype.kind not in "fiu":
            raise ValueError(
                f"z of {self} must be {self.latent} numbers, got shape {vector.shape} of type "
                f"{str(vector.dtype)!r}"
            )
        with np.errstate(over="ignore"):  # what is too large becomes infinity and is refused below
            vector = vector.astype(np.float32, copy=False)
        if not np.isfinite(vector).all():
            raise ValueError(f"z of {self} must be finite, got NaN or infinity")
        return self._render(vector, self._shares(self._parsed_styles(style)))

    @property
    def styles(self) -> list[str]:
        """The names of the model's styles."""
        if self._model is None:
            self._open()
        return list(self._names)

    @property
    def size(self) -> int:
        """The width and height of the pictures on its walks, in pixels."""
        if self._model is None:
            self._open()
        if self._only_encodes:
            return FACTOR * self._ground.shape[1]
        size: int = self._model.outputs["image"].shape[1] or FACTOR * 32
        return size

    @property
    def latent(self) -> int:
        """The number of latent dimensions."""
        if self._model is None:
            self._open()
        return self._model.inputs["z"].shape[1]

    @property
    def unused_knobs(self) -> frozenset[str]:
        """The knobs that this model does not heed: it has no encoder, or a single style."""
        has_encoder = encoder_path(self._path).is_file() or self._autoencoder is not None
        unused = set() if has_encoder else {"source", "amount"}
        return frozenset(unused | ({"style"} if len(self.styles) < 2 else set()))

    def walk(self, style: str = "") -> tuple[np.ndarray, np.ndarray]:
        """Return the walk of this seed through a style, or through all.

        Returns:
            The latents relative to the mean, `(STEPS + 1, numbers)` float32, and the shares of the
            styles at each step, `(STEPS + 1, styles)` float32.
        """
        if self._model is None:
            self._open()
        if style not in self._walks:
            random = np.random.default_rng([abs(self._seed), self._seed < 0])
            classes = {style: self._classes[style]} if style else self._classes
            walk, class_shares = closed_walk(classes, self._mean, random)
            columns = [self._names.index(name) for name in classes]
            shares = np.zeros((STEPS + 1, len(self._names)), np.float32)
            shares[:, columns] = class_shares
            self._walks[style] = walk.astype(np.float32), shares
        return self._walks[style]

    def close(self) -> None:
        """Release the models."""
        if self._autoencoder is not None:
            self._autoencoder.close()
        self._model = self._encoder = self._autoencoder = None

    # -- the walk -----------------------------------------------------------------------------

    def _latent_at(
        self, styles: list[tuple[str, float]], drift: float, radius: float
    ) -> tuple[np.ndarray, Any]:
        """Return the latent at `drift` of the walk, mixed over styles, and the styles' shares."""
        if len(styles) == 2:  # a mixture of two latents lies nearer to the mean than both
            radius = radius / np.hypot(styles[0][1], styles[1][1])
        position = drift * STEPS
        step = min(int(position), STEPS - 1)
        between = np.float32(position - step)
        z = self._mean
        shares: Any = 0.0
        for name, weight in styles:
            walk, walk_shares = self.walk(name)
            here, share = walk[step], walk_shares[step]
            z = z + np.float32(radius * weight) * (here + between * (walk[step + 1] - here))
            mixed = share + between * (walk_shares[step + 1] - share)
            shares = shares + np.float32(weight) * mixed
        return z, shares

    def _parsed_styles(self, style: Style) -> list[tuple[str, float]]:
        """Return the names of styles and their weights; raise ValueError for an unknown name."""
        styles = as_mixture(style, self, "style", str)
        if styles[0][0] == styles[-1][0]:
            styles = [(styles[0][0], 1.0)]
        for name, _ in styles:
            if name and name not in self._names:
                near = get_close_matches(name, self._names, n=1)
                known = ", ".join(map(repr, sorted(self._names)))
                hint = f"did you mean {near[0]!r}?" if near else f"its styles: {known}"
                raise ValueError(f"{self} has no style {name!r}; {hint}")
        return styles

    def _shares(self, styles: list[tuple[str, float]]) -> np.ndarray:
        """Return the share of each of the model's styles, `(styles,)`; "" is spread over all."""
        shares = np.zeros(len(self._names), np.float32)
        for name, share in styles:
            if name:
                shares[self._names.index(name)] += share
            else:
                shares += share / len(shares)
        return shares

    # -- source pictures ----------------------------------------------------------------------

    def _repainted(self, source: Any, styles: list[tuple[str, float]], amount: float) -> np.ndarray:
        """Return the latents of a picture with palette and touch of pictures of the styles.

        Which ones is the seed's choice.
        """
        z = self._latent_of(source)
        for name, share in styles:
            if name and self._touches.get(name):
                known = self._touches[name]
                z = restyle(z, known[self._seed % len(known)], amount * share)
        return z

    def _checked_latents(self, z: Any) -> np.ndarray:
        latents = np.asarray(z)
        channels = self._autoencoder.channels if self._autoencoder is not None else 0
        if latents.ndim != 3 or len(latents) != channels or latents.dtype.kind not in "fiu":
            raise ValueError(
                f"z of {self} must be ({channels}, rows, columns) numbers, got shape "
                f"{latents.shape} of type {str(latents.dtype)!r}"
            )
        latents = latents.astype(np.float32, copy=False)
        if not np.isfinite(latents).all():
            raise ValueError(f"z of {self} must be finite, got NaN or infinity")
        return latents

    def _latent_of(self, source: Any) -> np.ndarray:
        """Return the latent of a picture, or of a mixture of two."""
        parts = as_mixture(source, self, "source")
        if self._autoencoder is not None and len(parts) == 2:
            (one, share), (other, rest) = parts
            first = self._picture_of(one)
            second = center_crop(self._picture_of(other), first.shape[1::-1])
            return np.float32(share) * self._encode_cached(first) + np.float32(
                rest
            ) * self._encode_cached(second)
        return np.sum([share * self._encode_cached(image) for image, share in parts], axis=0)

    def _towards(self, z: np.ndarray, styles: list[tuple[str, float]]) -> np.ndarray:
        """Return the shift of a latent towards styles, at most as far as their own pictures lie.

        An attribute's direction is the difference of two means, as in arXiv 1512.09300.
        """
        shift = np.zeros_like(z)
        for name, share in styles:
            if name:
                direction, length = self._style_directions[name]
                missing = length - (z - self._mean) @ direction
                shift += np.float32(share * max(0.0, missing)) * direction
        return shift

    def _encode_cached(self, image: Any) -> np.ndarray:
        """Return the latent of an image or file, encoded once while it does not change."""
        picture = self._picture_of(image)
        for known, latent in self._encoded:
            if known.shape == picture.shape and (known == picture).all():
                return latent
        latent = self.encode(picture)
        self._encoded = [*self._encoded[-1:], (picture.copy(), latent)]
        return latent

    def _picture_of(self, source: Any) -> np.ndarray:
        """Return an image, or that of a file, as large as it is painted."""
        picture = load_image(source, self, "source")
        if not isinstance(source, str | Path):
            return self._bounded(picture)
        known, bounded = self._files.get(str(source), (None, picture))
        if known is not picture:
            bounded = self._bounded(picture)
            self._files[str(source)] = picture, bounded
        return bounded

    def _bounded(self, image: np.ndarray) -> np.ndarray:
        """Return an image as large as the autoencoder paints it: sides are multiples of 8."""
        if self._autoencoder is None:
            return image
        height, width = image.shape[:2]
        share = min(1.0, SOURCE_SIDE / max(height, width))
        height, width = (
            max(2 * FACTOR, round(side * share / FACTOR) * FACTOR) for side in (height, width)
        )
        return center_crop(image, (width, height))

    # -- the model ----------------------------------------------------------------------------

    def _render(self, z: np.ndarray, shares: np.ndarray) -> np.ndarray:
        if not self._has_style_input:
            return self._model(z=z[None])[0]
        whole = np.zeros((1, self._model.inputs["z"].shape[1]), np.float32)
        whole[0, : len(z)] = z  # the walk may cover the global part of the latent alone
        return self._model(z=whole, style=shares[None].astype(np.float32, copy=False))[0]

    def _open(self) -> None:
        from capriccio import Model

        model = Model(self._path)
        self._only_encodes = "z" in model.inputs and len(model.inputs["z"].shape) == 4
        name = self._path.stem if self._only_encodes else model.card.get("autoencoder", "")
        if name:
            self._autoencoder = autoencoder = Autoencoder(self._autoencoder_path(name))
            touches = model.card.get("touch") or {}
            self._touches = {
                style: [np.array(one, np.float32) for one in found]
                for style, found in touches.items()
            }
            if self._only_encodes:
                self._names, self._classes = sorted(self._touches), {}
                self._ground = np.zeros((autoencoder.channels, 32, 32), np.float32)
                self._model = autoencoder.decoder
                return
        try:
            self._read_card(model.card["latents"])
            self._names = model.card.get("styles") or list(self._classes)
            self._has_style_input = "style" in model.inputs
            sizes = {len(self._mean), *(array.shape[-1] for array in self._classes.values())}
            fits = (
                len(model.outputs) == 1 and len(sizes) == 1 and set(self._names) == {*self._classes}
            )
            if self._has_style_input:
                fits &= model.inputs["style"].shape == (1, len(self._names))
                fits &= max(sizes) <= model.inputs["z"].shape[1]
            else:  # an older model, without styles
                fits &= sizes == {model.inputs["z"].shape[1]}
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            fits = False
        if not fits:
            raise ModelError(
                f"model {str(self._path)!r} is not a model of {self}; "
                "make one with capriccio train vae --data FOLDER --out FILE.onnx"
            )
        self._model = model

    def _autoencoder_path(self, name: str) -> Path:
        """Return the autoencoder that a model names: beside it, or the one that comes with us."""
        beside = self._path.with_name(f"{name}.onnx")
        return beside if beside.is_file() else AUTOENCODER

    def _read_card(self, latents: dict[str, Any]) -> None:
        """Read the mean, the directions of knobs and styles, and the latents to walk through."""
        self._mean = np.array(latents["middle"], np.float32)
        self._directions = np.array([latents["ripeness"], latents["swell"]], np.float32)
        self._classes = {
            name: np.array(points, np.float64) for name, points in latents["kinds"].items()
        }
        means = {name: points.mean(0) - self._mean for name, points in self._classes.items()}
        lengths = {name: float(np.linalg.norm(mean)) for name, mean in means.items()}
        self._style_directions = {
            name: ((mean / max(lengths[name], 1e-9)).astype(np.float32), lengths[name])
            for name, mean in means.items()
        }
