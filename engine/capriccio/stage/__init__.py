"""Performs cues on a clock to outputs: keeps the show alive, and ends every note."""

import math
import threading
from collections import deque
from collections.abc import Callable, Iterable
from time import monotonic

import numpy as np

from ..clock import Moment, OfflineClock
from ..errors import ShowError, described, place_of, tell, tell_again
from ..hookspecs import Output, Performance, drawing, performing
from ..listening import hush
from ..media import Note, as_image, as_phrase
from .change import Change
from .cue import PlayCue, name_of, next_turn
from .curtain import Curtain
from .ear import Ear
from .lane import Lane
from .stagehand import Call, Stagehand
from .tally import Tally, frames_in

# The latency budget of a live show. Music is composed so long before it sounds, which is more
# than a slow model needs for a phrase; events reach timed outputs so long before they are due,
# which is more than the longest time that a frame is likely to hold the interpreter.
COMPOSE_SECONDS = 1.0
SEND_SECONDS = 0.25
# How often the music threads look up, in seconds; well below SEND_SECONDS.
TICK_SECONDS = 0.02
# How often the main thread looks for new music while it waits for the next frame, in seconds.
LOOK_SECONDS = 0.1
# A phrase that comes later than this has the notes dropped whose moment has passed.
LATE_SECONDS = 0.02
# Where a cue hangs for so long, another thread sounds or composes in its stead.
HELP_SECONDS = 0.5
# So long the threads may take to come back when the show has ended.
BACK_SECONDS = 2.0
# More notes than any piece has waiting; a cue that exceeds them would fill the memory.
MOST_NOTES = 100_000
# A millionth of a beat forgives the rounding of seconds to beats.
ROUNDING_BEATS = 1e-6


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
        self.draw = draw
        self.plays = list(plays)
        for number, cue in enumerate(self.plays):
            cue.number = number
        width, height = performance.size
        self.image = np.zeros((height, width, 3), np.uint8)
        self.tally = Tally()
        self._lanes = [Lane(output) for output in outputs]
        self._timed = [lane for lane in self._lanes if lane.output.timed]
        self._untimed = [lane for lane in self._lanes if not lane.output.timed]
        self._shown = [lane for lane in self._lanes if lane.shows]
        self._ear = Ear()
        self._stagehand = Stagehand(self._look, self._end)
        self._curtain = Curtain(self._lanes, self._shown, self.clock, self._stagehand)
        self._started = False
        self._last = math.inf  # beats; where the end is known, nothing begins at it
        self._until = math.inf  # the same in seconds
        self._drawn: float | None = None  # the seconds of the frame whose image is there
        self.changes: deque[Change] = deque()  # that are to come
        self.composing = threading.Lock()  # over what is added to the lanes, or forgotten
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._composer: object = None  # whose turn it is to compose: the newest
        self._composing = 0  # its thread

    def loudness(self) -> float:
        """Give 0..1: the velocity of the strongest note sounding, dying away since its start."""
        if now := drawing.get():
            return self._ear.drawn_loudness(now.beats)
        beats = self.clock.beats_at(self.clock.seconds())
        self._listen(beats)
        return self._ear.loudness(beats)

    def picture(self) -> tuple[float, np.ndarray] | None:
        """Give the seconds of the frame that is to be seen now and its image; None before it."""
        return None if self._drawn is None else (self._drawn, self.image)

    def perform(
        self, seconds: float | None = None, progress: Callable[[int], None] = lambda frames: None
    ) -> Tally:
        """Perform for so many seconds, or until told to end, and say what happened.

        `progress` is called after every frame with the number of frames done.
        """
        if seconds is None and not self.clock.live:
            raise ValueError("an offline show without an end; say how many seconds")
        if seconds is not None and not 0 < seconds < math.inf:
            raise ValueError(f"a show of {seconds!r} seconds; give more than 0")
        self._until = math.inf if seconds is None else seconds
        token = performing.set(self.performance)
        try:
            with self._stagehand:
                try:
                    for lane in self._lanes:
                        call = self._stagehand.call(str(lane.output))
                        self._try(call, lane.output.start, self.performance)
                    if self.clock.live:
                        self._perform_live(seconds, progress)
                    elif seconds is not None:
                        self._perform_offline(seconds, progress)
                except KeyboardInterrupt:
                    if not self.clock.live:
                        raise
                finally:
                    self._end()
            if self._curtain.trouble:
                raise self._curtain.trouble
        finally:
            performing.reset(token)
            self.tally.troubles = dict(tell_again())
        return self.tally

    # -- offline ------------------------------------------------------------------------------

    def _perform_offline(self, seconds: float, progress) -> None:
        self._last = self.clock.beats_at(seconds) - ROUNDING_BEATS
        for frame in range(frames_in(seconds, self.performance.fps)):
            due = frame / self.performance.fps
            self._go_on(due, self.clock.beats_at(due) + ROUNDING_BEATS)
            self._frame(due)
            self._progress(progress, frame + 1)
        self._go_on(seconds, self._last)

    def _go_on(self, seconds: float, horizon: float) -> None:
        """Bring the music to `seconds`, stopping the clock at each turn of a play cue on the way.

        So the music is the same at every frame rate.
        """
        while cue := self._next_turn(horizon):
            self.clock.wait(self.clock.seconds_at(cue.turn(self.clock.meter)))
            self._play(cue)
        self.clock.wait(seconds)
        for lane in self._lanes:
            self._sound(lane, horizon)
        self._listen(horizon - ROUNDING_BEATS)
        if self._stagehand.orders:
            raise KeyboardInterrupt

    # -- live ---------------------------------------------------------------------------------

    def _perform_live(self, seconds: float | None, progress) -> None:
        # The first phrases and the first picture are made before the clock starts: models load
        # and warm up here, and whatever is wrong is raised while nobody is watching yet.
        while cue := self._next_turn(ROUNDING_BEATS):
            self._play(cue)
        self._frame(0.0)
        self.clock.start()
        self._started = True
        # Threads of their own, so that a cue that hangs can keep neither the notes before it from
        # sounding nor their ends from being sent, and no output those of another.
        self._compose_anew()
        if seconds is not None:
            self._last = self.clock.beats_at(seconds) - ROUNDING_BEATS
        for lane in self._timed:
            self._begin("sender", self._send_ahead, lane)
        frame = 0
        self._progress(progress, 1)
        while not (self._stagehand.orders or any(lane.output.left for lane in self._lanes)):
            frame = self._next_frame(frame)
            due = frame / self.performance.fps
            if seconds is not None and due >= seconds:
                self._wait(seconds)
                break
            self._wait(due)
            self._frame(due)
            self._progress(progress, frame + 1)

    def _begin(self, name: str, function: Callable, *arguments) -> threading.Thread:
        thread = threading.Thread(target=function, args=arguments, name=name, daemon=True)
        self._threads = [one for one in self._threads if one.is_alive()] + [thread]
        thread.start()
        return thread

    def _next_frame(self, frame: int) -> int:
        """Give the frame to draw next: late frames are dropped and counted, never queued."""
        current = int(self.clock.seconds() * self.performance.fps)
        if current > frame + 1:
            self.tally.late += current - frame - 1
            at = current / self.performance.fps
            self.performance.desk.announce(at, "late", current - frame - 1)
            return current
        return frame + 1

    def _wait(self, seconds: float) -> None:
        """Wait until `seconds`, and sound what is due meanwhile for outputs that are not timed."""
        while not self._stagehand.orders:
            now = self.clock.seconds()
            for lane in self._untimed:
                self._sound(lane, self.clock.beats_at(now) + ROUNDING_BEATS)
            if now >= seconds:
                return
            following = min((lane.next_beats() for lane in self._untimed), default=math.inf)
            with self._stagehand.call("the clock"):
                following = max(now, self.clock.seconds_at(following))
                self.clock.wait(min(seconds, now + LOOK_SECONDS, following))

    def _compose_anew(self) -> None:
        """Compose ahead in a new thread; one that hangs is left to its cue."""
        self._composer = object()
        self._begin("composer", self._compose_ahead, self._composer)

    def _compose_ahead(self, composer: object) -> None:
        performing.set(self.performance)
        self._composing = threading.get_ident()
        while not self._stopping.wait(TICK_SECONDS):
            horizon = self.clock.beats_at(self.clock.seconds() + COMPOSE_SECONDS)
            while (cue := self._next_turn(horizon)) and not self._stopping.is_set():
                self._play(cue)
                if self._composer is not composer:
                    return
            self._listen(self.clock.beats_at(self.clock.seconds()))

    def _send_ahead(self, lane: Lane) -> None:
        while not self._stopping.wait(TICK_SECONDS):
            ahead = self.clock.beats_at(self.clock.seconds() + SEND_SECONDS)
            self._sound(lane, ahead + ROUNDING_BEATS)

    def _look(self) -> None:
        """Help, from the stagehand's thread and so without calling a part, where one hangs."""
        self._curtain.help()
        if not self._live():
            return
        self._stagehand.tell_who_hangs()
        main = self._stagehand.calls.get(self._stagehand.main)
        beside = any(thread.name == "beside" and thread.is_alive() for thread in self._threads)
        if main and main.lasts() > HELP_SECONDS and self._untimed and not beside:
            self._begin("beside", self._sound_beside, main)
        composing = self._stagehand.calls.get(self._composing)
        if composing and composing.lasts() > HELP_SECONDS and len(self.plays) > 1:
            self._compose_anew()

    def _live(self) -> bool:
        return self._started and not self._stopping.is_set()

    def _sound_beside(self, call: Call) -> None:
        """Sound in the main thread's stead, while it hangs in `call`."""
        while self._stagehand.calls.get(self._stagehand.main) is call and self._live():
            for lane in self._untimed:
                self._sound(lane, self.clock.beats_at(self.clock.seconds()), wait=False)
            self._stopping.wait(TICK_SECONDS)

    # -- both ---------------------------------------------------------------------------------

    def _next_turn(self, horizon: float) -> PlayCue | None:
        return next_turn(self.plays, self.clock.meter, horizon)

    def _play(self, cue: PlayCue) -> None:
        """Call a play cue for its next turn, and have its phrase played."""
        called = self.clock.seconds()
        if self._started:
            whole = cue.bars * self.clock.meter
            passed = int(self.clock.beats_at(called) / whole) - cue.calls
            if passed > 0:
                tell(f"{cue.name} missed {passed} of its turns", f"{cue.name} missed")
                cue.calls += passed
        turn, span = cue.turn(self.clock.meter), cue.span(self.clock.meter)
        now = self.clock.moment(beats=turn, span=span)
        cue.calls += 1
        cue.busy = True

        def compose():
            phrase = cue.function(now)
            return self._add(as_phrase([] if phrase is None else phrase, cue.name), now, cue)

        call = self._stagehand.call(cue.name, "it rests")
        added = self._try(call, compose, home=cue.function)
        seconds, notes = added or (self.clock.seconds(), None)
        facts = (cue.number, now.beats, now.span, called, notes)
        self.performance.desk.announce(seconds, "phrase", facts)
        cue.busy = False

    def _add(
        self, phrase: list[Note], now: Moment, cue: PlayCue
    ) -> tuple[float, list[tuple[Note, float]]]:
        """Have a phrase played; give the seconds at which that was, and what will sound when."""
        if len(self._ear) + len(phrase) > MOST_NOTES:
            raise ShowError(f"{cue.name} has more than {MOST_NOTES} notes waiting; write fewer")
        earliest = now.beats
        if self._started:
            earliest = self.clock.beats_at(self.clock.seconds() - LATE_SECONDS)
        starts = [(note, now.beats + note.start) for note in phrase]
        notes = [(note, start) for note, start in starts if start >= earliest]
        if late := len(starts) - len(notes):
            tell(f"{cue.name} came too late for {late} of its notes", f"{cue.name} late")
        with self.composing:
            return self._sound_from_now_on([one for one in notes if one[1] < cue.until])

    def _sound_from_now_on(self, notes):
        return self._ear.compose(notes, self.clock, self._lanes), notes

    def _listen(self, beats: float) -> None:
        self._ear.listen(min(beats + ROUNDING_BEATS, self._last))
        self.tally.notes = self._ear.begun

    def _sound(self, lane: Lane, horizon: float, wait: bool = True) -> None:
        """Hand the output of `lane` every event that is due by `horizon` beats."""
        horizon = min(horizon, self._last)
        if lane.next_beats() > horizon or not lane.enter(wait):
            return
        try:
            for event in lane.due(horizon):
                now = self.clock.moment(beats=event.beats, span=0.0)
                method = lane.output.note_on if event.begins else lane.output.note_off
                self._try(self._calling(lane), method, event.note, now)
        finally:
            lane.leave()

    def _frame(self, due: float) -> None:
        self._try(
            self._stagehand.call("the desk", "the rest of it counts"),
            self.performance.desk.take_in,
            due,
        )
        now = self.clock.moment(seconds=due, span=self.clock.beats_at(1 / self.performance.fps))
        while self.changes and self.changes[0].beats <= now.beats + ROUNDING_BEATS:
            _, self.draw, then = self.changes.popleft()
            then()
        draw = self.draw
        self._ear.draw(due, min(now.beats + ROUNDING_BEATS, self._last))
        if draw is not None:
            cue = f"draw cue {name_of(draw)!r}"
            call = self._stagehand.call(cue, "the last image stays")
            token = drawing.set(now)
            try:
                image = self._try(call, lambda: as_image(draw(now), cue), home=draw)
            finally:
                drawing.reset(token)
            self.image = self.image if image is None else image
            self._drawn = due
        for lane in self._shown:
            if lane.enter():
                try:
                    self._try(self._calling(lane), lane.output.show, self.image, now)
                finally:
                    lane.leave()
        self.tally.frames += 1

    def _progress(self, progress: Callable[[int], None], frames: int) -> None:
        with self._stagehand.call("the progress"):
            progress(frames)

    def _calling(self, lane: Lane) -> Call:
        return self._stagehand.call(str(lane.output), "the show goes on", orders=2)

    def _try(self, call: Call, function: Callable, *arguments, home: Callable | None = None):
        """Call a cue or an output; let its trouble through offline and before the first beat.

        Afterwards tell it, with its line, in the file of `home` if it came by there; give None.
        """
        try:
            with call:
                return function(*arguments)
        except BaseException as error:  # SystemExit included: no part may end the show
            ordered = isinstance(error, KeyboardInterrupt) and self._stagehand.orders
            if ordered and threading.get_ident() == self._stagehand.main:
                raise
            if not self._started:
                if isinstance(error, SystemExit):
                    raise ShowError(f"{call.who} called exit(); return instead") from error
                raise
            where = place_of(error, home)
            key = f"{call.who} {type(error).__name__} {where}"
            tell(f"{call.who} raised {described(error)} ({where}); {call.then}", key)
        return None

    def _end(self) -> None:
        if not self._stopping.is_set():
            self.tally.seconds = min(self.clock.seconds(), self._until)
        self._stopping.set()
        self._listen(self.clock.beats_at(self.clock.seconds()))
        self._ear.end()
        self._curtain.fall(quietly=self.clock.live)
        # A thread that is still within a network when the interpreter ends would abort it.
        hush(BACK_SECONDS)
        deadline = monotonic() + BACK_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - monotonic()))
