"""Musical keys and scales by name, as sets of pitch classes (0 is C, 11 is B)."""

import re
from collections.abc import Iterable

from .errors import suggest

NATURALS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
# The steps of each scale above its tonic. A minor key has the raised sixth and seventh as well,
# which cadences need.
SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 9, 10, 11),
    "natural minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "melodic minor": (0, 2, 3, 5, 7, 9, 11),
    "ionian": (0, 2, 4, 5, 7, 9, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "aeolian": (0, 2, 3, 5, 7, 8, 10),
    "locrian": (0, 1, 3, 5, 6, 8, 10),
    "pentatonic": (0, 2, 4, 7, 9),
    "major pentatonic": (0, 2, 4, 7, 9),
    "minor pentatonic": (0, 3, 5, 7, 10),
    "blues": (0, 3, 5, 6, 7, 10),
    "whole tone": (0, 2, 4, 6, 8, 10),
    "octatonic": (0, 2, 3, 5, 6, 8, 9, 11),
    "chromatic": tuple(range(12)),
}
SHORT = {"": "major", "m": "minor", "min": "minor", "maj": "major", "M": "major"}


def pitch_classes(key: str | Iterable[int]) -> frozenset[int]:
    """Return the pitch classes of a key or scale, or check a set of them.

    `"Dm"` and `"d minor"` are one key, `"Bb"` is B flat major; others are `"C# dorian"`,
    `"A minor pentatonic"`, `"E flat blues"`. "" is all twelve.

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
    words = key.strip().replace("♭", "b").replace("♯", "#")
    words = re.sub(r"(?i)\s*-?\s*sharp\b", "#", re.sub(r"(?i)\s*-?\s*flat\b", "b", words))
    match = re.fullmatch(r"([A-Ga-g])\s*([#b]?)\s*(.*)", words)
    if not match:
        raise ValueError(
            f'key must be like "d minor", "Dm", "E flat major" or "C# dorian", got {key!r}'
        )
    letter, accidental, name = match.groups()
    name = SHORT.get(name) or " ".join(name.lower().split())
    name = SHORT.get(name, name)
    if name not in SCALES:
        raise ValueError(
            f"no scale is called {name!r}{suggest(name, SCALES)}; there are {', '.join(SCALES)}"
        )
    tonic = NATURALS[letter.lower()] + {"": 0, "#": 1, "b": -1}[accidental]
    return frozenset((tonic + step) % 12 for step in SCALES[name])
