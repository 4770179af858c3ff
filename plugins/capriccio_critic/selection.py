"""Select among the pictures of a generator, and evolve new ones from the selected."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from capriccio import Generator, Moment, cluster_workers

from .personal_taste import Taste, open_taste
from .readings import NUMBERS, Readings

if TYPE_CHECKING:
    from .analyzer import Critic

MUTATION = 0.12  # standard deviation, of a knob's range
FRESH = 0.15  # share of every generation with random genes, to keep the population diverse

# What is selected for: the name of a reading or of a movement, a personal taste or the path of its
# file, or a function of the readings.
Wish = str | Path | Taste | Callable[[Readings], float]
# Returns the score of an image, 0..1, and its readings.
Scorer = Callable[[np.ndarray[Any, Any]], tuple[float, Readings]]


class Choice(NamedTuple):
    """One picture: its image, the number knobs it was made with, its score and its readings."""

    image: np.ndarray[Any, Any]
    knobs: dict[str, float]
    score: float
    readings: Readings


def best_of(
    critic: "Critic",
    part: Generator,
    count: int,
    now: Moment,
    *,
    toward: Wish = "quality",
    seed: int = 0,
    **held: Any,
) -> Choice:
    """Return the best of `count` pictures that a generator makes with random number knobs.

    Args:
        toward: the name of a reading or of a movement, a `Taste` or the path of its file, or a
            function of `Readings`.
        held: knobs that stay as given.

    Raises:
        ValueError: `count` is below 1, `toward` is unknown, or every number knob is held.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    rng = np.random.default_rng(seed)
    score = scorer(critic, toward)
    names = free_knobs(part, held)
    made = (_make(score, part, now, _random_knobs(names, rng), held) for _ in range(count))
    return max(made, key=lambda choice: choice.score)


def scorer(critic: "Critic", toward: Wish) -> Scorer:
    """Return the function that scores an image by `toward`, see `best_of`.

    Raises:
        ValueError: `toward` is neither a reading, a movement nor a file.
        ModelError: the file is no taste.
    """
    if isinstance(toward, Path) or (isinstance(toward, str) and toward.endswith(".onnx")):
        toward = open_taste(toward)
    if isinstance(toward, Taste):
        taste = toward

        def score(image: np.ndarray[Any, Any]) -> tuple[float, Readings]:
            readings = critic.analyze(image)
            return taste.score(critic, image, readings), readings

    elif callable(toward):

        def score(image: np.ndarray[Any, Any]) -> tuple[float, Readings]:
            readings = critic.analyze(image)
            return float(toward(readings)), readings

    elif toward in NUMBERS:

        def score(image: np.ndarray[Any, Any]) -> tuple[float, Readings]:
            readings = critic.analyze(image)
            return getattr(readings, toward), readings

    elif toward in critic.movements:

        def score(image: np.ndarray[Any, Any]) -> tuple[float, Readings]:
            readings, probabilities = critic.analyze_with_movements(image)
            return probabilities[toward], readings

    else:
        known = ", ".join([*NUMBERS, *critic.movements])
        raise ValueError(
            f"the critic has no reading or movement {toward!r}, and it is no .onnx file of a "
            f"taste; known: {known}"
        )
    return score


def free_knobs(part: Generator, held: dict[str, Any]) -> list[str]:
    """Return the names of the number knobs of a generator that are not held.

    Raises:
        ValueError: there are none.
    """
    free = [name for name, knob in part.knobs.items() if knob.kind == "number" and name not in held]
    if not free:
        raise ValueError(f"{part} needs a number knob that is not held, got none")
    return free


def _random_knobs(names: Sequence[str], rng: np.random.Generator) -> dict[str, float]:
    return {name: float(rng.random()) for name in names}


def _make(
    score: Scorer, part: Generator, now: Moment, knobs: dict[str, float], held: dict[str, Any]
) -> Choice:
    image = part(now, **knobs, **held)
    return Choice(image, knobs, *score(image))


