"""The part `write`: a recurrent network that writes titles, and lines of a given length."""

import math
import threading
from pathlib import Path

import numpy as np
from capriccio import Generator, Moment

from .text import cleaned, content_words
from .writer import TextWriter

LONGEST = 80  # characters of a line at length 1
ATTEMPTS = 40  # to write what is not in the training data
HOTTER = 0.05  # heat that each attempt adds


class Write(Generator):
    """Write titles of pictures that do not exist, or of one that does.

    Called with `now` it returns the text of the bar, a `str`; seed and bar alone decide which, so
    it stays the same for all frames of the bar. No text that stands in the training data is
    returned, unless `known=True` is asked for. `titles` learned from titles of the Tate's
    collection; `model="mine.onnx"` writes what it was trained on. The network is an LSTM that reads
    and writes characters.

    Args:
        model: "titles", or the path of an `.onnx` file.
        seed: the same seed writes the same.
        known: whether texts of the training data are allowed.
    """

    name = "write"
    seekable = "now"
    models = {"titles": Path(__file__).with_name("titles.onnx")}  # noqa: RUF012

    def __init__(self, *, model: str = "titles", seed: int = 0, known: bool = False):
        self._path, self._seed, self._known = self.model_path(model), seed, known
        self._writer: TextWriter | None = None
        self._lock = threading.RLock()
        self._last: tuple[tuple[object, ...], str] = ((), "")

    def generate(
        self, now: Moment, *, heat: float = 0.5, about: str = "", length: float = 0.0
    ) -> str:
        """Return the title of this bar.

        Args:
            heat: Sampling temperature, from the safest words to wild ones.
            about: Words that it is about, at most three, such as "fruit".
            length: From a few characters to 80, as a line to set to music has; 0 is any length.
        """
        key = (math.floor(now.beats / now.meter), heat, about, length)
        with self._lock:
            if self._last[0] != key:  # a frame asks for the same again
                text = self._new(key[0], heat, about, round(length * LONGEST))
                self._last = (key, text)
            return self._last[1]

    def title(self, now: Moment, heat: float = 0.5, *, about: str = "", length: float = 0.0) -> str:
        """Return the title of this bar; the same as calling the part.

        Args:
            about: words; those that the model does not know are passed over, so the labels of a
                critic can be given as they are.
        """
        writer = self.writer
        words = " ".join(word for word in content_words(about) if writer.knows(word))
        made: str = self(now, heat=heat, about=words, length=length)
        return made

    def complete(self, prefix: str, *, heat: float = 0.5, about: str = "", number: int = 0) -> str:
        """Return a text that begins with `prefix`.

        Args:
            number: another one ends it in another way.

        Raises:
            ValueError: the prefix has characters that the model does not know, or is too long.
        """
        if not isinstance(prefix, str):
            raise TypeError(f"a prefix must be text, got {type(prefix).__name__}")
        # One space at its end says that the next word begins.
        begun = cleaned(prefix) + " " * (prefix[-1:].isspace() and bool(prefix.strip()))
        with self._lock:
            return self._new(number, heat, about, 0, begun)

    def _new(self, number: int, heat: float, about: str, length: int, prefix: str = "") -> str:
        """Return a text that is not known, or raise ValueError where none is found."""
        writer = self.writer
        words = writer.about(about)
        key = [self._seed % 2**32, number % 2**32, *prefix.encode()]
        for attempt in range(ATTEMPTS):
            text = writer.write(
                np.random.default_rng([*key, attempt]),
                heat=min(1.0, heat + HOTTER * attempt),
                about=words,
                prefix=prefix,
                length=length,
            )
            if self._known or not writer.is_known(text):
                return text
        raise ValueError(
            f"{self} wrote {text!r}, which is in its training data, and {ATTEMPTS} times nothing "
            "else; build it with known=True to allow that"
        )

    @property
    def writer(self) -> TextWriter:
        """The network, opened when it is first used."""
        with self._lock:
            if self._writer is None:
                self._writer = TextWriter(self._path)
            return self._writer

    @property
    def words(self) -> list[str]:
        """The words that a text can be about."""
        return sorted(self.writer.words)

    def warm_up(self) -> None:
        """Load the model and run it once."""
        self.complete("")

    def close(self) -> None:
        """Release the model."""
        self._writer = None
