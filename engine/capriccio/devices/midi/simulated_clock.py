"""A MIDI clock that nobody sends, to rehearse with: it wanders and trembles as others do."""

import math
import threading
import time
from collections.abc import Callable
from itertools import count
from random import Random

from .clock_out import TICKS_PER_BEAT
from .player_process import START, TICK

# It ticks for so many beats before it starts; its tempo wanders by so much, in so many beats, and
# each tick is early or late by up to so many seconds.
LEAD_BEATS, WANDERS, WANDER_BEATS, TREMBLES = 2, 0.03, 64, 0.001


class SimulatedClock:
    """Calls `hear(port, when, message)` for each tick, and once for the start, until `stop`."""

    def __init__(self, hear: Callable[[str, float, bytes], None], bpm: float, seed: int):
        self._over = threading.Event()
        thread = threading.Thread(
            target=self._tick_on, args=(hear, bpm, Random(f"{seed}/clock")), name="metronome"
        )
        thread.daemon = True
        thread.start()

    def stop(self) -> None:
        """Tick no more."""
        self._over.set()

    def _tick_on(self, hear: Callable[[str, float, bytes], None], bpm: float, chance: Random):
        due = time.monotonic()
        for tick in count():
            if tick == LEAD_BEATS * TICKS_PER_BEAT:
                hear("", due, bytes([START]))
            hear("", due + chance.uniform(-TREMBLES, TREMBLES), bytes([TICK]))
            beats = tick / TICKS_PER_BEAT
            tempo = bpm * (1 + WANDERS * math.sin(2 * math.pi * beats / WANDER_BEATS))
            due += 60 / (tempo * TICKS_PER_BEAT)
            if self._over.wait(max(0.0, due - time.monotonic())):
                return
