"""Events on their way to one output, in order; sounding notes are known until they have ended."""

import heapq
import math
import threading
from collections import deque
from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

from ..errors import ShowError
from ..media import Note
from ..parts import Output

# A thread that waits this long to enter an output is turned away: another one hangs there.
ENTER_SECONDS = 0.5
# Beats after which a note counts half for the loudness.
HALF_LIFE_BEATS = 1.0
# The most by which an output can be early or late.
MAX_DELAY_MS = 1000
# The order of what happens at one time.
CUT, END, BEGIN = range(3)


class QueuedEvent(NamedTuple):
    """The start or the end of a note; an end has the same number as its start."""

    beats: float
    begins: bool
    note: Note
    number: int


def apply_delays(queues: list["EventQueue"], live: bool) -> float:
    """Delay each queue as its output asks; return by how many seconds the earliest is early.

    Raises:
        ShowError: an output cannot be as early or late as it asks.
    """
    for queue in queues:
        output, ms = queue.output, 1000 * queue.output.delay
        if ms and not live:
            raise ShowError(f"{output} has a delay of {ms:g} ms; files are exact, leave it out")
        if not abs(ms) <= MAX_DELAY_MS:
            raise ShowError(f"{output} has a delay of {ms:g} ms; give at most {MAX_DELAY_MS}")
        if ms < 0 and queue.shows:
            raise ShowError(
                f"{output} cannot show a picture {-ms:g} ms early; have the sound late instead: "
                f"midi@{-ms:g}ms"
            )
        queue.delay = output.delay
    return max([0.0, *(-queue.delay for queue in queues)])


class EventQueue:
    """The events of one output, which any thread may add; at most one note a pitch and channel.

    Whoever calls the output `enter`s it first, so that no two threads are in it at once.
    """

    def __init__(self, output: Any = None):
        self.output, self.label = output, str(output)
        self.stuck = False  # a thread has entered the output and not come back for long
        self._entered = threading.Lock()
        self._lock = threading.Lock()  # over all that follows
        # A heap: beats, what (END before BEGIN), number, note or the beats until which is cut.
        self._coming: list[tuple[float, int, int, Any]] = []
        self._sounding: dict[tuple[int, int], QueuedEvent] = {}
        self._numbers = count()
        self._ended = False
        self._cut = -math.inf  # beats until which nothing starts
        # By how many seconds the output is late, and the pictures that wait for that: the seconds
        # at which each is shown, the picture, and its moment.
        self.delay = 0.0
        self.delayed: deque[tuple[float, Any, Any]] = deque()

    @property
    def shows(self) -> bool:
        """Whether its output overrides `show`."""
        return getattr(self.output.show, "__func__", None) is not Output.show

    @property
    def wants_progress(self) -> bool:
        """Whether its output overrides `sent_until`."""
        return getattr(self.output.sent_until, "__func__", None) is not Output.sent_until

    def __len__(self) -> int:
        return len(self._coming)

    @property
    def sounding(self) -> int:
        """How many notes sound."""
        return len(self._sounding)

    def enter(self, wait: bool = True) -> bool:
        """Enter the output, unless another thread hangs in it; return whether it is entered."""
        entered = self._entered.acquire(timeout=ENTER_SECONDS if wait and not self.stuck else 0)
        self.stuck = wait and not entered
        return entered

    def leave(self) -> None:
        """Let other threads enter."""
        self._entered.release()

    def add(self, note: Note, start: float) -> None:
        """Add a note that starts at `start` beats; ignored once the queue has ended.

        That of a key that is held is infinitely long, and the same with a length of 0 ends it.
        """
        with self._lock:
            if not self._ended:
                what = BEGIN if note.length else END
                heapq.heappush(self._coming, (start, what, next(self._numbers), note))

    def due(self, beats: float) -> Iterator[QueuedEvent]:
        """Yield the events up to `beats`, in order; each counts as sent when the next is asked for.

        A note counts as sounding until its end was sent, so that an end that could not be sent is
        sent when the show ends.
        """
        while (event := self._next(beats)) is not None:
            yield event
            if not event.begins:
                with self._lock:
                    self._sounding.pop((event.note.channel, event.note.pitch), None)

    def forget(self, beats: float) -> None:
        """Remove every note that starts at `beats` or later."""
        with self._lock:
            self._coming = [one for one in self._coming if one[0] < beats or one[1] != BEGIN]
            heapq.heapify(self._coming)

    def cut(self, beats: float, until: float) -> None:
        """End everything that sounds at `beats`, and let nothing start before `until`."""
        with self._lock:
            if not self._ended:
                heapq.heappush(self._coming, (beats, CUT, next(self._numbers), until))

    def silence(self, beats: float) -> None:
        """End everything that sounds at `beats`; later notes start as planned."""
        self.cut(beats, -math.inf)

    def next_beats(self) -> float:
        """Return the beats of the next event; infinite where there is none."""
        if not self._coming:
            return math.inf
        with self._lock:
            return self._coming[0][0] if self._coming else math.inf

    def loudness(self, beats: float) -> float:
        """Return 0..1: the velocity of the strongest sounding note, halved with every beat."""
        with self._lock:
            return max(
                (
                    event.note.velocity * 0.5 ** (max(0.0, beats - event.beats) / HALF_LIFE_BEATS)
                    for event in self._sounding.values()
                ),
                default=0.0,
            )

    def end(self) -> list[QueuedEvent]:
        """Remove everything and accept nothing more; return the starts of the sounding notes."""
        with self._lock:
            self._ended = True
            self._coming.clear()
            sounding = list(self._sounding.values())
            self._sounding.clear()
            return sounding

    def _next(self, beats: float) -> QueuedEvent | None:
        with self._lock:
            while self._coming and self._coming[0][0] <= beats:
                at, what, number, note = self._coming[0]
                if what == CUT:
                    for sounds in self._sounding.values():
                        return QueuedEvent(at, False, sounds.note, sounds.number)
                    heapq.heappop(self._coming)
                    self._cut = max(self._cut, note)
                    continue
                begins, key = what == BEGIN, (note.channel, note.pitch)
                if begins and at < self._cut:
                    heapq.heappop(self._coming)
                    continue
                before = self._sounding.get(key)
                if begins and before:  # played again before its end
                    return QueuedEvent(at, False, before.note, before.number)
                heapq.heappop(self._coming)
                if begins:
                    self._sounding[key] = QueuedEvent(at, True, note, number)
                    if note.length < math.inf:
                        heapq.heappush(self._coming, (at + note.length, END, number, note))
                    return self._sounding[key]
                released = before and before.note.length == math.inf and not note.length
                if before and (released or before.number == number):
                    return QueuedEvent(at, False, before.note, before.number)
        return None
