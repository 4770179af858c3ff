"""The words a model knows: a prompt becomes a row of word numbers of fixed length."""

import re
import unicodedata
from difflib import get_close_matches

MAX_WORDS = 24  # words of a prompt that count: the longest captions have 20
PADDING, START = 0, 1  # an empty place, and the place before the first word
MAX_LETTERS = 20_000  # of a prompt; what follows is not read
MAX_READ = 1000  # words of a prompt that are looked up

# Articles carry no meaning here, though captions have "with a leaf".
ARTICLES = frozenset(["a", "an", "the"])
# Common words that are not reported where a model does not know them.
STOP_WORDS = frozenset(
    ["of", "in", "on", "at", "with", "and", "or", "by", "is", "are", "some", "one", "its", "from",
     "to"]
)  # fmt: skip


class Vocabulary:
    """The words of a model in the order of their numbers, the first of which is 2."""

    def __init__(self, words: list[str]):
        self.words = list(words)
        self._numbers = {word: number for number, word in enumerate(self.words, 2)}

    def __len__(self) -> int:
        """Return how many numbers there are, the two that are no words included."""
        return len(self.words) + 2

    def __contains__(self, word: str) -> bool:
        return word in self._numbers

    def encode(self, text: str) -> tuple[list[int], list[str]]:
        """Return a text as MAX_WORDS numbers, and its unknown words, each once.

        Case, accents, articles and plurals are ignored. Known words beyond MAX_WORDS are dropped,
        and so is everything after the first MAX_READ words.
        """
        numbers, unknown = [START], []
        for word in _split(text)[:MAX_READ]:
            if word in ARTICLES:
                continue
            number = self._numbers.get(word) or self._numbers.get(singular(word))
            if number is None:
                if word not in unknown and word not in STOP_WORDS:
                    unknown.append(word)
            elif len(numbers) < MAX_WORDS:
                numbers.append(number)
        return numbers + [PADDING] * (MAX_WORDS - len(numbers)), unknown

    def nearest(self, word: str) -> str:
        """Return the known word with the most similar spelling, or "" where none is similar."""
        near = get_close_matches(word, self.words, n=1, cutoff=0.6)
        return near[0] if near else ""


def normalize(text: str) -> str:
    """Return a text as lower-case words of letters and digits, without accents, one space apart."""
    bare = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in bare if not unicodedata.combining(letter))
    return " ".join(re.findall(r"[^\W_]+", bare))


def singular(words: str) -> str:
    """Return a name with its last word in the singular, for regular English plurals."""
    for ending, replacement in (
        ("ies", "y"),
        ("oes", "o"),
        ("ches", "ch"),
        ("ss", "ss"),
        ("s", ""),
    ):
        if words.endswith(ending) and len(words) > len(ending) + 2:
            return words.removesuffix(ending) + replacement
    return words


def _split(text: str) -> list[str]:
    """Split a text into words and single symbols, such as emoji; punctuation is dropped."""
    spaced = "".join(
        f" {letter} " if _is_symbol(letter) else letter for letter in text[:MAX_LETTERS]
    )
    words = []
    for piece in spaced.split():
        is_symbol = len(piece) == 1 and _is_symbol(piece)
        words += [piece] if is_symbol else normalize(piece).split()
    return words


def _is_symbol(letter: str) -> bool:
    return unicodedata.category(letter) == "So"
