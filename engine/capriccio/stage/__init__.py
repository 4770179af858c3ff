"""Performs cues on a clock to outputs: keeps the show alive, and ends every note."""

import math
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from time import monotonic

import numpy as np

from ..clock import Moment, OfflineClock, hurry
from ..errors import ShowError, tell_again
from ..hookspecs import Output, Performance, drawing, performing
from ..listening import hush
from ..tempo import Pace
from .baton import Baton
from .change import Change
from .composing import compose
from .cue import PlayCue, draw_cue, drawn, next_turn
from .curtain import Curtain
from .ear import Ear
from .hearing import AnswerCue, Hearing
from .help import help_where_it_hangs
from .lane import Lane, delay
from .stagehand import Call, Stagehand
from .tally import Tally, frames_in

# The latency budget of a live show. Music is composed so long before it sounds, which is more
# than a slow model needs for a phrase; events reach timed outputs so long before they are due,
# which is more than the longest time that a frame is likely to hold the interpreter.
COMPOSE_SECONDS = 1.0
SEND_SECONDS = 0.25
# Threads that hand over go before others, where the system lets them; they do next to nothing.
SENDER_NICE = -15
# How often the music threads look up, in seconds; well below SEND_SECONDS.
TICK_SECONDS = 0.02
# How often the main thread looks for new music while it waits for the next frame, in seconds.
LOOK_SECONDS = 0.1
# So long the threads may take to come back when the show has ended.
BACK_SECONDS = 2.0
# A millionth of a beat forgives the rounding of seconds to beats.
ROUNDING_BEATS = 1e-6


