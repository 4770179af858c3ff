"""A simulated MIDI clock for rehearsals: its tempo wanders and its ticks jitter."""

import math
import threading
import time
from collections.abc import Callable
from itertools import count
from random import Random

from .clock_out import TICKS_PER_BEAT
from .player_process import START, TICK

# Beats of ticks before the start; by which share the tempo wanders, and in how many beats; by how
# many seconds a tick may be early or late.
LEAD_BEATS, WANDER, WANDER_BEATS, JITTER_SECONDS = 2, 0.03, 64, 0.001


class SimulatedClock:
    """Calls `callback(port, when, message)` for each tick, and once for the start, until `stop`.

    `bpm` is the mean tempo; the same `seed` ticks the same.
    """

    def __init__(self, callback: Callable[[str, float, bytes], None], bpm: float, seed: int):
        self._callback, self._bpm = callback, bpm
        self._random, self._stopped = Random(f"{seed}/clock"), threading.Event()
        threading.Thread(target=self._run, name="simulated clock", daemon=True).start()

    def stop(self) -> None:
        """Stop ticking."""
        self._stopped.set()

    def _run(self) -> None:
        due = time.monotonic()
        for tick in count():
            if tick == LEAD_BEATS * TICKS_PER_BEAT:
                self._callback("", due, bytes([START]))
            jitter = self._random.uniform(-JITTER_SECONDS, JITTER_SECONDS)
            self._callback("", due + jitter, bytes([TICK]))
            beats = tick / TICKS_PER_BEAT
            tempo = self._bpm * (1 + WANDER * math.sin(2 * math.pi * beats / WANDER_BEATS))
            due += 60 / (tempo * TICKS_PER_BEAT)
            if self._stopped.wait(max(0.0, due - time.monotonic())):
                return
