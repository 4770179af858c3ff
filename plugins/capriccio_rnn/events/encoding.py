"""Music as events: every note is one event of a few tokens, which a network can learn.

An event has a shift (sixteenths since the last event), an offset within that step (so that human
timing is kept to a 96th of a beat), a sound (a channel with a pitch), a velocity, and a length
unless all sounds are drums.
"""

import bisect
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from capriccio import Note

STEPS_PER_BEAT = 4
TICKS_PER_STEP, ON_GRID = 24, 12  # 5.2 ms a tick at 120 bpm; offset ON_GRID is exactly on the step
TICKS_PER_BEAT = STEPS_PER_BEAT * TICKS_PER_STEP
SHIFTS = 33  # an event comes 0 to 32 steps after the last one
MAX_BAR_STEPS = 32  # eight beats; positions in longer bars wrap around
VELOCITIES = 32
LENGTHS = (
    *(1 / 16, 1 / 12, 1 / 8, 1 / 6, 3 / 16, 1 / 4, 1 / 3, 3 / 8, 1 / 2, 5 / 8, 2 / 3, 3 / 4, 7 / 8),
    *(1, 5 / 4, 4 / 3, 3 / 2, 7 / 4, 2, 5 / 2, 3, 7 / 2, 4, 5, 6, 7, 8, 10, 12, 16),
)  # in beats
FIELDS = ("shift", "offset", "sound", "velocity", "length")
DRUM_CHANNEL = 10
DRUM_LENGTH = 0.125  # in beats, of every drum note that is played
LAGS = (1, 2, 4)  # in bars, after which music tends to repeat itself

Sound = tuple[int, int]  # channel, pitch


class EventSequence(NamedTuple):
    """Events in order.

    Attributes:
        events: (n, fields) tokens.
        steps: (n,) counted from the start.
        positions: (n,) steps since the bar line.
        bars: (n,) lengths of the bars in steps.
    """

    events: np.ndarray
    steps: np.ndarray
    positions: np.ndarray
    bars: np.ndarray


def field_sizes(sounds: int, fields: int = len(FIELDS)) -> tuple[int, ...]:
    """Return the number of tokens of each field."""
    return (SHIFTS, TICKS_PER_STEP, sounds, VELOCITIES, len(LENGTHS))[:fields]


def step_and_offset(beats: float) -> tuple[int, int]:
    """Return the step and the offset within it, 0..23, that are nearest to `beats`."""
    step, offset = divmod(round(beats * TICKS_PER_BEAT) + ON_GRID, TICKS_PER_STEP)
    return step, offset


def beats_at(step: int, offset: int) -> float:
    """Return the beats of a step and an offset within it."""
    return (step * TICKS_PER_STEP + offset - ON_GRID) / TICKS_PER_BEAT


def velocity_token(velocity: float) -> int:
    """Return the token of a velocity 0..1."""
    key = min(max(round(velocity * 127), 1), 127)
    return (key - 1) * VELOCITIES // 127


def token_velocity(token: int) -> float:
    """Return the velocity in the middle of those that share a token."""
    return round((token + 0.5) / VELOCITIES + 0.5 / 127, 4)


def length_token(beats: float) -> int:
    """Return the token of the length that is nearest by ratio."""
    after = bisect.bisect(LENGTHS, beats)
    if after in (0, len(LENGTHS)):
        return min(after, len(LENGTHS) - 1)
    return after - (beats * beats < LENGTHS[after - 1] * LENGTHS[after])


def encode(
    notes: Iterable[Note],
    sounds: Sequence[Sound],
    meters: Sequence[tuple[float, float]] = ((0.0, 4.0),),
    fields: int = len(FIELDS),
) -> EventSequence:
    """Return notes as events; those that are none of `sounds` are left out.

    Args:
        meters: pairs of the beat from which a meter holds, and its beats to a bar.

    Rests longer than 32 steps are shortened by whole bars.
    """
    number = {sound: index for index, sound in enumerate(sounds)}
    rows: dict[tuple[int, int, int], tuple[int, int]] = {}
    for note in notes:
        sound = number.get((note.channel, note.pitch))
        if sound is not None:
            key = (*step_and_offset(note.start), sound)
            tokens = (velocity_token(note.velocity), length_token(note.length))
            rows[key] = max(tokens, rows.get(key, tokens))
    starts = [round(beat * STEPS_PER_BEAT) for beat, _ in meters]
    lengths = [min(max(round(beats * STEPS_PER_BEAT), 1), MAX_BAR_STEPS) for _, beats in meters]
    events, steps, positions, bars = [], [], [], []
    before = None
    for (step, offset, sound), tokens in sorted(rows.items()):
        meter = max(bisect.bisect(starts, step) - 1, 0)
        bar = lengths[meter]
        position = (step - starts[meter]) % bar
        shift = position if before is None else step - before
        if shift >= SHIFTS:
            shift -= bar * math.ceil((shift - SHIFTS + 1) / bar)
        events.append((shift, offset, sound, *tokens)[:fields])
        steps.append(step)
        positions.append(position)
        bars.append(bar)
        before = step
    table = np.array(events, np.int64).reshape(-1, fields)
    return EventSequence(table, np.array(steps), np.array(positions), np.array(bars))


class EventHistory:
    """Past events, to look up what came one, two and four bars ago.

    Music repeats itself, and a network of this size forgets. So its input holds, beside the last
    event, the event that followed a bar ago, as if the bar came back.

    Attributes:
        events: the newest events, between `capacity` and twice as many.
    """

    def __init__(self, sizes: Sequence[int], capacity: int = 1024):
        self._nothing = list(sizes)  # the tokens of no event
        self._capacity = capacity
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.events: list[list[int]] = []
        self._steps: list[int] = []
        self._ticks: list[int] = []

    def add(self, step: int, event: Sequence[int]) -> None:
        """Append an event at a step; steps never decrease."""
        if len(self.events) >= 2 * self._capacity:
            for past in (self.events, self._steps, self._ticks):
                del past[: self._capacity]
        self.events.append(list(event))
        self._steps.append(step)
        self._ticks.append(step * TICKS_PER_STEP + event[1])

    def following(self, bar: int) -> list[int]:
        """Return the tokens of the event that followed each of LAGS bars of `bar` steps ago.

        Its shift is counted from the last event. Where there was none, each token is its size.
        """
        found_tokens: list[int] = []
        if not self.events:
            return self._nothing * len(LAGS)
        step, sound = self._steps[-1], self.events[-1][2]
        for lag in LAGS:
            then = step - lag * bar
            first = bisect.bisect_left(self._steps, then)
            found = None
            # The same sound may have come a little earlier or later within its step then.
            for index in range(first, len(self._steps)):
                if self._steps[index] != then:
                    break
                if self.events[index][2] == sound:
                    found = index + 1
            if found is None:
                found = bisect.bisect(self._ticks, self._ticks[-1] - lag * bar * TICKS_PER_STEP)
            if self._steps[0] > then or found >= len(self._steps):
                found_tokens += self._nothing
                continue
            shift = self._steps[found] - then
            found_tokens += [shift, *self.events[found][1:]] if shift < SHIFTS else self._nothing
        return found_tokens
