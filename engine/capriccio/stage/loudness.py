"""How loud the music is: now, and as of the frame that is drawn."""

import threading
from collections import deque
from contextlib import AbstractContextManager

from ..clock import OfflineClock
from ..events import TimedNote
from ..tempo import ROUNDING_SECONDS
from .event_queue import EventQueue


class Loudness(EventQueue):
    """A queue without an output, and beside it another that moves from frame to frame.

    A draw cue hears what was composed until the moment of its frame and nothing later, however
    late the frame is drawn: so the loudness is the same when the show is replayed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.started = 0  # notes
        self._framed = EventQueue()
        self._composed: deque[tuple[float, list[TimedNote]]] = deque()
        self._composing = threading.Lock()

    def record(self, notes: list[TimedNote], clock: OfflineClock) -> float:
        """Note that `notes` were composed just now; return the seconds of that."""
        # A thread that draws a frame waits here, so nothing can come late with an earlier time.
        with self._composing:
            seconds = clock.seconds()
            self._composed.append((seconds, notes))
        return seconds

    def forget(self, beats: float) -> None:
        super().forget(beats)
        self._framed.forget(beats)
        with self._composing:
            self._composed = deque(
                (at, [one for one in notes if one[1] < beats]) for at, notes in self._composed
            )

    def cut(self, beats: float, until: float) -> None:
        super().cut(beats, until)
        self._framed.cut(beats, until)

    def exclusive(self) -> AbstractContextManager[object]:
        """Keep a thread that draws a frame waiting, so that nothing comes with an earlier time."""
        return self._composing

    def advance_frame(self, seconds: float, beats: float) -> None:
        """Go on to the frame at `seconds`, which hears every note up to `beats`."""
        with self._composing:
            while self._composed and self._composed[0][0] <= seconds + ROUNDING_SECONDS:
                for note, start in self._composed.popleft()[1]:
                    self._framed.add(note, start)
        if self._framed.next_beats() <= beats:
            for _ in self._framed.due(beats):
                pass

    def advance(self, beats: float) -> None:
        """Go on to `beats`, and count the notes that start."""
        if self.next_beats() <= beats and self.enter():
            for event in self.due(beats):
                self.started += event.begins
            self.leave()

    def at_frame(self, beats: float) -> float:
        """Return the loudness, 0..1, at the frame that is drawn."""
        return self._framed.loudness(beats)
