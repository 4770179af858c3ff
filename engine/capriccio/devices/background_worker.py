"""A thread that does the slow half of an output's work, so that the show need not wait for it."""

import queue
import threading
from collections.abc import Callable


class BackgroundWorker:
    """Call `work(thing)` for everything handed over, in order, in a thread of its own.

    The first thing that `work` raises is raised again from every later `hand`, or from `finish`
    where there was none; nothing more is worked on.
    """

    def __init__(self, work: Callable, depth: int):
        self._work = work
        self._things: queue.Queue = queue.Queue(depth)
        self._trouble: Exception | None = None
        self._told = False
        # A daemon, so that an interpreter that ends without `finish` is not kept waiting.
        self._thread = threading.Thread(target=self._run, name="behind", daemon=True)
        self._thread.start()

    def hand(self, thing, *, wait: bool) -> bool:
        """Hand `thing` over; say whether it was taken: without `wait` it is not where many wait."""
        if self._trouble:
            self._told = True
            raise self._trouble
        try:
            self._things.put(thing, block=wait)
        except queue.Full:
            return False
        return True

    def finish(self) -> bool:
        """Wait until all is done and say whether it is; raise trouble that was not raised yet."""
        self._things.put(None)
        self._thread.join()
        if self._trouble and not self._told:
            raise self._trouble
        return self._trouble is None

    def _run(self) -> None:
        while (thing := self._things.get()) is not None:
            # After the first trouble things are only taken, so that nobody waits at a full queue.
            if self._trouble is None:
                try:
                    self._work(thing)
                except Exception as error:
                    self._trouble = error
