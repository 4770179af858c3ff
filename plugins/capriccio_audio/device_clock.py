"""Estimates the time of a sound card, from the times at which it asks for sound or brings some."""

import math
from collections import deque

from .instrument_samples import RATE

# The clock of a device is compared once in so many seconds, at first more often: after so many
# requests, then twice as many. By which shares of an error its time and its speed are corrected.
WINDOW_SECONDS, FIRST_REQUESTS = 1.0, 8
TIME_GAIN, SPEED_GAIN = 0.5, 0.15
# A driver that has skipped a period is jumped after: so many requests in a row were late, or early.
JUMP_SECONDS, JUMP_REQUESTS = 0.002, 6


class DeviceClock:
    """Estimates when the first frame of each request was asked for, without the jitter of a thread.

    A thread may wake late but never early. So of all requests of a second the earliest tells the
    time, and a loop follows those (as Adriaensen, "Using a DLL to filter time", LAC 2005, follows
    them all). In between, the estimate runs in a straight line.
    """

    def __init__(self, window: float = WINDOW_SECONDS):
        self._window = window
        self._next: float | None = None
        self._rate = 1.0 / RATE  # seconds a frame
        self._latest: deque[float] = deque(maxlen=JUMP_REQUESTS)  # errors
        self._least, self._requests, self._frames = math.inf, 0, 0  # in this window
        self._enough = FIRST_REQUESTS  # requests, while the window is shorter

    def update(self, now: float, frames: int) -> float:
        """Return the estimate for a request of `frames` frames that came at `now`."""
        if self._next is None:
            self._next = now
        error = now - self._next
        self._latest.append(error)
        self._least = min(self._least, error)
        self._requests += 1
        self._frames += frames
        if len(self._latest) == JUMP_REQUESTS:
            least, most = min(self._latest), max(self._latest)
            if least > JUMP_SECONDS or most < -JUMP_SECONDS:
                self._correct(least)
        seconds, least = self._frames * self._rate, self._least
        if seconds >= self._window:
            self._rate *= 1 + SPEED_GAIN * least / seconds
            self._correct(TIME_GAIN * least)
        elif self._requests >= self._enough:
            self._enough *= 2
            self._correct(least)
        start = self._next
        self._next += frames * self._rate
        return start

    def _correct(self, seconds: float) -> None:
        """Go on `seconds` later, and begin another window."""
        assert self._next is not None
        self._next += seconds
        self._least, self._requests, self._frames = math.inf, 0, 0
        self._latest.clear()
