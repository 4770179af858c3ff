"""Plays MIDI in a process of its own, so that a sketch that holds its interpreter moves no note.

`output.py` runs this file as a script: `player_process.py API PORT PID`. Events come on standard
input, records of a fixed size; reports go to standard output, one JSON object a line: `ready` or
`error`, `lost` and `restored` of the port, `recent` from time to time, `timing` at the end. However
it ends, every sounding note is ended first. It imports next to nothing, so that it starts fast.
"""

import gc
import heapq
import json
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
from capriccio.midi_ports import open_client, open_port, port_names

# When the event is due on time.monotonic(), which all processes share; how many bytes its message
# has, or END or PANIC; the bytes.
EVENT = struct.Struct("<dB3s")
END, PANIC = 0, 255
# In place of rtmidi's number of a system: send to nothing.
NULL_API = -1
# How often the port and the sketch are checked; how long nothing must be due for it, since asking
# a MIDI system takes its time; and how often in music that never rests that long.
CHECK_SECONDS, REST_SECONDS, MAX_CHECK_SECONDS = 1.0, 0.005, 10.0
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

    `port` is an open port of rtmidi, `name` the one that it is connected to, or "".
    """

    def __init__(self, port: Any, name: str):
        self._port, self._name = port, name
        self._names: list[str] = []  # of all ports at the last check
        self._present: set[str] = set()  # the same when ours was last there
        self._changed = threading.Condition()  # over the events and whether it has ended
        self._events: list[tuple[float, int, bytes, bool]] = []  # a heap: due, order, …, late
        self._order = count()
        self.ended = self._lost = self._panic = False
        self._checked = time.monotonic()
        self._sounding: dict[tuple[int, int], None] = {}  # by channel and pitch, in order
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
                    for due, length, message in EVENT.iter_unpack(data[:whole]):
                        if length == END:
                            return
                        if length == PANIC:
                            self._panic = True
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
                since = now - self._checked
                check = since > CHECK_SECONDS and (
                    self._lost or left > REST_SECONDS or since > MAX_CHECK_SECONDS
                )
                if left <= SPIN_SECONDS:
                    event = heapq.heappop(self._events)
                elif not (check or self.ended or self._panic):
                    self._changed.wait(min(left - SPIN_SECONDS, CHECK_SECONDS))
            if event:
                due, _, message, late = event
                wait_until(due)
                self._send(message)
                self._errors.append(time.monotonic() - due)
                self._late += late
            elif check:
                self.check(sketch)

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
        if not self._name:
            return
        try:
            names = self._names = port_names(self._port, self._names)
            if not self._lost:
                self._present = set(names)  # another of the same name is not it
                if self._name not in names:
                    self._lose("it is no longer connected")
                return
            again = [name for name in names if name == self._name]
            new = [name for name in names if name not in self._present]
            again += [name for name in new if device_name(name) == device_name(self._name)]
            if again:
                self._port.close_port()
                open_port(self._port, again[0], "capriccio")
                self._name, self._lost = again[0], False
                self.silence(range(16))  # of all that sounded when it was lost
                report(restored=self._name)
        except Exception as error:
            self._lose(str(error))

    def _send(self, message: bytes) -> None:
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        starts = kind == 0x90 and message[2] > 0
        if self._lost and kind in (0x80, 0x90):
            return  # what sounded at the port is ended when it is back
        # Noted before a note starts and after it has ended: should we be stopped in between, it is
        # ended once too often rather than never.
        if kind < 0xF0:
            self._channels.add(channel)
        elif message[0] in (START, CONTINUE, STOP):
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
        if not self._lost:
            self._lost = True
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

    def send_message(self, message: bytes) -> None:
        """Do nothing."""

    def delete(self) -> None:
        """Do nothing."""


def connect(api: int, name: str) -> Any:
    """Return rtmidi's port, connected to the output `name`, or a virtual one."""
    if api == NULL_API:
        return NullPort()
    import rtmidi

    port = open_client(rtmidi.MidiOut, api, name="capriccio")
    try:
        if name:
            open_port(port, name, "capriccio")
        else:
            port.open_virtual_port("capriccio")
    except BaseException:
        port.delete()  # or a JACK server would wait for us
        raise
    return port


def raise_process_priority() -> None:
    """Run before ordinary processes, where we may."""
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.winmm.timeBeginPeriod(1)  # or waits last 16 ms
        return
    try:
        lowest = os.sched_get_priority_min(os.SCHED_FIFO)
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(lowest))
    except (AttributeError, OSError):
        with suppress(OSError):
            os.nice(-15)


def terminate(number: int, frame: FrameType | None) -> None:
    """End the process as a signal asks, the notes first."""
    signal.signal(number, signal.SIG_IGN)
    raise Terminated


def main(api: int, name: str, sketch: int) -> None:
    """Play what comes on standard input until it ends, or the process `sketch` that sends it.

    `api` is rtmidi's number of the MIDI system; a port of the name "" is a virtual one.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the stage's, which then ends us
    try:
        port = connect(api, name)
    except Exception as error:
        report(error=str(error))
        return
    with suppress(AttributeError, OSError):
        os.set_blocking(1, False)  # a sketch that does not read must not make us wait
    player = PlayerProcess(port, name)
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
    port.delete()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
