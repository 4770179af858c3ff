"""Other cues take over in the middle of a show, at a bar line."""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

from .cue import PlayCue

# A bar line that is nearer is left to the old cues, in seconds: the new ones are to have as long
# to compose as ever, and a moment to get ready.
READY_SECONDS = 0.1


class Change(NamedTuple):
    """What takes over at the first frame from `beats` on: a draw cue, and `then` is called."""

    beats: float
    draw: Callable | None
    then: Callable[[], None]


def change(
    stage,
    draw: Callable | None,
    plays: Iterable[PlayCue],
    then: Callable[[], None],
    ahead: float,
) -> tuple[float, float]:
    """Have other cues take over from a stage's own at a bar line; give the seconds, and its beats.

    It is the first one more than `ahead` seconds away. What the old cues have composed beyond it
    is forgotten; notes that have begun sound on to their ends. A new play cue begins there, in the
    middle of its own bars where it falls so.
    """
    clock, new = stage.clock, list(plays)
    with stage.composing:
        seconds = clock.seconds()
        soon = clock.beats_at(seconds + ahead + READY_SECONDS)
        beats = float(math.ceil(soon / clock.meter) * clock.meter)
        for cue in stage.plays:
            cue.until = min(cue.until, beats)
        for number, cue in enumerate(new):
            cue.number, cue.begins = number, beats
            cue.calls = int(beats / (cue.bars * clock.meter) + 1e-9)
        forget(stage, beats)
        stage.plays = [cue for cue in stage.plays if cue.turn(clock.meter) < cue.until] + new
        stage.changes.append(Change(beats, draw, then))
    return seconds, beats


def forget(stage, beats: float) -> None:
    """Forget what was composed to begin from `beats` on."""
    for lane in (*stage._lanes, stage._ear):
        lane.forget(beats)
