"""Calls answer cues for what a person plays, and has the reply sound at once."""

import math
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..clock import Moment, OfflineClock, raise_priority
from ..events import AnswerPlayed, TimedNote
from ..log import warn_once
from ..media import Note, as_phrase
from ..performance import Performance, current_performance
from ..tempo import ROUNDING_BEATS
from .cues import cue_name
from .delivery import Delivery
from .scheduling import Scheduler
from .show_state import ShowState

# A note that could not be answered for this long is not answered any more: a cue that hung, and
# returns, must not answer all at once what was played meanwhile.
MISSED_SECONDS = 0.5
# A thread that answers goes before others, and a thread that draws lets it have the interpreter
# after this many seconds.
NICE, SWITCH_SECONDS = -15, 0.0002
# Nobody knows when the next note comes: a part that writes its span writes this many beats.
ANSWER_BEATS = 1.0

AnswerFunction = Callable[[Moment, list[Note]], list[Note] | None]


@dataclass
class AnswerCue:
    """A function that is called with the notes that a person starts, for the phrase to reply.

    `controls` report them; those within `seconds` of the first one are one chord. `number` is its
    place in the sketch. It answers nothing that is played from the beat `until` on.
    """

    function: AnswerFunction
    controls: Any
    seconds: float = 0.0
    number: int = 0
    until: float = math.inf
    late: float = MISSED_SECONDS
    started: int = 0  # how many notes had been started when it last asked
    waiting: deque[tuple[float, Note]] = field(default_factory=deque)
    pause: float = 0.0  # how often to ask, in seconds

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"answer cue {cue_name(self.function)!r}"

    def due(self, clock: OfflineClock) -> float:
        """Ask what was played; return the seconds at which the cue is due, as far as is known."""
        self.started, notes = self.controls.notes_since(self.started)
        self.waiting.extend(notes)
        beats = self.waiting[0][0] if self.waiting else self.controls.next_note_beats()
        return clock.seconds_at(beats) + self.seconds

    def take(self, clock: OfflineClock) -> tuple[Moment, list[Note]]:
        """Return what waits first, a note or a chord, and the moment to answer it."""
        beats, first = self.waiting.popleft()
        notes = [first]
        if self.seconds:
            beats = clock.beats_at(clock.seconds_at(beats) + self.seconds)
            while self.waiting and self.waiting[0][0] <= beats + ROUNDING_BEATS:
                notes.append(self.waiting.popleft()[1])
        return clock.moment(beats=beats, span=ANSWER_BEATS), notes


class Answers:
    """The answer cues of one show: each in a thread of its own live, on the exact clock offline."""

    def __init__(
        self,
        performance: Performance,
        show: ShowState,
        scheduler: Scheduler,
        delivery: Delivery,
        cues: list[AnswerCue],
    ):
        self.cues = cues
        self._performance, self._clock = performance, performance.clock
        self._show, self._scheduler, self._delivery = show, scheduler, delivery
        self._switch_seconds = 0.0  # how long a thread may have the interpreter in other shows

    def open(self) -> None:
        """Open the ports; whatever is wrong with one is raised."""
        for number, cue in enumerate(self.cues):
            cue.number = number
            cue.pause = cue.controls.open()

    def start(self) -> None:
        """Answer live from now on."""
        if self.cues:
            self._switch_seconds = self._switch_seconds or sys.getswitchinterval()
            sys.setswitchinterval(SWITCH_SECONDS)
        for cue in self.cues:
            self._show.start_thread("answerer", self._answer_live, cue)

    def stop(self) -> None:
        """Restore the interpreter's switch interval."""
        if self._switch_seconds:
            sys.setswitchinterval(self._switch_seconds)

    def replace(self, cues: list[AnswerCue], beats: float) -> None:
        """Replace the cues, live, for what is played from `beats` on."""
        for cue in self.cues:
            cue.until = min(cue.until, beats)
        self.cues = cues
        self.open()
        for cue in cues:
            cue.started = cue.controls.notes_since(0)[0]
        self.start()

    def advance(self, beats: float) -> None:
        """Answer what is played until `beats`, stopping the offline clock at each note."""
        clock = self._clock
        while self.cues:
            seconds, _, cue = min((cue.due(clock), cue.number, cue) for cue in self.cues)
            if seconds == math.inf or clock.beats_at(seconds) > beats:
                return
            clock.wait(seconds)
            cue.due(clock)
            self._answer(cue)

    def _answer_live(self, cue: AnswerCue) -> None:
        clock, stopping, pause = self._clock, self._show.stopping, 0.0
        current_performance.set(self._performance)
        raise_priority(NICE)
        # Nobody wakes this thread: to be woken by another one is to wait for the interpreter twice.
        while not stopping.wait(pause) and clock.beats_at(clock.seconds()) < cue.until:
            left = cue.due(clock) - clock.seconds()
            if left > 0 or not cue.waiting:
                pause = min(max(left, 0.0), cue.pause)
            else:
                pause = 0.0
                self._answer(cue)

    def _answer(self, cue: AnswerCue) -> None:
        """Call a cue for what it has heard, and have its phrase played."""
        show, clock = self._show, self._clock
        now, notes = cue.take(clock)
        called = clock.seconds()
        if show.started and not now.seconds >= max(0.0, called - MISSED_SECONDS):
            if now.seconds >= 0:  # else it was played before the first beat
                warn_once(
                    f"{cue.name} came too late for what was played; it answers what comes next"
                )
            return

        def reply() -> tuple[float, list[TimedNote]]:
            phrase = cue.function(now, notes)
            phrase = as_phrase([] if phrase is None else phrase, cue.name)
            if show.started:  # what should have sounded while it was written sounds now
                passed = clock.beats_at(clock.seconds()) - now.beats
                phrase = [note._replace(start=max(note.start, passed)) for note in phrase]
            return self._scheduler.add(phrase, now, cue)

        call = show.watchdog.call(cue.name, "nothing is answered")
        added = show.attempt(call, reply, cue=cue.function)
        if show.started:
            self._delivery.sound_timed()
        seconds, sounding = added or (clock.seconds(), None)
        self._performance.parameters.publish(
            AnswerPlayed(seconds, cue.number, now.beats, called, notes, sounding)
        )
