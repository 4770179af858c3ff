"""Musical keys by name, as sets of pitch classes (0 is C, 11 is B)."""

import re
from collections.abc import Iterable

NATURALS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
MAJOR = (0, 2, 4, 5, 7, 9, 11)
MINOR = (0, 2, 3, 5, 7, 8, 9, 10, 11)  # with the raised sixth and seventh of the melodic minor


def pitch_classes(key: str | Iterable[int]) -> frozenset[int]:
    """Return the pitch classes of a key such as "d minor", or check a set of them.

    A minor key includes its raised sixth and seventh, which cadences need. "" is all twelve.

    Raises:
        ValueError: the key cannot be parsed, or a pitch class is outside 0..11.
    """
    if isinstance(key, str):
        return _parse(key) if key.strip() else frozenset(range(12))
    classes = frozenset(key)
    if not classes or not classes <= set(range(12)):
        raise ValueError(f"pitch classes must be numbers 0..11, got {sorted(classes)}")
    return classes


def _parse(key: str) -> frozenset[int]:
    words = key.lower().replace("♭", " flat").replace("♯", " sharp")
    match = re.fullmatch(r"\s*([a-g])\s*(#|b|-?\s*sharp|-?\s*flat)?\s*(major|minor)\s*", words)
    if not match:
        raise ValueError(f'key must be like "d minor", "E flat major" or "f# minor", got {key!r}')
    letter, accidental, mode = match.groups()
    shift = 0 if not accidental else 1 if accidental[-1] in "#p" else -1
    tonic = NATURALS[letter] + shift
    return frozenset((tonic + step) % 12 for step in (MAJOR if mode == "major" else MINOR))
