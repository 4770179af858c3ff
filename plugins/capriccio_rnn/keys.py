"""Keys as musicians name them, as sets of pitch classes (0 is c, 11 is b)."""

import re
from collections.abc import Iterable

NATURALS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
MAJOR = (0, 2, 4, 5, 7, 9, 11)
MINOR = (0, 2, 3, 5, 7, 8, 9, 10, 11)  # with the raised sixth and seventh of rising lines


def pitch_classes(key: str | Iterable[int]) -> frozenset[int]:
    """Read a key such as "d minor" or "E flat major", or a set of pitch classes 0..11.

    A minor key holds its raised sixth and seventh too, or there would be no cadences. "" is all
    twelve. Raises ValueError where a key cannot be read.
    """
    if isinstance(key, str):
        return _named(key) if key.strip() else frozenset(range(12))
    classes = frozenset(key)
    if not classes or not classes <= set(range(12)):
        raise ValueError(f"a key of the pitch classes {sorted(classes)}; give some of 0..11")
    return classes


def _named(key: str) -> frozenset[int]:
    words = key.lower().replace("♭", " flat").replace("♯", " sharp")
    found = re.fullmatch(r"\s*([a-g])\s*(#|b|-?\s*sharp|-?\s*flat)?\s*(major|minor)\s*", words)
    if not found:
        raise ValueError(f'no key is called {key!r}; write "d minor", "E flat major" or "f# minor"')
    letter, sign, mode = found.groups()
    shift = 0 if not sign else 1 if sign[-1] in "#p" else -1
    tonic = NATURALS[letter] + shift
    return frozenset((tonic + step) % 12 for step in (MAJOR if mode == "major" else MINOR))
