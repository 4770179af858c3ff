"""The painter of words: a generative adversarial network that paints what a prompt says, live."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from capriccio import Generator, ModelError, as_mixture

from .vocabulary import LONGEST, Vocabulary

STEPS = 1024  # points of the walk that are worked out; pixels between two do not differ
REMEMBERED = 64  # prompts whose codes are kept
SPLIT = 1000  # a seed's second stream of chance: the grain of the paper


class GAN(Generator):
    """Paint what the prompt says, and walk round it: words in, pictures out, at once.

    `prompt` takes any words; those the model has learned are followed, the others are named once
    with the nearest that it knows, and "" paints whatever comes. Two prompts and how far from one
    to the other, `("a green pear", "black grapes", 0.3)`, are mixed. A new prompt comes in within
    `fade` 0..1 bars, from wherever the picture stands; 0 jumps. `drift` 0..1 goes once round a
    walk, which the seed chooses, and ends where it began. `bloom` 0..1 goes from the most typical
    picture over pictures as they were learned (0.7) to bolder ones. `first` to `fourth` are the
    dials that change this model's pictures most, all alike in how much, and rest at 0.5. `z`
    takes a vector of chance of your own in place of the walk's.

    Returns `(size, size, 3)` uint8; 64, 128 or 256 as the model was trained. Generative
    adversarial networks are Goodfellow's (arXiv 1406.2661); `capriccio train gan` learns another.
    """

    name = "gan"
    models = {"pomona": Path(__file__).with_name("pomona.onnx")}  # noqa: RUF012

    def __init__(self, *, model: str | Path = "pomona", seed: int = 0):
        self._path = self.model_path(model)
        self._model: Any = None
        self.reset(seed)

    def reset(self, seed: int = 0) -> None:
        """Choose another walk and forget the last prompt; the same seed walks the same way."""
        self._seed = seed
        self._walk: Any = None
        self._mixture: Any = None  # the code that was painted last
        self._left: Any = None  # the code that is being faded from
        self._asked: tuple[str, ...] = ()
        self._since = self._beats = 0.0

    def generate(
        self, now, *, prompt="", drift=0.0, bloom=0.5, fade=0.25,
        first=0.5, second=0.5, third=0.5, fourth=0.5, z=None,
    ):  # fmt: skip
        """Paint the picture of the prompt at `drift` of the walk."""
        self._open()
        prompts, shares = self._prompts(prompt)
        if z is None:
            place = drift * STEPS
            step = min(int(place), STEPS - 1)
            z = self._walk[step] + (place - step) * (self._walk[step + 1] - self._walk[step])
            z = z * (bloom / 0.7)
        else:
            z = self._vector(z)
        arrived = self._arrived(now, prompts, fade)
        turn = self._dialled((first, second, third, fourth))
        return self._paint(z, prompts, shares, arrived, turn, self._grain)

    def paint(self, z, prompt="", *, grain=None) -> np.ndarray:
        """Paint many pictures at once, for offline use: `(pictures, size, size, 3)` uint8.

        `z` is an array of a row for each picture; `prompt` is one for all or a list of one for
        each; the paper's grain is the seed's unless `grain` gives a row for each as well.
        """
        self._open()
        rows = np.atleast_2d(np.asarray(z))
        prompts = [prompt] * len(rows) if isinstance(prompt, str | tuple) else list(prompt)
        if len(prompts) != len(rows):
            raise ValueError(f"{len(prompts)} prompts for {len(rows)} vectors; give one for each")
        kept = self._mixture
        made = []
        for index, (row, one) in enumerate(zip(rows, prompts, strict=True)):
            words, shares = self._prompts(one)
            here = self._grain if grain is None else np.asarray(grain[index], np.float32)[None]
            made.append(self._paint(self._vector(row), words, shares, 1.0, self._dialled(()), here))
        self._mixture = kept
        return np.stack(made)

    @property
    def size(self) -> int:
        """The width and height of its pictures, in pixels."""
        self._open()
        return self._model.outputs["image"].shape[1]

    @property
    def latent(self) -> int:
        """How many numbers `z` has."""
        self._open()
        return self._latent

    def papers(self, count: int, random: np.random.Generator) -> np.ndarray:
        """Draw the grain of so many papers, a row each, for `paint`."""
        self._open()
        return random.standard_normal((count, self._grains), np.float32)

    def unknown(self, prompt: str) -> dict[str, str]:
        """Give the words of a prompt that the model does not know, and the nearest it does."""
        self._open()
        return {w: self._vocabulary.nearest(w) for w in self._vocabulary.read(prompt)[1]}

    def close(self) -> None:
        """Let the model go."""
        self._model = None

    # -- prompts ------------------------------------------------------------------------------

    def _prompts(self, prompt) -> tuple[tuple[str, ...], np.ndarray]:
        """Give one or two prompts and their shares."""
        prompts, shares = zip(*as_mixture(prompt, self, "prompt", str), strict=True)
        return prompts, np.array(shares)

    def _arrived(self, now, prompts: tuple[str, ...], fade: float) -> float:
        """Say how far the prompts have come in, 0..1, and begin a fade where they are new."""
        if now.beats < self._beats:  # the show has begun again
            self._asked, self._left = (), None
        self._beats = now.beats
        if prompts != self._asked:
            self._left = self._mixture if self._asked else None
            self._asked, self._since = prompts, now.beats
        if self._left is None:
            return 1.0
        beats = fade * now.meter
        passed = (now.beats - self._since) / beats if beats > 0 else 1.0
        if passed >= 1:
            self._left = None
            return 1.0
        return passed * passed * (3 - 2 * passed)  # leaves and arrives softly

    def _read(self, prompt: str) -> list[int]:
        numbers, unknown = self._vocabulary.read(prompt)
        for word in unknown:
            if word in self._named:
                continue
            if len(self._named) >= REMEMBERED:  # somebody pours a book in: enough is said
                break
            self._named.add(word)
            near = self._vocabulary.nearest(word)
            hint = f"the nearest it knows is {near!r}" if near else "and nothing near it"
            with suppress(OSError, ValueError, AttributeError):  # the terminal may be gone
                print(f"capriccio: {self} does not know {word[:40]!r}; {hint}", file=sys.stderr)
        return numbers

    # -- painting -----------------------------------------------------------------------------

    def _paint(self, z, prompts, shares, arrived: float, turn, grain) -> np.ndarray:
        """Paint one picture and remember the codes it was painted from."""
        words = np.zeros((2, LONGEST), np.int64)
        slots = np.zeros((1, 2), np.float32)
        code = np.zeros((1, self._codes), np.float32)
        if arrived < 1:
            code += np.float32(1 - arrived) * self._left
        new: list[str] = []
        for prompt, share in zip(prompts, shares, strict=True):
            known = self._heard.get(prompt)
            if known is not None:
                code += np.float32(arrived * share) * known
            else:
                # Heard on the way, in the graph that paints: a new prompt costs no frame.
                words[len(new)] = self._read(prompt)
                slots[0, len(new)] = arrived * share
                new.append(prompt)
        made = self._model(z=z[None].astype(np.float32), words=words, shares=slots, code=code,
                           turn=turn, grain=grain)  # fmt: skip
        for index, prompt in enumerate(new):
            if len(self._heard) >= REMEMBERED:
                self._heard.pop(next(iter(self._heard)))
            self._heard[prompt] = made["codes"][index : index + 1]
        self._mixture = code + slots @ made["codes"]
        return made["image"][0]

    def _vector(self, z) -> np.ndarray:
        vector = np.asarray(z)
        fits = vector.shape in ((self._latent,), (1, self._latent))
        if not fits or vector.dtype.kind not in "fiu":
            raise ValueError(
                f"z of {self} has shape {vector.shape} and kind {str(vector.dtype)!r}; "
                f"give {self._latent} numbers"
            )
        vector = vector.reshape(-1).astype(np.float64)
        if not np.isfinite(vector).all():
            raise ValueError(f"z of {self} holds nan or infinity; give {self._latent} numbers")
        return vector

    def _dialled(self, positions) -> np.ndarray:
        turn = np.zeros((1, self._style))
        for position, (direction, turns) in zip(positions, self._dials, strict=False):
            if position != 0.5:
                even = np.linspace(0, 1, len(turns))
                turn += np.interp(position, even, turns) * direction
        return turn.astype(np.float32)

    # -- the model ----------------------------------------------------------------------------

    def _open(self) -> None:
        if self._model is None:
            self._load()
        if self._walk is None:
            random = np.random.default_rng([abs(self._seed), self._seed < 0])
            self._walk = _walk(random, self._latent)
            random = np.random.default_rng([abs(self._seed), self._seed < 0, SPLIT])
            self._grain = random.standard_normal((1, self._grains), np.float32)

    def _load(self) -> None:
        from capriccio import Model

        model = Model(self._path)
        try:
            shapes = {name: slot.shape for name, slot in model.inputs.items()}
            self._latent, self._codes = shapes["z"][1], shapes["code"][1]
            self._style, self._grains = shapes["turn"][1], shapes["grain"][1]
            self._vocabulary = Vocabulary(model.card["vocabulary"])
            self._dials = [
                (np.array(dial["direction"], np.float64), np.array(dial["turns"], np.float64))
                for dial in model.card["dials"]
            ]
            fits = (
                shapes["words"] == (2, LONGEST)
                and set(model.outputs) == {"image", "codes"}
                and all(direction.shape == (self._style,) for direction, _ in self._dials)
            )
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            fits = False
        if not fits:
            raise ModelError(
                f"model {str(self._path)!r} is not one of this painter's; "
                "make one with capriccio train gan --data FOLDER --out FILE.onnx"
            )
        self._model = model
        self._heard: dict[str, np.ndarray] = {}
        self._named: set[str] = set()


def _walk(random: np.random.Generator, latent: int) -> np.ndarray:
    """Work out a closed walk, `(STEPS + 1, latent)`, as far from the middle as chance is, even."""
    round_ = np.linspace(0, 2 * np.pi, 4 * STEPS + 1)  # finer than needed, to be evened out
    walk = np.zeros((len(round_), latent))
    for harmonic in (1, 2, 3):  # about six pictures a round that have nothing in common
        cosine, sine = random.standard_normal((2, latent))
        walk += np.outer(np.cos(harmonic * round_), cosine) + np.outer(
            np.sin(harmonic * round_), sine
        )
    walk *= latent**0.5 / np.linalg.norm(walk, axis=1, keepdims=True)
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(walk, axis=0), axis=1))])
    even = np.linspace(0, along[-1], STEPS + 1)
    walk = np.stack([np.interp(even, along, column) for column in walk.T], axis=1)
    walk[-1] = walk[0]
    return walk
