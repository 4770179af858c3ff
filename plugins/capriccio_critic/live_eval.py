"""Measure the critic in use: its cost in a live show, and whether another model agrees with it."""

from typing import Any

import numpy as np
from capriccio import Generator, Moment, Sketch

from .analyzer import Critic
from .readings import Readings

FPS, SIZE = 30.0, (256, 256)


def late_frames(
    critic: Critic, part: Generator, seconds: float, rounds: int = 2
) -> dict[str, float]:
    """Perform live shows of `seconds`, with the critic and without; count drawn and late frames.

    The two alternate `rounds` times, since the load of the machine changes.
    """
    figures = {"fps": FPS, "seconds": seconds * rounds}
    names = ("alone", "with the critic")
    for name in names:
        figures[f"frames, {name}"] = figures[f"late, {name}"] = 0
    pictures = 0
    for _ in range(rounds):
        for name in names:
            stats, count = _perform(None if name == "alone" else critic, part, seconds)
            figures[f"frames, {name}"] += stats.frames
            figures[f"late, {name}"] += stats.late
            pictures += count
    return {**figures, "pictures the critic read": pictures}


def _perform(critic: Critic | None, part: Generator, seconds: float) -> tuple[Any, int]:
    """Return the statistics of a live show, and how many pictures the critic read in it."""
    sketch = Sketch(bpm=60, meter=4, fps=FPS, size=SIZE)
    read: list[Readings] = []

    @sketch.draw
    def picture(now: Moment) -> Any:
        """Raise the second knob where the last picture is out of balance."""
        bloom = 0.6
        if critic is not None:
            readings = critic(sketch.image)
            if not read or read[-1] is not readings:
                read.append(readings)
            bloom = 1 - 0.5 * readings.balance
        knobs = [name for name, knob in part.knobs.items() if knob.kind == "number"]
        return part(now, **dict.fromkeys(knobs[1:2], bloom), **{knobs[0]: now.phase(bars=2)})

    return sketch.perform([], seconds=seconds, live=True), len(read)


def second_opinion(
    critic: Critic, second: Critic, part: Generator, *, count: int = 16, trials: int = 20
) -> dict[str, float]:
    """Let the critic select the best of `count` towards each movement; `second` then reads it.

    Each trial compares the selected picture with the first of those it was selected from.

    Returns:
        How often `second` names the requested movement, how probable it finds it, and by how much
        the selection raised the first, with its standard error.

    Raises:
        ValueError: the two know no movement in common.
    """
    shared = [name for name in critic.movements if name in second.movements]
    if not shared:
        raise ValueError(
            f"the second model must know one of {', '.join(critic.movements)}, "
            f"got {', '.join(second.movements)}"
        )
    now, named, probable = Moment(), [], []
    for number, movement in enumerate(shared):
        for trial in range(trials):
            seed = number * trials + trial
            pair = [
                second.movement_probabilities(
                    critic.best_of(part, tries, now, toward=movement, seed=seed).image
                )
                for tries in (1, count)
            ]
            named.append([max(one, key=lambda name: one[name]) == movement for one in pair])
            probable.append([one[movement] for one in pair])
    hits, shares = np.array(named, float), np.array(probable)  # (trials, 2)
    raised = hits[:, 1] - hits[:, 0]
    return {
        "trials": len(hits),
        "movements": len(shared),
        "second names what was asked, single": float(hits[:, 0].mean()),
        f"second names what was asked, best of {count}": float(hits[:, 1].mean()),
        "raised by": float(raised.mean()),
        "raised by, standard error": float(raised.std() / np.sqrt(len(raised))),
        "second's probability of it, single": float(shares[:, 0].mean()),
        f"second's probability of it, best of {count}": float(shares[:, 1].mean()),
    }


def agreement(
    critic: Critic, second: Critic, part: Generator, *, pictures: int = 500
) -> dict[str, float]:
    """Return how certain the critic is of generated pictures, and how often `second` agrees.

    A certainty that is deserved is no higher than the share on which two models agree.
    """
    certainties, agreed = [], []
    for number in range(pictures):
        choice = critic.best_of(part, 1, Moment(), seed=number)
        theirs = second.movement_probabilities(choice.image)
        certainties.append(choice.readings.certainty)
        agreed.append(max(theirs, key=lambda name: theirs[name]) == choice.readings.movement)
    return {
        "generated pictures": pictures,
        "mean certainty of them": float(np.mean(certainties)),
        "share of them that the second names the same": float(np.mean(agreed)),
    }
