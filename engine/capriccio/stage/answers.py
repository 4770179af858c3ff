"""Calls answer cues for what a person plays, and has the reply sound at once."""

import math
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

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
# The shortest note that is passed on as it is played.
MIN_BEATS = 0.001
# Nobody knows when the next note comes: a part that writes its span writes this many beats.
ANSWER_BEATS = 1.0

AnswerFunction = Callable[[Moment, list[Note]], list[Note] | None]


class HeldNote(NamedTuple):
    """A note that sounds, the key it is played with, and the beats and seconds of its start."""

    note: Note
    key: Any
    start: float
    seconds: float


@dataclass
class AnswerCue:
    """A function that is called with the notes that a person starts, for the phrase to reply.

    `controls` report them; those within `seconds` of the first one are one chord. `number` is its
    place in the sketch. It answers nothing that is played from the beat `until` on. Without a
    function every key is played as it is, on `channel`; `held` are those that sound.
    """

    function: AnswerFunction | None
    controls: Any
    seconds: float = 0.0
    channel: int = 1
    number: int = 0
    until: float = math.inf
    late: float = MISSED_SECONDS
    started: int = 0  # how many notes had been started when it last asked
    waiting: deque[tuple[float, Note]] = field(default_factory=deque)
    pause: float = 0.0  # how often to ask, in seconds
    held: list[HeldNote] = field(default_factory=list)

    def again(self) -> "AnswerCue":
        """Return the same for another show."""
        return AnswerCue(self.function, self.controls, self.seconds, self.channel)

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"answer cue {cue_name(self.function)!r}" if self.function else "thru"

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


def check_answer(controls: Any, seconds: float) -> None:
    """Raise TypeError or ValueError unless these can be answered, as chords of `seconds`."""
    if not hasattr(controls, "notes_since"):
        raise TypeError(
            "@sketch.answer needs to know whom; write @sketch.answer(hands) with hands = controls()"
        )
    if not (isinstance(seconds, int | float) and 0 <= seconds <= 1):
        raise ValueError(f"the seconds of a chord must be 0 to 1, got {seconds!r}")


def thru_cue(controls: Any, channel: int) -> AnswerCue:
    """Return a cue that passes on what is played; raise TypeError or ValueError where it cannot."""
    if not hasattr(controls, "keys_since"):
        raise TypeError("thru needs to know whom; write sketch.thru(hands) with hands = controls()")
    if channel not in range(1, 17):
        raise ValueError(f"a channel must be 1..16, got {channel!r}")
    return AnswerCue(None, controls, channel=channel)


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
            run = self._answer_live if cue.function else self._pass_on_live
            self._show.start_thread("answerer", run, cue)

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
        clock, cues = self._clock, [cue for cue in self.cues if cue.function]
        while cues:
            seconds, _, cue = min((cue.due(clock), cue.number, cue) for cue in cues)
            if seconds == math.inf or clock.beats_at(seconds) > beats:
                return
            clock.wait(seconds)
            cue.due(clock)
            self._answer(cue)

    def pass_on(self) -> None:
        """Offline, play what was played since the last frame where it is passed on as it is."""
        for cue in self.cues:
            if not cue.function:
                self._pass_on(cue)

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
            assert cue.function
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

    def _pass_on_live(self, cue: AnswerCue) -> None:
        clock, stopping = self._clock, self._show.stopping
        current_performance.set(self._performance)
        raise_priority(NICE)
        while not stopping.wait(cue.pause):
            if self._pass_on(cue):
                self._delivery.sound_timed()
            elif clock.beats_at(clock.seconds()) >= cue.until and not cue.held:
                return
        self._pass_on(cue, last=True)

    def _pass_on(self, cue: AnswerCue, last: bool = False) -> bool:
        """Start and end the notes of keys that were pressed and released; return whether any.

        The `last` time all are ended.
        """
        seconds, live = self._clock.seconds(), self._show.started
        now = max(0.0, self._clock.beats_at(seconds)) if live else 0.0
        missed = self._clock.beats_at(seconds - MISSED_SECONDS) if live else 0.0
        cue.started, keys = cue.controls.keys_since(cue.started)
        keys = [key for key in keys if missed <= key.start < cue.until]
        for key in keys:
            for held in [held for held in cue.held if held.key.pitch == key.pitch]:
                self._end_held(cue, held, key.start)  # which every queue does by itself
            note = Note(key.pitch, 0.0, math.inf, key.velocity, cue.channel)
            start = max(now, key.start)
            at, _ = self._scheduler.distribute([(note, start)])
            cue.held.append(HeldNote(note, key, start, at))
        ended = [held for held in cue.held if last or held.key.silent < math.inf]
        for held in ended:
            end = max(now, held.start + MIN_BEATS, 0.0 if last else held.key.silent)
            self._scheduler.distribute([(held.note._replace(length=0.0), end)])
            self._end_held(cue, held, end)
        return bool(keys or ended)

    def _end_held(self, cue: AnswerCue, held: HeldNote, end: float) -> None:
        """Record a note that has ended in the take, with its length."""
        cue.held.remove(held)
        length = max(MIN_BEATS, end - held.start)
        note, at, start = held.note._replace(length=length), held.seconds, held.start
        self._performance.parameters.publish(
            AnswerPlayed(at, cue.number, start, at, [note], [(note, start)])
        )
