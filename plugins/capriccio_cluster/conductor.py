"""The input `conductor`: shows on other machines go with this one, in beats and in knobs."""

import threading
import time
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from capriccio import Gauge, ParameterSet, Performance, ShowError

from .messages import BEAT, HELLO, MAX_BYTES, SET, decode, encode, is_local, parse_place
from .peer import Peer

POLL_SECONDS = 0.1
# A machine that is silent for so long is missing.
MISSING_SECONDS = 2.0
# How long after all are there the beats begin, so that all have heard of it.
LEAD_SECONDS = 1.0
# A press is passed on for so long: who comes later has missed it.
PRESS_SECONDS = 2.0
MAX_SETS, MAX_FOLLOWERS = 16, 64  # changes an answer, machines


@dataclass
class _Follower:
    """Another machine: when it was last heard, in `time.monotonic()`, and its drift in seconds."""

    heard: float
    drift: float


class Conductor(Peer):
    """Conduct shows on other machines: `--from conductor:HOST:PORT/WORD`.

    They play the same sketch with the same seed: `capriccio run --follow conductor:HOST:PORT/WORD`.
    With `,2` at the end the beats begin when two machines are there. HOST is the address of this
    machine at which others reach it, by default this machine alone; others need the WORD.
    """

    name = "conductor"

    def start(self, performance: Performance) -> None:
        target, comma, count = self.target.rpartition(",")
        self._place = place = parse_place(
            target if comma else self.target, default_host="127.0.0.1"
        )
        if comma and not count.isdecimal():
            raise ShowError(f"a conductor waits for a number of machines, got {count!r}")
        if not performance.clock.live:
            raise ShowError("a conductor performs live; leave out --from, or --offline")
        if not is_local(place.host) and not place.word:
            raise ShowError(
                f"a conductor at {place.host!r} needs a word that its followers know: "
                f"conductor:{place.host}:{place.port}/WORD"
            )
        self._performance = performance
        self._clock: Any = performance.clock
        self._expected = int(count) if comma else 0
        self.followers: dict[str, _Follower] = {}
        # By address: number of the change, value, and until when it is passed on.
        self._changes: dict[str, tuple[int, Any, float]] = {}
        self._number, self._lock = 0, threading.Lock()
        record = performance.provenance()
        self._facts = [str(record.get("sha256", "")), str(record.get("seed", "")), uuid4().hex]
        self.open(
            lambda opened: opened.bind((place.host, place.port)),
            POLL_SECONDS,
            f"cannot conduct at {place.host}:{place.port}",
        )
        if self._expected:
            self._clock.change(standing=True)
        performance.parameters.subscribe(self._notice)
        performance.parameters.add_gauge(
            Gauge("screens", "Machines that follow, and how far off they are", self.words,
                  lambda: not self.absent())
        )  # fmt: skip
        self.serve(self._run)

    def close(self) -> None:
        if self._thread is not None:
            self._performance.parameters.unsubscribe(self._notice)
        super().close()

    def absent(self) -> list[str]:
        """Return the names of machines that are not heard any more."""
        now = time.monotonic()
        known = sorted(list(self.followers.items()))
        gone = [name for name, one in known if now - one.heard > MISSING_SECONDS]
        lacking = self._expected - len(known)
        return gone + ([f"{lacking} more"] if lacking > 0 else [])

    def words(self) -> str:
        """Return the machines in a few words."""
        gone = self.absent()
        there = [
            f"{name} {one.drift * 1000:+.0f} ms"
            for name, one in sorted(list(self.followers.items()))
            if name not in gone
        ]
        return ", ".join([*there, *(f"{name} missing" for name in gone)]) or "none"

    def _notice(self, event: Any) -> None:
        """Keep a change of a parameter, for those who follow; the show's own are not theirs."""
        if not isinstance(event, ParameterSet) or event.address.startswith("/show/"):
            return
        parameter = self._performance.parameters.by_address.get(event.address)
        pressed = parameter is not None and parameter.kind == "press"
        until = time.monotonic() + PRESS_SECONDS if pressed else float("inf")
        with self._lock:
            self._number += 1
            self._changes[event.address] = self._number, event.value, until

    def _run(self) -> None:
        opened = self._socket
        while opened is not None and not self._ended.is_set():
            try:
                packet, sender = opened.recvfrom(MAX_BYTES + 1)
                for answer in self._answer(packet):
                    opened.sendto(answer, sender)
            except TimeoutError:
                continue
            except OSError:  # a machine is gone; Windows tells of that here
                self._ended.wait(POLL_SECONDS / 10)

    def _answer(self, packet: bytes) -> list[bytes]:
        """Return what is sent back to a machine: where the beats are, and what has changed."""
        now = time.monotonic()
        address, values = decode(self._place.word, packet)
        if address != HELLO or list(map(type, values)) != [str, float, float, int]:
            return []
        name, sent, drift, known = values
        if name not in self.followers and len(self.followers) >= MAX_FOLLOWERS:
            return []
        self.followers[name] = _Follower(now, drift)
        self._begin_when_all_are_there()
        beats, bpm, standing = self._beats(now)
        with self._lock:
            changed = sorted(
                (number, where, value)
                for where, (number, value, until) in self._changes.items()
                if number > known and now < until
            )[:MAX_SETS]
        word = self._place.word
        answers = [encode(word, BEAT, sent, now, beats, bpm, standing, *self._facts)]
        if changed:  # in one packet, so that none of them can be lost alone
            pairs = [item for _, where, value in changed for item in (where, value)]
            answers.append(encode(word, SET, changed[-1][0], *pairs))
        return answers

    def _beats(self, now: float) -> tuple[float, float, bool]:
        """Return the beats now, before 0 where they are about to begin, the tempo, and a rest."""
        clock = self._clock
        seconds = now - clock.monotonic(0.0)
        bpm = float(clock.tempo.bpm_at(seconds))
        if not clock.started or clock.tempo.stands_at(seconds + LEAD_SECONDS):
            return float(clock.beats_at(max(0.0, seconds))), bpm, True
        if clock.tempo.stands_at(seconds):
            return clock.beats_at(seconds + LEAD_SECONDS) - LEAD_SECONDS * bpm / 60, bpm, False
        return float(clock.beats_at(seconds)), bpm, False

    def _begin_when_all_are_there(self) -> None:
        if self._expected and self._clock.started and not self.absent():
            self._expected = 0
            self._clock.change(seconds=self._clock.soonest() + LEAD_SECONDS, standing=False)
