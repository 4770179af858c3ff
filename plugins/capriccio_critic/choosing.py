"""Chooses among what a generator makes, and grows new pictures from what was chosen."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .readings import NUMBERS

if TYPE_CHECKING:
    from . import Critic

REACH = 0.12  # standard deviation of a mutation, of a knob's whole way
FRESH = 0.15  # share of every generation that comes from nowhere, so that it never runs dry


class Choice(NamedTuple):
    """One picture: the image, the number knobs it was made with, and how much it is as wished."""

    image: np.ndarray
    knobs: dict[str, float]
    score: float


def best_of(critic: "Critic", part, count: int, now, *, toward="quality", seed: int = 0, **held):
    """Have a generator make `count` pictures, its number knobs at random, and give the best.

    `toward` is a reading's name, a movement's, or a function of `Readings`. Knobs that are `held`
    stay as they are given. Raises ValueError where there is nothing to choose from.
    """
    if count < 1:
        raise ValueError(f"the best of {count} pictures cannot be chosen; give 1 or more")
    chance = np.random.default_rng(seed)
    wish = wish_of(critic, toward)
    free = free_knobs(part, held)
    made = (draw(wish, part, now, scatter(free, chance), held) for _ in range(count))
    return max(made, key=lambda choice: choice.score)


def wish_of(critic: "Critic", toward) -> Callable[[np.ndarray], float]:
    """Give a function that says how much an image is as wished, 0..1.

    Raises ValueError where `toward` is neither a reading nor a movement.
    """
    if callable(toward):
        return lambda image: float(toward(critic.analyze(image)))
    if toward in NUMBERS:
        return lambda image: getattr(critic.analyze(image), toward)
    if toward in critic.movements:
        return lambda image: critic.likeness(image)[toward]
    there = ", ".join([*NUMBERS, *critic.movements])
    raise ValueError(f"the critic reads no {toward!r}; there are {there}")


def free_knobs(part, held: dict[str, Any]) -> list[str]:
    """Name the number knobs of a generator that may be turned."""
    free = [name for name, knob in part.knobs.items()
            if knob.kind == "number" and name not in held]  # fmt: skip
    if not free:
        raise ValueError(f"{part} has no number knob left to turn; hold fewer of them")
    return free


def scatter(free: Sequence[str], chance: np.random.Generator) -> dict[str, float]:
    """Turn knobs at random."""
    return {name: float(chance.random()) for name in free}


def draw(wish, part, now, knobs: dict[str, float], held: dict[str, Any]) -> Choice:
    """Make one picture and judge it."""
    image = part(now, **knobs, **held)
    return Choice(image, knobs, wish(image))


class Lineage:
    """Pictures that grow from one another: `pictures` hang, `grow` makes the next generation.

    The generator's number knobs are their genes; those that are `held` are no genes. A child takes
    each gene from one of two parents and a little more or less of it. Parents are those that a
    person picked, or else the half that the critic likes best, `toward` what is wished for.
    """

    def __init__(self, critic, part, size: int = 8, *, toward="quality", seed: int = 0, **held):
        if size < 2:
            raise ValueError(f"{size} pictures cannot grow from one another; give 2 or more")
        self._part, self._held = part, held
        self._chance = np.random.default_rng(seed)
        self._wish = wish_of(critic, toward)
        self._free = free_knobs(part, held)
        self._genes = [scatter(self._free, self._chance) for _ in range(size)]
        self.generation = 0
        self.pictures: list[Choice] = []

    def hang(self, now) -> list[Choice]:
        """Make and judge the pictures of this generation, once."""
        if not self.pictures:
            self.pictures = [
                draw(self._wish, self._part, now, genes, self._held) for genes in self._genes
            ]
        return self.pictures

    def grow(self, now, picks: Sequence[int] = ()) -> list[Choice]:
        """Make the next generation from the picks, or from the best; parents stay among it."""
        hung = self.hang(now)
        order = sorted(range(len(hung)), key=lambda i: -hung[i].score)
        chosen = list(dict.fromkeys(picks)) or order[: max(2, len(hung) // 2)]
        parents = [hung[i] for i in chosen]
        kept = parents[: max(1, len(hung) // 4)]
        genes = [parent.knobs for parent in kept]
        while len(genes) < len(hung):
            fresh = self._chance.random() < FRESH
            genes.append(scatter(self._free, self._chance) if fresh else self._child(parents))
        self._genes = genes
        self.generation += 1
        self.pictures = kept + [
            draw(self._wish, self._part, now, each, self._held) for each in genes[len(kept) :]
        ]
        return self.pictures

    def _child(self, parents: Sequence[Choice]) -> dict[str, float]:
        one, other = (parents[i].knobs for i in self._chance.integers(len(parents), size=2))
        mixed = {n: (one if self._chance.random() < 0.5 else other)[n] for n in self._free}
        return {
            name: float(np.clip(gene + REACH * self._chance.standard_normal(), 0, 1))
            for name, gene in mixed.items()
        }


def evolve(critic, part, now, *, generations: int = 6, **options) -> Choice:
    """Grow pictures for some generations and give the best of the last, see `Lineage`."""
    lineage = Lineage(critic, part, **options)
    lineage.hang(now)
    for _ in range(generations):
        lineage.grow(now)
    return max(lineage.pictures, key=lambda choice: choice.score)
