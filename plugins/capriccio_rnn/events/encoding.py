"""Music as events: every note is one event of a few small numbers, which a network can learn.

An event says when (steps of a sixteenth since the last event, and a fine place within the step,
so that human timing is kept to a 96th of a beat), what (one of the sounds that the music is made
of: a channel with a pitch), how hard, and how long. Drums have no length.
"""

import bisect
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from capriccio import Note

STEPS = 4  # steps to a beat
BINS, MIDDLE = 24, 12  # fine places in a step: at 120 bpm 5.2 ms each; MIDDLE is on the grid
TICKS = STEPS * BINS  # fine places to a beat
SHIFTS = 33  # an event comes 0 to 32 steps after the last one
PLACES = 32  # steps of the longest bar, eight beats; longer ones are counted round
VELOCITIES = 32
LENGTHS = (
    *(1 / 16, 1 / 12, 1 / 8, 1 / 6, 3 / 16, 1 / 4, 1 / 3, 3 / 8, 1 / 2, 5 / 8, 2 / 3, 3 / 4, 7 / 8),
    *(1, 5 / 4, 4 / 3, 3 / 2, 7 / 4, 2, 5 / 2, 3, 7 / 2, 4, 5, 6, 7, 8, 10, 12, 16),
)  # in beats
FIELDS = ("shift", "offset", "sound", "velocity", "length")
DRUMS = 10
SHORT = 0.125  # beats a drum is said to last
LAGS = (1, 2, 4)  # bars after which music likes to come back to what it did

Sound = tuple[int, int]  # channel, pitch


class Passage(NamedTuple):
    """Events in order, as arrays: `events` (n, fields) of tokens, the other three (n,).

    `steps` are counted from the start, `places` within the bar, `bars` are their lengths in steps.
    """

    events: np.ndarray
    steps: np.ndarray
    places: np.ndarray
    bars: np.ndarray


def sizes(sounds: int, fields: int = len(FIELDS)) -> tuple[int, ...]:
    """Give how many tokens each field has."""
    return (SHIFTS, BINS, sounds, VELOCITIES, len(LENGTHS))[:fields]


def position(beats: float) -> tuple[int, int]:
    """Give the step and the fine place within it, 0 to 23, that are nearest to `beats`."""
    step, place = divmod(round(beats * TICKS) + MIDDLE, BINS)
    return step, place


def beats_at(step: int, offset: int) -> float:
    """Give the beats of a step and a fine place within it."""
    return (step * BINS + offset - MIDDLE) / TICKS


def velocity_token(velocity: float) -> int:
    """Give the token of a velocity 0..1."""
    key = min(max(round(velocity * 127), 1), 127)
    return (key - 1) * VELOCITIES // 127


def velocity_of(token: int) -> float:
    """Give the velocity in the middle of those of one token."""
    return round((token + 0.5) / VELOCITIES + 0.5 / 127, 4)


def length_token(beats: float) -> int:
    """Give the token of the length that is nearest by ratio."""
    after = bisect.bisect(LENGTHS, beats)
    if after in (0, len(LENGTHS)):
        return min(after, len(LENGTHS) - 1)
    return after - (beats * beats < LENGTHS[after - 1] * LENGTHS[after])


def passage_of(
    notes: Iterable[Note],
    sounds: Sequence[Sound],
    meters: Sequence[tuple[float, float]] = ((0.0, 4.0),),
    fields: int = len(FIELDS),
) -> Passage:
    """Write notes as events; those that are none of `sounds` are left out.

    `meters` are pairs of the beat from which a meter holds, and its beats to a bar. A rest longer
    than 32 steps is shortened by whole bars.
    """
    number = {sound: index for index, sound in enumerate(sounds)}
    rows: dict[tuple[int, int, int], tuple[int, int]] = {}
    for note in notes:
        sound = number.get((note.channel, note.pitch))
        if sound is not None:
            key = (*position(note.start), sound)
            tokens = (velocity_token(note.velocity), length_token(note.length))
            rows[key] = max(tokens, rows.get(key, tokens))
    starts = [round(beat * STEPS) for beat, _ in meters]
    lengths = [min(max(round(beats * STEPS), 1), PLACES) for _, beats in meters]
    events, steps, places, bars = [], [], [], []
    before = None
    for (step, offset, sound), tokens in sorted(rows.items()):
        meter = max(bisect.bisect(starts, step) - 1, 0)
        bar = lengths[meter]
        place = (step - starts[meter]) % bar
        shift = place if before is None else step - before
        if shift >= SHIFTS:
            shift -= bar * math.ceil((shift - SHIFTS + 1) / bar)
        events.append((shift, offset, sound, *tokens)[:fields])
        steps.append(step)
        places.append(place)
        bars.append(bar)
        before = step
    table = np.array(events, np.int64).reshape(-1, fields)
    return Passage(table, np.array(steps), np.array(places), np.array(bars))


class Echo:
    """Remember what came a bar, two bars and four bars ago, at the place where we are now.

    Music repeats itself, and a network of this size forgets. So it is told, beside the last event,
    the event that followed the last time: as if the bar would come back.
    """

    def __init__(self, sizes: Sequence[int], kept: int = 1024):
        self._none = list(sizes)
        self._kept = kept
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._events: list[list[int]] = []
        self._steps: list[int] = []
        self._ticks: list[int] = []

    def add(self, step: int, event: Sequence[int]) -> None:
        """Remember an event at a step; steps never fall."""
        if len(self._events) >= 2 * self._kept:
            for past in (self._events, self._steps, self._ticks):
                del past[: self._kept]
        self._events.append(list(event))
        self._steps.append(step)
        self._ticks.append(step * BINS + event[1])

    def hear(self, bar: int) -> list[int]:
        """Give the tokens of the event that followed, for each of LAGS; those of nothing if none.

        The first of each, the shift, is counted from where we are.
        """
        heard: list[int] = []
        if not self._events:
            return self._none * len(LAGS)
        step, sound = self._steps[-1], self._events[-1][2]
        for lag in LAGS:
            then = step - lag * bar
            first = bisect.bisect_left(self._steps, then)
            found = None
            # What we have just played may have come a little earlier or later then.
            for index in range(first, len(self._steps)):
                if self._steps[index] != then:
                    break
                if self._events[index][2] == sound:
                    found = index + 1
            if found is None:
                found = bisect.bisect(self._ticks, self._ticks[-1] - lag * bar * BINS)
            if self._steps[0] > then or found >= len(self._steps):
                heard += self._none
                continue
            shift = self._steps[found] - then
            heard += [shift, *self._events[found][1:]] if shift < SHIFTS else self._none
        return heard
