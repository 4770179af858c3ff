"""The few exceptions someone will catch apart, and the one voice that tells trouble once."""

import sys
from collections import Counter
from difflib import get_close_matches


class ModelError(ValueError):
    """A model file was refused, or was called with arrays it does not take."""


class ProviderError(RuntimeError):
    """The device that was demanded is not there, or is not the one that really runs."""


class PartError(LookupError):
    """No part of that name can be built: unknown, ambiguous, or its plugin did not load."""


class ShowError(RuntimeError):
    """A show cannot start or cannot go on; the sentence says what to do."""


_told: Counter[str] = Counter()
_words: dict[str, str] = {}


def tell(message: str, key: str | None = None) -> None:
    """Say `message` on standard error the first time its `key` comes up; count it every time.

    `key` is the message itself unless given: give one where the words vary from frame to frame.
    """
    key = message if key is None else key
    _told[key] += 1
    if _told[key] == 1:
        _words[key] = message
        print(f"capriccio: {message}", file=sys.stderr, flush=True)


def tell_again() -> Counter[str]:
    """Say at the end of a show how often each trouble came back; forget and return the counts."""
    for key, times in _told.items():
        if times > 1:
            print(f"capriccio: {times} times: {_words[key]}", file=sys.stderr, flush=True)
    counts = Counter({_words[key]: times for key, times in _told.items()})
    _told.clear()
    _words.clear()
    return counts


def suggest(name: str, known) -> str:
    """Give `; did you mean 'plasma'?` where a known name is near, else what there is."""
    known = sorted(known)
    near = get_close_matches(name, known, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; there are {', '.join(map(repr, known))}" if known else "; there are none"
