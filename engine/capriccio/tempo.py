"""Tempo: which beat falls on which second, through every change, and the tempo a hand taps."""

import math
import threading
from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from itertools import pairwise
from statistics import median
from typing import NamedTuple

# A ramp is a stair, so that MIDI files and takes can hold exactly what was heard: so many steps a
# beat, which nobody hears, and for so many beats at most.
STEPS_PER_BEAT = 24
MOST_BEATS = 4096
# Beats that may be missing between two stretches, being rounding, before they count as skipped.
ROUNDING_BEATS = 1e-6

# So many of the last taps count, and so few do not. Beats that are further apart than so many
# seconds belong to different tempos, and one that is off by so large a part of a beat is left out.
MOST_TAPS, FEWEST_TAPS = 8, 4
PAUSE_SECONDS = 3.0
SLIP = 0.25


class TempoChange(NamedTuple):
    """A change of tempo, at `seconds`, when the music had `reached` so many beats.

    It goes on from `beats`, where that is more those between are skipped, and comes to `bpm` over
    so many beats. `standing` means that the beats stand still from here on.
    """

    seconds: float
    reached: float
    beats: float
    bpm: float
    over: float = 0.0
    standing: bool = False

    @property
    def breaks(self) -> bool:
        """Whether what sounds must end here."""
        return self.standing or self.beats > self.reached + ROUNDING_BEATS


class Stretch(NamedTuple):
    """A time of one tempo: from when until when, and the beats it begins at."""

    seconds: float
    end: float
    beats: float
    bpm: float
    standing: bool


class TempoMap:
    """The beats of a show by its seconds, and back: exact, and never backwards.

    Each stretch has one tempo, and `rate`, which is 0 where the beats stand still. Any thread may
    ask, and change what is to come.
    """

    def __init__(self, bpm: float):
        check_tempo(bpm)
        self._seconds, self._beats = array("d", [0.0]), array("d", [0.0])
        self._bpm, self._rate = array("d", [bpm]), array("d", [bpm])
        self._steady = bpm  # as long as it never changed, else 0
        self._lock = threading.Lock()

    def beats_at(self, seconds: float) -> float:
        """Give the beats at so many seconds."""
        # Nearly always, and every frame asks; read once, for another thread may change the tempo.
        if steady := self._steady:
            return seconds * steady / 60
        with self._lock:
            return self._beats_at(seconds)

    def seconds_at(self, beats: float) -> float:
        """Give the seconds at so many beats; infinite where the show stands still before them."""
        if steady := self._steady:
            return beats * 60 / steady
        with self._lock:
            return self._seconds_at(beats)

    def bpm_at(self, seconds: float) -> float:
        """Give the tempo at so many seconds; the last one where the beats stand still."""
        if steady := self._steady:
            return steady
        with self._lock:
            return self._bpm[self._at(seconds)]

    def stands_at(self, seconds: float) -> bool:
        """Say whether the beats stand still at so many seconds."""
        if self._steady:
            return False
        with self._lock:
            return not self._rate[self._at(seconds)]

    def stretches(self, since: float = -math.inf, until: float = math.inf) -> list[Stretch]:
        """List the stretches between two times."""
        with self._lock:
            found = []
            for place in range(self._at(since), len(self._seconds)):
                begin = max(since, self._seconds[place]) if place else since
                following = place + 1 < len(self._seconds)
                end = min(until, self._seconds[place + 1] if following else math.inf)
                if begin < end:
                    beats = self._beats_at(begin) if begin > -math.inf else self._beats[0]
                    standing = not self._rate[place]
                    found.append(Stretch(begin, end, beats, self._bpm[place], standing))
            return found

    def is_steady(self, seconds: float, bpm: float) -> bool:
        """Say whether the tempo is `bpm` from `seconds` on, and nothing else is to come."""
        with self._lock:
            last = self._bpm[-1] == self._rate[-1] == bpm
            return last and self._seconds[-1] <= seconds

    def change(
        self,
        seconds: float,
        bpm: float,
        *,
        beats: float | None = None,
        over: float = 0.0,
        standing: bool = False,
    ) -> TempoChange:
        """Change what comes from `seconds` on, and forget what was to come.

        `beats` to go on from, where some are skipped; never back. Raises ValueError where `bpm` is
        no tempo, or `over` no length.
        """
        check_tempo(bpm)
        if not 0 <= over <= MOST_BEATS:
            raise ValueError(f"a ramp over {over!r} beats; give 0 to {MOST_BEATS}")
        with self._lock:
            self._steady = 0
            reached, before = self._beats_at(seconds), self._bpm[self._at(seconds)]
            goes_on = reached if beats is None else max(reached, beats)
            keep = bisect_left(self._seconds, seconds)
            for column in (self._seconds, self._beats, self._bpm, self._rate):
                del column[keep:]
            at, beat = seconds, goes_on
            steps = math.ceil(over * STEPS_PER_BEAT) if before != bpm else 0
            for step in range(steps):
                # The middle of a step, so that the stair takes as long as the ramp it stands for.
                tempo = before + (bpm - before) * (step + 0.5) / steps
                self._append(at, beat, tempo, tempo)
                at += over / steps * 60 / tempo
                beat = goes_on + over * (step + 1) / steps
            self._append(at, beat, bpm, 0.0 if standing else bpm)
        return TempoChange(seconds, reached, goes_on, bpm, over, standing)

    def _append(self, seconds: float, beats: float, bpm: float, rate: float) -> None:
        self._seconds.append(seconds)
        self._beats.append(beats)
        self._bpm.append(bpm)
        self._rate.append(rate)

    def _at(self, seconds: float) -> int:
        return max(0, bisect_right(self._seconds, seconds) - 1)

    def _beats_at(self, seconds: float) -> float:
        place = self._at(seconds)
        beats = self._beats[place] + (seconds - self._seconds[place]) * self._rate[place] / 60
        if place + 1 < len(self._beats):  # rounding must not lead beyond what follows
            return min(beats, self._beats[place + 1])
        return beats

    def _seconds_at(self, beats: float) -> float:
        place = max(0, bisect_right(self._beats, beats) - 1)
        if self._rate[place]:
            seconds = self._seconds[place] + (beats - self._beats[place]) * 60 / self._rate[place]
        else:
            seconds = math.inf if beats > self._beats[place] else self._seconds[place]
        if place + 1 < len(self._seconds):
            return min(seconds, self._seconds[place + 1])
        return seconds


def check_tempo(bpm: float) -> None:
    """Raise ValueError where `bpm` is no tempo."""
    if not 0 < bpm < 10_000:
        raise ValueError(f"a tempo of {bpm!r} bpm; give more than 0 and less than 10000")


class Taps:
    """The tempo of a hand that taps: of the last few taps, whatever slips among them."""

    def __init__(self) -> None:
        self._taps: deque[float] = deque(maxlen=MOST_TAPS)

    def tap(self, seconds: float) -> float | None:
        """Take a tap at `seconds`, and give the tempo in bpm as soon as there is one."""
        if self._taps and not 0 < seconds - self._taps[-1] < PAUSE_SECONDS:
            self._taps.clear()
        self._taps.append(seconds)
        if len(self._taps) < FEWEST_TAPS:
            return None
        taps = list(self._taps)
        gaps = [after - before for before, after in pairwise(taps)]
        middle = median(gaps)
        kept = [gap for gap in gaps if abs(gap - middle) <= SLIP * middle]
        return 60 * len(kept) / sum(kept)
