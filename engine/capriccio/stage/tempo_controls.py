"""The parameters `/show/tempo`, `/show/tap` and `/show/panic` of every show."""

import math
import threading
import time
from collections.abc import Callable
from typing import Any

from ..clock import OfflineClock
from ..log import info
from ..parameters import Parameter, Parameters
from ..tempo import TapTempo

# The slowest and the fastest tempo that can be set from outside, in bpm.
SPAN = 20.0, 300.0
# How often a panic is carried out at most: a guest may press many times a second, and each sends
# hundreds of messages. What is pressed in between is carried out once, at the end.
PANIC_SECONDS = 0.25


class TempoControls:
    """Sets the tempo of a clock, by value or by tapping, and silences all outputs."""

    def __init__(self, clock: OfflineClock, panic: Callable[[], None]):
        self._clock, self._panic = clock, panic
        self._taps = TapTempo()
        self._lock = threading.Lock()
        self._panicked = -math.inf  # when, on time.monotonic()
        self._waits = False  # a panic was pressed since

    def add_to(self, parameters: Parameters) -> None:
        """Add the three parameters."""
        clock = self._clock
        parameters.add(
            Parameter(
                "/show/tempo",
                "number",
                "Tempo in beats a minute",
                apply=self._set,
                convert=fit,
                value=lambda: clock.bpm,
                span=SPAN,
                replayable=False,
            )
        )
        parameters.add(
            Parameter(
                "/show/tap",
                "press",
                "Tap the tempo: four times or more",
                apply=lambda _: self._tap(),
                key="t",
                replayable=False,
                immediate=True,
            )
        )
        parameters.add(
            Parameter(
                "/show/panic",
                "press",
                "Silence everything that sounds; the music goes on with the next notes",
                apply=lambda _: self.press_panic(time.monotonic()),
                key="p",
                replayable=False,
                immediate=True,
            )
        )

    def press_panic(self, now: float) -> None:
        """Silence everything now, or as soon as the last panic is `PANIC_SECONDS` ago.

        Args:
            now: seconds on time.monotonic().
        """
        with self._lock:
            if self._waits:
                return
            left = self._panicked + PANIC_SECONDS - now
            self._waits = left > 0
            if not self._waits:
                self._panicked = now
        if left > 0:
            timer = threading.Timer(left, self._panic_again, [now + left])
            timer.daemon = True
            timer.start()
        else:
            self._panic()

    def _panic_again(self, now: float) -> None:
        with self._lock:
            self._waits, self._panicked = False, now
        self._panic()

    def _set(self, bpm: float | None) -> None:
        if bpm is None:
            return
        if self._clock.leader:
            info(f"the tempo is that of {self._clock.leader}")
            return
        self._clock.change(bpm)

    def _tap(self) -> None:
        if bpm := self._taps.tap(self._clock.seconds()):
            self._set(min(max(bpm, SPAN[0]), SPAN[1]))


def fit(bpm: Any) -> float:
    """Return a tempo clipped to `SPAN`.

    Raises:
        TypeError, ValueError: `bpm` is no number.
    """
    try:
        number = float(bpm)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"the tempo must be a number of beats a minute, got {bpm!r}") from None
    if number != number:
        raise ValueError("the tempo must be a number of beats a minute, got nan")
    return min(max(number, SPAN[0]), SPAN[1])
