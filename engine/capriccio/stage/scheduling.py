"""Asks play cues for their phrases, and gives every note to the queues of all outputs."""

import math
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from ..clock import Moment
from ..errors import ShowError
from ..events import PhrasePlayed, TimedNote
from ..log import warn_once
from ..media import Note, as_phrase
from ..performance import Performance, current_performance
from .cues import DrawFunction, PlayCue, next_turn
from .delivery import TICK_SECONDS, Delivery
from .loudness import Loudness
from .show_state import ShowState

# More notes than any piece has waiting; a cue that exceeds them would fill the memory.
MAX_NOTES = 100_000
# Music is composed this long before it sounds, in seconds: more than a slow model needs for a
# phrase.
COMPOSE_SECONDS = 1.0
# A bar line that is nearer than this is left to the old cues, in seconds: the new ones have as
# long to compose as ever, and a moment to get ready.
READY_SECONDS = 0.1


class AnyCue(Protocol):
    """What the scheduler needs to know of a cue whose phrase it plays."""

    until: float
    late: float

    @property
    def name(self) -> str: ...


class CueChange(NamedTuple):
    """From the first frame at `beats` on `draw` is the draw cue, and `then` is called."""

    beats: float
    draw: DrawFunction | None
    then: Callable[[], None]


class Scheduler:
    """The play cues of one show, whose turn it is, and what becomes of their phrases."""

    def __init__(
        self,
        performance: Performance,
        show: ShowState,
        delivery: Delivery,
        loudness: Loudness,
        plays: Iterable[PlayCue],
    ):
        self.plays = list(plays)
        for number, cue in enumerate(self.plays):
            cue.number = number
        self.changes: deque[CueChange] = deque()  # that are to come
        self.composing_thread = 0  # its identifier
        self._performance, self._clock = performance, performance.clock
        self._show, self._delivery, self._loudness = show, delivery, loudness
        self._lock = threading.Lock()  # over what is added to the queues, or removed
        self._composer: object = None  # which thread composes: the newest

    # -- composing ----------------------------------------------------------------------------

    def next_turn(self, horizon: float) -> PlayCue | None:
        """Return the play cue whose turn comes first, if by `horizon` beats."""
        return next_turn(self.plays, self._clock.meter, horizon)

    def compose(self, cue: PlayCue) -> None:
        """Call a play cue for its next turn, and have its phrase played."""
        clock = self._clock
        called = clock.seconds()
        if self._show.started:
            whole = cue.bars * clock.meter
            passed = int(clock.beats_at(called) / whole) - cue.calls
            if passed > 0:
                warn_once(f"{cue.name} missed {passed} of its turns", f"{cue.name} missed")
                cue.calls += passed
        turn, span = cue.turn(clock.meter), cue.span(clock.meter)
        now = clock.moment(beats=turn, span=span)
        cue.calls += 1
        cue.busy = True

        def play() -> tuple[float, list[TimedNote]]:
            phrase = cue.function(now)
            notes = as_phrase([] if phrase is None else phrase, cue.name)
            return self.add(cue.feel.apply(notes, now), now, cue)

        call = self._show.watchdog.call(cue.name, "it rests")
        added = self._show.attempt(call, play, cue=cue.function)
        seconds, notes = added or (clock.seconds(), None)
        self._performance.parameters.publish(
            PhrasePlayed(seconds, cue.number, now.beats, now.span, called, notes)
        )
        cue.busy = False

    def add(self, phrase: list[Note], now: Moment, cue: AnyCue) -> tuple[float, list[TimedNote]]:
        """Play a phrase; return the seconds at which that was, and the notes that will sound.

        Raises:
            ShowError: too many notes are waiting.
        """
        if len(self._loudness) + len(phrase) > MAX_NOTES:
            raise ShowError(f"{cue.name} has more than {MAX_NOTES} notes waiting; write fewer")
        earliest = now.beats
        if self._show.started:
            earliest = self._clock.beats_at(self._clock.seconds() - cue.late)
        starts = [(note, now.beats + note.start) for note in phrase]
        notes = [(note, start) for note, start in starts if start >= earliest]
        if late := len(starts) - len(notes):
            warn_once(f"{cue.name} came too late for {late} of its notes", f"{cue.name} late")
        with self._lock:
            return self.distribute([one for one in notes if one[1] < cue.until])

    def distribute(self, notes: list[TimedNote]) -> tuple[float, list[TimedNote]]:
        """Add notes to every queue; return the seconds of that, and the notes."""
        for queue in (*self._delivery.queues, self._loudness):
            for note, start in notes:
                queue.add(note, start)
        return self._loudness.record(notes, self._clock), notes

    def forget(self, beats: float) -> None:
        """Remove every note that starts at `beats` or later."""
        for queue in (*self._delivery.queues, self._loudness):
            queue.forget(beats)

    def cut(self, beats: float, until: float) -> None:
        """End everything that sounds at `beats`, and let nothing start before `until`."""
        for queue in (*self._delivery.queues, self._loudness):
            queue.cut(beats, until)

    # -- composing ahead, live -----------------------------------------------------------------

    def start_composing(self) -> None:
        """Compose ahead in a new thread; one that hangs is left to its cue."""
        self._composer = object()
        self._show.start_thread("composer", self._compose_ahead, self._composer)

    def _compose_ahead(self, composer: object) -> None:
        current_performance.set(self._performance)
        self.composing_thread = threading.get_ident()
        clock, show = self._clock, self._show
        while not show.stopping.wait(TICK_SECONDS):
            soon = clock.seconds() + COMPOSE_SECONDS + self._delivery.early
            # While the beats stand still, a bar is composed for when they go on.
            bar = clock.meter if clock.tempo.stands_at(soon) else 0.0
            horizon = clock.beats_at(soon) + bar
            while (cue := self.next_turn(horizon)) and not show.stopping.is_set():
                self.compose(cue)
                if self._composer is not composer:
                    return
            self._loudness.advance(show.horizon(clock.seconds()))

    # -- other cues -----------------------------------------------------------------------------

    def change_cues(
        self, draw: DrawFunction | None, plays: Iterable[PlayCue], then: Callable[[], None]
    ) -> tuple[float, float]:
        """Replace the cues at a bar line; return the seconds now, and its beats.

        It is the first bar line for which there is time to compose. What the old cues have
        composed beyond it is removed; notes that have started sound on to their ends. A new play
        cue starts there, in the middle of its own bars where it falls so.
        """
        clock, new = self._clock, list(plays)
        with self._lock:
            seconds = clock.seconds()
            soon = clock.beats_at(seconds + COMPOSE_SECONDS + READY_SECONDS)
            beats = float(math.ceil(soon / clock.meter) * clock.meter)
            for cue in self.plays:
                cue.until = min(cue.until, beats)
            for number, cue in enumerate(new):
                cue.number, cue.begins = number, beats
                cue.calls = int(beats / (cue.bars * clock.meter) + 1e-9)
            self.forget(beats)
            self.plays = [cue for cue in self.plays if cue.turn(clock.meter) < cue.until] + new
            self.changes.append(CueChange(beats, draw, then))
        return seconds, beats
