"""The input `follower`, which `--follow conductor` opens: a show goes with that of a conductor."""

import logging
import socket
import time
from collections import deque
from typing import Any, NamedTuple
from uuid import uuid4

from capriccio import Gauge, Performance, ShowError

from .messages import BEAT, HELLO, MAX_BYTES, SET, decode, encode, parse_place
from .peer import Peer

# How often the conductor is asked, and how long an answer is waited for before the show begins.
ASK_SECONDS, GREET_SECONDS = 0.1, 3.0
# Number of answers that are kept; the quickest of them sets the clock, since it was delayed least.
ANSWERS = 128
# A conductor that is silent for so long is missing.
MISSING_SECONDS = 1.0
# In how many beats the show is brought to where the conductor is; from which distance it jumps.
STEER_BEATS, JUMP_BEATS = 2.0, 0.5
# Smaller errors are not corrected: in beats, and as a part of the tempo.
TOLERATED_BEATS, TOLERATED_TEMPO = 0.002, 0.0005

log = logging.getLogger("capriccio")


class Answer(NamedTuple):
    """How long an answer took, in seconds, and how far the conductor's clock is before ours."""

    took: float
    offset: float


class ClockOffset:
    """How far the clock of another machine is before ours, by the quickest of the last answers.

    An answer that took long has waited somewhere, on one way more than on the other; the quickest
    has waited least (as in NTP's clock filter, RFC 5905).
    """

    def __init__(self) -> None:
        self._answers: deque[Answer] = deque(maxlen=ANSWERS)

    def add(self, sent: float, there: float, received: float) -> float:
        """Add what time it was there between two times here; return the offset in seconds."""
        self._answers.append(Answer(received - sent, there - (sent + received) / 2))
        return min(self._answers).offset


class BeatsFollower:
    """Makes the clock of a show go with the beats of another, the very same ones.

    Args:
        clock: that of the performance.
    """

    def __init__(self, clock: Any):
        self.clock = clock
        self.drift = 0.0  # seconds by which the show is behind

    def follow(self, seconds: float, beats: float, bpm: float, standing: bool) -> None:
        """Go to where the other clock is: at `beats` at `seconds` of this show."""
        clock = self.clock
        if not clock.started:
            return
        when = clock.soonest()
        if standing:
            if not clock.tempo.stands_at(when):
                clock.change(standing=True)
            return
        error = beats + (when - seconds) * bpm / 60 - clock.beats_at(when)
        stands = clock.tempo.stands_at(when)
        self.drift = 0.0 if stands else error * 60 / bpm
        if error < -JUMP_BEATS and not stands:
            clock.change(standing=True)  # until the conductor comes to where we are
        elif stands and error <= 0:
            clock.change(bpm, seconds=when - error * 60 / bpm, standing=False)
        elif stands or error > JUMP_BEATS:
            clock.change(bpm, seconds=when, beats=clock.beats_at(when) + error, standing=False)
        else:
            now, wanted = clock.tempo.bpm_at(when), bpm * (1 + error / STEER_BEATS)
            if abs(error) > TOLERATED_BEATS or abs(bpm / now - 1) > TOLERATED_TEMPO:
                clock.change(wanted, seconds=when)


