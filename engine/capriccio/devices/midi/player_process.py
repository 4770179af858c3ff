"""Plays MIDI in a process of its own, so that a sketch that holds its interpreter moves no note.

`output.py` runs this file as a script: `player_process.py API PORT PID`. Events come on standard
input, records of a fixed size; reports go to standard output, one JSON object a line: `ready` or
`error`, `alive`, `lost` and `restored` of the port, `unheard` of the show, `recent` from time to
time, `timing` at the end. However it ends, sounding notes are ended first, or by the one that takes
its place, `player_process.py API PORT PID NOTES`. It imports next to nothing, so it starts fast.
"""

import gc
import heapq
import json
import math
import os
import signal
import struct
import sys
import threading
import time
from array import array
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import count
from types import FrameType
from typing import Any

from capriccio.clock import SPIN_SECONDS, wait_until
from capriccio.midi_ports import SystemStuck, SystemWatch, open_client, open_port, port_names

# When the event is due on time.monotonic(), which all processes share; how many bytes its message
# has, or END, BEAT or PANIC; the bytes.
EVENT = struct.Struct("<dB3s")
END, BEAT, PANIC = 0, 254, 255
# In place of RtMidi's number of a system: send to nothing.
NULL_API = -1
# How often the port and the sketch are checked; how long nothing must be due for it, since asking
# a MIDI system takes its time; and how often in music that never rests that long.
CHECK_SECONDS, REST_SECONDS, MAX_CHECK_SECONDS = 1.0, 0.005, 10.0
# How often a port or a system that is lost is looked for, and the sketch hears that we are alive.
LOOK_SECONDS, ALIVE_SECONDS = 0.5, 0.25
# After how long without that we are taken for dead; and while a port is opened, for which a system
# may have to miss another client first.
SILENT_SECONDS, OPEN_SECONDS = 3.0, 10.0
# A sketch of which nothing is heard for this long stands still: its notes are ended, less than two
# seconds after that began. How often that is looked at where nothing is due.
UNHEARD_SECONDS, WAIT_SECONDS = 1.5, 0.25
# An event that arrives this long after it was due is counted as late: its sender was.
LATE_SECONDS = 0.001
# How many events are reported as recent, and what is reported of them, in milliseconds.
RECENT, PERCENTILES = 256, {"p50_ms": 0.5, "p99_ms": 0.99, "max_ms": 1.0}
# JACK takes messages out of a buffer once a period; closed before that, they would be lost.
FLUSH_SECONDS = 0.1
SUSTAIN, SOUND_OFF, NOTES_OFF = 64, 120, 123
# System messages: the song position, and the clock.
POSITION, TICK, START, CONTINUE, STOP = 0xF2, 0xF8, 0xFA, 0xFB, 0xFC


class Terminated(BaseException):
    """A signal asks the process to end."""


