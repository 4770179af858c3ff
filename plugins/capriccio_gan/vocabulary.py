"""Reads prompts: words become numbers the network knows; those it does not know are named."""

import unicodedata
from difflib import get_close_matches

from .training.captions import plain, singular

LONGEST = 24  # words of a prompt that count: the longest captions have 20
NOTHING, BEGIN = 0, 1  # an empty place, and the place before the first word


class Vocabulary:
    """The words a model has learned, in the order of their numbers, the first of which is 2."""

    def __init__(self, words: list[str]):
        self.words = list(words)
        self._numbers = {word: number for number, word in enumerate(self.words, 2)}

    def __len__(self) -> int:
        return len(self.words) + 2

    def __contains__(self, word: str) -> bool:
        return word in self._numbers

    def read(self, text: str) -> tuple[list[int], list[str]]:
        """Give LONGEST numbers for a text, and the words in it that are not known, each once.

        Case, accents, articles and the plural do not matter. Words behind the LONGEST-th known
        one are left out, and so are all behind the first 1,000.
        """
        numbers, unknown = [BEGIN], []
        for word in _words(text)[:1000]:
            if word in ARTICLES:
                continue
            number = self._numbers.get(word) or self._numbers.get(singular(word))
            if number is None:
                if word not in unknown and word not in FILLERS:
                    unknown.append(word)
            elif len(numbers) < LONGEST:
                numbers.append(number)
        return numbers + [NOTHING] * (LONGEST - len(numbers)), unknown

    def nearest(self, word: str) -> str:
        """Give the known word that is spelled most alike, or "" where none is near."""
        near = get_close_matches(word, self.words, n=1, cutoff=0.6)
        return near[0] if near else ""


# An article says nothing: "a red apple" is a red apple, though captions have "with a leaf".
ARTICLES = frozenset(["a", "an", "the"])
# Nobody needs to be told that these are not known.
FILLERS = frozenset(
    ["of", "in", "on", "at", "with", "and", "or", "by", "is", "are", "some", "one", "its", "from",
     "to"]
)  # fmt: skip


def _words(text: str) -> list[str]:
    """Part a text into words and single symbols, such as emoji; punctuation is dropped."""
    spaced = "".join(
        f" {letter} " if unicodedata.category(letter) == "So" else letter
        for letter in text[:20_000]
    )
    words = []
    for piece in spaced.split():
        symbol = len(piece) == 1 and unicodedata.category(piece) == "So"
        words += [piece] if symbol else plain(piece).split()
    return words
