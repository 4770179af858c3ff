"""Plays music to a MIDI port, timed by a process of its own."""

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO, Any, NamedTuple

from ...clock import LiveClock, Moment
from ...errors import ShowError
from ...log import info, warn_once
from ...media import Note
from ...parameters import Gauge
from ...parts import Output
from ...performance import Performance
from . import messages, player_process, ports
from .clock_out import ClockTicks

# An event that is further off than this can be heard to be, in milliseconds.
AUDIBLE_MS = 5.0
# Events that are written at once: a pipe takes 4096 bytes as a whole.
MAX_AT_ONCE = 4096 // player_process.EVENT.size
# When instruments are chosen, before the show: as soon as the player has surely heard of it.
PROGRAM_SECONDS = 0.05
# How long the player may take to open its port, and to end its notes, in seconds.
OPEN_SECONDS, END_SECONDS = 10.0, 3.0


class TimingStats(NamedTuple):
    """How many events were sent, how many reached the player too late, and how far off they were.

    `drift_ms` is how much later the last ones were than the first.
    """

    events: int
    late: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    drift_ms: float = 0.0


class Midi(Output):
    """Play to a MIDI port: `midi:NAME`, or `midi` for a port `capriccio` that others connect to.

    NAME is the name of an output, or a part of it. Another process times the notes, so that a
    picture that takes long moves none, and ends them whatever becomes of this one.
    `midi:NAME,clock` sends a MIDI clock as well: 24 ticks a beat, start, stop, continue and song
    position. After `close`, `timing` holds how accurate it was.
    """

    name = "midi"
    timed = True
    timing: TimingStats | None = None
    recent_timing: TimingStats | None = None  # of the last few hundred events, during the show
    process: "subprocess.Popen[bytes] | None" = None

    def __init__(self, target: str = ""):
        super().__init__(target)
        name, comma, word = target.rpartition(",")
        self._sends_clock = bool(comma) and word == "clock"
        self.port = name if self._sends_clock else target

    @classmethod
    def missing(cls) -> str:
        try:
            ports.find_output("")
        except ShowError as error:
            return str(error)
        return ""

    def find_port(self) -> tuple[int, str]:
        """Return the MIDI system and the whole name of the port to play to."""
        return ports.find_output(self.port)

    def start(self, performance: Performance) -> None:
        if not isinstance(performance.clock, LiveClock):
            raise ShowError(f"{self} plays in real time; offline, write midifile:FILE.mid")
        self._clock = performance.clock
        self.timing = self.recent_timing = None
        self._ticks = ClockTicks(self._clock) if self._sends_clock else None
        self._losses = 0
        self._batch: list[bytes] | None = None
        jitter = Gauge(
            f"MIDI jitter {self.port}".strip(),
            "How far off the last few hundred events were: 99 in 100 no more than this",
            lambda: f"{self.recent_timing.p99_ms:.2f} ms" if self.recent_timing else "",
            lambda: self.recent_timing is None or self.recent_timing.max_ms < AUDIBLE_MS,
        )
        performance.parameters.add_gauge(jitter)
        api, port = self.find_port()
        # A signal to this process and its group leaves the player to end by itself.
        options: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            flags = subprocess.HIGH_PRIORITY_CLASS | subprocess.CREATE_NO_WINDOW
            options = {"creationflags": flags}
        self.process = subprocess.Popen(
            # By its path: with `-m` the package around it would be imported, numpy and all.
            [sys.executable, "-P", player_process.__file__, str(api), port, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # where ALSA and JACK complain
            bufsize=0,
            **options,
        )
        self._ready = threading.Event()
        self._error = "it ended"
        self._reader = threading.Thread(
            target=self._read_reports, args=(self.process.stdout,), name=str(self), daemon=True
        )
        self._reader.start()
        if not self._ready.wait(OPEN_SECONDS):
            self._error = f"nothing happened within {OPEN_SECONDS:g} s"
        if self._error:
            self.close()
            raise ShowError(f"{self} cannot open its port: {self._error}")
        for message in messages.programs(performance.instruments):
            self._send(PROGRAM_SECONDS, message)

    def note_on(self, note: Note, now: Moment) -> None:
        self._send(now.seconds, messages.note_on(note))

    def note_off(self, note: Note, now: Moment) -> None:
        self._send(now.seconds, messages.note_off(note))

    def control(self, change: tuple[int, float, int], now: Moment) -> None:
        self._send(now.seconds, messages.control(change))

    def sent_until(self, now: Moment) -> None:
        for seconds, message in self._ticks.until(now.seconds) if self._ticks else ():
            self._send(seconds + self.delay, message)
        # From now on events are collected until the next call: a thread that writes releases the
        # interpreter, and may have to wait for it as long as a picture takes.
        batch, self._batch = self._batch or [], []
        for first in range(0, len(batch), MAX_AT_ONCE):
            self._write(b"".join(batch[first : first + MAX_AT_ONCE]))

    def panic(self) -> None:
        self._write(player_process.EVENT.pack(0.0, player_process.PANIC, b""))

    def close(self) -> None:
        player, self.process = self.process, None
        if player is None:
            return
        assert player.stdin and player.stdout
        with suppress(OSError):  # it may have ended already
            player.stdin.write(player_process.EVENT.pack(0.0, player_process.END, b""))
        player.stdin.close()
        for stop in (player.terminate, player.kill, None):
            try:
                player.wait(END_SECONDS)
                break
            except subprocess.TimeoutExpired:
                if stop:
                    stop()
        self._reader.join(END_SECONDS)
        player.stdout.close()

    def _send(self, seconds: float, message: bytes) -> None:
        """Send a message by the player process at `seconds` of the show."""
        if self.process is None:
            return
        event = player_process.EVENT.pack(self._clock.monotonic(seconds), len(message), message)
        if self._batch is None:
            self._write(event)
        else:
            self._batch.append(event)

    def _write(self, events: bytes) -> None:
        """Write events to the player as a whole, from any thread."""
        player = self.process
        if player is None:
            return
        assert player.stdin
        try:
            player.stdin.write(events)
        except (OSError, ValueError):  # a pipe that has ended, or that another thread has closed
            if self.process is player:
                raise ShowError(f"{self} is silent: the process that plays it has ended") from None

    def _read_reports(self, reports: IO[bytes]) -> None:
        for line in reports:
            report = json.loads(line)
            if "timing" in report:
                self.timing = TimingStats(**report["timing"])
            elif "recent" in report:
                self.recent_timing = TimingStats(**report["recent"])
            elif "lost" in report:
                self._losses += 1
                lost = f"{self} has lost its port {self.port!r}: {report['lost']}; the show goes on"
                warn_once(lost, f"{lost} {self._losses}")  # every time
            elif "restored" in report:
                info(f"{self} has its port {report['restored']!r} again")
            else:
                self._error = report.get("error", "")
                self._ready.set()
        self._ready.set()