class PlayerProcess:
    """Sends every event when it is due, and knows which notes sound.

    `port` is an open port, `name` the one that it is connected to, or "", and `watch` is over its
    system `api`. Without a port it is opened when there is one; then it ends the notes of
    `sounding`, each a channel 0..15 and a pitch.
    """

    def __init__(
        self,
        port: Any,
        name: str,
        api: int = NULL_API,
        watch: SystemWatch | None = None,
        sounding: Iterable[tuple[int, int]] = (),
    ):
        self._port, self._name, self._api, self._watch = port, name, api, watch
        self._names: list[str] = []  # of all ports at the last check
        self._present: set[str] = set()  # the same when ours was last there
        self._changed = threading.Condition()  # over the events and whether it has ended
        self._events: list[tuple[float, int, bytes, bool]] = []  # a heap: due, order, …, late
        self._order = count()
        self.ended = self._panic = self._unheard = False
        self._lost, self._lost_told = port is None, False
        self._checked = -math.inf if port is None else time.monotonic()
        self._heard, self._told = time.monotonic(), -math.inf
        self._sounding: dict[tuple[int, int], None] = dict.fromkeys(sounding)  # in order
        self._channels: set[int] = set()
        self._clock_running = False
        self._errors = array("d")  # seconds between due and sent, of every event
        self._late = self._reported = 0

    def receive(self, descriptor: int) -> None:
        """Read events until END, or until no process can send any."""
        data = b""
        try:
            while more := os.read(descriptor, 1 << 16):
                data += more
                whole = len(data) - len(data) % EVENT.size
                now = time.monotonic()
                with self._changed:
                    self._heard = now
                    for due, length, message in EVENT.iter_unpack(data[:whole]):
                        if length == END:
                            return
                        if length == PANIC:
                            self._panic = True
                        if length in (PANIC, BEAT):
                            continue
                        late = now - due > LATE_SECONDS
                        event = due, next(self._order), message[:length], late
                        heapq.heappush(self._events, event)
                    self._changed.notify()
                data = data[whole:]
        finally:
            with self._changed:
                self.ended = True
                self._changed.notify()

    def play(self, sketch: int) -> None:
        """Send events until END, or until the process with the id `sketch` is gone."""
        while not self.ended:
            if self._panic:
                self._panic = False
                self.silence(range(16))
            event = None
            with self._changed:
                now = time.monotonic()
                left = self._events[0][0] - now if self._events else CHECK_SECONDS
                check = self._is_check_due(now, left)
                if left <= SPIN_SECONDS:
                    event = heapq.heappop(self._events)
                elif not (check or self.ended or self._panic):
                    self._changed.wait(min(left - SPIN_SECONDS, WAIT_SECONDS))
            if event:
                due, _, message, late = event
                wait_until(due)
                self._send(message)
                self._errors.append(time.monotonic() - due)
                self._late += late
            elif check:
                self.check(sketch)
            now = time.monotonic()
            if now - self._told > ALIVE_SECONDS:
                self._told = now
                report(alive=SILENT_SECONDS)
            if (now - self._heard > UNHEARD_SECONDS) != self._unheard:
                self._unheard = not self._unheard
                if self._unheard:
                    self.silence(range(16))
                    report(unheard=UNHEARD_SECONDS)

    def _is_check_due(self, now: float, left: float) -> bool:
        """Return whether to check port and sketch, where `left` seconds are left to the next."""
        since = now - self._checked
        if self._lost or (self._watch is not None and self._watch.ended):
            return since > LOOK_SECONDS
        return since > MAX_CHECK_SECONDS or (since > CHECK_SECONDS and left > REST_SECONDS)

    def silence(self, channels: Iterable[int]) -> None:
        """End every sounding note; release the pedal and end all else on channels 0..15."""
        for channel, pitch in list(self._sounding):
            self._send(bytes([0x80 | channel, pitch, 0]))
        for channel in channels:
            for controller in (SUSTAIN, SOUND_OFF, NOTES_OFF):
                self._send(bytes([0xB0 | channel, controller, 0]))

    def end(self) -> None:
        """End every sounding note, silence the channels that were used, and stop the clock."""
        self.silence(sorted(self._channels))
        if self._clock_running:
            self._send(bytes([STOP]))
        time.sleep(FLUSH_SECONDS)

    def timing(self) -> dict[str, float]:
        """Return the fields of `TimingStats`; the drift is between medians."""
        found = {"events": len(self._errors), "late": self._late, **_spread(self._errors)}
        drift = _median(self._errors[-RECENT:]) - _median(self._errors[:RECENT])
        return {**found, "drift_ms": round(1000 * drift, 4)}

    def check(self, sketch: int) -> None:
        """Check that the port and the sketch exist; some systems send to a lost port silently."""
        self._checked = time.monotonic()
        # A pipe stays open while a fork of the dead sketch has a copy of it.
        if os.name != "nt" and os.getppid() != sketch:
            self.ended = True
            return
        if len(self._errors) > self._reported:
            self._reported = len(self._errors)
            spread = _spread(self._errors[-RECENT:])
            report(recent={"events": self._reported, "late": self._late, **spread})
        if self._watch is not None and self._watch.ended:
            self._lose("the MIDI system has ended")
            self.close()
        try:
            if self._port is None:
                report(alive=OPEN_SECONDS)
                self._port, self._watch, self._name = connect(self._api, self._name, again=True)
                raise_process_priority()
                self._restore()
                return
            if not self._name:
                return
            names = self._names = port_names(self._port, self._names)
            if not self._lost:
                self._present = set(names)  # another of the same name is not it
                if self._name not in names:
                    self._lose("it is no longer connected")
                return
            new = [name for name in names if name not in self._present]
            again = find_again(self._name, names, new)
            if again:
                self._port.close_port()
                open_port(self._port, again, "capriccio")
                self._name = again
                self._restore()
        except Exception as error:
            self._lose(str(error))

    def close(self) -> None:
        """Close the port, and all else that is open of its system."""
        port, watch = self._port, self._watch
        self._port = self._watch = None
        if port is not None and watch is not None:
            watch.close_client(port)
            watch.close()

    def _restore(self) -> None:
        time.sleep(FLUSH_SECONDS)  # JACK plays to a new connection from some later period on
        self._lost = self._lost_told = False
        self.silence(range(16))  # of all that sounded when it was lost
        report(restored=self._name)

    def _send(self, message: bytes) -> None:
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        starts = kind == 0x90 and message[2] > 0
        if self._lost and kind in (0x80, 0x90):
            return  # what sounded at the port is ended when it is back
        # Noted before a note starts and after it has ended: should we be stopped in between, it is
        # ended once too often rather than never.
        if kind < 0xF0:
            self._channels.add(channel)
        elif message[0] in (TICK, START, CONTINUE, STOP):
            self._clock_running = message[0] != STOP
        if starts:
            self._sounding[channel, message[1]] = None
        if not self._lost:
            try:
                self._port.send_message(message)
            except Exception as error:  # of any driver
                self._lose(str(error))
                return
        if not starts and kind in (0x80, 0x90):
            self._sounding.pop((channel, message[1]), None)

    def _lose(self, reason: str) -> None:
        if not self._lost_told:
            self._lost = self._lost_told = True
            report(lost=reason)


