"""Follows the MIDI clock of another machine or program: its tempo, and where its song is."""

import math
import threading
import time

from ...clock import OfflineClock
from ...errors import ShowError
from ...log import info
from ...parameters import Gauge, Parameter
from ...parts import Input
from . import inputs
from .clock_out import TICKS_PER_BEAT, TICKS_PER_SIXTEENTH
from .player_process import CONTINUE, POSITION, START, STOP, TICK
from .simulated_clock import SimulatedClock

# Tempos that are believed, in bpm.
SLOWEST, FASTEST = 20.0, 400.0
# How far one tick moves the estimate of when ticks come, and of how far they are apart: one that
# is 3 ms off moves the beat by less than half a millisecond.
PHASE_GAIN = 0.1
TEMPO_GAIN = PHASE_GAIN**2 / (2 - PHASE_GAIN)
# So many ticks in a row that are half a tick off or more belong to another tempo.
MOST_OFF = 4
# After so many ticks a tempo is known, and so often it is corrected, in ticks.
FEWEST_TICKS, STEER_TICKS = 6, 12
# The music comes to where the song is within so many beats; further off than so many it leaps.
STEER_BEATS, LEAP_BEATS = 2.0, 1.0
# What is too little to be corrected: a part of a beat, and of the tempo.
STILL_BEATS, STILL_TEMPO = 0.002, 0.0005
# A clock that is silent for so long is lost.
LOST_SECONDS = 0.6


class ClockEstimate:
    """When ticks come, out of ticks that come a little early or late.

    It begins as the straight line through all ticks so far, and goes on as an alpha-beta filter.
    """

    def __init__(self) -> None:
        self.ticks = 0
        self.period = 0.0  # seconds
        self._at = 0.0  # when the last tick would have come, had it been on time
        self._off = 0

    @property
    def bpm(self) -> float:
        """The tempo; 0 while it is not known, as where all ticks came in one heap."""
        if self.ticks < FEWEST_TICKS or self.period <= 0:
            return 0.0
        return min(max(60 / (TICKS_PER_BEAT * self.period), SLOWEST), FASTEST)

    def hear(self, seconds: float) -> None:
        """Take in a tick that was heard at `seconds`."""
        if self.ticks < 2:
            self.period = seconds - self._at
            self._at = seconds
            self.ticks += 1
            return
        predicted = self._at + self.period
        off = seconds - predicted
        # One tick that is far off was held up; several are another tempo.
        self._off = self._off + 1 if abs(off) > self.period / 2 else 0
        if self._off > MOST_OFF:
            self.ticks, self._at, self._off = 1, seconds, 0
            return
        off = min(max(off, -self.period / 2), self.period / 2)
        self.ticks += 1
        n = self.ticks
        self._at = predicted + max(PHASE_GAIN, 2 * (2 * n - 1) / (n * (n + 1))) * off
        self.period += max(TEMPO_GAIN, 6 / (n * (n + 1))) * off

    def ticks_since(self, seconds: float) -> float:
        """Give how many ticks after the last one it is at `seconds`."""
        return (seconds - self._at) / self.period if self.ticks > 1 and self.period > 0 else 0.0


