"""Plays sound in a process of its own, so that a sketch that holds its interpreter makes no gap.

`output.py` runs it: `python -m capriccio_audio.player_process JSON`. Events come on standard input;
reports go to standard output, one JSON object a line: `ready` or `error`, `alive`, `device`, `lost`
and `restored`, `unheard` of the show, and `load` twice a second.
"""

import gc
import heapq
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Generator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from capriccio import ShowError

from .device_clock import DeviceClock
from .devices import close_in_time, open_playback
from .instrument_samples import RATE, keep_decoded, save_decoded
from .orchestra import add_kept_instruments
from .protocol import BEAT, CONTROL, END, EVENT, NOTE_OFF, NOTE_ON, PANIC, SETTING, SETTINGS
from .soundfont import synthesizer_for
from .synthesizer import BLOCK, Synthesizer

# How often the device and the sketch are checked, how often the load is reported, and how long a
# device may ask for nothing.
CHECK_SECONDS, LOAD_SECONDS, SILENT_SECONDS = 0.2, 0.5, 1.0
# After how long without a report the process is taken for dead; and while a device is opened.
ALIVE_SECONDS, OPEN_SECONDS = 4.0, 10.0
# After how long a thread lets the one of the device have the interpreter.
SWITCH_SECONDS = 0.0005
# A sketch of which nothing is heard for this long stands still: its notes are ended.
UNHEARD_SECONDS = 1.5


class Player:
    """Answers every request of a device for frames, and plays each event in its place."""

    def __init__(self, synthesizer: Synthesizer):
        self.synthesizer = synthesizer
        self.ended = threading.Event()
        self.asked = self.heard = time.monotonic()  # when the device asked last; of the show
        self.busy, self.late = 0.0, 0  # seconds; requests that took longer than they play
        self.request = 0  # how many frames the device asked for at most
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
                self.heard = time.monotonic()
                with self._lock:
                    for due, kind, *rest in EVENT.iter_unpack(data[:whole]):
                        if kind == END:
                            return
                        if kind == PANIC:
                            self._events.clear()
                            self._panic = True
                        if kind in (PANIC, BEAT):
                            continue
                        heapq.heappush(self._events, (due, next(self._order), kind, *rest))
                data = data[whole:]
        finally:
            self.ended.set()

    def silence(self) -> None:
        """End all that sounds within one block; what is to come is played."""
        self._panic = True

    def play(self, frames: int) -> Any:
        """Return the next `frames` frames, `(frames, 2)` float32."""
        began = time.monotonic()
        self.asked, self.request = began, max(self.request, frames)
        # Of what was rendered for the last request, some frames are left.
        start = self.clock.update(began, frames) + len(self._left) / RATE
        pieces, have = [self._left], len(self._left)
        while have < frames:
            self._take_events(start)
            pieces.append(self.synthesizer.render().T)
            start += BLOCK / RATE
            have += BLOCK
        # Most devices ask for whole blocks.
        sound = pieces[1] if have == BLOCK and not len(self._left) else np.concatenate(pieces)
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


def report(**fields: Any) -> None:
    """Write a report to the sketch, if it is still there."""
    with suppress(OSError):
        os.write(1, f"{json.dumps(fields)}\n".encode())


def terminate(number: int, frame: Any) -> None:
    """End the process as a signal asks."""
    signal.signal(number, signal.SIG_IGN)
    raise Terminated


