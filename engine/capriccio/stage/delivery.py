"""Passes notes and pictures on to outputs when they are due, each in its own time."""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from ..clock import Moment, raise_priority
from ..parts import Output
from .event_queue import EventQueue, apply_delays
from .show_state import ShowState
from .watchdog import WatchedCall

# Events reach timed outputs this long before they are due, in seconds: more than the longest time
# for which a frame is likely to hold the interpreter.
SEND_SECONDS = 0.25
# How often the sending threads look for new events, in seconds; well below SEND_SECONDS.
TICK_SECONDS = 0.02
# Sending threads go before others, where the system lets them; they do next to nothing.
SENDER_NICE = -15


class Delivery:
    """The outputs of one show, each with its queue."""

    def __init__(self, outputs: Iterable[Output], show: ShowState):
        self.queues = [EventQueue(output) for output in outputs]
        self.timed = [queue for queue in self.queues if queue.output.timed]
        self.untimed = [queue for queue in self.queues if not queue.output.timed]
        self.screens = [queue for queue in self.queues if queue.shows]
        self.early = apply_delays(self.queues, show.clock.live)
        self._show = show

    @property
    def closed(self) -> bool:
        """Whether an output asks for the end of the show."""
        return any(queue.output.closed for queue in self.queues)

    def call(self, queue: EventQueue) -> WatchedCall:
        """Return the watched call for the output of a queue."""
        return self._show.watchdog.call(queue.label, "the show goes on", stop_after=2)

    def sound(self, queue: EventQueue, horizon: float, wait: bool = True) -> None:
        """Send the output of `queue` every event that is due by `horizon` beats."""
        if queue.next_beats() > horizon or not queue.enter(wait):
            return
        attempt, clock = self._show.attempt, self._show.clock
        try:
            for event in queue.due(horizon):
                now = clock.moment(beats=event.beats, span=0.0)
                if queue.delay:
                    now = replace(now, seconds=now.seconds + queue.delay)
                method = queue.output.note_on if event.begins else queue.output.note_off
                attempt(self.call(queue), method, event.note, now)
            if queue.wants_progress:
                now = clock.moment(beats=horizon, span=0.0)
                attempt(self.call(queue), queue.output.sent_until, now)
        finally:
            queue.leave()

    def sound_all(self, horizon: float) -> None:
        """Send all outputs every event that is due by `horizon` beats."""
        for queue in self.queues:
            if queue.next_beats() <= horizon:
                self.sound(queue, horizon)

    def sound_timed(self) -> None:
        """Send the timed outputs what is due by now, without waiting for the next look."""
        for queue in self.timed:
            self.sound(queue, self._show.horizon(self._show.clock.seconds()))

    def start_sending(self) -> None:
        """Send events ahead of time to each timed output, in a thread of its own."""
        for queue in self.timed:
            self._show.start_thread("sender", self._send_ahead, queue)

    def _send_ahead(self, queue: EventQueue) -> None:
        show = self._show
        raise_priority(SENDER_NICE)
        while not show.stopping.wait(TICK_SECONDS):
            seconds = show.clock.seconds() + SEND_SECONDS - queue.delay
            self.sound(queue, show.horizon(seconds))
            if queue.wants_progress and queue.enter():
                try:
                    now = show.clock.moment(seconds=min(seconds, show.until), span=0.0)
                    show.attempt(self.call(queue), queue.output.sent_until, now)
                finally:
                    queue.leave()

    def show(self, image: np.ndarray[Any, Any], now: Moment) -> None:
        """Show the image of a frame at all outputs, at once or as late as they are."""
        for queue in self.screens:
            if queue.delay > 0:
                queue.delayed.append((now.seconds + queue.delay, image, now))
            else:
                self._show_at(queue, image, now)

    def show_delayed(self, seconds: float) -> list[float]:
        """Show the delayed pictures that are due; return when the next of each output is."""
        return [self._show_newest(queue, seconds) for queue in self.screens if queue.delayed]

    def _show_newest(self, queue: EventQueue, seconds: float) -> float:
        due = None
        while queue.delayed and queue.delayed[0][0] <= seconds:
            _, *due = queue.delayed.popleft()
        if due:
            self._show_at(queue, *due)
        return queue.delayed[0][0] if queue.delayed else math.inf

    def _show_at(self, queue: EventQueue, image: np.ndarray[Any, Any], now: Moment) -> None:
        if queue.enter():
            try:
                self._show.attempt(self.call(queue), queue.output.show, image, now)
            finally:
                queue.leave()
