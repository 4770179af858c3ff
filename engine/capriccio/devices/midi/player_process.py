"""Plays MIDI in a process of its own: a sketch that holds its interpreter moves no note here.

Run as a script by `midi.py`, with rtmidi's number of the system, the whole name of the port (""
for a virtual one) and the process id of the sketch. Events come on standard input, records of a
fixed size; answers go to standard output, one JSON object a line: `ready` or `trouble` at first,
`lost` when the port vanishes and `back` when it is found again, `lately` from time to time and
`punctuality` at the end. When the sketch says so, is gone, or this process is terminated, every
sounding note is ended, and then the process.
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
from collections.abc import Iterable
from contextlib import suppress
from itertools import count

from capriccio.clock import SPIN_SECONDS, wait_until
from capriccio.midi_ports import open_port, port_names

# When the event is due on time.monotonic(), which all processes share; how many bytes its message
# has, or END or PANIC; the bytes.
EVENT = struct.Struct("<dB3s")
END, PANIC = 0, 255
# The number of a system that there is not.
NOWHERE = -1
# How often the port and the sketch are looked for, and how long nothing must be due for it, since
# asking a MIDI system takes its time; and how often in music that never rests so long.
LOOK_SECONDS, REST_SECONDS, PATIENCE_SECONDS = 1.0, 0.005, 10.0
# An event that reaches us this long after it was due counts as late: its sender was.
LATE_SECONDS = 0.001
# So many events tell how punctual we have been lately.
RECENT = 256
# JACK takes messages out of a buffer once a period; closed before that, they would be lost.
FLUSH_SECONDS = 0.1
SUSTAIN, SOUND_OFF, NOTES_OFF = 64, 120, 123
# Messages of the whole system: where the song goes on, and the clock that goes with it.
POSITION, TICK, START, CONTINUE, STOP = 0xF2, 0xF8, 0xFA, 0xFB, 0xFC


class Ended(BaseException):
    """The process was told to end."""


class PlayerProcess:
    """Sends every event when it is due, and knows what sounds.

    `port` is an open port of rtmidi, `name` the one that it is connected to, or "".
    """

    def __init__(self, port, name: str):
        self._port, self._name = port, name
        self._names: list[str] = []  # of all ports when we looked last
        self._beside: set[str] = set()  # the same when ours was there last
        self._changed = threading.Condition()  # over the events and whether it has ended
        self._events: list[tuple[float, int, bytes, bool]] = []  # a heap: due, order, …, late
        self._order = count()
        self._ended = self._lost = self._panic = False
        self._looked = time.monotonic()
        self._sounding: dict[tuple[int, int], None] = {}  # by channel and pitch, in order
        self._channels: set[int] = set()
        self._going = False  # the clock that goes with the song
        self._off = array("d")  # seconds between due and sent, of every event
        self._late = self._told = 0

    def listen(self, descriptor: int) -> None:
        """Take in events until told to end, or nobody is there to send any."""
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
                self._ended = True
                self._changed.notify()

    def play(self, sketch: int) -> None:
        """Send events until told to end, or the process with the id `sketch` is gone."""
        while not self._ended:
            if self._panic:
                self._panic = False
                self.silence(range(16))
            event = None
            with self._changed:
                now = time.monotonic()
                left = self._events[0][0] - now if self._events else LOOK_SECONDS
                since = now - self._looked
                look = since > LOOK_SECONDS and (
                    self._lost or left > REST_SECONDS or since > PATIENCE_SECONDS
                )
                if left <= SPIN_SECONDS:
                    event = heapq.heappop(self._events)
                elif not (look or self._ended or self._panic):
                    self._changed.wait(min(left - SPIN_SECONDS, LOOK_SECONDS))
            if event:
                due, _, message, late = event
                wait_until(due)
                self._send(message)
                self._off.append(time.monotonic() - due)
                self._late += late
            elif look:
                self._look(sketch)

    def silence(self, channels: Iterable[int]) -> None:
        """End every sounding note; lift the pedal and end all else on these channels, 0..15."""
        for channel, pitch in list(self._sounding):
            self._send(bytes([0x80 | channel, pitch, 0]))
        for channel in channels:
            for controller in (SUSTAIN, SOUND_OFF, NOTES_OFF):
                self._send(bytes([0xB0 | channel, controller, 0]))

    def end(self) -> None:
        """End every sounding note, silence the channels that were used, and stop the clock."""
        self.silence(sorted(self._channels))
        if self._going:
            self._send(bytes([STOP]))
        time.sleep(FLUSH_SECONDS)

    def punctuality(self) -> dict[str, float]:
        """Say how many events were sent, how many had come too late, and how far off they were.

        And how much later than the first of them, by the median, were the last.
        """
        found = {"events": len(self._off), "late": self._late, **self._spread(self._off)}
        drift = _middle(self._off[-RECENT:]) - _middle(self._off[:RECENT])
        return {**found, "drift_ms": round(1000 * drift, 4)}

    def _spread(self, seconds) -> dict[str, float]:
        off, found = sorted(map(abs, seconds)) or [0.0], {}
        for name, share in (("p50_ms", 0.5), ("p99_ms", 0.99), ("max_ms", 1.0)):
            found[name] = round(1000 * off[round(share * (len(off) - 1))], 4)
        return found

    def _send(self, message: bytes) -> None:
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        begins = kind == 0x90 and message[2] > 0
        if self._lost and kind in (0x80, 0x90):
            return  # what sounded at the port is ended when it is back
        # Noted before a note begins and after it has ended: should we be stopped in between, it is
        # ended once too often rather than never.
        if kind < 0xF0:
            self._channels.add(channel)
        elif message[0] in (START, CONTINUE, STOP):
            self._going = message[0] != STOP
        if begins:
            self._sounding[channel, message[1]] = None
        if not self._lost:
            try:
                self._port.send_message(message)
            except Exception as error:  # whatever a driver thinks of
                self._lose(str(error))
                return
        if not begins and kind in (0x80, 0x90):
            self._sounding.pop((channel, message[1]), None)

    def _look(self, sketch: int) -> None:
        """See whether the port and the sketch are still there: some systems send into the void."""
        self._looked = time.monotonic()
        # A pipe stays open while a copy of the dead sketch's process, forked, has it.
        if os.name != "nt" and os.getppid() != sketch:
            self._ended = True
            return
        if len(self._off) > self._told:
            self._told = len(self._off)
            lately = self._spread(self._off[-RECENT:])
            say(lately={"events": self._told, "late": self._late, **lately})
        if not self._name:
            return
        try:
            names = self._names = port_names(self._port, self._names)
            if not self._lost:
                self._beside = set(names)  # another of the same name is not it
                if self._name not in names:
                    self._lose("it is no longer connected")
                return
            new = [name for name in names if name not in self._beside]
            found = [name for name in new if device_of(name) == device_of(self._name)]
            if self._name in names or found:
                self._return(self._name if self._name in names else found[0])
        except Exception as error:
            self._lose(str(error))

    def _lose(self, reason: str) -> None:
        if not self._lost:
            self._lost = True
            say(lost=reason)

    def _return(self, name: str) -> None:
        """Take up a port that is there again, and silence it first."""
        self._port.close_port()
        open_port(self._port, name, "capriccio")
        self._name, self._lost = name, False
        self.silence(range(16))
        say(back=name)


def _middle(numbers: Iterable[float]) -> float:
    ordered = sorted(numbers) or [0.0]
    return ordered[len(ordered) // 2]


def device_of(port: str) -> str:
    """Give what a device is called whatever place it is plugged into: its port without numbers."""
    words = port.split(" ")
    # ALSA ends in "20:0", Windows in the number of the port.
    while len(words) > 1 and words[-1].replace(":", "", 1).isdecimal():
        words.pop()
    return " ".join(words)


def say(**words) -> None:
    """Tell the sketch something, if it is still there."""
    with suppress(OSError):
        os.write(1, f"{json.dumps(words)}\n".encode())


class NullPort:
    """A port that leads nowhere, to measure with where there is no MIDI system."""

    def send_message(self, message: bytes) -> None:
        """Send a message to nobody."""

    def delete(self) -> None:
        """Close what was never open."""


def connect(api: int, name: str):
    """Open the output port `name`, or a virtual one, and give it."""
    if api == NOWHERE:
        return NullPort()
    import rtmidi

    port = rtmidi.MidiOut(api, name="capriccio")
    try:
        if name:
            open_port(port, name, "capriccio")
        else:
            port.open_virtual_port("capriccio")
    except BaseException:
        port.delete()  # or a JACK server would wait for us
        raise
    return port


def hurry() -> None:
    """Go before ordinary processes, where we may."""
    try:
        lowest = os.sched_get_priority_min(os.SCHED_FIFO)
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(lowest))
    except (AttributeError, OSError):
        with suppress(AttributeError, OSError):
            os.nice(-15)
    if os.name == "nt":
        import ctypes

        ctypes.windll.winmm.timeBeginPeriod(1)  # type: ignore[attr-defined]  # or waits last 16 ms


def stop(number, frame):
    """End the process as a signal asks, the notes first."""
    signal.signal(number, signal.SIG_IGN)
    raise Ended


def main(api: int, name: str, sketch: int) -> None:
    """Play what comes on standard input until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the stage's, which then ends us
    try:
        port = connect(api, name)
    except Exception as error:
        say(trouble=str(error))
        return
    with suppress(AttributeError, OSError):
        os.set_blocking(1, False)  # whoever does not listen must not keep us waiting
    player = PlayerProcess(port, name)
    hurry()
    gc.disable()
    try:
        signal.signal(signal.SIGTERM, stop)
        threading.Thread(target=player.listen, args=(0,), daemon=True).start()
        say(ready=name)
        player.play(sketch)
    except Ended:
        pass
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        player.end()
    say(punctuality=player.punctuality())
    port.delete()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
