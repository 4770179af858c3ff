"""Compare a picture with its painter's earlier works: what changed."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .readings import NUMBERS, Readings
from .traits import HUES, traits

if TYPE_CHECKING:
    from .analyzer import Critic

Array = np.ndarray[Any, Any]

CHANGED = 1.0  # standard deviations of the earlier works from which something counts as changed
# The least that counts as a difference, where the earlier works are all alike.
SMALLEST = {"touch": 0.15, "symmetry": 0.15, "hues": 0.4}
SMALLEST_OF_OTHERS = 0.02
# By aspect, the traits and readings, and what more of them and less of them is called.
ASPECTS: dict[str, dict[str, tuple[str, str]]] = {
    "Palette": {
        "colour": ("more colourful", "less colourful"),
        "warmth": ("warmer", "cooler"),
        "hues": ("more hues", "fewer hues"),
        **{name: (f"more {name}", f"less {name}") for name in HUES},
    },
    "Light": {
        "lightness": ("lighter", "darker"),
        "range": ("more contrast", "less contrast"),
        "upper light": ("lighter above", "lighter below"),
        "middle light": ("the middle more lit", "the middle less lit"),
    },
    "Lines": {
        "level": ("more level lines", "fewer level lines"),
        "upright": ("more upright lines", "fewer upright lines"),
        "slanting": ("more slanting lines", "fewer slanting lines"),
        "symmetry": ("more symmetrical", "less symmetrical"),
    },
    "Edges": {
        "edges": ("stronger edges", "weaker edges"),
        "touch": ("a broader touch", "a finer touch"),
        "sharpness": ("crisper", "softer"),
        "complexity": ("more detail", "less detail"),
    },
}
FOCUS = ("focus", "focus_x", "focus_y")


class EarlierWorks(NamedTuple):
    """What was measured of a painter's earlier works.

    - `names`: of their files
    - `table`: traits and readings, (works, measured), in the order of `measured`
    - `embeddings`: (works, n)
    - `movements`: what each looks like
    """

    names: list[str]
    measured: list[str]
    table: Array
    embeddings: Array
    movements: list[str]


def read_works(critic: "Critic", works: Iterable[tuple[str, Array]]) -> EarlierWorks:
    """Measure earlier works, each a name and an image.

    Raises:
        ValueError: there are none.
    """
    names, rows, embeddings, movements = [], [], [], []
    measured: list[str] = []
    for name, image in works:
        readings = critic.analyze(image)
        found = _measure(image, readings)
        measured = list(found)
        names.append(name)
        rows.append(list(found.values()))
        embeddings.append(critic.embed(image).ravel())
        movements.append(readings.movement)
    if not names:
        raise ValueError("expected at least one earlier work to compare with, got none")
    return EarlierWorks(names, measured, np.array(rows), np.array(embeddings), movements)


def compare(critic: "Critic", image: Array, readings: Readings, works: EarlierWorks) -> list[str]:
    """Return what changed from the earlier works, a line for each aspect."""
    found = _measure(image, readings)
    count = len(works.names)
    table = dict(zip(works.measured, works.table.T, strict=True))
    distances = np.linalg.norm(works.embeddings - critic.embed(image).ravel(), axis=1)
    lines = [
        f"Beside {count} earlier work{'s' * (count != 1)} of yours; the nearest is "
        f"{works.names[int(distances.argmin())]}."
    ]
    for aspect, words in ASPECTS.items():
        told = []
        for name, (more, less) in words.items():
            if name not in table:
                continue
            values, own = table[name], found[name]
            spread = max(float(values.std()), SMALLEST.get(name, SMALLEST_OF_OTHERS))
            deviation = (own - values.mean()) / spread
            if abs(deviation) >= CHANGED:
                beyond = int((values < own).sum() if deviation > 0 else (values > own).sum())
                word = more if deviation > 0 else less
                told.append((-abs(deviation), f"{word} than {beyond} of {count}"
                             f" ({values.mean():.2f} to {own:.2f})"))  # fmt: skip
        told.sort()
        changes = "; ".join(sentence for _, sentence in told[:2])
        lines.append(f"{aspect}: {changes or 'as before'}.")
    lines.append(f"Focal point: {_focal_point(table, readings)}.")
    usual = max(set(works.movements), key=works.movements.count)
    if usual != readings.movement:
        share = works.movements.count(usual) / count
        lines.append(f"Of your earlier works {share:.0%} looked like {usual}; this one like "
                     f"{readings.movement}.")  # fmt: skip
    return lines


def _measure(image: Array, readings: Readings) -> dict[str, float]:
    names = [name for name in ("sharpness", "complexity", *FOCUS) if name in NUMBERS]
    return {**traits(image), **{name: float(getattr(readings, name)) for name in names}}


def _focal_point(table: dict[str, Array], readings: Readings) -> str:
    x, y = float(np.median(table["focus_x"])), float(np.median(table["focus_y"]))
    was, now = place_name(x, y), place_name(readings.focus_x, readings.focus_y)
    moved = f"{now}, as most often" if was == now else f"moved from {was} to {now}"
    spread = max(float(table["focus"].std()), SMALLEST_OF_OTHERS)
    deviation = (readings.focus - float(table["focus"].mean())) / spread
    if abs(deviation) >= CHANGED:
        moved += f", {'stronger' if deviation > 0 else 'weaker'} than usual"
    return moved


def place_name(x: float, y: float) -> str:
    """Return in words where a place in a picture is, from the top left in 0..1."""
    high = "upper" if y < 0.36 else "lower" if y > 0.64 else ""
    side = "left" if x < 0.36 else "right" if x > 0.64 else ""
    if high and side:
        return f"the {high} {side}"
    if high:
        return f"the {high} middle"
    return f"the {side}" if side else "the middle"
