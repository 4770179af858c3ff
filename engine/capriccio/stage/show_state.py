"""What all helpers of one stage share: its clock, how far the show is, its threads, its calls."""

import math
import os
import threading
from collections.abc import Callable
from typing import Any

from ..clock import OfflineClock
from ..errors import ShowError
from ..tempo import ROUNDING_BEATS
from .watchdog import Watchdog, WatchedCall


class ShowState:
    """The state of one performance while it lasts.

    Attributes:
        started: the clock of a live show runs; from then on errors are logged, not raised.
        forgives_cues: an error in a cue is logged offline as well, as in the replay of a take.
        until: the seconds at which the show ends, where that is known; nothing starts at it.
        stopping: set when the show ends.
        threads: those that were started and have not ended.
    """

    def __init__(self, clock: OfflineClock, watchdog: Watchdog):
        self.clock, self.watchdog = clock, watchdog
        self.started = self.forgives_cues = False
        self.until = math.inf
        self.stopping = threading.Event()
        self.threads: list[threading.Thread] = []

    @property
    def under_way(self) -> bool:
        """Whether the clock has started and the end has not come."""
        return self.started and not self.stopping.is_set()

    def horizon(self, seconds: float) -> float:
        """Return the beats up to which things are due by `seconds`, the end excluded."""
        beats = self.clock.beats_at(seconds)
        # Where the show stands still, what falls on that very beat is yet to come.
        beats += -ROUNDING_BEATS if self.clock.tempo.stands_at(seconds) else ROUNDING_BEATS
        if seconds > self.until - 1.0:  # long before the end it need not be looked at
            return min(beats, self.clock.beats_at(self.until) - ROUNDING_BEATS)
        return beats

    def start_thread(
        self, name: str, function: Callable[..., None], *arguments: Any
    ) -> threading.Thread:
        """Run a function in a daemon thread of the show, and return the thread."""
        thread = threading.Thread(target=function, args=arguments, name=name, daemon=True)
        thread.start()  # before it is known: the end of the show joins what is known
        self.threads = [one for one in self.threads if one.is_alive()] + [thread]
        return thread

    def attempt(
        self,
        call: WatchedCall,
        function: Callable[..., Any],
        *arguments: Any,
        cue: Callable[..., Any] | None = None,
    ) -> Any:
        """Call a cue or an output; raise its errors offline and before the first beat.

        Afterwards they are logged, with the last line within the file of `cue`.

        Returns:
            What the function returns; None where it raised.
        """
        process = os.getpid()
        try:
            with call:
                return function(*arguments)
        except BaseException as error:  # SystemExit included: no part may end the show
            ordered = isinstance(error, KeyboardInterrupt) and self.watchdog.stop_requests
            if ordered and threading.get_ident() == self.watchdog.main:
                raise
            trouble: BaseException = error
            if isinstance(error, SystemExit) and not self.started:
                trouble = ShowError(f"{call.who} called exit(); return instead")
            if not (
                self.started or (self.forgives_cues and cue and isinstance(trouble, Exception))
            ):
                if trouble is not error:
                    raise trouble from error
                raise
            call.warn(trouble, cue)
        finally:
            end_fork(process)
        return None


def end_fork(process: int) -> None:
    """End this process at once if it is a fork of `process`, made by a part that came back.

    It would go on with the show as well, and end notes and files that are not its own.
    """
    if os.getpid() != process:
        os._exit(0)
