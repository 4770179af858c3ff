"""The network with its state: it makes one move after another, or follows those of a person."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from capriccio import ModelError

from .pen_moves import END, LIFT, PenFollower

Array = np.ndarray[Any, Any]

MIXTURE, PENS = 20, 3  # of the network
LUCK = MIXTURE + 2 + PENS  # random numbers of a step
LUCK_STEPS = 64  # steps whose random numbers are drawn at once
COOLEST, HOTTEST = 0.1, 1.1  # temperatures at heat 0 and 1
# Times as in training that a word is told. Drawings are recognised more often then, as with
# classifier-free guidance (Ho and Salimans, arXiv 2207.12598), here of the input.
GUIDANCE = 2.0
FORBIDDEN = -1e6  # outweighs any opinion of the network
MORE_POINTS = 1.5  # times those of nearly all training drawings, after which a drawing ends
INPUTS = {"state", "seen", "word", "heat", "luck"}


class PenModel:
    """A network that draws, opened.

    Attributes:
        card: of the file.
        words: that it knows, none where it was not told any.
        latents: that it can be told, 0 where it has no encoder.
        unit: length of the canvas's side in units of the network.
        most_points: of a drawing.
    """

    def __init__(self, path: Path):
        from capriccio import Model

        # A step is too small to be split between cores.
        self._model = Model(path, threads=1)
        if set(self._model.inputs) != INPUTS:
            raise ModelError(
                f"model {str(path)!r} does not draw; train one with capriccio train draw"
            )
        self.card: Mapping[str, Any] = self._model.card
        card = self.card
        self.words: list[str] = list(card["words"])
        self.latents = int(card.get("latents", 0))
        self.unit = float(card["side"])
        self.most_points = int(card["points"][2] * MORE_POINTS)
        self.state_shape: Any = self._model.inputs["state"].shape
        self.told_count = int(self._model.inputs["word"].shape[1] or 1)

    def step(self, **arrays: Array) -> tuple[Array, Array]:
        """Return the next state, and the move and the pen that were chosen."""
        made = self._model(**arrays)
        return made["next_state"], made["made"]

    def word_weights(self, mixed: list[tuple[str, float]]) -> Array:
        """Return what the network is told of words, each given with its share; "" is none.

        Returns:
            (1, words + latents) float32 that add up to GUIDANCE, without latents.

        Raises:
            ValueError: a word is not known.
        """
        weights = np.zeros((1, self.told_count), np.float32)
        for word, share in mixed:
            if word.strip() and self.words:
                weights[0, self._number_of(word)] += GUIDANCE * share
        return weights

    def latent_weights(self, latents: Array) -> Array:
        """Return what the network is told of latents (latents,), and no word."""
        weights = np.zeros((1, self.told_count), np.float32)
        weights[0, self.told_count - self.latents :] = latents
        return weights

    def _number_of(self, word: str) -> int:
        key = " ".join(word.lower().split())
        plain = [known.lower() for known in self.words]
        if key in plain:
            return plain.index(key)
        near = get_close_matches(key, self.words, 3, 0.5)
        inside = [known for known in self.words if key in known.split() or known in key.split()]
        near = list(dict.fromkeys([*inside, *near]))[:3]
        told = f"; the nearest it knows: {', '.join(map(repr, near))}" if near else ""
        raise ValueError(f"the model knows no word {word!r} to draw{told}")


class Pen:
    """A pen that a network moves, in coordinates of the canvas about its centre.

    Attributes:
        moves: that were made and fed, rows (dx, dy, pen).
        ended: whether the drawing is complete.
    """

    def __init__(self, model: PenModel, seed: list[int], weights: Array):
        self._model, self._weights = model, weights
        self._random = np.random.default_rng(seed)
        self._luck: Iterator[Array] = iter(())
        self._state = np.zeros(model.state_shape, np.float32)
        self._follower = PenFollower()  # in units of the network
        self.moves: list[tuple[float, float, int]] = []
        self.ended = False

    def move(self, heat: float, *, may_end: bool = True) -> tuple[float, float, int]:
        """Make the next move and return it.

        Args:
            heat: 0..1, from the likeliest moves to wild ones.
            may_end: whether the drawing may be complete with it.

        Raises:
            FloatingPointError: the network made no finite move.
        """
        temperature = COOLEST + (HOTTEST - COOLEST) * heat
        luck = self._next_luck()
        if not may_end:
            luck = luck.copy()
            luck[-1] = FORBIDDEN
        state, made = self._step(np.array([temperature, temperature**0.5], np.float32), luck)
        dx, dy, pen = made.tolist()
        if not (abs(dx) < 1e6 and abs(dy) < 1e6):
            raise FloatingPointError(f"the network moved the pen by ({dx}, {dy})")
        # It stays on the paper, whatever the network believes.
        x, y = self._follower.place
        limit = 0.5 * self._model.unit
        dx, dy = (min(max(place + by, -limit), limit) - place for place, by in ((x, dx), (y, dy)))
        if len(self.moves) + 1 >= self._model.most_points:
            pen = END
        self._state = state
        return self._follow(dx, dy, int(pen))

    def change_word(self, weights: Array) -> None:
        """Draw the words of these weights from now on."""
        self._weights = weights

    def feed(self, moves: Array) -> None:
        """Follow the moves of a person, rows (dx, dy, pen), as if the network had made them."""
        heat, luck = np.ones(2, np.float32), np.zeros(LUCK, np.float32)
        unit = self._model.unit
        for dx, dy, pen in moves.tolist():
            self._state, _ = self._step(heat, luck)
            self._follow(dx * unit, dy * unit, LIFT if pen == END else int(pen))
        self.ended = False

    def _follow(self, dx: float, dy: float, pen: int) -> tuple[float, float, int]:
        self._follower.move(dx, dy, pen)
        unit = self._model.unit
        self.moves.append((dx / unit, dy / unit, pen))
        self.ended = pen == END
        return self.moves[-1]

    def _step(self, heat: Array, luck: Array) -> tuple[Array, Array]:
        seen = np.array([self._follower.features], np.float32)
        return self._model.step(
            state=self._state, seen=seen, word=self._weights, heat=heat, luck=luck
        )

    def _next_luck(self) -> Array:
        luck = next(self._luck, None)
        if luck is None:
            random = self._random
            drawn = random.gumbel(size=(LUCK_STEPS, LUCK)).astype(np.float32)
            drawn[:, MIXTURE : MIXTURE + 2] = random.standard_normal((LUCK_STEPS, 2))
            self._luck = iter(drawn)
            luck = next(self._luck)
        return luck
