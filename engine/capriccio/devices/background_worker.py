"""A thread that does the slow half of an output's work, so that the show need not wait for it."""

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class BackgroundWorker(Generic[T]):
    """Calls `work(item)` for every submitted item, in order, in a thread of its own.

    The first error of `work` is raised by every later `submit`, or by `finish` where there was
    none. Nothing is worked on after it.
    """

    def __init__(self, work: Callable[[T], None], depth: int):
        self._work = work
        self._items: queue.Queue[T | None] = queue.Queue(depth)
        self._error: Exception | None = None
        self._raised = False
        # A daemon, so that an interpreter that ends without `finish` is not kept waiting.
        self._thread = threading.Thread(target=self._run, name="background worker", daemon=True)
        self._thread.start()

    def submit(self, item: T, *, wait: bool) -> bool:
        """Queue `item` and return whether it was; without `wait` a full queue refuses it."""
        if self._error:
            self._raised = True
            raise self._error
        try:
            self._items.put(item, block=wait)
        except queue.Full:
            return False
        return True

    def finish(self) -> bool:
        """Wait until everything is done; return whether all of it succeeded."""
        self._items.put(None)
        self._thread.join()
        if self._error and not self._raised:
            raise self._error
        return self._error is None

    def _run(self) -> None:
        while (item := self._items.get()) is not None:
            # After an error items are only removed, so that no thread waits at a full queue.
            if self._error is None:
                try:
                    self._work(item)
                except Exception as error:
                    self._error = error
