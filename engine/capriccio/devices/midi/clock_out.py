"""Generates a MIDI clock: 24 ticks a beat, start, stop, continue and song position."""

import math
from collections.abc import Iterator

from ...clock import OfflineClock
from ...tempo import ROUNDING_BEATS
from .player_process import CONTINUE, POSITION, START, STOP, TICK

TICKS_PER_BEAT = 24
# A song position counts sixteenths in two times 7 bits.
SIXTEENTHS_PER_BEAT = 4
TICKS_PER_SIXTEENTH = 6
MAX_SIXTEENTHS = 1 << 14


class ClockTicks:
    """The messages of a MIDI clock that runs with the clock of a show.

    Where the beats stand still it stops, and where some are skipped it continues after them.
    """

    def __init__(self, clock: OfflineClock):
        self._clock = clock
        self._seconds = 0.0  # up to which all messages have been returned
        self._beats = 0.0  # at that time
        self._running = False
        self._next = 0  # the number of the next tick

    def until(self, seconds: float) -> Iterator[tuple[float, bytes]]:
        """Yield (seconds, message) for all that is due before `seconds` of the show."""
        for stretch in self._clock.tempo.segments(self._seconds, seconds):
            skips = stretch.beats > self._beats + ROUNDING_BEATS
            if self._running and (stretch.standing or skips):
                self._running = False
                yield stretch.seconds, bytes([STOP])
            if not stretch.standing:
                yield from self._ticks(stretch.beats, stretch.end)
            duration = 0.0 if stretch.standing else stretch.end - stretch.seconds
            self._beats = stretch.beats + duration * stretch.bpm / 60
        self._seconds = max(self._seconds, seconds)

    def _ticks(self, beats: float, end: float) -> Iterator[tuple[float, bytes]]:
        if not self._running:  # a song position can only be a whole sixteenth
            sixteenth = math.ceil(beats * SIXTEENTHS_PER_BEAT - ROUNDING_BEATS)
            self._next = sixteenth * TICKS_PER_SIXTEENTH
        while (at := self._clock.seconds_at(self._next / TICKS_PER_BEAT)) < end:
            if not self._running:
                self._running = True
                if self._next:
                    # A position that does not fit wraps round, to a bar line of most meters.
                    position = self._next // TICKS_PER_SIXTEENTH % MAX_SIXTEENTHS
                    yield at, bytes([POSITION, position & 0x7F, position >> 7])
                yield at, bytes([CONTINUE if self._next else START])
            yield at, bytes([TICK])
            self._next += 1
