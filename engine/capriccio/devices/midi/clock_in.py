"""Follows the MIDI clock of another machine or program: its tempo, and where its song is."""

import math
import threading
import time

from ...clock import LiveClock, OfflineClock
from ...errors import ShowError
from ...log import info
from ...parameters import Gauge, Parameter
from ...parts import Input
from ...performance import Performance
from . import inputs
from .clock_out import TICKS_PER_BEAT, TICKS_PER_SIXTEENTH
from .player_process import CONTINUE, POSITION, START, STOP, TICK
from .simulated_clock import SimulatedClock

# The range of plausible tempos, in bpm.
MIN_BPM, MAX_BPM = 20.0, 400.0
# The gains of the alpha-beta filter, for when ticks come and how far they are apart: a tick that is
# 3 ms off moves the beat by less than half a millisecond.
PHASE_GAIN = 0.1
TEMPO_GAIN = PHASE_GAIN**2 / (2 - PHASE_GAIN)
# More ticks in a row than this, each half a tick off or more, belong to another tempo.
MAX_OUTLIERS = 4
# After how many ticks a tempo is known, and how often it is corrected, in ticks.
MIN_TICKS, STEER_TICKS = 6, 12
# In how many beats the show is brought to where the song is; from which distance it jumps.
STEER_BEATS, JUMP_BEATS = 2.0, 1.0
# Smaller errors are not corrected: in beats, and as a part of the tempo.
TOLERATED_BEATS, TOLERATED_TEMPO = 0.002, 0.0005
# A clock that is silent for so long is lost.
LOST_SECONDS = 0.6


class ClockEstimate:
    """When ticks come, estimated from ticks that come a little early or late.

    It starts as the least-squares line through all ticks, and goes on as an alpha-beta filter.
    """

    def __init__(self) -> None:
        self.ticks = 0
        self.period = 0.0  # seconds
        self._at = 0.0  # when the last tick would have come, had it been on time
        self._outliers = 0

    @property
    def bpm(self) -> float:
        """The tempo; 0 while it is not known, as where all ticks came at one time."""
        if self.ticks < MIN_TICKS or self.period <= 0:
            return 0.0
        return min(max(60 / (TICKS_PER_BEAT * self.period), MIN_BPM), MAX_BPM)

    def add_tick(self, seconds: float) -> None:
        """Correct the estimate by a tick that was received at `seconds`."""
        if self.ticks < 2:
            self.period, self._at = seconds - self._at, seconds
            self.ticks += 1
            return
        predicted = self._at + self.period
        error = seconds - predicted
        # One tick that is far off was held up; several are another tempo.
        self._outliers = self._outliers + 1 if abs(error) > self.period / 2 else 0
        if self._outliers > MAX_OUTLIERS:
            self.ticks, self._at, self._outliers = 1, seconds, 0
            return
        error = min(max(error, -self.period / 2), self.period / 2)
        self.ticks += 1
        n = self.ticks
        self._at = predicted + max(PHASE_GAIN, 2 * (2 * n - 1) / (n * (n + 1))) * error
        self.period += max(TEMPO_GAIN, 6 / (n * (n + 1))) * error

    def ticks_since(self, seconds: float) -> float:
        """Return how many ticks after the last one `seconds` is."""
        return (seconds - self._at) / self.period if self.ticks > 1 and self.period > 0 else 0.0


