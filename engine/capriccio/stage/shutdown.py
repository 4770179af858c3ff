"""Ends every sounding note and closes every output and input, whatever each of them does."""

import math
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any

from ..errors import ShowError, describe, location_of
from ..events import NotesSilenced
from ..log import warn_once
from ..parts import Input
from ..performance import Performance
from .delivery import Delivery
from .event_queue import EventQueue
from .loudness import Loudness
from .watchdog import Watchdog

# How long an output may take to end a note, and to close: a long film is put together then. After
# that it is abandoned. In seconds, as all below.
NOTE_SECONDS = 2.0
CLOSE_SECONDS, OFFLINE_CLOSE_SECONDS = 60.0, 900.0
# After this long the notes of the other outputs are ended, and the others closed, beside it.
NOTES_BESIDE_SECONDS = 0.5
CLOSE_BESIDE_SECONDS = 10.0
# A frame that is drawn at the very moment of a panic, to the rounding, has heard what sounds then.
PANIC_BEATS = 2e-6


class Shutdown:
    """The end of a show. It runs once, in whichever thread; others wait until it is done."""

    def __init__(
        self,
        performance: Performance,
        delivery: Delivery,
        inputs: Iterable[Input],
        loudness: Loudness,
        watchdog: Watchdog,
    ):
        self.trouble: BaseException | None = None  # the first one, where it is not yet logged
        self.seconds = math.inf  # at which the show ended, and with it the notes
        self._delivery, self._inputs, self._loudness = delivery, list(inputs), loudness
        self._watchdog = watchdog
        self._clock, self._parameters = performance.clock, performance.parameters
        self._once = threading.Lock()
        self._done = self._quiet = False
        self._jobs: deque[Callable[[], None]] = deque()
        self._beside = NOTES_BESIDE_SECONDS
        self._helper: threading.Thread | None = None

    def run(self, quiet: bool) -> None:
        """End all notes, then close all outputs and inputs; `quiet` logs trouble, keeps none."""
        with self._once:
            if self._done:
                return
            self._done = True
            self._quiet = quiet or sys.exc_info()[0] is not None
            self._watchdog.start_ending()
            queues, screens = self._delivery.queues, self._delivery.screens
            self._work_off(partial(self._end_notes, queue) for queue in queues)
            # Music first; a picture takes its time, and an output that hangs may take it all.
            ordered = sorted(queues, key=lambda queue: (queue.stuck, queue in screens))
            self._beside = CLOSE_BESIDE_SECONDS
            closing: list[Callable[[], None]] = [partial(self._close, queue) for queue in ordered]
            closing += [
                partial(self._call, str(one), one.close, (), CLOSE_SECONDS) for one in self._inputs
            ]
            self._work_off(closing)

    def panic(self) -> None:
        """Silence all outputs, whatever thread is in them; a take records when."""
        for queue in self._delivery.queues:
            try:
                queue.output.panic()
            except Exception as error:
                where = location_of(error)
                warn_once(f"{queue.output} raised {describe(error)} ({where}) in a panic")
        with self._loudness.exclusive():
            seconds = self._clock.seconds()
            self.silence(seconds)
        self._parameters.publish(NotesSilenced(seconds))

    def silence(self, seconds: float) -> None:
        """End everything that sounds at `seconds`, and is heard to, unless it was sent ahead.

        What has been sent ahead of its time is silenced by the output itself.
        """
        beats = self._clock.beats_at(seconds) + PANIC_BEATS
        for queue in self._delivery.untimed:
            queue.silence(beats)
        self._loudness.silence(beats)

    def help(self) -> None:
        """Go on with the others in a new thread where one output takes too long to end."""
        call = self._watchdog.calls.get(self._watchdog.main)
        if not self._jobs or call is None or call.duration() < self._beside:
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

    def _end_notes(self, queue: EventQueue) -> None:
        entered = queue.enter()
        beats = self._clock.beats_at(min(self._clock.seconds(), self.seconds))
        for event in queue.end():
            # A timed output may have been sent a note that is yet to start.
            now = self._clock.moment(beats=max(beats, event.beats), span=0.0)
            if entered:
                end = queue.output.note_off
                self._call(str(queue.output), end, (event.note, now), NOTE_SECONDS)
        if entered:
            queue.leave()

    def _close(self, queue: EventQueue) -> None:
        # Where a thread hangs in an output, to close it is the last thing that may help.
        entered = queue.enter()
        patience = CLOSE_SECONDS if self._clock.live else OFFLINE_CLOSE_SECONDS
        self._call(str(queue.output), queue.output.close, (), patience)
        if entered:
            queue.leave()

    def _call(
        self, who: str, function: Callable[..., Any], arguments: tuple[Any, ...], timeout: float
    ) -> None:
        try:
            with self._watchdog.call(who, stop_after=2, timeout=timeout):
                function(*arguments)
        except BaseException as error:
            trouble, where = error, location_of(error)
            if isinstance(error, KeyboardInterrupt):
                trouble = ShowError(f"{who} was abandoned before it had ended")
            if self.trouble is None and not self._quiet:
                if isinstance(error, SystemExit):
                    trouble = ShowError(f"{who} called exit() while it was ended")
                self.trouble = trouble
            elif trouble is error:
                warn_once(
                    f"{who} raised {describe(error)} ({where}) while it was ended", f"{who} {where}"
                )
            else:
                warn_once(str(trouble))
