"""Hears what a human plays, and has the answer to it sound at once."""

import math
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..clock import Moment, OfflineClock, hurry
from ..errors import tell
from ..hookspecs import performing
from ..media import Note, as_phrase
from .composing import add
from .cue import name_of

# A note that could not be answered for so long is not answered any more: a cue that hung, and
# comes back, must not answer all at once what was played meanwhile.
MISSED_SECONDS = 0.5
# A thread that answers goes before others, and a thread that draws lets it have the interpreter
# after so many seconds.
NICE, TURN_SECONDS = -15, 0.0002
# Nobody knows when the next note comes: a part that writes its span writes so many beats.
ANSWER_BEATS = 1.0
# What forgives the rounding between seconds and beats, in beats.
ROUNDING_BEATS = 1e-6


@dataclass
class AnswerCue:
    """A function that is called with the notes that a human begins, for the phrase to reply.

    `hands` tell of them; those within `seconds` of the first one are one chord. `number` is its
    place in the sketch. It answers nothing that is played from the beat `until` on.
    """

    function: Callable[[Moment, list[Note]], list[Note] | None]
    hands: Any
    seconds: float = 0.0
    number: int = 0
    until: float = math.inf
    late: float = MISSED_SECONDS
    begun: int = 0  # how many notes the hands had begun when it last listened
    waiting: deque[tuple[float, Note]] = field(default_factory=deque)
    pause: float = 0.0  # how often to listen, in seconds

    @property
    def name(self) -> str:
        return f"answer cue {name_of(self.function)!r}"

    def due(self, clock: OfflineClock) -> float:
        """Listen, and give the seconds at which it is to be called, by what is known until now."""
        self.begun, notes = self.hands.struck(self.begun)
        self.waiting.extend(notes)
        beats = self.waiting[0][0] if self.waiting else self.hands.next_struck()
        return clock.seconds_at(beats) + self.seconds

    def take(self, clock: OfflineClock) -> tuple[Moment, list[Note]]:
        """Give what waits first, a note or a chord, and the moment to answer it."""
        beats, first = self.waiting.popleft()
        notes = [first]
        if self.seconds:
            beats = clock.beats_at(clock.seconds_at(beats) + self.seconds)
            while self.waiting and self.waiting[0][0] <= beats + ROUNDING_BEATS:
                notes.append(self.waiting.popleft()[1])
        return clock.moment(beats=beats, span=ANSWER_BEATS), notes


class Hearing:
    """The answers of one show: each cue in a thread of its own live, on the exact clock offline."""

    def __init__(self, stage, cues: list[AnswerCue]):
        self._stage = stage
        self.cues = cues
        self._turn_seconds = 0.0  # how long a thread may have the interpreter in other shows

    def open(self) -> None:
        """Begin to listen; whatever is wrong with a port is raised."""
        for number, cue in enumerate(self.cues):
            cue.number = number
            cue.pause = cue.hands.attend()

    def begin(self) -> None:
        """Answer live from now on."""
        if self.cues:
            self._turn_seconds = self._turn_seconds or sys.getswitchinterval()
            sys.setswitchinterval(TURN_SECONDS)
        for cue in self.cues:
            self._stage._begin("answerer", self._answer_on, cue)

    def end(self) -> None:
        """Be in no hurry any more."""
        if self._turn_seconds:
            sys.setswitchinterval(self._turn_seconds)

    def become(self, cues: list[AnswerCue], beats: float) -> None:
        """Have other cues take over, live, for what is played from so many beats on."""
        for cue in self.cues:
            cue.until = min(cue.until, beats)
        self.cues = cues
        self.open()
        for cue in cues:
            cue.begun = cue.hands.struck(0)[0]
        self.begin()

    def go_on(self, beats: float) -> None:
        """Answer what is played until so many beats, stopping the clock at each note."""
        clock = self._stage.clock
        while self.cues:
            seconds, _, cue = min((cue.due(clock), cue.number, cue) for cue in self.cues)
            if seconds == math.inf or clock.beats_at(seconds) > beats:
                return
            clock.wait(seconds)
            cue.due(clock)
            self._answer(cue)

    def _answer_on(self, cue: AnswerCue) -> None:
        stage, clock, pause = self._stage, self._stage.clock, 0.0
        performing.set(stage.performance)
        hurry(NICE)
        # Nobody wakes this thread: to be woken by another one is to wait for the interpreter twice.
        while not stage._stopping.wait(pause) and clock.beats_at(clock.seconds()) < cue.until:
            left = cue.due(clock) - clock.seconds()
            if left > 0 or not cue.waiting:
                pause = min(max(left, 0.0), cue.pause)
            else:
                pause = 0.0
                self._answer(cue)

    def _answer(self, cue: AnswerCue) -> None:
        """Call a cue for what it has heard, and have its phrase played."""
        stage, clock = self._stage, self._stage.clock
        now, notes = cue.take(clock)
        called = clock.seconds()
        if stage._started and not now.seconds >= max(0.0, called - MISSED_SECONDS):
            if now.seconds >= 0:  # else it was played before the first beat
                tell(f"{cue.name} came too late for what was played; it answers what comes next")
            return

        def compose():
            phrase = cue.function(now, notes)
            phrase = as_phrase([] if phrase is None else phrase, cue.name)
            if stage._started:  # what should have sounded while it was written sounds now
                passed = clock.beats_at(clock.seconds()) - now.beats
                phrase = [note._replace(start=max(note.start, passed)) for note in phrase]
            return add(stage, phrase, now, cue)

        call = stage._stagehand.call(cue.name, "nothing is answered")
        added = stage._try(call, compose, home=cue.function)
        if stage._started:
            for lane in stage._timed:
                stage._sound(lane, stage._horizon(clock.seconds()))
        seconds, sounding = added or (clock.seconds(), None)
        facts = (cue.number, now.beats, called, notes, sounding)
        stage.performance.desk.announce(seconds, "answer", facts)
