"""Conversion between beats and seconds through changes of tempo, and tap tempo."""

import math
import threading
from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from itertools import pairwise
from statistics import median
from typing import NamedTuple

# A ramp is a series of steps, inaudibly small, so that MIDI files and takes hold exactly what was
# heard.
STEPS_PER_BEAT = 24
MAX_RAMP_BEATS = 4096
# Times that differ by less are the same time, computed in different ways.
ROUNDING_BEATS = ROUNDING_SECONDS = 1e-6

# Tap tempo: how many of the last taps count, how many are needed, the pause after which a new
# tempo starts, and how far an interval may be off the median, as a part of it.
MAX_TAPS, MIN_TAPS = 8, 4
PAUSE_SECONDS = 3.0
MAX_DEVIATION = 0.25


class TempoChange(NamedTuple):
    """A change of tempo."""

    seconds: float  # when it takes effect
    reached: float  # the beats reached by then
    beats: float  # where the music continues; those in between are skipped
    bpm: float
    over: float = 0.0  # beats of the ramp to it
    standing: bool = False  # whether the beats stand still from here on

    @property
    def breaks(self) -> bool:
        """Whether sounding notes must end here."""
        return self.standing or self.beats > self.reached + ROUNDING_BEATS


class Segment(NamedTuple):
    """A time of one tempo, from `seconds` to `end`; it begins at `beats`."""

    seconds: float
    end: float
    beats: float
    bpm: float
    standing: bool


class TempoMap:
    """Converts between beats and seconds, exactly and monotonically; thread-safe.

    It is a list of segments of one tempo each; their rate is 0 where the beats stand still.
    """

    def __init__(self, bpm: float):
        check_tempo(bpm)
        self._seconds, self._beats = array("d", [0.0]), array("d", [0.0])
        self._bpm, self._rate = array("d", [bpm]), array("d", [bpm])
        self._columns = self._seconds, self._beats, self._bpm, self._rate
        self._steady = bpm  # until the first change, then 0
        self._lock = threading.Lock()

    def beats_at(self, seconds: float) -> float:
        """Return the beats at `seconds`."""
        # The fast path of every frame; read once, since another thread may change the tempo.
        if steady := self._steady:
            return seconds * steady / 60
        with self._lock:
            return self._beats_at(seconds)

    def seconds_at(self, beats: float) -> float:
        """Return the seconds at `beats`; infinite where the show stands still before them."""
        if steady := self._steady:
            return beats * 60 / steady
        with self._lock:
            return self._seconds_at(beats)

    def bpm_at(self, seconds: float) -> float:
        """Return the tempo at `seconds`; the last one where the beats stand still."""
        if steady := self._steady:
            return steady
        with self._lock:
            return self._bpm[self._index(seconds)]

    def stands_at(self, seconds: float) -> bool:
        """Return whether the beats stand still at `seconds`."""
        if self._steady:
            return False
        with self._lock:
            return not self._rate[self._index(seconds)]

    def segments(self, since: float = -math.inf, until: float = math.inf) -> list[Segment]:
        """Return the segments between two times."""
        with self._lock:
            found = []
            for index in range(self._index(since), len(self._seconds)):
                begin = max(since, self._seconds[index]) if index else since
                is_last = index + 1 == len(self._seconds)
                end = until if is_last else min(until, self._seconds[index + 1])
                if begin < end:
                    beats = self._beats_at(begin) if begin > -math.inf else self._beats[0]
                    standing = not self._rate[index]
                    found.append(Segment(begin, end, beats, self._bpm[index], standing))
            return found

    def is_steady(self, seconds: float, bpm: float) -> bool:
        """Return whether the tempo is `bpm` from `seconds` on, without further changes."""
        with self._lock:
            return self._bpm[-1] == self._rate[-1] == bpm and self._seconds[-1] <= seconds

    def change(
        self,
        seconds: float,
        bpm: float,
        *,
        beats: float | None = None,
        over: float = 0.0,
        standing: bool = False,
    ) -> TempoChange:
        """Change the tempo from `seconds` on, with a ramp `over` beats; drop later changes.

        The music continues at `beats`, where some are skipped, but never earlier than it is.
        """
        check_tempo(bpm)
        if not 0 <= over <= MAX_RAMP_BEATS:
            raise ValueError(f"a ramp must take 0..{MAX_RAMP_BEATS} beats, got {over!r}")
        with self._lock:
            self._steady = 0
            reached, before = self._beats_at(seconds), self._bpm[self._index(seconds)]
            start = reached if beats is None else max(reached, beats)
            keep = bisect_left(self._seconds, seconds)
            for column in self._columns:
                del column[keep:]
            at, beat = seconds, start
            steps = math.ceil(over * STEPS_PER_BEAT) if before != bpm else 0
            for step in range(steps):
                # The middle of a step, so that the steps take as long as the ramp.
                tempo = before + (bpm - before) * (step + 0.5) / steps
                self._append(at, beat, tempo, tempo)
                at += over / steps * 60 / tempo
                beat = start + over * (step + 1) / steps
            self._append(at, beat, bpm, 0.0 if standing else bpm)
        return TempoChange(seconds, reached, start, bpm, over, standing)

    def _append(self, *segment: float) -> None:
        for column, value in zip(self._columns, segment, strict=True):
            column.append(value)

    def _index(self, seconds: float) -> int:
        return max(0, bisect_right(self._seconds, seconds) - 1)

    def _beats_at(self, seconds: float) -> float:
        index = self._index(seconds)
        beats = self._beats[index] + (seconds - self._seconds[index]) * self._rate[index] / 60
        if index + 1 < len(self._beats):  # rounding must not lead beyond the next segment
            return min(beats, self._beats[index + 1])
        return beats

    def _seconds_at(self, beats: float) -> float:
        index = max(0, bisect_right(self._beats, beats) - 1)
        if self._rate[index]:
            seconds = self._seconds[index] + (beats - self._beats[index]) * 60 / self._rate[index]
        else:
            seconds = math.inf if beats > self._beats[index] else self._seconds[index]
        if index + 1 < len(self._seconds):
            return min(seconds, self._seconds[index + 1])
        return seconds


def check_tempo(bpm: float) -> None:
    """Raise ValueError unless `bpm` is a tempo."""
    if not 0 < bpm < 10_000:
        raise ValueError(f"bpm must be above 0 and below 10000, got {bpm!r}")


class TapTempo:
    """Measures the tempo of the last few taps; irregular ones are left out."""

    def __init__(self) -> None:
        self._taps: deque[float] = deque(maxlen=MAX_TAPS)

    def tap(self, seconds: float) -> float | None:
        """Add a tap at `seconds`; return the tempo in bpm, None while there are too few taps."""
        if self._taps and not 0 < seconds - self._taps[-1] < PAUSE_SECONDS:
            self._taps.clear()
        self._taps.append(seconds)
        if len(self._taps) < MIN_TAPS:
            return None
        intervals = [after - before for before, after in pairwise(self._taps)]
        middle = median(intervals)
        kept = [one for one in intervals if abs(one - middle) <= MAX_DEVIATION * middle]
        return 60 * len(kept) / sum(kept)
