"""A MIDI clock as it is sent: 24 ticks a beat, start, stop, continue and song position."""

import math
from collections.abc import Iterator

from ...clock import OfflineClock
from .player_process import CONTINUE, POSITION, START, STOP, TICK

TICKS_PER_BEAT = 24
# A song position counts sixteenths, four a beat and six ticks long each, and has two times 7 bits.
SIXTEENTHS_PER_BEAT = 4
TICKS_PER_SIXTEENTH = 6
MOST_SIXTEENTHS = 1 << 14
# What forgives rounding, in beats.
ROUNDING_BEATS = 1e-6


class ClockTicks:
    """The messages of a MIDI clock that goes with the clock of a show.

    Where the beats stand still it stops, and where some are skipped it continues behind them.
    """

    def __init__(self, clock: OfflineClock):
        self._clock = clock
        self._seconds = 0.0  # until when all has been given
        self._beats = 0.0  # at that time
        self._going = False
        self._next = 0  # the number of the next tick

    def until(self, seconds: float) -> Iterator[tuple[float, bytes]]:
        """Give what is to be sent before so many seconds of the show, and at which."""
        for stretch in self._clock.tempo.stretches(self._seconds, seconds):
            skips = stretch.beats > self._beats + ROUNDING_BEATS
            if self._going and (stretch.standing or skips):
                self._going = False
                yield stretch.seconds, bytes([STOP])
            if not stretch.standing:
                yield from self._ticks(stretch.beats, stretch.end)
            lasts = 0.0 if stretch.standing else stretch.end - stretch.seconds
            self._beats = stretch.beats + lasts * stretch.bpm / 60
        self._seconds = max(self._seconds, seconds)

    def _ticks(self, beats: float, end: float) -> Iterator[tuple[float, bytes]]:
        if not self._going:  # it goes on at the next sixteenth, or nobody could say where
            sixteenth = math.ceil(beats * SIXTEENTHS_PER_BEAT - ROUNDING_BEATS)
            self._next = sixteenth * TICKS_PER_SIXTEENTH
        while (at := self._clock.seconds_at(self._next / TICKS_PER_BEAT)) < end:
            if not self._going:
                self._going = True
                yield from self._go_on(at)
            yield at, bytes([TICK])
            self._next += 1

    def _go_on(self, seconds: float) -> Iterator[tuple[float, bytes]]:
        if not self._next:
            yield seconds, bytes([START])
            return
        # A song longer than can be told begins anew, at a bar line of most meters.
        position = self._next // TICKS_PER_SIXTEENTH % MOST_SIXTEENTHS
        yield seconds, bytes([POSITION, position & 0x7F, position >> 7])
        yield seconds, bytes([CONTINUE])