class Follower(Peer):
    """Follow the conductor at HOST:PORT/WORD: `--follow conductor:HOST:PORT/WORD`.

    The beats are the conductor's, and so are the knobs that are turned there. Where the conductor
    falls silent the show goes on at its last tempo.
    """

    name = "follower"

    def start(self, performance: Performance) -> None:
        self._place = place = parse_place(self.target, default_host="127.0.0.1")
        if not performance.clock.live:
            raise ShowError("a conductor is followed live; leave out --follow, or --offline")
        self._performance = performance
        self._clock: Any = performance.clock
        self._name = f"{socket.gethostname()}-{uuid4().hex[:4]}"  # hosts may have one name
        self.beats, self._offset = BeatsFollower(self._clock), ClockOffset()
        self._known = 0  # the number of the last change that was made here
        self._heard = 0.0  # when the conductor was last heard, in time.monotonic()
        self._facts: list[str] = []
        self.open(
            lambda opened: opened.connect((place.host, place.port)),
            ASK_SECONDS / 4,
            f"no conductor can be at {self.target!r}",
        )
        self._clock.change(standing=True)
        self._clock.leader = "the conductor"
        self._greet(performance)
        performance.parameters.add_gauge(
            Gauge("conductor", "How far the show is behind the conductor's", self.words,
                  lambda: not self.is_alone)
        )  # fmt: skip
        self.serve(self._run)

    @property
    def is_alone(self) -> bool:
        """Whether the conductor is not heard any more."""
        return time.monotonic() - self._heard > MISSING_SECONDS

    def words(self) -> str:
        """Return in a few words how the conductor is followed."""
        if not self._heard:
            return "missing"
        silent = time.monotonic() - self._heard
        if silent > MISSING_SECONDS:
            return f"missing for {silent:.0f} s"
        return f"{self.beats.drift * 1000:+.0f} ms"

    def _greet(self, performance: Performance) -> None:
        """Wait a while for the conductor; raise ShowError where it plays something else."""
        record = performance.provenance()
        ours = [str(record.get("sha256", "")), str(record.get("seed", ""))]
        deadline = time.monotonic() + GREET_SECONDS
        while not self._facts and time.monotonic() < deadline:
            self._ask()
            self._receive(time.monotonic() + ASK_SECONDS)
        if not self._facts:
            log.warning("no conductor answers at %r yet; the music waits for it", self.target)
            return
        if self._facts[0] != ours[0]:
            raise ShowError("the conductor plays another sketch; copy it to this machine")
        if self._facts[1] != ours[1] or not ours[1]:
            theirs = self._facts[1]
            raise ShowError(
                f"the conductor plays seed {theirs}; start with --seed {theirs}" if theirs else
                "the conductor plays a seed by chance; start all with the same --seed"
            )  # fmt: skip

    def _run(self) -> None:
        was_missing = False
        while not self._ended.is_set():
            self._ask()
            self._receive(time.monotonic() + ASK_SECONDS)
            if self.is_alone != was_missing:
                was_missing = self.is_alone
                self._clock.leader = "" if was_missing else "the conductor"
                words = "has fallen silent; the tempo stays" if was_missing else "is followed"
                log.warning("the conductor %s", words)

    def _ask(self) -> None:
        hello = [self._name, time.monotonic(), float(self.beats.drift), self._known]
        try:
            if self._socket is not None:
                self._socket.send(encode(self._place.word, HELLO, *hello))
        except OSError:  # nobody listens there now
            time.sleep(ASK_SECONDS)

    def _receive(self, until: float) -> None:
        """Follow what comes in until a time."""
        while (opened := self._socket) is not None and time.monotonic() < until:
            try:
                packet = opened.recv(MAX_BYTES + 1)
            except TimeoutError:
                continue
            except OSError:
                time.sleep(ASK_SECONDS / 4)
                continue
            address, values = decode(self._place.word, packet)
            kinds = [type(value) for value in values]
            if address == BEAT and kinds[:4] == [float] * 4 and kinds[4:] == [bool, str, str, str]:
                self._follow(*values)
            elif address == SET and kinds[:1] == [int]:
                self._set(values[0], dict(zip(values[1::2], values[2::2], strict=False)))

    def _follow(
        self, sent: float, there: float, beats: float, bpm: float, standing: bool, *facts: str
    ) -> None:  # fmt: skip
        received = time.monotonic()
        if not 0 <= received - sent < 10 * MISSING_SECONDS or not 1 <= bpm <= 1000:
            return
        offset = self._offset.add(sent, there, received)
        if self._facts and self._facts[2] != facts[2]:  # the conductor has begun anew
            self._known, self._offset = 0, ClockOffset()
        self._heard, self._facts = received, list(facts)
        seconds = there - offset - self._clock.monotonic(0.0)
        self.beats.follow(seconds, beats, bpm, standing)

    def _set(self, number: int, changes: dict[str, Any]) -> None:
        """Make the changes up to a number, once."""
        if number <= self._known:
            return
        self._known = number
        for address, value in changes.items():
            try:
                self._performance.parameters.set(address, value)
            except (LookupError, TypeError, ValueError) as error:
                log.warning("the conductor's %s: %s", address, error)