class Stage:
    """One performance: cues on one side, outputs on the other, a clock between them.

    `draw` gives an image for every frame, each of `plays` a phrase every so many bars, each of
    `answers` one for what is played. It lasts `seconds`, or until told to end. On a live clock
    trouble before the first beat is raised, and after it told; on an offline clock all is raised.
    """

    def __init__(
        self,
        performance: Performance,
        outputs: Iterable[Output],
        *,
        draw: Callable[[Moment], np.ndarray] | None = None,
        plays: Iterable[PlayCue] = (),
        answers: Iterable[AnswerCue] = (),
    ):
        self.performance = performance
        self.clock: OfflineClock = performance.clock
        self.draw = draw
        self.plays = list(plays)
        for number, cue in enumerate(self.plays):
            cue.number = number
        self.hearing = Hearing(self, list(answers))
        width, height = performance.size
        self.image = np.zeros((height, width, 3), np.uint8)
        self.tally = Tally()
        self._lanes = [Lane(output) for output in outputs]
        self._timed = [lane for lane in self._lanes if lane.output.timed]
        self._untimed = [lane for lane in self._lanes if not lane.output.timed]
        self._shown = [lane for lane in self._lanes if lane.shows]
        self._ear = Ear()
        self._stagehand = Stagehand(self._look, self._end, lambda: self._curtain.panic())
        self._progressing = self._stagehand.call("the progress")
        self._curtain = Curtain(self._lanes, self._shown, self._ear, performance, self._stagehand)
        self._started = False
        self._until = math.inf  # seconds; where the end is known, nothing begins at it
        self._drawn: float | None = None  # the seconds of the frame whose image is there
        self.changes: deque[Change] = deque()  # that are to come
        self.composing = threading.Lock()  # over what is added to the lanes, or forgotten
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._composer: object = None  # whose turn it is to compose: the newest
        self._composing = 0  # its thread
        self._early = delay(self._lanes, self.clock.live)
        self.clock.ahead = SEND_SECONDS + self._early if self.clock.live else 0.0
        self.clock.listeners.append(self._change_pace)
        Baton(self.clock, self._curtain.panic).place(performance.desk)

    def loudness(self) -> float:
        """Give 0..1: the velocity of the strongest note sounding, dying away since its start."""
        if now := drawing.get():
            return self._ear.drawn_loudness(now.beats)
        seconds = self.clock.seconds()
        self._listen(self._horizon(seconds))
        return self._ear.loudness(self.clock.beats_at(seconds))

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
                    self.hearing.open()
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
        for frame in range(frames_in(seconds, self.performance.fps)):
            due = frame / self.performance.fps
            self._frame(due, self._go_on(due))
            with self._progressing:
                progress(frame + 1)
        self._go_on(seconds)

    def _go_on(self, seconds: float) -> float:
        """Bring the music to `seconds`, stopping the clock at each turn of a play cue on the way.

        So it does at each note that is answered, and the music is the same at every frame rate.
        Gives the beats up to which things were due.
        """
        horizon = self._horizon(seconds)
        while self.plays and (cue := self._next_turn(horizon)):
            turn = cue.turn(self.clock.meter)
            self.hearing.go_on(turn - ROUNDING_BEATS)
            self.clock.wait(self.clock.seconds_at(turn))
            compose(self, cue)
            horizon = self._horizon(seconds)  # the cue may have changed the tempo
        if self.hearing.cues:
            self.hearing.go_on(horizon)
            horizon = self._horizon(seconds)
        self.clock.wait(seconds)
        for lane in self._lanes:
            if lane.next_beats() <= horizon:
                self._sound(lane, horizon)
        if self._ear.next_beats() <= horizon:
            self._listen(horizon)
        if self._stagehand.orders:
            raise KeyboardInterrupt
        return horizon

    # -- live ---------------------------------------------------------------------------------

    def _perform_live(self, seconds: float | None, progress) -> None:
        # The first phrases and the first picture are made before the clock starts: models load
        # and warm up here, and whatever is wrong is raised while nobody is watching yet.
        while cue := self._next_turn(ROUNDING_BEATS):
            compose(self, cue)
        self._frame(0.0)
        # The notes of the first beat are to be handed over as long ahead as any.
        self.clock.start(self.clock.ahead)
        self._started = True
        # Threads of their own, so that a cue that hangs can keep neither the notes before it from
        # sounding nor their ends from being sent, and no output those of another.
        self._compose_anew()
        self.hearing.begin()
        for lane in self._timed:
            self._begin("sender", self._send_ahead, lane)
        frame = 0
        with self._progressing:
            progress(1)
        while not (self._stagehand.orders or any(lane.output.left for lane in self._lanes)):
            frame = self._next_frame(frame)
            due = frame / self.performance.fps
            if seconds is not None and due >= seconds:
                self._wait(seconds)
                break
            self._wait(due)
            self._frame(due)
            with self._progressing:
                progress(frame + 1)

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
                self._sound(lane, self._horizon(now - lane.delay))
            held = [self._show_held(lane, now) for lane in self._shown if lane.held]
            if now >= seconds:
                return
            with self._stagehand.call("the clock"):
                following = [
                    self.clock.seconds_at(lane.next_beats()) + lane.delay for lane in self._untimed
                ]
                soon = max(now, min(following + held, default=seconds))
                self.clock.wait(min(seconds, now + LOOK_SECONDS, soon))

    def _compose_anew(self) -> None:
        """Compose ahead in a new thread; one that hangs is left to its cue."""
        self._composer = object()
        self._begin("composer", self._compose_ahead, self._composer)

    def _compose_ahead(self, composer: object) -> None:
        performing.set(self.performance)
        self._composing = threading.get_ident()
        while not self._stopping.wait(TICK_SECONDS):
            soon = self.clock.seconds() + COMPOSE_SECONDS + self._early
            # While the beats stand still, a bar is composed for when they go on.
            bar = self.clock.meter if self.clock.tempo.stands_at(soon) else 0.0
            horizon = self.clock.beats_at(soon) + bar
            while (cue := self._next_turn(horizon)) and not self._stopping.is_set():
                compose(self, cue)
                if self._composer is not composer:
                    return
            self._listen(self._horizon(self.clock.seconds()))

    def _send_ahead(self, lane: Lane) -> None:
        hurry(SENDER_NICE)
        while not self._stopping.wait(TICK_SECONDS):
            seconds = self.clock.seconds() + SEND_SECONDS - lane.delay
            self._sound(lane, self._horizon(seconds))
            if lane.knows and lane.enter():
                try:
                    now = self.clock.moment(seconds=min(seconds, self._until), span=0.0)
                    self._try(self._calling(lane), lane.output.handed, now)
                finally:
                    lane.leave()

    def _look(self) -> None:
        self._curtain.help()
        help_where_it_hangs(self)

    # -- both ---------------------------------------------------------------------------------

    def _next_turn(self, horizon: float) -> PlayCue | None:
        return next_turn(self.plays, self.clock.meter, horizon)

    def _change_pace(self, pace: Pace) -> None:
        """Be told that the tempo changes: where the beats break off, what sounds ends."""
        if pace.breaks:
            for lane in (*self._lanes, self._ear):
                lane.cut(pace.reached - 2 * ROUNDING_BEATS, pace.beats)
        self.performance.desk.announce(self.clock.seconds(), "tempo", pace)

    def _horizon(self, seconds: float) -> float:
        """Give the beats up to which things are due by `seconds`; the end is not."""
        beats = self.clock.beats_at(seconds)
        # Where the show stands still, that of the beat it stands at is yet to come.
        beats += -ROUNDING_BEATS if self.clock.tempo.stands_at(seconds) else ROUNDING_BEATS
        if seconds > self._until - 1.0:  # long before it needs no look at it
            return min(beats, self.clock.beats_at(self._until) - ROUNDING_BEATS)
        return beats

    def _listen(self, horizon: float) -> None:
        self._ear.listen(horizon)
        self.tally.notes = self._ear.begun

    def _sound(self, lane: Lane, horizon: float, wait: bool = True) -> None:
        """Hand the output of `lane` every event that is due by `horizon` beats."""
        if lane.next_beats() > horizon or not lane.enter(wait):
            return
        try:
            for event in lane.due(horizon):
                now = self.clock.moment(beats=event.beats, span=0.0)
                if lane.delay:
                    now = replace(now, seconds=now.seconds + lane.delay)
                method = lane.output.note_on if event.begins else lane.output.note_off
                self._try(self._calling(lane), method, event.note, now)
            if lane.knows:
                now = self.clock.moment(beats=horizon, span=0.0)
                self._try(self._calling(lane), lane.output.handed, now)
        finally:
            lane.leave()

    def _frame(self, due: float, horizon: float | None = None) -> None:
        desk = self.performance.desk
        desk.seconds = due
        if not desk.idle:
            call = self._stagehand.call("the desk", "the rest of it counts")
            self._try(call, desk.take_in, due)
        now = self.clock.moment(seconds=due, span=self.clock.beats_at(1 / self.performance.fps))
        while self.changes and self.changes[0].beats <= now.beats + ROUNDING_BEATS:
            _, self.draw, then = self.changes.popleft()
            then()
        draw = self.draw
        self._ear.draw(due, self._horizon(due) if horizon is None else horizon)
        if draw is not None:
            cue = draw_cue(draw)
            call = self._stagehand.call(cue, "the last image stays")
            token = drawing.set(now)
            try:
                image = self._try(call, drawn, draw, now, cue, home=draw)
            finally:
                drawing.reset(token)
            self.image = self.image if image is None else image
            self._drawn = due
        for lane in self._shown:
            if lane.delay > 0:
                lane.held.append((due + lane.delay, self.image, now))
            else:
                self._show(lane, self.image, now)
        self.tally.frames += 1

    def _show(self, lane: Lane, image: np.ndarray, now: Moment) -> None:
        if lane.enter():
            try:
                self._try(self._calling(lane), lane.output.show, image, now)
            finally:
                lane.leave()

    def _show_held(self, lane: Lane, seconds: float) -> float:
        """Show the newest picture whose time has come; give when the next one's comes."""
        due = None
        while lane.held and lane.held[0][0] <= seconds:
            _, *due = lane.held.popleft()
        if due:
            self._show(lane, *due)
        return lane.held[0][0] if lane.held else math.inf

    def _calling(self, lane: Lane) -> Call:
        return self._stagehand.call(lane.who, "the show goes on", orders=2)

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
            call.tell(error, home)
        return None

    def _end(self) -> None:
        if not self._stopping.is_set():
            self._curtain.seconds = self.tally.seconds = min(self.clock.seconds(), self._until)
        self._stopping.set()
        self.hearing.end()
        self._listen(self._horizon(self.clock.seconds()))
        self._ear.end()
        self._curtain.fall(quietly=self.clock.live)
        # A thread that is still within a network when the interpreter ends would abort it.
        hush(BACK_SECONDS)
        deadline = monotonic() + BACK_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - monotonic()))
