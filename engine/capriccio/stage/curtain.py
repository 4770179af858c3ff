"""Ends every sounding note and closes every output, whatever each of them does."""

import math
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial

from ..errors import ShowError, described, place_of, tell
from ..hookspecs import Performance
from .ear import Ear
from .lane import Lane
from .stagehand import Stagehand

# So long an output may take to end a note, and to close: a long film is put together then. After
# that it is left.
NOTE_SECONDS = 2.0
CLOSE_SECONDS = 60.0
# After so long the notes of the other outputs are ended, and the others closed, beside it.
NOTES_BESIDE_SECONDS = 0.5
CLOSE_BESIDE_SECONDS = 10.0
# A frame that is drawn at the very moment of a panic, to the rounding, has heard what sounds then.
PANIC_BEATS = 2e-6


class Curtain:
    """The end of a show. It falls once, from whichever thread; others wait until it has fallen."""

    def __init__(
        self,
        lanes: list[Lane],
        shown: list[Lane],
        ear: Ear,
        performance: Performance,
        hand: Stagehand,
    ):
        self.trouble: BaseException | None = None  # the first one, and not yet told
        self.seconds = math.inf  # at which the show ended, and with it the notes
        self._lanes, self._shown, self._ear, self._stagehand = lanes, shown, ear, hand
        self._clock, self._desk = performance.clock, performance.desk
        self._once = threading.Lock()
        self._fallen = self._quietly = False
        self._jobs: deque[Callable[[], None]] = deque()
        self._beside = NOTES_BESIDE_SECONDS
        self._helper: threading.Thread | None = None

    def fall(self, quietly: bool) -> None:
        """End all notes, then close all outputs; `quietly` tells trouble, and keeps none."""
        with self._once:
            if self._fallen:
                return
            self._fallen = True
            self._quietly = quietly or sys.exc_info()[0] is not None
            self._stagehand.ending()
            self._work_off(partial(self._end_notes, lane) for lane in self._lanes)
            # Music first; a picture takes its time, and whoever hangs may take it all.
            lanes = sorted(self._lanes, key=lambda lane: (lane.stuck, lane in self._shown))
            self._beside = CLOSE_BESIDE_SECONDS
            self._work_off(partial(self._close, lane) for lane in lanes)

    def panic(self) -> None:
        """Silence all outputs, whoever is in them; a take knows when."""
        for lane in self._lanes:
            try:
                lane.output.panic()
            except Exception as error:
                tell(f"{lane.output} raised {described(error)} ({place_of(error)}) in a panic")
        with self._ear.alone():
            seconds = self._clock.seconds()
            self.silence(seconds)
        self._desk.announce(seconds, "panic", None)

    def silence(self, seconds: float) -> None:
        """Have all end that sounds at `seconds`, and be heard to, where that is not sent ahead.

        What has been sent ahead of its time is silenced where it was sent to.
        """
        beats = self._clock.beats_at(seconds) + PANIC_BEATS
        for lane in (*self._lanes, self._ear):
            if lane is self._ear or not lane.output.timed:
                lane.silence(beats)

    def help(self) -> None:
        """Go on with the others in a new thread where one output takes too long to end."""
        call = self._stagehand.calls.get(self._stagehand.main)
        if not self._jobs or call is None or call.lasts() < self._beside:
            return
        if self._helper is None or not self._helper.is_alive():
            self._helper = threading.Thread(target=self._work, name="helper", daemon=True)
            self._helper.start()

    def _work_off(self, jobs: Iterable[Callable[[], None]]) -> None:
        self._jobs.extend(jobs)
        self._work()
        if self._helper:
            self._call("another output", self._helper.join, (), CLOSE_SECONDS)

    def _work(self) -> None:
        while self._jobs:
            with suppress(IndexError):  # the other thread may have been quicker
                self._jobs.popleft()()

    def _end_notes(self, lane: Lane) -> None:
        entered = lane.enter()
        beats = self._clock.beats_at(min(self._clock.seconds(), self.seconds))
        for event in lane.end():
            # A timed output may have been handed a note that is yet to begin.
            now = self._clock.moment(beats=max(beats, event.beats), span=0.0)
            if entered:
                self._call(str(lane.output), lane.output.note_off, (event.note, now), NOTE_SECONDS)
        if entered:
            lane.leave()

    def _close(self, lane: Lane) -> None:
        # Where somebody hangs in an output, to close it is the last thing that may help.
        entered = lane.enter()
        self._call(str(lane.output), lane.output.close, (), CLOSE_SECONDS)
        if entered:
            lane.leave()

    def _call(self, who: str, function: Callable, things: tuple, patience: float) -> None:
        try:
            with self._stagehand.call(who, orders=2, patience=patience):
                function(*things)
        except BaseException as error:
            trouble, where = error, place_of(error)
            if isinstance(error, KeyboardInterrupt):
                trouble = ShowError(f"{who} was left before it had ended")
            if self.trouble is None and not self._quietly:
                if isinstance(error, SystemExit):
                    trouble = ShowError(f"{who} called exit() while it was ended")
                self.trouble = trouble
            elif trouble is error:
                tell(
                    f"{who} raised {described(error)} ({where}) while it was ended",
                    f"{who} {where}",
                )
            else:
                tell(str(trouble))
