"""The part `gan`: a generative adversarial network that paints what a prompt says, live."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from capriccio import (
    Generator,
    ModelError,
    Moment,
    as_mixture,
    center_crop,
    generator,
    load_image,
)

from .vocabulary import MAX_WORDS, Vocabulary

WALK_STEPS = 1024  # points of the walk; between two of them pixels do not differ
WALK_BLOOM = 0.7  # the `bloom` at which pictures are like those of the training
CACHED_PROMPTS = 64  # prompts whose codes are kept
MAX_REPORTED = 64  # unknown words that are logged
MAX_DOUBLINGS = 2  # of the size that the model paints
DIALS = ("first", "second", "third", "fourth")
AUTOENCODER = "painterly"  # of the part `vae`, whose latents models paint
GRAIN_STREAM = 1000  # a seed's second random stream: the grain of the paper

Prompt = str | tuple[str, str, float]

log = logging.getLogger("capriccio")


class GAN(Generator):
    """Paint pictures from words: any prompt, mixtures of two, and a walk through their variations.

    Words the model does not know are logged once, with the nearest word that it knows. Pictures
    are `(size, size, 3)` uint8. Generative adversarial networks: Goodfellow et al., arXiv
    1406.2661. `capriccio train gan` trains another model.

    Args:
        model: "pomona", fruit; "salon", paintings of many kinds; or the path of an `.onnx` file.
        seed: of the walk and the paper, any whole number.
        size: pixels of a side: as many as the model was trained on, the default, or twice or four
            times as many, which the generator `upscale` adds.
    """

    name = "gan"
    seekable = "now"
    models = {  # noqa: RUF012
        name: Path(__file__).with_name(f"{name}.onnx") for name in ("pomona", "salon")
    }

    def __init__(self, *, model: str | Path = "pomona", seed: int = 0, size: int | None = None):
        self._path = self.model_path(model)
        self._model: Any = None
        self._wanted = size
        self._upscale: Any = None
        self._encoder: Any = None  # of source pictures
        self._doublings = 0
        self.reset(seed)

    def reset(self, seed: int = 0) -> None:
        """Start anew with the walk and the paper of `seed`, without a previous prompt."""
        self._seed = seed
        self._walk: Any = None  # (WALK_STEPS + 1, latent)
        self._code: Any = None  # (1, codes): of the last picture
        self._fade_from: Any = None  # (1, codes), or None where nothing fades
        self._prompts: tuple[str, ...] = ()
        self._prompts_since = self._last_beats = 0.0
        self._source: tuple[Any, Any] = (None, None)  # the last one and its latents

    def generate(
        self, now: Moment, *, prompt: Prompt = "", drift: float = 0.0, bloom: float = 0.5,
        fade: float = 0.25, first: float = 0.5, second: float = 0.5, third: float = 0.5,
        fourth: float = 0.5, source: Any = None, amount: float = 0.6, z: Any = None,
    ) -> np.ndarray:  # fmt: skip
        """Return the picture of `prompt` at the place `drift` of the walk, or `source` repainted.

        Args:
            prompt: Any words, or two prompts and a share, `("a green pear", "black grapes", 0.3)`.
            drift: The place on a closed walk that the seed chooses; 0 and 1 are the same.
            bloom: From the most typical picture (0) over those of the training (0.7) to bolder
                ones (1).
            fade: How many bars a new prompt takes to come in; 0 jumps.
            first: The strongest direction of change that the model has; 0.5 is neutral.
            second: The second direction of change, as strong as the first; 0.5 is neutral.
            third: The third direction of change, as strong as the first; 0.5 is neutral.
            fourth: The fourth direction of change, as strong as the first; 0.5 is neutral.
            source: An image, or the path of one, whose middle square is painted again as `prompt`
                says; a frame of a camera, for example.
            amount: How far `source` is changed; 1 keeps nothing of it.
            z: A latent vector of your own, in place of the walk's.
        """
        self._open()
        prompts, shares = self._parse(prompt)
        if z is None:
            place = drift * WALK_STEPS
            step = min(int(place), WALK_STEPS - 1)
            z = self._walk[step] + (place - step) * (self._walk[step + 1] - self._walk[step])
            z = z * (bloom / WALK_BLOOM)
        else:
            z = self._checked_latent(z)
        progress = self._fade_progress(now, prompts, fade)
        offset = self._style_offset((first, second, third, fourth))
        kept = None if source is None else (self._latents_of(source), 1 - amount)
        return self._paint(z, prompts, shares, progress, offset, self._grain, kept)

    def paint(
        self, z: Any, prompt: Prompt | Sequence[Prompt] = "", *, grain: np.ndarray | None = None
    ) -> np.ndarray:
        """Return many pictures at once, `(pictures, size, size, 3)` uint8, for offline use.

        Args:
            z: latent vectors, `(pictures, latent)`.
            prompt: one for all pictures, or a list with one for each.
            grain: the paper of each picture, from `random_grain`; that of the seed by default.

        Raises:
            ValueError: the number of prompts or the shape of `z` does not fit.
        """
        self._open()
        rows = np.atleast_2d(np.asarray(z))
        prompts = [prompt] * len(rows) if isinstance(prompt, str | tuple) else list(prompt)
        if len(prompts) != len(rows):
            raise ValueError(
                f"expected a prompt for each of {len(rows)} vectors, got {len(prompts)}"
            )
        code = self._code
        pictures = []
        for index, (row, one) in enumerate(zip(rows, prompts, strict=True)):
            words, shares = self._parse(one)
            paper = self._grain if grain is None else np.asarray(grain[index], np.float32)[None]
            latent, offset = self._checked_latent(row), self._style_offset(())
            pictures.append(self._paint(latent, words, shares, 1.0, offset, paper))
        self._code = code  # a fade of the show goes on from its own picture
        return np.stack(pictures)

    @property
    def size(self) -> int:
        """The width and height of its pictures, in pixels."""
        self._open()
        return self._own_size << self._doublings

    @property
    def latent(self) -> int:
        """The number of values of `z`."""
        self._open()
        return self._latent

    @property
    def unused_knobs(self) -> frozenset[str]:
        """The knobs that this model does not heed: it repaints nothing, or has no directions."""
        self._open()
        unused = set() if self._repaints else {"source", "amount"}
        return frozenset(unused | (set() if self._directions else set(DIALS)))

    def random_grain(self, count: int, random: np.random.Generator) -> np.ndarray:
        """Return the grain of `count` random papers, `(count, values)` float32, for `paint`."""
        self._open()
        return random.standard_normal((count, self._grain_size), np.float32)

    def unknown(self, prompt: str) -> dict[str, str]:
        """Return the words of a prompt that the model does not know, each with the nearest known.

        The nearest is "" where no known word is similar.
        """
        self._open()
        return {w: self._vocabulary.nearest(w) for w in self._vocabulary.encode(prompt)[1]}

    def close(self) -> None:
        """Release the models."""
        if self._encoder is not None:
            self._encoder.close()
        self._model = self._encoder = None

    # -- prompts ------------------------------------------------------------------------------

    def _parse(self, prompt: Any) -> tuple[tuple[str, ...], np.ndarray]:
        """Return the one or two prompts of a mixture, and their shares."""
        prompts, shares = zip(*as_mixture(prompt, self, "prompt", str), strict=True)
        return prompts, np.array(shares)

    def _fade_progress(self, now: Moment, prompts: tuple[str, ...], fade: float) -> float:
        """Return how far the prompts have come in, 0..1; start a fade where they are new."""
        if now.beats < self._last_beats:  # the show has started again
            self._prompts, self._fade_from = (), None
        self._last_beats = now.beats
        if prompts != self._prompts:
            self._fade_from = self._code if self._prompts else None
            self._prompts, self._prompts_since = prompts, now.beats
        if self._fade_from is None:
            return 1.0
        beats = fade * now.meter
        progress = (now.beats - self._prompts_since) / beats if beats > 0 else 1.0
        if progress >= 1:
            self._fade_from = None
            return 1.0
        return progress * progress * (3 - 2 * progress)  # smoothstep: no jolt at either end

    def _encode(self, prompt: str) -> list[int]:
        """Return the word numbers of a prompt; log its unknown words, each once."""
        numbers, unknown = self._vocabulary.encode(prompt)
        for word in unknown:
            if word in self._reported:
                continue
            if len(self._reported) >= MAX_REPORTED:
                break
            self._reported.add(word)
            nearest = self._vocabulary.nearest(word)
            hint = f"; did you mean {nearest!r}?" if nearest else ""
            log.warning("%s does not know the word %r%s", self, word[:40], hint)
        return numbers

    # -- painting -----------------------------------------------------------------------------

    def _paint(
        self, z: np.ndarray, prompts: tuple[str, ...], shares: np.ndarray, progress: float,
        offset: np.ndarray, grain: np.ndarray, kept: tuple[np.ndarray, float] | None = None,
    ) -> np.ndarray:  # fmt: skip
        """Return one picture; remember the code it was painted from, and those of new prompts.

        Args:
            z: `(latent,)`.
            prompts: one or two.
            shares: of each prompt.
            progress: of the fade from the previous prompts, 0..1.
            offset: added to the style, `(1, style)`.
            grain: `(1, grain)`.
            kept: latents of a source picture, `(1, 8, rows, rows)`, and how much of it is kept.
        """
        words = np.zeros((2, MAX_WORDS), np.int64)
        slots = np.zeros((1, 2), np.float32)
        code = np.zeros((1, self._code_size), np.float32)
        if progress < 1:
            code += np.float32(1 - progress) * self._fade_from
        new: list[str] = []
        for prompt, share in zip(prompts, shares, strict=True):
            known = self._codes.get(prompt)
            if known is not None:
                code += np.float32(progress * share) * known
            else:
                # Encoded by the graph that paints: a new prompt costs no frame.
                words[len(new)] = self._encode(prompt)
                slots[0, len(new)] = progress * share
                new.append(prompt)
        repainted = {}
        if self._repaints:
            latents, start = kept or (self._nothing, 0.0)
            repainted = {"source": latents, "start": np.array([start], np.float32)}
        outputs = self._model(z=z[None].astype(np.float32), words=words, shares=slots, code=code,
                              turn=offset, grain=grain, **repainted)  # fmt: skip
        for index, prompt in enumerate(new):
            if len(self._codes) >= CACHED_PROMPTS:
                self._codes.pop(next(iter(self._codes)))
            self._codes[prompt] = outputs["codes"][index : index + 1]
        self._code = code + slots @ outputs["codes"]
        image = outputs["image"][0]
        for _ in range(self._doublings):
            image = self._upscale(Moment(), over=image)
        return image

    def _latents_of(self, source: Any) -> np.ndarray:
        """Return the latents of the middle square of a picture, encoded once while it is the same.

        Raises:
            ModelError: the model does not repaint.
        """
        if not self._repaints:
            raise ModelError(
                f"model {str(self._path)!r} of {self} cannot paint a source again; "
                "expected one that was trained with --flow, as those that come with it were"
            )
        picture = load_image(source, self, "source")
        known, latents = self._source
        if known is None or known.shape != picture.shape or (known != picture).any():
            if self._encoder is None:
                self._encoder = generator("vae", model=AUTOENCODER)
            square = center_crop(picture, (self._own_size, self._own_size))
            latents = self._encoder.encode(square)[None]  # (1, 8, rows, rows)
            self._source = picture.copy(), latents
        return latents

    def _checked_latent(self, z: Any) -> np.ndarray:
        vector = np.asarray(z)
        fits = vector.shape in ((self._latent,), (1, self._latent))
        if not fits or vector.dtype.kind not in "fiu":
            raise ValueError(
                f"z of {self} must be {self._latent} numbers, "
                f"got shape {vector.shape} of type {str(vector.dtype)!r}"
            )
        vector = vector.reshape(-1).astype(np.float64)
        if not np.isfinite(vector).all():
            raise ValueError(
                f"z of {self} must be {self._latent} finite numbers, got nan or infinity"
            )
        return vector

    def _style_offset(self, positions: tuple[float, ...]) -> np.ndarray:
        """Return what the knobs `first` to `fourth` at these positions add to the style."""
        offset = np.zeros((1, self._style_size))
        for position, (direction, turns) in zip(positions, self._directions, strict=False):
            if position != 0.5:
                even = np.linspace(0, 1, len(turns))
                offset += np.interp(position, even, turns) * direction
        return offset.astype(np.float32)

    # -- the model ----------------------------------------------------------------------------

    def _open(self) -> None:
        if self._model is None:
            self._load()
        if self._walk is None:
            random = np.random.default_rng([abs(self._seed), self._seed < 0])
            self._walk = closed_walk(random, self._latent)
            random = np.random.default_rng([abs(self._seed), self._seed < 0, GRAIN_STREAM])
            self._grain = random.standard_normal((1, self._grain_size), np.float32)

    def _load(self) -> None:
        from capriccio import Model

        model = Model(self._path)
        try:
            shapes: dict[str, Any] = {name: slot.shape for name, slot in model.inputs.items()}
            self._latent, self._code_size = shapes["z"][1], shapes["code"][1]
            self._style_size, self._grain_size = shapes["turn"][1], shapes["grain"][1]
            self._vocabulary = Vocabulary(model.card["vocabulary"])
            self._directions = [
                (np.array(dial["direction"], np.float64), np.array(dial["turns"], np.float64))
                for dial in model.card["dials"]
            ]
            fits = (
                shapes["words"] == (2, MAX_WORDS)
                and set(model.outputs) >= {"image", "codes"}
                and all(direction.shape == (self._style_size,) for direction, _ in self._directions)
            )
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            fits = False
        if not fits:
            raise ModelError(
                f"model {str(self._path)!r} is no model of {self}; "
                "train one with capriccio train gan --data FOLDER --out FILE.onnx"
            )
        self._repaints = "source" in model.inputs
        if self._repaints:
            self._nothing = np.zeros(shapes["source"], np.float32)
        own: Any = model.outputs["image"].shape[1]
        self._own_size, self._doublings = own, self._doublings_to(self._wanted, own)
        if self._doublings and self._upscale is None:
            self._upscale = generator("upscale")
        self._model = model
        self._codes: dict[str, np.ndarray] = {}  # of prompts, the oldest first
        self._reported: set[str] = set()

    def _doublings_to(self, wanted: int | None, own: int) -> int:
        """Return how often pictures of `own` pixels are doubled to be of `wanted`."""
        sizes = [own << doublings for doublings in range(MAX_DOUBLINGS + 1)]
        if wanted is None:
            return 0
        if wanted not in sizes:
            raise ValueError(
                f"size of {self} must be {', '.join(map(str, sizes[:-1]))} or {sizes[-1]} pixels "
                f"with this model, got {wanted!r}"
            )
        return sizes.index(wanted)


def closed_walk(random: np.random.Generator, latent: int) -> np.ndarray:
    """Return a closed walk at an even pace, `(WALK_STEPS + 1, latent)`.

    Its points lie as far from the origin as random vectors do.
    """
    angles = np.linspace(0, 2 * np.pi, 4 * WALK_STEPS + 1)  # finer than needed, for the even pace
    walk = np.zeros((len(angles), latent))
    for harmonic in (1, 2, 3):  # about six unrelated pictures a round
        cosine, sine = random.standard_normal((2, latent))
        walk += np.outer(np.cos(harmonic * angles), cosine) + np.outer(
            np.sin(harmonic * angles), sine
        )
    walk *= latent**0.5 / np.linalg.norm(walk, axis=1, keepdims=True)
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(walk, axis=0), axis=1))])
    even = np.linspace(0, lengths[-1], WALK_STEPS + 1)
    walk = np.stack([np.interp(even, lengths, column) for column in walk.T], axis=1)
    walk[-1] = walk[0]
    return walk