class ClockFollower:
    """Leads the clock of a show as another clock goes; all times are seconds of the show.

    The beats of the show never go back: where the song does, the show goes on at the same beat of
    its next bar. Where the other clock falls silent the last tempo stays.
    """

    def __init__(self, clock: OfflineClock, name: str):
        self.clock, self.name = clock, name
        self.pulse = ClockEstimate()
        self.running = False
        self.lost = False
        self._next = 0  # the number of the next tick in the song
        self._joined = False  # whether the show goes with the song
        self._offset = 0.0  # beats of the show at the beginning of the song
        self._heard = -math.inf
        self._lock = threading.RLock()

    @property
    def bpm(self) -> float:
        """The tempo of the song; 0 while it is not known."""
        return self.pulse.bpm

    def hear(self, seconds: float, message: bytes) -> None:
        """Follow one message of the other clock that came at `seconds`."""
        with self._lock:
            what = message[0]
            if what == TICK:
                self._tick(seconds)
            elif what == POSITION and len(message) == 3:
                self._next = (message[1] | message[2] << 7) * TICKS_PER_SIXTEENTH
                self._joined = False
            elif what == START:
                self._next, self.running, self._joined = 0, True, False
            elif what == CONTINUE:
                self.running, self._joined = True, False
            elif what == STOP:
                self.stop()

    def look(self, seconds: float) -> None:
        """See at `seconds` whether the other clock is still there; say so where it is not."""
        with self._lock:
            if self.lost or self.pulse.ticks == 0 or seconds - self._heard < LOST_SECONDS:
                return
            self.lost = self.running
            bpm, self.pulse = self.pulse.bpm, ClockEstimate()
            if self.running:
                if bpm and self._joined:
                    self.clock.change(bpm)
                self.clock.leader = ""
                info(f"{self.name} has fallen silent; the tempo stays at {self.clock.bpm:.1f} bpm")

    def press(self) -> None:
        """Go on where the show stands still, and stand still where it goes, as a hand asks."""
        with self._lock:
            if self.clock.tempo.stands_at(self.clock.soonest()):
                self.running = self._joined = True
                when = self.clock.soonest()
                song = self._song_at(when, self.clock.seconds())
                self._offset = self.clock.beats_at(when) - song
                self.clock.change(self.bpm or None, standing=False)
            else:
                self.stop()

    def stop(self) -> None:
        """Have the show stand still as soon as may be."""
        self.running = self._joined = False
        self.clock.change(standing=True)

    def _tick(self, seconds: float) -> None:
        if self.lost:  # ticks were missed meanwhile; the song is taken to have gone on
            self.lost = False
            gone = self.clock.beats_at(seconds) - self._offset
            self._next = max(0, round(gone * TICKS_PER_BEAT))
            info(f"{self.name} is back, and is followed")
        self._heard = seconds
        self.pulse.hear(seconds)
        if not self.running:
            return
        self._next += 1
        if self.clock.started:
            if not self._joined:
                self._join(seconds)
            elif self.bpm and self._next % STEER_TICKS == 0:
                self._steer(seconds)

    def _song_at(self, seconds: float, tick: float) -> float:
        """Give the beats of the song at `seconds`; its last tick was at `tick`."""
        beats = (self._next - 1) / TICKS_PER_BEAT
        if self.pulse.bpm:
            return beats + self.pulse.ticks_since(seconds) / TICKS_PER_BEAT
        return beats + (seconds - tick) * self.clock.bpm / 60

    def _join(self, tick: float) -> None:
        """Have the show go with the song from here on, at the same beat of a bar."""
        clock, meter = self.clock, self.clock.meter
        stands = clock.tempo.stands_at(clock.soonest()) and clock.tempo.stands_at(tick)
        when = tick if stands else clock.soonest()
        beats, song = clock.beats_at(when), self._song_at(when, tick)
        bpm = self.bpm or clock.bpm
        behind = (song - beats) % meter  # beats by which the show is behind the song
        ahead = meter - behind
        self._joined, clock.leader = True, self.name
        first = stands and beats == 0.0
        if ahead < LEAP_BEATS or behind < STILL_BEATS or first:
            # A little before the song: the show waits for it, or lets it come near; and a show
            # begins with its first beat.
            behind = 0.0 if behind < STILL_BEATS else -ahead
            self._offset = round((beats - song + behind) / meter) * meter
            if stands:
                clock.change(bpm, seconds=when - min(behind, 0.0) * 60 / bpm, standing=False)
            return
        self._offset = beats + behind - song
        if stands or behind > LEAP_BEATS:
            clock.change(bpm, seconds=when, beats=beats + behind, standing=False)

    def _steer(self, tick: float) -> None:
        """Choose the tempo that brings the show to where the song is."""
        clock = self.clock
        when = clock.soonest()
        if clock.tempo.stands_at(when):  # until the song comes to where the show is
            return
        clock.leader = self.name
        off = self._offset + self._song_at(when, tick) - clock.beats_at(when)
        if abs(off) > LEAP_BEATS:
            self._join(tick)
            return
        bpm = self.bpm * (1 + off / STEER_BEATS)
        now = clock.tempo.bpm_at(when)
        if abs(off) > STILL_BEATS or abs(self.bpm / now - 1) > STILL_TEMPO:
            clock.change(min(max(bpm, SLOWEST), FASTEST), seconds=when)


class ClockInput(Input):
    """Follow the MIDI clock at the input PORT: `--follow PORT`. It shows and sounds nothing."""

    name = "clock"
    _listening: inputs.Listening | SimulatedClock | None = None
    _zero = 0.0

    def start(self, performance):
        clock, parameters = performance.clock, performance.parameters
        if not clock.live:
            raise ShowError("another clock is followed live; leave out --follow, or --offline")
        self.follower = follower = ClockFollower(clock, f"the clock of {self.target!r}")
        clock.change(standing=True)

        def zero() -> float:
            """Give the beginning of the show on `time.monotonic()`; before it, ours."""
            if self._zero != begun or not clock.started:
                return self._zero
            self._zero = clock.monotonic(0.0)
            follower.pulse = ClockEstimate()  # what was heard so far is counted from elsewhere
            return self._zero

        def hear(port: str, when: float, message: bytes) -> None:
            follower.hear(when - zero(), message)

        self._zero = begun = time.monotonic()
        if performance.simulation:
            self._listening = SimulatedClock(hear, clock.bpm, performance.simulation.seed)
        else:
            self._listening = inputs.listen(hear, self.target, clock=True)
        parameters.add_automation(lambda _: follower.look(time.monotonic() - zero()))
        parameters.add(
            Parameter(
                "/show/go",
                "press",
                "Have the music stand still, or go on, without the other clock",
                act=lambda _: follower.press(),
                key="space",
                replayable=False,
                immediate=True,
            )
        )
        parameters.add_gauge(
            Gauge(
                "clock",
                f"The tempo of {follower.name}",
                lambda: "lost" if follower.lost else f"{follower.pulse.bpm:.1f} bpm",
                lambda: not follower.lost,
            )
        )
        info(f"the music waits for the start of {follower.name}, or for the space bar")

    def close(self):
        if self._listening is not None:
            self._listening.stop()
            self._listening = None