class Lineage:
    """A population of pictures that evolves: the number knobs of a generator are the genes.

    A child takes each gene from one of two parents, slightly mutated. The parents are the pictures
    that a person picked, or else the half with the best scores. The options are those of `best_of`;
    `workers`, of `capriccio.cluster_workers`, make and judge the pictures of a generation at once.
    """

    def __init__(
        self,
        critic: "Critic",
        part: Generator,
        size: int = 8,
        *,
        toward: Wish = "quality",
        seed: int = 0,
        workers: Any = None,
        **held: Any,
    ):
        if size < 2:
            raise ValueError(f"size must be at least 2, got {size}")
        self._critic, self._part, self._held, self._toward = critic, part, held, toward
        self._workers = workers
        self._rng = np.random.default_rng(seed)
        self._score = scorer(critic, toward)
        self._free = free_knobs(part, held)
        self._genes = [_random_knobs(self._free, self._rng) for _ in range(size)]
        self.generation = 0
        self.pictures: list[Choice] = []

    def make(self, now: Moment) -> list[Choice]:
        """Make and score the first generation, unless there is one; return the pictures."""
        if not self.pictures:
            for _ in self.growing(now):
                pass
        return self.pictures

    def grow(self, now: Moment, picks: Sequence[int] = ()) -> list[Choice]:
        """Make the next generation from the picked pictures, or from the best; return it.

        Up to a quarter of the parents stay, at their places.
        """
        self.make(now)
        for _ in self.growing(now, picks):
            pass
        return self.pictures

    def growing(self, now: Moment, picks: Sequence[int] = ()) -> Iterator[None]:
        """Make the first generation or the next, one picture made or scored a step.

        Call `next` once a frame, so that no frame waits for a whole generation. `pictures` holds
        the generation before until the last step is done.
        """
        previous, generation = self.pictures, self.generation + bool(self.pictures)
        kept: set[int] = set()
        if previous:
            chosen = list(dict.fromkeys(picks)) or self.favourites
            parents = [previous[place] for place in chosen]
            kept = set(chosen[: max(1, len(previous) // 4)])
            self._genes = [
                previous[place].knobs if place in kept else self._next_genes(parents)
                for place in range(len(previous))
            ]
        pictures: list[Choice] = []
        if self._workers is not None:
            places = [place for place in range(len(self._genes)) if place not in kept]
            shared = (_construction(self._critic), _construction(self._part), self._toward, now)
            tasks = [(*shared, self._genes[place], self._held) for place in places]
            made = dict(zip(places, self._workers.map(_judge, tasks), strict=True))
            self.pictures = [made.get(at) or previous[at] for at in range(len(self._genes))]
            self.generation = generation
            return
        for place, genes in enumerate(self._genes):
            if place in kept:
                pictures.append(previous[place])
                continue
            image = self._part(now, **genes, **self._held)
            if previous or pictures:  # the very first step opens all models, before the first beat
                yield
            pictures.append(Choice(image, genes, *self._score(image)))
            yield
        self.pictures, self.generation = pictures, generation

    @property
    def favourites(self) -> list[int]:
        """The places of the half with the best scores, best first."""
        order = sorted(range(len(self.pictures)), key=lambda at: -self.pictures[at].score)
        return order[: max(2, len(order) // 2)]

    def _next_genes(self, parents: Sequence[Choice]) -> dict[str, float]:
        fresh = self._rng.random() < FRESH
        return _random_knobs(self._free, self._rng) if fresh else self._child(parents)

    def _child(self, parents: Sequence[Choice]) -> dict[str, float]:
        one, other = (parents[i].knobs for i in self._rng.integers(len(parents), size=2))
        mixed = {n: (one if self._rng.random() < 0.5 else other)[n] for n in self._free}
        return {
            name: float(np.clip(gene + MUTATION * self._rng.standard_normal(), 0, 1))
            for name, gene in mixed.items()
        }


def evolve(
    critic: "Critic", part: Generator, now: Moment, *, generations: int = 6,
    cluster: str | None = None, workers: int = 2, **options: Any,
) -> Choice:  # fmt: skip
    """Evolve pictures for some generations and return the best of the last, see `Lineage`.

    With `cluster`, "local" or the address of a Dask cluster, each generation is judged by that many
    `workers` at once; the part is built anew there, with the arguments it was built with here.
    """
    with nullcontext() if cluster is None else cluster_workers(cluster, workers) as opened:
        lineage = Lineage(critic, part, workers=opened, **options)
        lineage.make(now)
        for _ in range(generations):
            lineage.grow(now)
    return max(lineage.pictures, key=lambda choice: choice.score)


def _construction(part: Any) -> tuple[type, tuple[Any, ...], dict[str, Any]]:
    """Return what a part is built anew from, in a worker."""
    return type(part), part.construction.arguments, part.construction.options


# The critic and the generator that this worker has built, with what they were built from.
_built: list[tuple[Any, tuple[Any, Any]]] = []


def _judge(task: tuple[Any, ...]) -> Choice:
    """Make and score a picture; called in a worker, which keeps the parts."""
    critic_of, part_of, toward, now, genes, held = task
    if not (_built and _built[0][0] == (critic_of, part_of)):
        made = [kind(*arguments, **options) for kind, arguments, options in (critic_of, part_of)]
        _built[:] = [((critic_of, part_of), (made[0], made[1]))]
    critic, part = _built[0][1]
    return _make(scorer(critic, toward), part, now, genes, held)
