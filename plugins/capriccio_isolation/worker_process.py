"""A worker as the show sees it: started, asked, and replaced where it fails."""

import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .child_process import START_SECONDS, ChildProcess, WorkerError

CALL_SECONDS = 1.0  # for a call, after which the worker is replaced
# Time that a spare has to start: a multiple of the slowest start so far, and a least of seconds.
SPARE_TIMES, SPARE_SECONDS = 4, 5.0
FIRST_PAUSE, MAX_PAUSE = 0.1, 4.0  # seconds before a worker that failed at once is started again
MEGABYTES = 4096  # of memory that each of its processes may have
RIGHTS = {"network": "reach the network", "files": "write files outside its folder"}

log = logging.getLogger("capriccio")


@dataclass
class WorkerProcess:
    """The process of one part: the newest, where earlier ones have failed.

    Beside it there may be a spare: one that has loaded the part and answered a call, and takes
    over at once where the other one fails.

    Args:
        title: what messages call the part.
        part: `role`, `part`, `entry` and `where`, as `worker.main` takes them.
        options: those of the part.
        python: the interpreter; with another one than ours, our packages come after its own.
        folder: where it may write; None is a folder that ends with it.
        seconds: that a call may take.
        megabytes: of memory that each of its processes may have.
        network: whether it may reach the network.
        write: whether it may write anywhere.
        spare: whether a live show keeps a spare, which takes as much memory as the worker.
    """

    title: str
    part: dict[str, str]
    options: dict[str, Any]
    python: str = sys.executable
    folder: Path | None = None
    seconds: float = CALL_SECONDS
    megabytes: int = MEGABYTES
    network: bool = False
    write: bool = False
    spare: bool = True
    failures: int = 0
    failed_at: float = 0.0  # on `time.monotonic()`, the last time
    told: set[str] = field(default_factory=set)  # which rights could not be taken

    def __post_init__(self) -> None:
        self._child: ChildProcess | None = None
        self._untried = True  # it has answered no call of the show
        self._slowest = 0.0  # seconds that a start has taken, with the first answer
        self._pause, self._not_before = 0.0, 0.0
        self._spare: ChildProcess | None = None
        self._coming: ChildProcess | None = None  # a spare that has not answered yet
        self._starting: threading.Thread | None = None  # which starts it
        self._start = object()  # the newest start; what an older one brings is ended
        self._lock = threading.Lock()  # over the spare, and the count of failures

    def ask(self, call: dict[str, Any], seconds: float | None = None) -> Any:
        """Return the worker's answer to a call, from a new one where there is none.

        Args:
            call: what to ask, as `worker.main` takes it.
            seconds: that it may take where the process has answered before; None is `seconds`.

        Raises:
            WorkerError: there is no worker now, or it fails.
            RuntimeError: the part raised this.
        """
        if self._child is None:
            if not self.may_start:
                raise WorkerError("its process is not started again yet")
            self._child, self._untried = self._new_child(), True
        seconds = self.seconds if seconds is None else seconds
        try:
            if self._child.fresh:
                result = self._first_answer(self._child, call, START_SECONDS)
            else:
                result = self._child.ask(call, seconds)
        except RuntimeError as error:
            if not isinstance(error, WorkerError):
                self._untried = False
            raise
        finally:
            self._tell_rights(self._child)
        self._untried, self._pause = False, 0.0
        return result

    def replace(self, why: object = "it failed") -> None:
        """End a worker that has failed, and say so; nothing happens where there is none."""
        child, self._child = self._child, None
        if child is not None:
            child.end()
            self._count(why)

    def take_spare(self) -> bool:
        """Let the spare answer from now on; return whether there was one."""
        with self._lock:
            spare, self._spare = self._spare, None
        if spare is None:
            return False
        if spare.options != self.options:  # of a time before the part was given another seed
            spare.end()
            return False
        self._child, self._untried = spare, True
        return True

    def start_spare(self, call: Callable[[], dict[str, Any]]) -> None:
        """Start a spare in a thread, unless there is one; it answers what `call` returns."""
        with self._lock:
            alive = self._starting is not None and self._starting.is_alive()
            if alive or self._spare is not None or not self.may_start:
                return
            self._starting = threading.Thread(
                target=self._begin_spare, args=(call(), self._start), name="isolated", daemon=True
            )
            self._starting.start()

    def wait_for_spare(self) -> None:
        """Wait until the spare that is being started has answered, or failed."""
        if self._starting is not None:
            self._starting.join()

    @property
    def running(self) -> bool:
        """Whether there is a process that has not failed."""
        return self._child is not None

    @property
    def has_spare(self) -> bool:
        """Whether there is a spare that has answered."""
        return self._spare is not None

    @property
    def pid(self) -> int:
        """Of the process that answers, or its parent; 0 where there is none."""
        return self._child.pid if self._child else 0

    @property
    def may_start(self) -> bool:
        """Whether the pause after a failure is over."""
        return time.monotonic() >= self._not_before

    def end(self) -> None:
        """End the process with all that it has begun, and the spare."""
        with self._lock:
            self._start = object()
            spare, self._spare = self._spare, None
            if self._coming is not None:
                self._coming.kill()
        child, self._child = self._child, None
        for one in (child, spare):
            if one is not None:
                one.end()
        self.wait_for_spare()

    def _begin_spare(self, call: dict[str, Any], start: object) -> None:
        child = self._new_child()
        with self._lock:
            if start is self._start:
                self._coming = child
        try:
            if self._coming is child:
                # One that is stuck, on a machine that is busy, must not hold up the next one.
                patience = max(SPARE_SECONDS, SPARE_TIMES * self._slowest)
                self._first_answer(child, call, min(START_SECONDS, patience))
        except WorkerError as error:
            if start is not self._start:
                pass  # it was ended
            elif self.running:
                self.spare = False
                log.warning("%s: it has no spare: %s", self.title, error)
            else:
                self._untried = True
                self._count(error)
        except RuntimeError as error:  # of the part: the next call meets it as well
            if call["call"] == "start" and start is self._start:
                child.fresh = self._untried = True  # a device that does not start is of no use
                self._count(error)
        with self._lock:
            self._coming = None
            if start is self._start and not child.fresh:
                self._spare = child
                return
        child.end()

    def _first_answer(self, child: ChildProcess, call: dict[str, Any], seconds: float) -> Any:
        begun = time.monotonic()
        try:
            return child.ask(call, seconds)
        finally:
            if not child.fresh:
                self._slowest = max(self._slowest, time.monotonic() - begun)

    def _new_child(self) -> ChildProcess:
        rights = {"network": self.network, "write": self.write, "megabytes": self.megabytes}
        return ChildProcess(self.part, self.options, self.python, self.folder, rights)

    def _count(self, why: object) -> None:
        with self._lock:
            self.failures += 1
            self.failed_at = time.monotonic()
            log.warning("%s: %s; it is replaced (%d so far)", self.title, why, self.failures)
            if self._untried:  # another one may fail at once again
                self._pause = min(2 * self._pause + FIRST_PAUSE, MAX_PAUSE)
            self._not_before = self.failed_at + self._pause

    def _tell_rights(self, child: ChildProcess) -> None:
        for right in set(child.free) - self.told:
            self.told.add(right)
            log.warning(
                "%s can %s: this system cannot take that from it", self.title, RIGHTS[right]
            )
