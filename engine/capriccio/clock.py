"""Time as an argument: the moment that cues receive, and the clocks that make moments."""

import math
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from .tempo import TempoChange, TempoMap

# A sleeping thread wakes up to about a millisecond late on a desktop kernel, so the last part of
# a wait is spent polling the clock.
SPIN_SECONDS = 0.0015


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in the time of a show; cues and parts know the time from it alone.

    Args:
        beats: since the start of the show.
        seconds: since the start of the show.
        span: beats until the same cue is called again.
        meter: beats in a bar.
        bpm: the tempo, in beats a minute.
    """

    beats: float = 0.0
    seconds: float = 0.0
    span: float = 4.0
    meter: int = 4
    bpm: float = field(default=120.0, compare=False)

    def phase(self, *, bars: float = 0.0, beats: float = 0.0) -> float:
        """Return a sawtooth, 0 to 1, with a period of `bars` and `beats`; by default one bar."""
        return self.beats / self._period(bars, beats) % 1.0

    def wave(self, *, bars: float = 0.0, beats: float = 0.0) -> float:
        """Return a cosine wave from 0 to 1 and back with a period of `bars` and `beats`."""
        return 0.5 - 0.5 * math.cos(2 * math.pi * self.phase(bars=bars, beats=beats))

    def pulse(self, *, bars: float = 0.0, beats: float = 0.0) -> float:
        """Return 1 at the start of each period, decaying to a thousandth before the next."""
        pulse: float = 0.001 ** self.phase(bars=bars, beats=beats)
        return pulse

    def _period(self, bars: float, beats: float) -> float:
        period = bars * self.meter + beats if bars or beats else float(self.meter)
        if not period > 0 or math.isinf(period):
            raise ValueError(f"a period must be positive and finite, got {period!r} beats")
        return period


class OfflineClock:
    """A clock that is set instead of waited for: exact, repeatable, as fast as the machine allows.

    `ahead` is how many seconds before they are due events are sent to outputs, `leader` the name
    of the external clock that is followed. `listeners` are called with every change of tempo.
    """

    live = False
    started = True

    def __init__(self, bpm: float = 120.0, meter: int = 4):
        self.tempo = TempoMap(bpm)
        if not (isinstance(meter, int) and 1 <= meter <= 64):
            raise ValueError(f"meter must be a whole number of beats 1..64, got {meter!r}")
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
        """Start counting from 0; a live clock does so `lead` seconds from now."""
        self._seconds = 0.0

    def seconds(self) -> float:
        """Return the seconds since the start."""
        return self._seconds

    def wait(self, seconds: float) -> None:
        """Advance to `seconds` since the start, never back."""
        self._seconds = max(self._seconds, seconds)

    def beats_at(self, seconds: float) -> float:
        """Convert seconds since the start to beats."""
        return self.tempo.beats_at(seconds)

    def seconds_at(self, beats: float) -> float:
        """Convert beats since the start to seconds; infinite where they are never reached."""
        return self.tempo.seconds_at(beats)

    def moment(self, *, seconds: float = 0.0, beats: float | None = None, span: float) -> Moment:
        """Return the `Moment` at `seconds` since the start, or at `beats`, of a `span` in beats."""
        tempo = self.tempo
        if beats is None:
            beats = tempo.beats_at(seconds)
        else:
            seconds = tempo.seconds_at(beats)
        return Moment(beats, seconds, span, self.meter, tempo.bpm_at(seconds))

    def soonest(self) -> float:
        """Return the earliest time, in seconds, at which the tempo can still change."""
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
        """Change the tempo at `seconds`, or as soon as possible; drop changes still to come.

        Args:
            beats: where to continue, where beats are skipped.
            over: length of a ramp, in beats.
            standing: True stops the beats, False lets them go on, None leaves that as it is.
        """
        soonest, stands = self.soonest(), self.tempo.stands_at
        if math.isinf(seconds):
            seconds = soonest
        # While the beats stand still nothing is sent, so they can go on from any time.
        elif not (soonest >= seconds >= 0 and stands(seconds) and stands(soonest)):
            seconds = max(seconds, soonest)
        bpm = self.tempo.bpm_at(seconds) if bpm is None else bpm
        standing = stands(seconds) if standing is None else standing
        if beats is None and not standing and self.tempo.is_steady(seconds, bpm):
            return
        change = self.tempo.change(seconds, bpm, beats=beats, over=over, standing=standing)
        for listener in self.listeners:
            listener(change)


class LiveClock(OfflineClock):
    """A clock of real time; deadlines are absolute, so nothing drifts in a long show."""

    live = True
    _origin: float | None = None

    @property
    def started(self) -> bool:  # type: ignore[override]
        """Whether the clock has been started."""
        return self._origin is not None

    def start(self, lead: float = 0.0) -> None:
        self._origin = time.monotonic() + lead

    def seconds(self) -> float:
        return 0.0 if self._origin is None else time.monotonic() - self._origin

    def wait(self, seconds: float) -> None:
        """Sleep until `seconds` since the start."""
        wait_until(self.monotonic(seconds))

    def monotonic(self, seconds: float) -> float:
        """Convert seconds since the start to `time.monotonic()`, which all processes share."""
        return (time.monotonic() if self._origin is None else self._origin) + seconds


def raise_priority(nice: int) -> None:
    """Raise the priority of this thread to `nice`, where the system allows it."""
    if sys.platform == "linux":  # elsewhere it would be the whole process, or another one
        with suppress(OSError):
            thread = threading.get_native_id()
            nice = min(nice, os.getpriority(os.PRIO_PROCESS, thread))
            os.setpriority(os.PRIO_PROCESS, thread, nice)


def wait_until(deadline: float) -> None:
    """Return at `deadline` on `time.monotonic()`, or at once if it has passed."""
    while (left := deadline - time.monotonic()) > 0:
        if left > SPIN_SECONDS:
            time.sleep(left - SPIN_SECONDS)