class ClockFollower:
    """Makes the clock of a show follow another clock; all times are seconds of the show.

    The beats of the show never go back: where the song does, the show goes on at the same beat of
    its next bar. Where the other clock falls silent the last tempo stays.
    """

    def __init__(self, clock: OfflineClock, name: str):
        self.clock, self.name = clock, name
        self.estimate = ClockEstimate()
        self.running = False
        self.lost = False
        self._next = 0  # the number of the next tick in the song
        self._joined = False  # whether the show goes with the song
        self._offset = 0.0  # beats of the show at the beginning of the song
        self._last_tick = -math.inf
        self._lock = threading.RLock()

    @property
    def bpm(self) -> float:
        """The tempo of the song; 0 while it is not known."""
        return self.estimate.bpm

    def receive(self, seconds: float, message: bytes) -> None:
        """Follow one message of the other clock, received at `seconds`."""
        with self._lock:
            status = message[0]
            if status == TICK:
                self._tick(seconds)
            elif status == POSITION and len(message) == 3:
                self._next = (message[1] | message[2] << 7) * TICKS_PER_SIXTEENTH
                self._joined = False
            elif status == START:
                self._next, self.running, self._joined = 0, True, False
            elif status == CONTINUE:
                self.running, self._joined = True, False
            elif status == STOP:
                self.stop()

    def check(self, seconds: float) -> None:
        """Check at `seconds` whether the other clock is still there; log it where it is not."""
        with self._lock:
            if self.lost or self.estimate.ticks == 0 or seconds - self._last_tick < LOST_SECONDS:
                return
            self.lost = self.running
            bpm, self.estimate = self.estimate.bpm, ClockEstimate()
            if self.running:
                if bpm and self._joined:
                    self.clock.change(bpm)
                self.clock.leader = ""
                info(f"{self.name} has fallen silent; the tempo stays at {self.clock.bpm:.1f} bpm")

    def toggle(self) -> None:
        """Go on where the show stands still, and stand still where it goes."""
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
        """Make the show stand still as soon as possible."""
        self.running = self._joined = False
        self.clock.change(standing=True)

    def _tick(self, seconds: float) -> None:
        if self.lost:  # ticks were missed meanwhile; the song is assumed to have gone on
            self.lost = False
            beats = self.clock.beats_at(seconds) - self._offset
            self._next = max(0, round(beats * TICKS_PER_BEAT))
            info(f"{self.name} is back, and is followed")
        self._last_tick = seconds
        self.estimate.add_tick(seconds)
        if not self.running:
            return
        self._next += 1
        if self.clock.started:
            if not self._joined:
                self._join(seconds)
            elif self.bpm and self._next % STEER_TICKS == 0:
                self._steer(seconds)

    def _song_at(self, seconds: float, tick: float) -> float:
        """Return the beats of the song at `seconds`; its last tick was at `tick`."""
        beats = (self._next - 1) / TICKS_PER_BEAT
        if self.estimate.bpm:
            return beats + self.estimate.ticks_since(seconds) / TICKS_PER_BEAT
        return beats + (seconds - tick) * self.clock.bpm / 60

    def _join(self, tick: float) -> None:
        """Make the show go with the song from here on, at the same beat of a bar."""
        clock, meter = self.clock, self.clock.meter
        stands = clock.tempo.stands_at(clock.soonest()) and clock.tempo.stands_at(tick)
        when = tick if stands else clock.soonest()
        beats, song = clock.beats_at(when), self._song_at(when, tick)
        bpm = self.bpm or clock.bpm
        behind = (song - beats) % meter  # beats by which the show is behind the song
        ahead = meter - behind
        self._joined, clock.leader = True, self.name
        first = stands and beats == 0.0
        if ahead < JUMP_BEATS or behind < TOLERATED_BEATS or first:
            # A little ahead of the song: the show waits for it, or lets it come near; and a show
            # begins with its first beat.
            behind = 0.0 if behind < TOLERATED_BEATS else -ahead
            self._offset = round((beats - song + behind) / meter) * meter
            if stands:
                clock.change(bpm, seconds=when - min(behind, 0.0) * 60 / bpm, standing=False)
            return
        self._offset = beats + behind - song
        if stands or behind > JUMP_BEATS:
            clock.change(bpm, seconds=when, beats=beats + behind, standing=False)

    def _steer(self, tick: float) -> None:
        """Choose the tempo that brings the show to where the song is."""
        clock = self.clock
        when = clock.soonest()
        if clock.tempo.stands_at(when):  # until the song comes to where the show is
            return
        clock.leader = self.name
        error = self._offset + self._song_at(when, tick) - clock.beats_at(when)
        if abs(error) > JUMP_BEATS:
            self._join(tick)
            return
        bpm = self.bpm * (1 + error / STEER_BEATS)
        now = clock.tempo.bpm_at(when)
        if abs(error) > TOLERATED_BEATS or abs(self.bpm / now - 1) > TOLERATED_TEMPO:
            clock.change(min(max(bpm, MIN_BPM), MAX_BPM), seconds=when)


