"""The network with its state: it writes one character after another."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from capriccio import ModelError

from .text import ABOUT, KEYS, STOP, content_words, keys_of

Array = np.ndarray[Any, Any]

COOLEST, HOTTEST = 0.25, 1.15  # temperatures at heat 0 and 1
LEAST_SHARE = 0.02  # of the likeliest character's probability that another must have
LUCK_STEPS = 64  # steps whose random numbers are drawn at once
MOST_CHARACTERS = 120  # of a text
INPUTS = {"state", "before", "about", "keys"}


class TextWriter:
    """A network that writes, opened.

    Attributes:
        characters: that it knows, the end of a text first.
        words: that a text can be about.
    """

    def __init__(self, path: Path):
        from capriccio import Model

        self._model = Model(path, threads=1)  # a step is too small to be split between cores
        if set(self._model.inputs) != INPUTS:
            raise ModelError(
                f"model {str(path)!r} does not write; train one with capriccio train write"
            )
        card = self._model.card
        self.characters: str = STOP + str(card["characters"])
        self.words: list[str] = str(card["words"]).split()
        self._numbers = {one: at for at, one in enumerate(self.characters)}
        self._word_numbers = {word: at + 1 for at, word in enumerate(self.words)}
        shape: Any = self._model.inputs["state"].shape
        self._blank = np.zeros(shape, np.float32)
        self._no_keys = np.zeros(KEYS, np.int64)

    def about(self, words: str) -> Array:
        """Return the numbers of the words that a text is to be about, (ABOUT,).

        Words that say nothing, such as "the", are passed over, and those after the third.

        Raises:
            ValueError: a word is not known.
        """
        found = []
        for word in content_words(words):
            number = self._word_numbers.get(word) or self._singular(word)
            if not number:
                near = get_close_matches(word, self.words, 3, 0.6)
                told = f"; the nearest it knows: {', '.join(map(repr, near))}" if near else ""
                raise ValueError(f"the model knows no word {word!r} to write about{told}")
            found.append(number)
        numbers = np.zeros(ABOUT, np.int64)
        numbers[: len(found[:ABOUT])] = found[:ABOUT]
        return numbers

    def knows(self, word: str) -> bool:
        """Return whether a text can be about a word."""
        return bool(self._word_numbers.get(word.lower()) or self._singular(word.lower()))

    def _singular(self, word: str) -> int:
        """Return the number of a word that differs by an s; 0 where there is none."""
        for other in (f"{word}s", word.removesuffix("s")):
            if number := self._word_numbers.get(other):
                return number
        return 0

    def write(
        self,
        random: np.random.Generator,
        *,
        heat: float,
        about: Array,
        prefix: str = "",
        length: int = 0,
    ) -> str:
        """Return a text.

        Args:
            random: of its choices.
            heat: 0..1, from the likeliest characters to wild ones.
            about: from the method of this name.
            prefix: with which it begins.
            length: characters that it should have, 0 for as many as it has.

        Raises:
            ValueError: the prefix has characters that the network does not know, or is too long.
        """
        strange = sorted(set(prefix) - set(self.characters[1:]))
        if strange:
            shown = "".join(strange[:8])
            raise ValueError(f"the model knows no characters {shown!r}, it writes {self._script}")
        if len(prefix) >= MOST_CHARACTERS:
            raise ValueError(
                f"a text must begin with less than {MOST_CHARACTERS} characters, got {len(prefix)}"
            )
        temperature = COOLEST + (HOTTEST - COOLEST) * heat
        noises = self._noises(random)
        state, before, text = self._blank, 0, prefix
        for one in prefix:
            state, _, _ = self._step(state, before, about, self._no_keys)
            before = self._numbers[one]
        most = round(1.25 * length) if length else MOST_CHARACTERS
        while len(text) < max(most, len(prefix) + 1):
            state, logits, _ = self._step(state, before, about, self._no_keys)
            weights = logits[0] / temperature
            if length:
                # Too early to end, or time to.
                weights[0] += min(0.0, 0.6 * (len(text) - 0.8 * length))
                weights[0] += max(0.0, 0.4 * (len(text) - length))
            weights = np.where(weights < weights.max() + np.log(LEAST_SHARE), -np.inf, weights)
            before = int((weights + next(noises)).argmax())
            if before == 0 and text:
                return text
            text += self.characters[before] if before else ""
        return cut_at_word(text, prefix)

    def is_known(self, text: str) -> bool:
        """Return whether a text is one of those of training, but for case and marks."""
        keys = np.array(keys_of(text), np.int64)
        _, _, known = self._step(self._blank, 0, np.zeros(ABOUT, np.int64), keys)
        return bool(known[0] > 0.5)

    @property
    def _script(self) -> str:
        letters = "".join(one for one in self.characters if one.isalpha())
        return f"{letters[:4]}…{letters[-4:]}" if len(letters) > 8 else letters

    def _step(self, state: Array, before: int, about: Array, keys: Array) -> Sequence[Array]:
        made = self._model(state=state, before=np.array([before]), about=about, keys=keys)
        return made["next_state"], made["logits"], made["known"]

    def _noises(self, random: np.random.Generator) -> Iterator[Array]:
        while True:
            yield from random.gumbel(size=(LUCK_STEPS, len(self.characters)))


def cut_at_word(text: str, prefix: str) -> str:
    """Return a text without its last word, which is cut off, unless that is of the prefix."""
    head = text.rpartition(" ")[0].rstrip(" ,;:(‘-")
    return head if len(head) > len(prefix) else text
