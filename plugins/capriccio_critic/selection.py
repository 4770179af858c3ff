"""Chooses among what a generator makes, and grows new pictures from what was chosen."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .readings import NUMBERS, Readings

if TYPE_CHECKING:
    from .analyzer import Critic

REACH = 0.12  # standard deviation of a mutation, of a knob's whole way
FRESH = 0.15  # share of every generation that comes from nowhere, so that it never runs dry


class Choice(NamedTuple):
    """One picture: the image, the number knobs it was made with, and how much it is as wished.

    `readings` are what the critic read of it.
    """

    image: np.ndarray
    knobs: dict[str, float]
    score: float
    readings: Readings


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


Judge = Callable[[np.ndarray], tuple[float, Readings]]


def wish_of(critic: "Critic", toward) -> Judge:
    """Give a function that says how much an image is as wished, 0..1, and what was read of it.

    Raises ValueError where `toward` is neither a reading nor a movement.
    """

    def judge(image):
        if callable(toward):
            readings = critic.analyze(image)
            return float(toward(readings)), readings
        if toward in NUMBERS:
            readings = critic.analyze(image)
            return getattr(readings, toward), readings
        readings, likeness = critic.weigh(image)
        return likeness[toward], readings

    if callable(toward) or toward in NUMBERS or toward in critic.movements:
        return judge
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


def draw(wish: Judge, part, now, knobs: dict[str, float], held: dict[str, Any]) -> Choice:
    """Make one picture and judge it."""
    image = part(now, **knobs, **held)
    return Choice(image, knobs, *wish(image))


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
            for _ in self.growing(now):
                pass
        return self.pictures

    def grow(self, now, picks: Sequence[int] = ()) -> list[Choice]:
        """Make the next generation from the picks, or from the best; some of them hang on."""
        self.hang(now)
        for _ in self.growing(now, picks):
            pass
        return self.pictures

    def growing(self, now, picks: Sequence[int] = ()) -> Iterator[None]:
        """Hang the first generation or grow the next, a small step at a time.

        `for step in lineage.growing(now, picks)`, or `next` once a frame: each step makes one
        picture or judges one, so that no frame has to wait for all. `pictures` are those of the
        generation before until the last step is done.
        """
        hung, grown = self.pictures, self.generation + bool(self.pictures)
        if hung:
            chosen = list(dict.fromkeys(picks)) or self.favourites
            parents = [hung[place] for place in chosen]
            stay = set(chosen[: max(1, len(hung) // 4)])  # they hang where they hung
            self._genes = [
                hung[place].knobs if place in stay else self._next_genes(parents)
                for place in range(len(hung))
            ]
        pictures = []
        for place, genes in enumerate(self._genes):
            if hung and place in stay:
                pictures.append(hung[place])
                continue
            image = self._part(now, **genes, **self._held)
            if hung or pictures:  # the very first step opens all models, before the first beat
                yield
            pictures.append(Choice(image, genes, *self._wish(image)))
            yield
        self.pictures, self.generation = pictures, grown

    @property
    def favourites(self) -> list[int]:
        """The places of the half that the critic likes best, best first."""
        order = sorted(range(len(self.pictures)), key=lambda at: -self.pictures[at].score)
        return order[: max(2, len(order) // 2)]

    def _next_genes(self, parents: Sequence[Choice]) -> dict[str, float]:
        fresh = self._chance.random() < FRESH
        return scatter(self._free, self._chance) if fresh else self._child(parents)

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