class Watch:
    """Checks the device and the sketch until the show ends; opens a lost device again.

    Args:
        player: what the device asks for sound.
        wanted: a part of the device's name.
        parent: the id of the process of the sketch.
        jack: the name of the device where JACK had it a moment ago.
    """

    def __init__(self, player: Player, wanted: str, parent: int, jack: str = ""):
        self._player, self._wanted, self._parent, self._jack = player, wanted, parent, jack
        self._device: Any = None
        self._name = wanted or "the sound card"
        self._lost = self._unheard = self._measured = False
        self._periods = 1  # that wait in the device
        self._reported = time.monotonic()

    def open(self) -> None:
        """Open the device, or raise what its driver does."""
        player = self._player
        player.asked, player.request, player.clock = time.monotonic(), 0, DeviceClock()
        requests = player.requests()
        next(requests)
        jack, self._jack = self._jack, ""
        opened = open_playback(self._wanted, requests, RATE, jack)
        self._device, self._name, self._periods = opened
        self._measured = False
        report(device=self._name, jack=self._periods == 1)

    def close(self) -> None:
        """Close the device."""
        device, self._device = self._device, None
        if device is not None:
            close_in_time(device)

    def lose(self, why: str) -> None:
        """Report once that there is no device; it is opened later."""
        if not self._lost:
            self._lost = True
            report(lost=why)

    def run(self) -> None:
        """Check until the show ends."""
        while not self._player.ended.wait(CHECK_SECONDS):
            if os.name != "nt" and os.getppid() != self._parent:
                return
            report(alive=ALIVE_SECONDS)
            self.check(time.monotonic())

    def check(self, now: float) -> None:
        """Check the device and the show once."""
        player = self._player
        if (now - player.heard > UNHEARD_SECONDS) != self._unheard:
            self._unheard = not self._unheard
            if self._unheard:
                player.silence()
                report(unheard=UNHEARD_SECONDS)
        if (passed := now - self._reported) >= LOAD_SECONDS:
            busy, player.busy = player.busy, 0.0
            report(load=round(busy / passed, 4), late=player.late)
            self._reported = now
        if now - player.asked < SILENT_SECONDS and self._device is not None:
            if player.request and not self._measured:
                self._measured = True
                late = player.request * self._periods + Synthesizer.LATENCY
                report(latency_ms=round(1000 * late / RATE, 1))
            return
        self.lose(f"{self._name!r} asks for no sound")
        report(alive=OPEN_SECONDS)
        self.close()
        with suppress(Exception):
            self.open()
            self._lost = False
            report(restored=self._name)
        player.asked = time.monotonic()  # to be tried again after as long


def main(wanted: dict[str, Any]) -> None:
    """Play what comes on standard input until it ends.

    `wanted` has the `device`, the `instruments` by channel, a `soundfont` or "", the id of the
    `parent`, a `folder` for decoded samples, and `again` where another process has ended that
    played before: then the device may be there later. `jack` is its name where JACK had it.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the stage's, which then ends us
    with suppress(AttributeError, OSError):
        os.set_blocking(1, False)  # a sketch that does not read must not make us wait
    report(alive=OPEN_SECONDS)
    keep_decoded(Path(wanted["folder"]))
    add_kept_instruments(Path(wanted["folder"]))
    instruments = {int(key): name for key, name in wanted["instruments"].items()}
    try:
        synthesizer = synthesizer_for(instruments, wanted["soundfont"])
    except ShowError as error:
        report(error=str(error))
        return
    # Also what the sketch has not chosen and may play all the same. A thread that did so later
    # would have the device wait for the interpreter on a busy machine.
    synthesizer.load()
    player = Player(synthesizer)
    synthesizer.render()  # what is slow the first time
    gc.collect()
    gc.freeze()
    gc.disable()
    watch = Watch(player, wanted["device"], wanted["parent"], wanted.get("jack", ""))
    try:
        watch.open()
    except TimeoutError as error:  # it may be there later
        watch.lose(str(error))
    except Exception as error:  # of any driver
        if not wanted.get("again"):
            report(error=str(error))
            return
    try:
        signal.signal(signal.SIGTERM, terminate)
        # It writes without the interpreter, and with no priority.
        threading.Thread(target=save_decoded, daemon=True).start()
        # A thread that has the interpreter and no processor would have the device wait for both.
        raise_thread_priority()
        threading.Thread(target=player.receive, args=(0,), daemon=True).start()
        player.asked = player.heard = time.monotonic()
        report(ready=True)
        watch.run()
        synthesizer.panic()
        time.sleep(0.05)  # so long that its end is heard as an end
    except Terminated:
        pass
    finally:
        watch.close()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
    os._exit(0)  # a driver that is stuck would not let go