class BeatFollower(ClockFollower):
    """Makes the clock of a show follow beats that are reported as a whole: by Link, or by an ear.

    A show begins with the next bar. `update` is called as long as the beats are known; without it
    the last tempo stays.

    Args:
        clock: that of the performance.
        name: what messages call the source of the beats.
    """

    def __init__(self, clock: OfflineClock, name: str):
        super().__init__(clock, name)
        self.running = True
        self._bpm, self._latest = 0.0, (0.0, 0.0)  # seconds and beats

    @property
    def bpm(self) -> float:
        """The tempo that was reported last, in beats a minute; 0 before."""
        return self._bpm

    def update(self, seconds: float, beats: float, bpm: float) -> None:
        """Follow beats that are at `beats` at `seconds` of the show, at a tempo `bpm`."""
        with self._lock:
            self._bpm, self._latest = bpm, (seconds, beats)
            if self.clock.started and self._joined:
                self._steer(seconds)
            elif self.clock.started:
                self._join(seconds)

    def _song_at(self, seconds: float, tick: float) -> float:
        since, beats = self._latest
        return beats + (seconds - since) * self._bpm / 60


class ClockInput(Input):
    """Follow the MIDI clock at the input PORT: `--follow PORT`."""

    name = "clock"
    _subscription: inputs.Subscription | SimulatedClock | None = None
    _zero = 0.0

    def start(self, performance: Performance) -> None:
        clock, parameters = live_clock(performance), performance.parameters
        self.follower = follower = ClockFollower(clock, f"the clock of {self.target!r}")
        clock.change(standing=True)

        def zero() -> float:
            """Return the start of the show on `time.monotonic()`; before it, that of this input."""
            if self._zero != begun or not clock.started:
                return self._zero
            self._zero = clock.monotonic(0.0)
            follower.estimate = ClockEstimate()  # earlier ticks are counted from another zero
            return self._zero

        def receive(port: str, when: float, message: bytes) -> None:
            follower.receive(when - zero(), message)

        self._zero = begun = time.monotonic()
        if performance.simulation:
            self._subscription = SimulatedClock(receive, clock.bpm, performance.simulation.seed)
        else:
            self._subscription = inputs.subscribe(receive, self.target, clock=True)
        parameters.add_automation(lambda _: follower.check(time.monotonic() - zero()))
        go = Parameter(
            "/show/go",
            "press",
            "Have the music stand still, or go on, without the other clock",
            lambda _: follower.toggle(),
            key="space",
            replayable=False,
            immediate=True,
        )
        tempo = Gauge(
            "clock",
            f"The tempo of {follower.name}",
            lambda: "lost" if follower.lost else f"{follower.bpm:.1f} bpm",
            lambda: not follower.lost,
        )
        parameters.add(go)
        parameters.add_gauge(tempo)
        info(f"the music waits for the start of {follower.name}, or for the space bar")

    def close(self) -> None:
        if self._subscription is not None:
            self._subscription.stop()
            self._subscription = None


def live_clock(performance: Performance) -> LiveClock:
    """Return the clock of a live show; raise ShowError where it is rendered offline."""
    if not isinstance(performance.clock, LiveClock):
        raise ShowError("another clock is followed live; leave out --follow, or --offline")
    return performance.clock
