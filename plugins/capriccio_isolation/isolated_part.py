"""What isolated parts of both roles share: a worker, and the last result while it is replaced."""

import os
import threading
from collections.abc import Callable, Mapping
from copy import copy
from typing import Any, ClassVar

from capriccio import PartError, current_performance

from .environments import Environment
from .worker_process import WorkerError, WorkerProcess


class IsolatedPart:
    """Asks a worker, and has the last result stand while the worker is replaced.

    Whatever the worker does, the show goes on: it is ended with all that it has begun when it
    crashes, hangs, takes too much memory or answers nonsense, and started again. In a live show
    that happens beside the frames; offline the next call waits for it.
    """

    worker: WorkerProcess
    environment: ClassVar[Environment | None] = None  # of its own, that it was installed into

    def open_worker(
        self, role: str, part: str, options: Mapping[str, Any], where: str = "", **limits: Any
    ) -> None:
        """Prepare a worker for a part; it is started by the first call.

        Args:
            role: "generator" or "analyzer".
            part: its name.
            options: those of the part.
            where: its class, as an entry point would name it, where that is known.
            limits: as `WorkerProcess` takes them.
        """
        if os.name != "posix":
            raise PartError("parts can be isolated on Linux and macOS only")
        facts = {"role": role, "part": part, "entry": "", "where": where}
        if self.environment is not None:
            facts["entry"] = self.environment.entry
            limits = {**self.environment.limits(), **limits}
        self.worker = WorkerProcess(f"isolated {role} {part!r}", facts, dict(options), **limits)
        self._result: Any = None
        self._turn = threading.Lock()
        self._revival: threading.Thread | None = None

    @property
    def failures(self) -> int:
        """How often the worker was replaced."""
        return self.worker.failures

    def call(self, call: dict[str, Any], convert: Callable[[Any], Any] = lambda it: it) -> Any:
        """Return the answer to a call, or the last one where the worker has failed.

        Raises:
            WorkerError: it has failed, and never answered before.
            RuntimeError: the part raised this.
        """
        with self._turn:
            if self._revival is not None and self._revival.is_alive():
                return copy(self._result)
            performance = current_performance.get()
            live = performance is not None and performance.clock.live
            if live and self._result is not None and not self.worker.running:
                if self.worker.may_start:
                    self._revival = threading.Thread(
                        target=self._revive, args=(call, convert), name="isolated", daemon=True
                    )
                    self._revival.start()
                return copy(self._result)
            try:
                self._result = convert(self.worker.ask(call))
                return self._result
            except WorkerError as error:
                self.worker.replace(error)
                if self._result is None:
                    raise
            return copy(self._result)  # a sketch may change what it is given

    def tell(self, method: str, *arguments: Any) -> None:
        """Call a method of the part that returns nothing."""
        with self._turn:
            self._wait()
            self.worker.ask({"call": method, "arguments": list(arguments)})

    def facts(self) -> dict[str, Any]:
        """Return what the part says of itself, once it is built."""
        with self._turn:
            self._wait()
            try:
                facts: dict[str, Any] = self.worker.ask({"call": "facts"})
            except WorkerError as error:
                self.worker.replace(error)
                facts = {"unused": [], "instruments": {}}
            return facts

    def close(self) -> None:
        """End the process."""
        if hasattr(self, "worker"):
            with self._turn:
                self._wait()
                self.worker.end()

    def _revive(self, call: dict[str, Any], convert: Callable[[Any], Any]) -> None:
        """Start a new worker, and have it answer once: then it has loaded what it needs."""
        try:
            self._result = convert(self.worker.ask(call))
        except WorkerError as error:
            self.worker.replace(error)
        except RuntimeError:
            pass  # an error of the part, which the next call meets as well

    def _wait(self) -> None:
        if self._revival is not None:
            self._revival.join()
            self._revival = None


def place_of(kind: type) -> str:
    """Return where a class is, as an entry point would name it."""
    return f"{kind.__module__}:{kind.__qualname__}"
