"""Events on their way to one output, in order; what sounds there is known until it has ended."""

import heapq
import math
import threading
from collections import deque
from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

from ..errors import ShowError
from ..hookspecs import Output
from ..media import Note

# Whoever waits for so long to enter an output is not let in: another thread hangs there.
ENTER_SECONDS = 0.5
# Beats after which a note counts half for the loudness.
HALF_LIFE_BEATS = 1.0
# The most by which an output can be early or late.
MOST_DELAY_MS = 1000
# What comes first of all that comes at one time.
CUT, END, BEGIN = range(3)


class Event(NamedTuple):
    """A note that begins or ends; its end bears the same number as its beginning."""

    beats: float
    begins: bool
    note: Note
    number: int


def delay(lanes: list["Lane"], live: bool) -> float:
    """Delay each lane as its output is; give how early the earliest is, in seconds.

    Raises ShowError where an output cannot be as early or late as it is to be.
    """
    for lane in lanes:
        output, ms = lane.output, 1000 * lane.output.delay
        if ms and not live:
            raise ShowError(f"{output} has a delay of {ms:g} ms; files are exact, leave it out")
        if not abs(ms) <= MOST_DELAY_MS:
            raise ShowError(f"{output} has a delay of {ms:g} ms; give at most {MOST_DELAY_MS}")
        if ms < 0 and lane.shows:
            raise ShowError(
                f"{output} cannot show a picture {-ms:g} ms early; have the sound late instead: "
                f"midi@{-ms:g}ms"
            )
        lane.delay = output.delay
    return max([0.0, *(-lane.delay for lane in lanes)])


class Lane:
    """The events of one output, which any thread may add; at most one note a pitch and channel.

    Whoever calls the output is to `enter` it first, so that no two threads are in it at once.
    """

    def __init__(self, output: Any = None):
        self.output, self.who = output, str(output)
        self.stuck = False  # whoever has entered it has not come back for long
        self._turn = threading.Lock()
        self._lock = threading.Lock()  # over all that follows
        # A heap: beats, what (END before BEGIN), number, note or the beats until which is cut.
        self._coming: list[tuple[float, int, int, Any]] = []
        self._sounding: dict[tuple[int, int], Event] = {}
        self._numbers = count()
        self._ended = False
        self._cut = -math.inf  # beats until which nothing begins
        # By how many seconds things come later to the output, and the pictures that wait for that.
        self.delay = 0.0
        self.held: deque[tuple[float, Any, Any]] = deque()

    @property
    def shows(self) -> bool:
        """Whether its output does anything with an image."""
        return getattr(self.output.show, "__func__", None) is not Output.show

    @property
    def knows(self) -> bool:
        """Whether its output does anything with how far it has been handed everything."""
        return getattr(self.output.handed, "__func__", None) is not Output.handed

    def __len__(self) -> int:
        return len(self._coming)

    def enter(self, wait: bool = True) -> bool:
        """Enter the output, unless another thread hangs in it, and say whether it is entered."""
        entered = self._turn.acquire(timeout=ENTER_SECONDS if wait and not self.stuck else 0)
        self.stuck = wait and not entered
        return entered

    def leave(self) -> None:
        """Let others enter."""
        self._turn.release()

    def add(self, note: Note, start: float) -> None:
        """Have `note` begin at `start` beats; after the end it is forgotten."""
        with self._lock:
            if not self._ended:
                heapq.heappush(self._coming, (start, BEGIN, next(self._numbers), note))

    def due(self, beats: float) -> Iterator[Event]:
        """Yield the events up to `beats`, in order; each is done when the next is asked for.

        A note counts as sounding until its end is done, so that an end that was not handed over,
        whatever came between, is handed over when the show ends.
        """
        while (event := self._next(beats)) is not None:
            yield event
            if not event.begins:
                with self._lock:
                    self._sounding.pop((event.note.channel, event.note.pitch), None)

    def forget(self, beats: float) -> None:
        """Forget every note that is to begin at `beats` or later."""
        with self._lock:
            self._coming = [one for one in self._coming if one[0] < beats or one[1] != BEGIN]
            heapq.heapify(self._coming)

    def cut(self, beats: float, until: float) -> None:
        """Have all that sounds at `beats` end there, and nothing begin before `until`."""
        with self._lock:
            if not self._ended:
                heapq.heappush(self._coming, (beats, CUT, next(self._numbers), until))

    def silence(self, beats: float) -> None:
        """Have all that sounds at `beats` end there, and what is to come begin as it was to."""
        self.cut(beats, -math.inf)

    def next_beats(self) -> float:
        """Give the beats of the next event; infinite where there is none."""
        if not self._coming:
            return math.inf
        with self._lock:
            return self._coming[0][0] if self._coming else math.inf

    def loudness(self, beats: float) -> float:
        """Give 0..1: the velocity of the strongest note sounding, dying away since its start."""
        with self._lock:
            return max(
                (
                    event.note.velocity * 0.5 ** (max(0.0, beats - event.beats) / HALF_LIFE_BEATS)
                    for event in self._sounding.values()
                ),
                default=0.0,
            )

    def end(self) -> list[Event]:
        """Forget what is to come and give the beginnings of the notes that sound."""
        with self._lock:
            self._ended = True
            self._coming.clear()
            sounding = list(self._sounding.values())
            self._sounding.clear()
            return sounding

    def _next(self, beats: float) -> Event | None:
        with self._lock:
            while self._coming and self._coming[0][0] <= beats:
                at, what, number, note = self._coming[0]
                if what == CUT:
                    for sounds in self._sounding.values():
                        return Event(at, False, sounds.note, sounds.number)
                    heapq.heappop(self._coming)
                    self._cut = max(self._cut, note)
                    continue
                begins, key = what == BEGIN, (note.channel, note.pitch)
                if begins and at < self._cut:
                    heapq.heappop(self._coming)
                    continue
                before = self._sounding.get(key)
                if begins and before:  # struck again before its end
                    return Event(at, False, before.note, before.number)
                heapq.heappop(self._coming)
                if begins:
                    self._sounding[key] = Event(at, True, note, number)
                    heapq.heappush(self._coming, (at + note.length, END, number, note))
                    return self._sounding[key]
                if before and before.number == number:
                    return Event(at, False, note, number)
        return None
