"""Plays music to a MIDI port, timed by a process of its own."""

import os
import sys
import threading
from collections import deque
from time import monotonic
from typing import Any, NamedTuple

from ...clock import LiveClock, Moment
from ...errors import ShowError
from ...log import info, warn_once
from ...media import Note
from ...midi_ports import is_stuck
from ...parameters import Gauge
from ...parts import Output
from ...performance import Performance
from ...supervision import SupervisedProcess
from . import messages, player_process, ports
from .clock_out import ClockTicks

# An event that is further off than this can be heard to be, in milliseconds.
AUDIBLE_MS = 5.0
# Events that are written at once: a pipe takes 4096 bytes as a whole.
MAX_AT_ONCE = 4096 // player_process.EVENT.size
# When instruments are chosen, before the show: as soon as the player has surely heard of it.
PROGRAM_SECONDS = 0.05
# How long the player may take to open its port, in seconds.
OPEN_SECONDS = 10.0
# A player may have been stopped for so long, in seconds, before another one takes its place.
STOPPED_SECONDS = 2 * player_process.SILENT_SECONDS


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
    picture that takes long moves none, and ends them whatever becomes of this one. Where that
    process is killed, another one takes its place, ends the notes that sounded, and plays on.
    `midi:NAME,clock` sends a MIDI clock as well: 24 ticks a beat, start, stop, continue and song
    position. After `close`, `timing` holds how accurate it was.
    """

    name = "midi"
    timed = True
    timing: TimingStats | None = None
    recent_timing: TimingStats | None = None  # of the last few hundred events, during the show
    process: SupervisedProcess | None = None
    _prepared: SupervisedProcess | None = None  # which is not known to be ready

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

    def prepare(self, performance: Performance) -> bool:
        if not isinstance(performance.clock, LiveClock):
            raise ShowError(f"{self} plays in real time; offline, write midifile:FILE.mid")
        self._clock = performance.clock
        self.timing = self.recent_timing = None
        self._ticks = ClockTicks(self._clock) if self._sends_clock else None
        self._losses = 0
        self._batch: list[tuple[float, bytes]] | None = None
        jitter = Gauge(
            f"MIDI jitter {self.port}".strip(),
            "How far off the last few hundred events were: 99 in 100 no more than this",
            lambda: f"{self.recent_timing.p99_ms:.2f} ms" if self.recent_timing else "",
            lambda: self.recent_timing is None or self.recent_timing.max_ms < AUDIBLE_MS,
        )
        performance.parameters.add_gauge(jitter)
        api, port = self.find_port()
        # With `-m` instead of its path, the package around it would be imported, numpy and all.
        self._command = [sys.executable, "-P", player_process.__file__, str(api), port]
        self._command.append(str(os.getpid()))
        self._writing = threading.Lock()  # over what follows, and the pipe
        self._sent: deque[tuple[float, bytes]] = deque()  # when each is due; in the order of that
        self._sounding: dict[tuple[int, int], None] = {}  # of what is not in there any more
        self._replaced = False  # another player starts, and has not been sent any event
        process = SupervisedProcess(
            str(self),
            self._next_command,
            on_report=self._read_report,
            on_restart=self._resume,
            beat=player_process.EVENT.pack(0.0, player_process.BEAT, b""),
        )
        process.launch()
        self._prepared = process
        return True

    def start(self, performance: Performance) -> None:
        if self._prepared is None:
            self.prepare(performance)
        process, self._prepared = self._prepared, None
        assert process
        try:
            process.start(OPEN_SECONDS)
        except ShowError as error:
            raise ShowError(f"{self} cannot open its port: {error}") from None
        self.process = process
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
        self._write(batch)

    def panic(self) -> None:
        if process := self.process:
            process.write(player_process.EVENT.pack(0.0, player_process.PANIC, b""))

    def close(self) -> None:
        process, self.process, self._prepared = self.process or self._prepared, None, None
        if process is not None:
            process.close(player_process.EVENT.pack(0.0, player_process.END, b""))

    def _send(self, seconds: float, message: bytes) -> None:
        """Send a message by the player process at `seconds` of the show."""
        if self.process is None:
            return
        event = self._clock.monotonic(seconds), message
        if self._batch is None:
            self._write([event])
        else:
            self._batch.append(event)

    def _write(self, events: list[tuple[float, bytes]]) -> None:
        """Write events to the player, from any thread; remember them where it should die."""
        process = self.process
        if process is None or not events:
            return
        with self._writing:
            self._forget(monotonic() - STOPPED_SECONDS)
            self._sent.extend(events)
            if not self._replaced:
                self._write_now(process, events)

    def _write_now(self, process: SupervisedProcess, events: list[tuple[float, bytes]]) -> None:
        pack = player_process.EVENT.pack
        packed = [pack(due, len(message), message) for due, message in events]
        for first in range(0, len(packed), MAX_AT_ONCE):
            process.write(b"".join(packed[first : first + MAX_AT_ONCE]))

    def _forget(self, now: float) -> None:
        """Forget events that were due by then, but for the notes that sound since."""
        while self._sent and self._sent[0][0] <= now:
            message = self._sent.popleft()[1]
            kind, channel = message[0] & 0xF0, message[0] & 0x0F
            if kind == 0x90 and message[2]:
                self._sounding[channel, message[1]] = None
            elif kind in (0x80, 0x90):
                self._sounding.pop((channel, message[1]), None)

    def _next_command(self) -> list[str]:
        """Return the command of the first player, or of another one, which ends the notes."""
        if self.process is None:
            return [*self._command, *([""] if is_stuck() else [])]  # which the player need not see
        with self._writing:
            self._replaced, now = True, monotonic()
            begun = [event for due, event in self._sent if due <= now and event[0] & 0xF0 == 0x90]
            # Some have ended since, which may not have been sent.
            notes = [*self._sounding, *((event[0] & 0x0F, event[1]) for event in begun)]
            return [*self._command, player_process.format_notes(notes)]

    def _resume(self) -> None:
        """Send another player what is yet to come."""
        process = self.process
        if process is None:
            return
        with self._writing:
            self._write_now(process, [event for event in self._sent if event[0] > monotonic()])
            self._replaced = False

    def _read_report(self, report: dict[str, Any]) -> None:
        if "timing" in report:
            self.timing = TimingStats(**report["timing"])
        elif "recent" in report:
            self.recent_timing = TimingStats(**report["recent"])
        elif "lost" in report:
            self._losses += 1
            lost = f"{self} is without its port {self.port!r}: {report['lost']}; the show goes on"
            warn_once(lost, f"{lost} {self._losses}")  # every time
        elif "restored" in report:
            info(f"{self} has its port {report['restored']!r} again")
        elif "unheard" in report:
            warn_once(f"the show stood still for {report['unheard']:g} s; {self} ended all notes")
