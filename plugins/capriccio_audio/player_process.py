"""Plays sound in a process of its own, so that a sketch that holds its interpreter makes no gap.

`output.py` runs it: `python -m capriccio_audio.player_process JSON`. Events come on standard input;
reports go to standard output, one JSON object a line: `ready` or `error`, `lost` and `restored` of
the device, `load` once a second.
"""

import gc
import heapq
import json
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Generator
from contextlib import suppress
from itertools import count
from typing import Any

import numpy as np

from .devices import choose, playbacks
from .instruments import RATE
from .protocol import CONTROL, END, EVENT, NOTE_OFF, NOTE_ON, PANIC, SETTING, SETTINGS
from .synthesizer import BLOCK, Synthesizer

# How often the device and the sketch are checked, and how long a device may ask for nothing.
CHECK_SECONDS, SILENT_SECONDS = 0.5, 1.0
# The period that is asked of a device, in milliseconds; JACK has its own.
PERIOD_MS, PERIODS = 6, 3
# How fast the estimate of the device's clock follows it, in Hz. A driver that has skipped a period
# is not followed but jumped after: this many requests in a row were late, or early.
BANDWIDTH, JUMP_SECONDS, JUMP_REQUESTS = 0.1, 0.002, 6


class DeviceClock:
    """Estimates when the first frame of each request was asked for, without the jitter of a thread.

    A delay-locked loop (Adriaensen, "Using a DLL to filter time", LAC 2005).
    """

    def __init__(self, bandwidth: float = BANDWIDTH):
        self._bandwidth = bandwidth
        self._next: float | None = None
        self._rate = 1.0 / RATE  # seconds a frame
        self._errors: deque[float] = deque(maxlen=JUMP_REQUESTS)

    def update(self, now: float, frames: int) -> float:
        """Return the estimate for a request of `frames` frames that came at `now`."""
        if self._next is None:
            self._next = now
        self._errors.append(now - self._next)
        if len(self._errors) == JUMP_REQUESTS:
            least, most = min(self._errors), max(self._errors)
            if least > JUMP_SECONDS or most < -JUMP_SECONDS:
                # The earliest of them waited least for its thread.
                self._next += least
                self._errors.clear()
        start, error = self._next, now - self._next
        turn = 2 * np.pi * self._bandwidth * frames / RATE
        self._next += float(np.sqrt(2) * turn * error) + frames * self._rate
        self._rate += turn * turn * error / frames
        return start


class Player:
    """Answers every request of a device for frames, and plays each event in its place."""

    def __init__(self, synthesizer: Synthesizer):
        self.synthesizer = synthesizer
        self.ended = threading.Event()
        self.asked = time.monotonic()  # when the device asked last
        self.busy, self.late = 0.0, 0  # seconds; requests that took longer than they play
        self.clock = DeviceClock()
        self._events: list[tuple[float, int, int, int, int, float]] = []
        self._order = count()
        self._lock = threading.Lock()
        self._panic = False
        self._left = np.zeros((0, 2), np.float32)

    def receive(self, descriptor: int) -> None:
        """Read events until END, or until no process can send any."""
        data = b""
        try:
            while more := os.read(descriptor, 1 << 16):
                data += more
                whole = len(data) - len(data) % EVENT.size
                with self._lock:
                    for due, kind, *rest in EVENT.iter_unpack(data[:whole]):
                        if kind == END:
                            return
                        if kind == PANIC:
                            self._events.clear()
                            self._panic = True
                            continue
                        heapq.heappush(self._events, (due, next(self._order), kind, *rest))
                data = data[whole:]
        finally:
            self.ended.set()

    def play(self, frames: int) -> Any:
        """Return the next `frames` frames, `(frames, 2)` float32."""
        began = time.monotonic()
        self.asked = began
        # Of what was rendered for the last request, some frames are left.
        start = self.clock.update(began, frames) + len(self._left) / RATE
        pieces, have = [self._left], len(self._left)
        while have < frames:
            self._take_events(start)
            pieces.append(self.synthesizer.render().T)
            start += BLOCK / RATE
            have += BLOCK
        sound = np.concatenate(pieces)
        self._left = sound[frames:]
        took = time.monotonic() - began
        self.busy += took
        self.late += took > frames / RATE
        return np.ascontiguousarray(sound[:frames])

    def requests(self) -> Generator[Any, int, None]:
        """Yield sound for every number of frames that is sent, as miniaudio wants it."""
        frames = yield np.zeros((0, 2), np.float32)
        raise_thread_priority()  # of the thread of the device, which asks
        while True:
            frames = yield self.play(frames)

    def _take_events(self, start: float) -> None:
        """Pass on the events of the block that begins at `start`."""
        synthesizer, end = self.synthesizer, start + BLOCK / RATE
        with self._lock:
            if self._panic:
                self._panic = False
                synthesizer.panic()
            while self._events and self._events[0][0] < end:
                due, _, kind, channel, number, value = heapq.heappop(self._events)
                frame = synthesizer.frame + max(0, round((due - start) * RATE))
                if kind == NOTE_ON:
                    synthesizer.note_on(frame, channel, number, value)
                elif kind == NOTE_OFF:
                    synthesizer.note_off(frame, channel, number)
                elif kind == CONTROL:
                    synthesizer.control(frame, number, value, channel)
                elif kind == SETTING:
                    synthesizer.set(frame, SETTINGS[number], channel, value)


