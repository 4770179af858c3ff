"""Performs cues on a clock to outputs: keeps the show alive, and ends every note."""

import heapq
import signal
import threading
import traceback
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from .clock import Moment, OfflineClock
from .errors import tell, tell_again
from .hookspecs import Output, Performance, performing
from .media import Note, as_image, as_phrase

# The latency budget of a live show. Music is composed so long before it sounds, which is more
# than a slow model needs for a phrase; events reach timed outputs so long before they are due,
# which is more than the longest time that a frame is likely to hold the interpreter.
COMPOSE_SECONDS = 1.0
SEND_SECONDS = 0.25
# How often the two music threads look up, in seconds; well below SEND_SECONDS.
TICK_SECONDS = 0.02
# A phrase that comes later than this has the notes dropped whose moment has passed.
LATE_SECONDS = 0.02
# Beats after which a note counts half for the loudness.
HALF_LIFE_BEATS = 1.0


@dataclass
class PlayCue:
    """A function that is called every so many bars for the phrase to play."""

    function: Callable[[Moment], list[Note]]
    bars: float
    calls: int = 0

    @property
    def name(self) -> str:
        return f"play cue {self.function.__name__!r}"


@dataclass
class Tally:
    """What happened in a show."""

    frames: int = 0
    late: int = 0
    notes: int = 0
    troubles: dict[str, int] = field(default_factory=dict)


class Stage:
    """One performance: cues on one side, outputs on the other, a clock between them.

    `draw` gives an image for every frame, each of `plays` a phrase every so many bars. The show
    lasts `seconds`, or until it is told to end. On a live clock trouble before the first beat is
    raised and trouble after it is told; on an offline clock all trouble is raised.
    """

    def __init__(
        self,
        performance: Performance,
        outputs: Iterable[Output],
        *,
        draw: Callable[[Moment], np.ndarray] | None = None,
        plays: Iterable[PlayCue] = (),
    ):
        self.performance = performance
        self.clock: OfflineClock = performance.clock
        self.outputs = list(outputs)
        self.draw = draw
        self.plays = list(plays)
        width, height = performance.size
        self.image = np.zeros((height, width, 3), np.uint8)
        self.tally = Tally()
        self._started = False
        self._sender: threading.Thread | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()  # over the lanes: cues fill them, the stage empties them
        self._heard = _Lane([output for output in self.outputs if not output.timed])
        self._ahead = _Lane([output for output in self.outputs if output.timed])

    def loudness(self) -> float:
        """Give 0..1: the velocity of the strongest note sounding, dying away since its start."""
        beats = self.clock.beats_at(self.clock.seconds())
        with self._lock:
            return max(
                (
                    note.velocity * 0.5 ** (max(0.0, beats - since) / HALF_LIFE_BEATS)
                    for note, since in self._heard.sounding.values()
                ),
                default=0.0,
            )

    def perform(
        self, seconds: float | None = None, progress: Callable[[int], None] = lambda frames: None
    ) -> Tally:
        """Perform for so many seconds, or until told to end, and say what happened.

        `progress` is called after every frame with the number of frames done.
        """
        token = performing.set(self.performance)
        try:
            with _terminable():
                try:
                    for output in self.outputs:
                        output.start(self.performance)
                    if self.clock.live:
                        self._perform_live(seconds, progress)
                    else:
                        self._perform_offline(seconds, progress)
                except KeyboardInterrupt:
                    if not self.clock.live:
                        raise
                finally:
                    self._end()
        finally:
            performing.reset(token)
        self.tally.troubles = dict(tell_again())
        return self.tally

    # -- offline ------------------------------------------------------------------------------

    def _perform_offline(self, seconds: float | None, progress) -> None:
        if seconds is None:
            raise ValueError("an offline show without an end; say how many seconds")
        frames = round(seconds * self.performance.fps)
        for frame in range(frames):
            due = frame / self.performance.fps
            self.clock.wait(due)
            self._compose(until=due)
            self._sound(self._ahead, until=due)
            self._sound(self._heard, until=due)
            self._frame(due)
            progress(frame + 1)
        self.clock.wait(seconds)
        self._sound(self._ahead, until=seconds)
        self._sound(self._heard, until=seconds)

    # -- live ---------------------------------------------------------------------------------

    def _perform_live(self, seconds: float | None, progress) -> None:
        # The first phrases and the first picture are made before the clock starts: models load
        # and warm up here, and whatever is wrong is raised while nobody is watching yet.
        self._compose(until=0.0)
        self._frame(0.0)
        self.clock.start()
        self._started = True
        # Two threads, so that a cue that hangs can keep neither the notes before it from sounding
        # nor their ends from being sent.
        threading.Thread(target=self._compose_ahead, name="composer", daemon=True).start()
        self._sender = threading.Thread(target=self._send_ahead, name="sender", daemon=True)
        self._sender.start()
        frame = 0
        while not self._stopping.is_set():
            progress(frame + 1)
            frame = self._next_frame(frame)
            due = frame / self.performance.fps
            if seconds is not None and due >= seconds:
                self.clock.wait(seconds)
                break
            self.clock.wait(due)
            self._sound(self._heard, until=self.clock.seconds())
            self._frame(due)
            if any(output.left for output in self.outputs):
                break

    def _next_frame(self, frame: int) -> int:
        """Give the frame to draw next: late frames are dropped and counted, never queued."""
        current = int(self.clock.seconds() * self.performance.fps)
        if current > frame + 1:
            self.tally.late += current - frame - 1
            return current
        return frame + 1

    def _compose_ahead(self) -> None:
        performing.set(self.performance)
        while not self._stopping.wait(TICK_SECONDS):
            self._compose(until=self.clock.seconds() + COMPOSE_SECONDS)

    def _send_ahead(self) -> None:
        while not self._stopping.wait(TICK_SECONDS):
            self._sound(self._ahead, until=self.clock.seconds() + SEND_SECONDS)

    # -- both ---------------------------------------------------------------------------------

    def _compose(self, until: float) -> None:
        """Call every play cue whose turn comes by `until` seconds."""
        # A millionth of a beat forgives the rounding of seconds to beats.
        horizon = self.clock.beats_at(until) + 1e-6
        for cue in self.plays:
            span = cue.bars * self.clock.meter
            while cue.calls * span <= horizon and not self._stopping.is_set():
                now = self.clock.moment(beats=cue.calls * span, span=span)
                cue.calls += 1
                with self._trouble(cue.name, "it rests"):
                    phrase = cue.function(now)
                    self._add(as_phrase([] if phrase is None else phrase, cue.name), now, cue)

    def _add(self, phrase: list[Note], now: Moment, cue: PlayCue) -> None:
        earliest = now.beats
        if self._started:
            earliest = self.clock.beats_at(self.clock.seconds() - LATE_SECONDS)
        late = 0
        with self._lock:
            for note in phrase:
                start = now.beats + note.start
                if start < earliest:
                    late += 1
                    continue
                self.tally.notes += 1
                self._heard.add(note, start)
                self._ahead.add(note, start)
        if late:
            tell(f"{cue.name} came too late for {late} of its notes", f"{cue.name} late")

    def _sound(self, lane: "_Lane", until: float) -> None:
        """Hand the outputs of `lane` every event that is due by `until` seconds."""
        with self._lock:
            events = list(lane.due(self.clock.beats_at(until) + 1e-6))
        for beats, begins, note in events:
            now = self.clock.moment(beats=beats, span=0.0)
            self._hand(lane, "note_on" if begins else "note_off", note, now)

    def _frame(self, due: float) -> None:
        now = self.clock.moment(seconds=due, span=self.clock.beats_at(1 / self.performance.fps))
        if self.draw is not None:
            cue = f"draw cue {self.draw.__name__!r}"
            with self._trouble(cue, "the last image stays"):
                self.image = as_image(self.draw(now), cue)
            self._hand(self, "show", self.image, now)
        self.tally.frames += 1

    def _hand(self, to, method: str, thing, now: Moment) -> None:
        for output in to.outputs:
            with self._trouble(str(output), "the show goes on"):
                getattr(output, method)(thing, now)

    @contextmanager
    def _trouble(self, who: str, then: str):
        """Let trouble through offline and before the first beat; afterwards tell it and go on."""
        try:
            yield
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit included: no part may end the show
            if not self._started:
                raise
            where = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{where.filename.rpartition('/')[2]}, line {where.lineno}"
            tell(
                f"{who} raised {type(error).__name__}: {error} ({place}); {then}",
                f"{who} {type(error).__name__} {place}",
            )

    def _end(self) -> None:
        """End every sounding note and close every output, whatever each of them does."""
        self._stopping.set()
        if self._sender is not None:
            self._sender.join(SEND_SECONDS)
        now = self.clock.moment(seconds=self.clock.seconds(), span=0.0)
        for lane in (self._heard, self._ahead):
            with self._lock:
                sounding = lane.end()
            for note in sounding:
                for output in lane.outputs:
                    _attempt(output, output.note_off, note, now)
        for output in self.outputs:
            _attempt(output, output.close)


