"""Hears what everybody plays: at once, and for the pictures as of the frame that is drawn."""

import threading
from collections import deque
from collections.abc import Iterable
from contextlib import AbstractContextManager

from ..clock import OfflineClock
from ..media import Note
from .lane import Lane

# What forgives the rounding between seconds and beats, in seconds.
ROUNDING_SECONDS = 1e-6


class Ear(Lane):
    """A lane that nobody sounds, and beside it another that moves from frame to frame.

    A draw cue hears what was composed until the moment of its frame and nothing later, however
    late the frame is drawn: so the loudness is the same when the show is performed again.
    """

    def __init__(self) -> None:
        super().__init__()
        self.begun = 0
        self._framed = Lane()
        self._composed: deque[tuple[float, list[tuple[Note, float]]]] = deque()
        self._composing = threading.Lock()

    def compose(
        self, notes: list[tuple[Note, float]], clock: OfflineClock, lanes: Iterable[Lane]
    ) -> float:
        """Add notes and the beats they start at, to other lanes too; give the seconds it was at."""
        for lane in (*lanes, self):
            for note, start in notes:
                lane.add(note, start)
        # Whoever draws a frame waits here, so nothing can come late with an earlier time.
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

    def alone(self) -> AbstractContextManager:
        """Keep whoever draws a frame waiting, so that nothing comes late with an earlier time."""
        return self._composing

    def draw(self, seconds: float, beats: float) -> None:
        """Go on to the frame at `seconds`, which hears every note up to `beats`."""
        with self._composing:
            while self._composed and self._composed[0][0] <= seconds + ROUNDING_SECONDS:
                for note, start in self._composed.popleft()[1]:
                    self._framed.add(note, start)
        if self._framed.next_beats() <= beats:
            for _ in self._framed.due(beats):
                pass

    def listen(self, beats: float) -> None:
        """Hear every note up to `beats`, and count those that begin."""
        if self.next_beats() <= beats and self.enter():
            for event in self.due(beats):
                self.begun += event.begins
            self.leave()

    def drawn_loudness(self, beats: float) -> float:
        """Give the loudness, 0..1, at the frame that is drawn."""
        return self._framed.loudness(beats)