def raise_thread_priority() -> None:
    """Run this thread before ordinary ones, where the system allows it."""
    if sys.platform != "linux":  # elsewhere the driver has done so
        return
    try:
        lowest = os.sched_get_priority_min(os.SCHED_FIFO)
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(lowest))
    except OSError:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), -15)


class Terminated(BaseException):
    """A signal asks the process to end."""


def open_device(name: str, player: Player) -> tuple[Any, str]:
    """Return the started device `name`, or the default one for "", and its name."""
    import miniaudio

    backend, found = playbacks()
    chosen = choose(name, found, "sound card")
    device = miniaudio.PlaybackDevice(
        output_format=miniaudio.SampleFormat.FLOAT32,
        nchannels=2,
        sample_rate=RATE,
        buffersize_msec=PERIOD_MS,
        device_id=chosen["id"],
        callback_periods=PERIODS,
        backends=[backend],
        app_name="capriccio",
    )
    requests = player.requests()
    next(requests)
    player.asked = time.monotonic()
    device.start(requests)
    return device, chosen["name"]


def report(**fields: Any) -> None:
    """Write a report to the sketch, if it is still there."""
    with suppress(OSError):
        os.write(1, f"{json.dumps(fields)}\n".encode())


def terminate(number: int, frame: Any) -> None:
    """End the process as a signal asks."""
    signal.signal(number, signal.SIG_IGN)
    raise Terminated


def watch(player: Player, device: Any, name: str, wanted: str, parent: int) -> None:
    """Check the device and the sketch until the show ends; open a lost device again."""
    lost = False
    before = time.monotonic()
    while not player.ended.wait(CHECK_SECONDS):
        if os.name != "nt" and os.getppid() != parent:
            return
        now = time.monotonic()
        busy, player.busy = player.busy, 0.0
        report(load=round(busy / (now - before), 4), late=player.late)
        before = now
        if now - player.asked < SILENT_SECONDS:
            continue
        if not lost:
            lost = True
            report(lost=f"{name!r} asks for no sound")
        with suppress(Exception):  # of any driver
            device.close()
        with suppress(Exception):
            device, name = open_device(wanted, player)
            lost = False
            report(restored=name)


def main(wanted: dict[str, Any]) -> None:
    """Play what comes on standard input until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the stage's, which then ends us
    with suppress(AttributeError, OSError):
        os.set_blocking(1, False)  # a sketch that does not read must not make us wait
    names = {int(key): name for key, name in wanted["instruments"].items()}
    synthesizer = Synthesizer(names)
    synthesizer.load(names)
    player = Player(synthesizer)
    synthesizer.render()  # what is slow the first time
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        device, name = open_device(wanted["device"], player)
    except Exception as error:  # of any driver
        report(error=str(error))
        return
    try:
        signal.signal(signal.SIGTERM, terminate)
        threading.Thread(target=player.receive, args=(0,), daemon=True).start()
        # What the sketch has not chosen, it may play all the same.
        threading.Thread(target=synthesizer.load, daemon=True).start()
        report(ready=name, latency_ms=PERIOD_MS * PERIODS)
        watch(player, device, name, wanted["device"], wanted["parent"])
        synthesizer.panic()
        time.sleep(0.05)  # so long that its end is heard as an end
    except Terminated:
        pass
    finally:
        device.close()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