def _spread(seconds: Iterable[float]) -> dict[str, float]:
    errors = sorted(map(abs, seconds)) or [0.0]
    places = {name: round(share * (len(errors) - 1)) for name, share in PERCENTILES.items()}
    return {name: round(1000 * errors[place], 4) for name, place in places.items()}


def _median(numbers: Sequence[float]) -> float:
    ordered = sorted(numbers) or [0.0]
    return ordered[len(ordered) // 2]


def device_name(port: str) -> str:
    """Return the name of a device wherever it is plugged in: that of its port without numbers."""
    words = port.split(" ")
    # ALSA ends in "20:0", Windows in the number of the port.
    while len(words) > 1 and words[-1].replace(":", "", 1).isdecimal():
        words.pop()
    return " ".join(words)


def report(**fields: Any) -> None:
    """Write a report to the sketch, if it is still there."""
    with suppress(OSError):
        os.write(1, f"{json.dumps(fields)}\n".encode())


class NullPort:
    """A port that sends to nothing, to measure with where there is no MIDI system."""

    is_deleted = True

    def send_message(self, message: bytes) -> None:
        """Do nothing."""


def find_again(name: str, names: Sequence[str], new: Sequence[str]) -> str:
    """Return the port `name`, or the one of `new` that its device has now, or ""."""
    if name in names:
        return name
    return next((port for port in new if device_name(port) == device_name(name)), "")


def connect(api: int, name: str, again: bool = False) -> tuple[Any, SystemWatch, str]:
    """Return a port, connected to the output `name` or virtual; what watches its system; its name.

    With `again` it may have another number than before. Raises ConnectionError.
    """
    watch = SystemWatch(api, "capriccio")
    if api == NULL_API:
        return NullPort(), watch, name
    port = None
    try:
        port = open_client("output", api, "capriccio")
        if name:
            if again:
                names = port_names(port)
                near = [one for one in names if name.lower() in one.lower()]
                name = find_again(name, names, names) or (near[0] if len(near) == 1 else name)
            open_port(port, name, "capriccio")
        else:
            port.open_virtual_port("capriccio")
    except BaseException:
        if port is not None:
            watch.close_client(port)
        watch.close()
        raise
    return port, watch, name


def raise_process_priority() -> None:
    """Run before ordinary processes, where we may."""
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.winmm.timeBeginPeriod(1)  # or waits last 16 ms
        return
    try:
        lowest = os.sched_param(os.sched_get_priority_min(os.SCHED_FIFO))
        for thread in map(int, os.listdir("/proc/self/task")):  # those in which JACK sends, too
            if os.sched_getscheduler(thread) == os.SCHED_OTHER:
                os.sched_setscheduler(thread, os.SCHED_FIFO, lowest)
    except (AttributeError, OSError):
        with suppress(OSError):
            os.nice(-15)


def terminate(number: int, frame: FrameType | None) -> None:
    """End the process as a signal asks, the notes first."""
    signal.signal(number, signal.SIG_IGN)
    raise Terminated


def main(api: int, name: str, sketch: int, sounding: str | None = None) -> None:
    """Play what comes on standard input until it ends, or the process `sketch` that sends it.

    `api` is RtMidi's number of the MIDI system; a port of the name "" is a virtual one. `sounding`
    are notes that another process could not end, as of `format_notes`: the port may come later.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the stage's, which then ends us
    player = PlayerProcess(None, name, api, None, parse_notes(sounding or ""))
    if sounding is None:
        try:
            port, watch, name = connect(api, name)
            player = PlayerProcess(port, name, api, watch)
        except SystemStuck:  # it is opened when it answers
            pass
        except Exception as error:
            report(error=str(error))
            return
    with suppress(AttributeError, OSError):
        os.set_blocking(1, False)  # a sketch that does not read must not make us wait
    raise_process_priority()
    gc.disable()
    try:
        signal.signal(signal.SIGTERM, terminate)
        threading.Thread(target=player.receive, args=(0,), daemon=True).start()
        report(ready=name)
        player.play(sketch)
    except Terminated:
        pass
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        player.end()
    report(timing=player.timing())
    player.close()


def format_notes(notes: Iterable[tuple[int, int]]) -> str:
    """Return channels 0..15 and pitches as `main` takes them."""
    return "".join(f"{channel:x}{pitch:02x}" for channel, pitch in notes)


def parse_notes(words: str) -> list[tuple[int, int]]:
    """Return the channels and pitches of such words."""
    places = range(0, len(words), 3)
    return [(int(words[at], 16), int(words[at + 1 : at + 3], 16)) for at in places]


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), *sys.argv[4:5])
