"""Has other threads go on with the show where a part hangs, without calling that part."""

import threading

from .delivery import TICK_SECONDS, Delivery
from .scheduling import Scheduler
from .show_state import ShowState
from .watchdog import WatchedCall

# Where a cue hangs for this long, another thread sounds or composes in its place, in seconds.
HANG_SECONDS = 0.5


class Recovery:
    """Is asked twenty times a second, from the watchdog's thread, whether something hangs."""

    def __init__(self, show: ShowState, delivery: Delivery, scheduler: Scheduler):
        self._show, self._delivery, self._scheduler = show, delivery, scheduler
        self._substitute: threading.Thread | None = None

    def check(self) -> None:
        """Report what hangs, and have other threads go on with the rest."""
        show, watchdog = self._show, self._show.watchdog
        if not show.under_way:
            return
        watchdog.report_hanging()
        main = watchdog.calls.get(watchdog.main)
        substituted = self._substitute is not None and self._substitute.is_alive()
        if main and main.duration() > HANG_SECONDS and self._delivery.untimed and not substituted:
            self._substitute = show.start_thread("substitute", self._sound_instead, main)
        composing = watchdog.calls.get(self._scheduler.composing_thread)
        if composing and composing.duration() > HANG_SECONDS and len(self._scheduler.plays) > 1:
            self._scheduler.start_composing()

    def _sound_instead(self, call: WatchedCall) -> None:
        """Sound in the main thread's place, while it hangs in `call`."""
        show, watchdog = self._show, self._show.watchdog
        while watchdog.calls.get(watchdog.main) is call and show.under_way:
            for queue in self._delivery.untimed:
                now = show.clock.seconds() - queue.delay
                self._delivery.sound(queue, show.horizon(now), wait=False)
            show.stopping.wait(TICK_SECONDS)
