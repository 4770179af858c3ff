"""Measures the critic in the loop: what it costs a live show, and whether its choice is seen."""

from typing import Any

import numpy as np
from capriccio import Generator, Moment, Sketch

from .analyzer import Critic
from .readings import Readings

FPS, SIZE = 30.0, (256, 256)


def live(critic: Critic, part: Generator, seconds: float, rounds: int = 2) -> dict[str, Any]:
    """Perform a picture a frame, with the critic looking on and without, in turns of `seconds`.

    Gives the frames that were drawn and those that came too late, and how many pictures the critic
    read. Turns are taken `rounds` times, for other work on the machine comes and goes.
    """
    figures: dict[str, Any] = {"fps": FPS, "seconds": seconds * rounds}
    for name in ("alone", "with the critic"):
        figures[f"frames, {name}"] = figures[f"late, {name}"] = 0
    read = 0
    for _ in range(rounds):
        for name, looks in (("alone", False), ("with the critic", True)):
            stats, looked = _show(critic if looks else None, part, seconds)
            figures[f"frames, {name}"] += stats.frames
            figures[f"late, {name}"] += stats.late
            read += looked
    return {**figures, "pictures the critic read": read}


def _show(critic: Critic | None, part: Generator, seconds: float):
    sketch = Sketch(bpm=60, meter=4, fps=FPS, size=SIZE)
    seen: list[Readings] = []

    @sketch.draw
    def picture(now):
        """Bloom more where the critic finds the last picture out of balance."""
        bloom = 0.6
        if critic is not None:
            readings = critic(sketch.image)
            if not seen or seen[-1] is not readings:
                seen.append(readings)
            bloom = 1 - 0.5 * readings.balance
        knobs = [name for name, knob in part.knobs.items() if knob.kind == "number"]
        return part(now, **dict.fromkeys(knobs[1:2], bloom), **{knobs[0]: now.phase(bars=2)})

    return sketch.perform([], seconds=seconds, live=True), len(seen)


def second_opinion(
    critic: Critic, second: Critic, part: Generator, *, count: int = 16, trials: int = 20
) -> dict[str, float]:
    """Have the critic choose the best of `count` towards each movement; ask `second` what it sees.

    Each trial compares the choice with the first of the pictures that it was chosen from, which is
    as good as any. Gives how often `second` names the movement that was asked for, how probable it
    finds it, and by how much the choice raised that, with its standard error.

    Raises ValueError where the two know no movement in common.
    """
    asked = [name for name in critic.movements if name in second.movements]
    if not asked:
        raise ValueError(
            f"the second model knows none of {', '.join(critic.movements)}; "
            "train it on the same folder"
        )
    now, named, likely = Moment(), [], []
    for number, movement in enumerate(asked):
        for trial in range(trials):
            seed = number * trials + trial
            pair = [
                second.likeness(critic.best_of(part, tries, now, toward=movement, seed=seed).image)
                for tries in (1, count)
            ]
            named.append([max(one, key=lambda name: one[name]) == movement for one in pair])
            likely.append([one[movement] for one in pair])
    hits, shares = np.array(named, float), np.array(likely)  # (trials, 2)
    raised = hits[:, 1] - hits[:, 0]
    return {
        "trials": len(hits),
        "movements": len(asked),
        "second names what was asked, single": float(hits[:, 0].mean()),
        f"second names what was asked, best of {count}": float(hits[:, 1].mean()),
        "raised by": float(raised.mean()),
        "raised by, standard error": float(raised.std() / np.sqrt(len(raised))),
        "second's probability of it, single": float(shares[:, 0].mean()),
        f"second's probability of it, best of {count}": float(shares[:, 1].mean()),
    }
