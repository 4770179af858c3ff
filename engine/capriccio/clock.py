"""Time as an argument: the moment a cue is handed, and the clocks that make moments."""

import math
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from .tempo import TempoChange, TempoMap

# A sleeping thread wakes up to about a millisecond late on a desktop kernel, so the last
# stretch before a deadline is spent looking at the clock.
SPIN_SECONDS = 0.0015


@dataclass(frozen=True, slots=True)
class Moment:
    """A point on the show's time line; everything below the stage is told the time by it.

    `beats` and `seconds` count from the start of the show, `span` is the number of beats until
    the same cue is called again, `meter` the number of beats in a bar. `bpm` is the tempo, which
    does not tell moments apart.
    """

    beats: float = 0.0
    seconds: float = 0.0
    span: float = 4.0
    meter: int = 4
    bpm: float = field(default=120.0, compare=False)

    def phase(self, *, bars: float = 0.0, beats: float = 0.0) -> float:
        """Rise from 0 to 1 in so many bars and beats (one bar if neither is given), then again."""
        return self.beats / self._period(bars, beats) % 1.0

    def wave(self, *, bars: float = 0.0, beats: float = 0.0) -> float:
        """Swell smoothly from 0 to 1 and back in so many bars and beats."""
        return 0.5 - 0.5 * math.cos(2 * math.pi * self.phase(bars=bars, beats=beats))

    def pulse(self, *, bars: float = 0.0, beats: float = 0.0) -> float:
        """Give 1 on the beat, dying away to a thousandth just before the next."""
        return 0.001 ** self.phase(bars=bars, beats=beats)

    def _period(self, bars: float, beats: float) -> float:
        period = bars * self.meter + beats if bars or beats else float(self.meter)
        if not period > 0 or math.isinf(period):
            raise ValueError(
                f"a period of {period!r} beats; give more than 0 and less than infinite"
            )
        return period


class OfflineClock:
    """Time that stands wherever it is put: exact, repeatable, as fast as the machine allows.

    `tempo` says which beat falls on which second. What is due within `ahead` seconds has been
    handed to outputs, so a change of tempo takes effect behind it; `listeners` are called with
    each. `leader` names who else leads the tempo, if anybody does.
    """

    live = False
    started = True

    def __init__(self, bpm: float = 120.0, meter: int = 4):
        self.tempo = TempoMap(bpm)
        if not (isinstance(meter, int) and 1 <= meter <= 64):
            raise ValueError(f"a meter of {meter!r}; give a whole number of beats, 1 to 64")
        self.meter = meter
        self.ahead = 0.0
        self.leader = ""
        self.listeners: list[Callable[[TempoChange], None]] = []
        self._seconds = 0.0

    @property
    def bpm(self) -> float:
        """The tempo now."""
        return self.tempo.bpm_at(self.seconds())

    def start(self, lead: float = 0.0) -> None:
        """Begin to count at 0 seconds; where time is real, so many seconds from now."""
        self._seconds = 0.0

    def seconds(self) -> float:
        """Give the seconds since the start."""
        return self._seconds

    def wait(self, seconds: float) -> None:
        """Go on to `seconds` since the start; never back."""
        self._seconds = max(self._seconds, seconds)

    def beats_at(self, seconds: float) -> float:
        """Convert seconds since the start to beats."""
        return self.tempo.beats_at(seconds)

    def seconds_at(self, beats: float) -> float:
        """Convert beats since the start to seconds; infinite where they do not come."""
        return self.tempo.seconds_at(beats)

    def moment(self, *, seconds: float = 0.0, beats: float | None = None, span: float) -> Moment:
        """Give the `Moment` at so many seconds since the start, or so many beats."""
        tempo = self.tempo
        if beats is None:
            beats = tempo.beats_at(seconds)
        else:
            seconds = tempo.seconds_at(beats)
        return Moment(beats, seconds, span, self.meter, tempo.bpm_at(seconds))

    def soonest(self) -> float:
        """Give the seconds from which on the tempo can still be changed."""
        return self.seconds() + self.ahead if self.started else 0.0

    def change(
        self,
        bpm: float | None = None,
        *,
        seconds: float = -math.inf,
        beats: float | None = None,
        over: float = 0.0,
        standing: bool | None = None,
    ) -> None:
        """Go to a tempo over so many beats, from `seconds` on or as soon after that as can be.

        With `standing` the beats stand still from there, and go on where it is False. Those until
        `beats` are skipped. What was to come is forgotten.
        """
        soonest, stands = self.soonest(), self.tempo.stands_at
        if math.isinf(seconds):
            seconds = soonest
        # While the beats stand still nothing is handed over, and they can go on from any time.
        elif not (soonest >= seconds >= 0 and stands(seconds) and stands(soonest)):
            seconds = max(seconds, soonest)
        bpm = self.tempo.bpm_at(seconds) if bpm is None else bpm
        standing = stands(seconds) if standing is None else standing
        if beats is None and not standing and self.tempo.is_steady(seconds, bpm):
            return
        pace = self.tempo.change(seconds, bpm, beats=beats, over=over, standing=standing)
        for listener in self.listeners:
            listener(pace)


class LiveClock(OfflineClock):
    """The wall's time: deadlines are absolute, so nothing drifts however long the show."""

    live = True
    _origin: float | None = None

    @property
    def started(self) -> bool:  # type: ignore[override]
        """Whether the show has begun."""
        return self._origin is not None

    def start(self, lead: float = 0.0) -> None:
        self._origin = time.monotonic() + lead

    def seconds(self) -> float:
        return 0.0 if self._origin is None else time.monotonic() - self._origin

    def wait(self, seconds: float) -> None:
        """Sleep until `seconds` since the start, then spin for the last stretch."""
        wait_until(self.monotonic(seconds))

    def monotonic(self, seconds: float) -> float:
        """Convert seconds since the start to `time.monotonic()`, which all processes share."""
        return (time.monotonic() if self._origin is None else self._origin) + seconds


def raise_priority(nice: int) -> None:
    """Let this thread run before those of ordinary programs, where the system allows it."""
    if sys.platform == "linux":  # elsewhere it would be the whole process, or another one
        with suppress(OSError):
            me = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, me, min(nice, os.getpriority(os.PRIO_PROCESS, me)))


def wait_until(deadline: float) -> None:
    """Return at `deadline` on `time.monotonic()`, or at once if it has passed."""
    while (left := deadline - time.monotonic()) > 0:
        if left > SPIN_SECONDS:
            time.sleep(left - SPIN_SECONDS)