class _Lane:
    """Events on their way to some outputs, in order; at most one note a pitch and channel."""

    def __init__(self, outputs: list[Output]):
        self.outputs = outputs
        self.sounding: dict[tuple[int, int], tuple[Note, float]] = {}
        self._events: list[tuple[float, int, int, Note]] = []  # a heap: beats, on after off
        self._order = count()
        self._ended = False

    def add(self, note: Note, start: float) -> None:
        if not self._ended:
            heapq.heappush(self._events, (start, 1, next(self._order), note))

    def due(self, beats: float):
        """Yield (beats, whether the note begins, note) up to `beats`, in order."""
        while self._events and self._events[0][0] <= beats:
            at, begins, _, note = heapq.heappop(self._events)
            key = note.channel, note.pitch
            before = self.sounding.get(key)
            if begins:
                if before:
                    yield at, False, before[0]  # struck again before its end
                self.sounding[key] = note, at
                heapq.heappush(
                    self._events, (max(at + note.length, at), 0, next(self._order), note)
                )
                yield at, True, note
            elif before and before[0] is note:
                del self.sounding[key]
                yield at, False, note

    def end(self) -> list[Note]:
        """Forget what is to come and give the notes that sound."""
        self._ended = True
        self._events.clear()
        notes = [note for note, _ in self.sounding.values()]
        self.sounding.clear()
        return notes


@contextmanager
def _terminable():
    """Make SIGTERM end the show as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _attempt(output: Output, method: Callable, *arguments) -> None:
    try:
        method(*arguments)
    except BaseException as error:
        tell(f"{output} raised {type(error).__name__}: {error} while it was ended")
