"""Music as it is played: MIDI, timed in a process of its own."""

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO, NamedTuple

from ...errors import ShowError
from ...log import info, warn_once
from ...parameters import Gauge
from ...parts import Output
from . import messages, player_process, ports
from .clock_out import ClockTicks

# Events that are further off than this are heard to be, in milliseconds.
HEARD_MS = 5.0
# So many events are written at once at most: a pipe takes 4096 bytes whole.
MOST_AT_ONCE = 4096 // player_process.EVENT.size
# How long the player may take to open its port, and to end its notes, in seconds.
OPEN_SECONDS, END_SECONDS = 10.0, 3.0


class Punctuality(NamedTuple):
    """How many events were sent, how many were handed over too late, and how far off they were.

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

    NAME is the name of an output, or enough of it. Another process times the notes, so that a
    picture that takes long moves none, and ends them whatever becomes of this one. With
    `midi:NAME,clock` it sends a MIDI clock as well: 24 ticks a beat, start, stop, continue and song
    position. After `close`, `punctuality` says how well it kept time.
    """

    name = "midi"
    timed = True
    punctuality: Punctuality | None = None
    lately: Punctuality | None = None  # the same of the last few hundred events, during the show
    _player: subprocess.Popen | None = None

    def __init__(self, target: str = ""):
        super().__init__(target)
        name, comma, word = target.rpartition(",")
        self._clocked = bool(comma) and word == "clock"
        self.port = name if self._clocked else target

    @classmethod
    def missing(cls) -> str:
        try:
            ports.output_port("")
        except ShowError as error:
            return str(error)
        return ""

    def start(self, performance):
        if not performance.clock.live:
            raise ShowError(f"{self} plays in real time; offline, write midifile:FILE.mid")
        self._clock = performance.clock
        self.punctuality = self.lately = None
        self._ticks = ClockTicks(self._clock) if self._clocked else None
        self._losses = 0
        self._gathered: list[bytes] | None = None
        says = "How far off the last few hundred events were: 99 in 100 no more than this"
        performance.parameters.add_gauge(
            Gauge(
                f"MIDI jitter {self.port}".strip(),
                says,
                lambda: f"{self.lately.p99_ms:.2f} ms" if self.lately else "",
                lambda: self.lately is None or self.lately.max_ms < HEARD_MS,
            )
        )
        api, port = self._place()
        here = str(os.getpid())
        self._player = subprocess.Popen(
            # By its path: the package around it would be imported by its name, numpy and all.
            [sys.executable, "-P", player_process.__file__, str(api), port, here],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # where ALSA and JACK complain
            bufsize=0,
            # Whoever interrupts or kills this process with its group leaves the player to end.
            **(
                {"creationflags": subprocess.HIGH_PRIORITY_CLASS | subprocess.CREATE_NO_WINDOW}
                if sys.platform == "win32"
                else {"start_new_session": True}
            ),
        )
        self._answered = threading.Event()
        self._trouble = "it ended"
        self._listener = threading.Thread(
            target=self._listen, args=(self._player.stdout,), name=str(self), daemon=True
        )
        self._listener.start()
        if not self._answered.wait(OPEN_SECONDS):
            self._trouble = f"nothing happened within {OPEN_SECONDS:g} s"
        if self._trouble:
            self.close()
            raise ShowError(f"{self} cannot open its port: {self._trouble}")

    def _place(self) -> tuple[int, str]:
        """Give the system and the whole name of the port to play to."""
        return ports.output_port(self.port)

    def note_on(self, note, now):
        self._put(now.seconds, messages.note_on(note))

    def note_off(self, note, now):
        self._put(now.seconds, messages.note_off(note))

    def control(self, change, now):
        self._put(now.seconds, messages.control(change))

    def sent_until(self, now):
        for seconds, message in self._ticks.until(now.seconds) if self._ticks else ():
            self._put(seconds + self.delay, message)
        # From now on events are gathered until the next time: whoever writes lets go of the
        # interpreter, and may have to wait for it as long as a picture takes.
        gathered, self._gathered = self._gathered or [], []
        for first in range(0, len(gathered), MOST_AT_ONCE):
            self._write(b"".join(gathered[first : first + MOST_AT_ONCE]))

    def panic(self):
        self._write(player_process.EVENT.pack(0.0, player_process.PANIC, b""))

    def close(self):
        player, self._player = self._player, None
        if player is None:
            return
        assert player.stdin and player.stdout
        with suppress(OSError):  # it may have ended already
            player.stdin.write(player_process.EVENT.pack(0.0, player_process.END, b""))
        player.stdin.close()
        for stop in (lambda: None, player.terminate, player.kill):
            stop()
            try:
                player.wait(END_SECONDS)
                break
            except subprocess.TimeoutExpired:
                continue
        self._listener.join(END_SECONDS)
        player.stdout.close()

    def _put(self, seconds: float, message: bytes) -> None:
        """Have the player send a message at so many seconds of the show."""
        if self._player is None:
            return
        event = player_process.EVENT.pack(self._clock.monotonic(seconds), len(message), message)
        if self._gathered is None:
            self._write(event)
        else:
            self._gathered.append(event)

    def _write(self, events: bytes) -> None:
        """Hand events to the player, whole, whichever thread it is."""
        player = self._player
        if player is None:
            return
        assert player.stdin
        try:
            player.stdin.write(events)
        except (OSError, ValueError):  # a pipe that has ended, or that another thread has closed
            if self._player is player:
                raise ShowError(f"{self} is silent: the process that plays it has ended") from None

    def _listen(self, answers: IO[bytes]) -> None:
        """Hear what the player has to say."""
        for line in answers:
            said = json.loads(line)
            if "punctuality" in said:
                self.punctuality = Punctuality(**said["punctuality"])
            elif "lately" in said:
                self.lately = Punctuality(**said["lately"])
            elif "lost" in said:
                self._losses += 1
                lost = f"{self} has lost its port {self.port!r}: {said['lost']}; the show goes on"
                warn_once(lost, f"{lost} {self._losses}")  # every time
            elif "back" in said:
                info(f"{self} has its port {said['back']!r} again")
            else:
                self._trouble = said.get("trouble", "")
                self._answered.set()
        self._answered.set()
