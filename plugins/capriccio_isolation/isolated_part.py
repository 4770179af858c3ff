"""What isolated parts of all roles share: a worker, and the last result while it is replaced."""

import os
import threading
import time
from collections.abc import Callable, Mapping
from copy import copy
from typing import Any, ClassVar

from capriccio import Gauge, PartError, Performance, current_performance

from .child_process import WorkerError
from .environments import Environment
from .worker_process import WorkerProcess

FAILED_SECONDS = 10.0  # for which the panel marks a failure
# What a sketch may say of the worker, as `WorkerProcess` explains, beside the part's own options.
LIMITS = {"seconds": float, "megabytes": int, "network": bool, "write": bool, "spare": bool}


class IsolatedPart:
    """Asks a worker, and has the last result stand while the worker is replaced.

    Whatever the worker does, the show goes on: it is ended with all that it has begun when it
    crashes, hangs, takes too much memory or answers nonsense, and replaced. A live show has a spare
    for that, which is started beside the frames; offline the next call waits for a new worker.
    """

    worker: WorkerProcess
    environment: ClassVar[Environment | None] = None  # of its own, that it was installed into

    def open_named(self, kind: Any, name: str, options: dict[str, Any]) -> None:
        """Prepare a worker for a part that is installed.

        Args:
            kind: its class.
            name: what it was asked for by, perhaps `plugin/name`.
            options: those of the part, and those of LIMITS.

        Raises:
            PartError: it is isolated already.
        """
        if kind.name == "isolated":
            raise PartError("an isolated part cannot be isolated again")
        limits = {one: convert(options.pop(one)) for one, convert in LIMITS.items()
                  if one in options}  # fmt: skip
        # One with an environment of its own, which is isolated anyway, is given other limits.
        self.environment = getattr(kind, "environment", None)  # type: ignore[misc]
        where = f"{kind.__module__}:{kind.__qualname__}"
        self.open_worker(kind.role, name, options, where, **limits)

    def open_worker(
        self, role: str, part: str, options: Mapping[str, Any], where: str = "", **limits: Any
    ) -> None:
        """Prepare a worker for a part; it is started by the first call.

        Args:
            role: "generator", "analyzer", "output", "input" or "instrument".
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
        self.close()  # that of a part which is built anew in place
        self.worker = WorkerProcess(f"isolated {role} {part!r}", facts, dict(options), **limits)
        self._result: Any = None
        self._last_call: dict[str, Any] = {}  # that was answered
        self._turn = threading.Lock()
        self._shown_by: Performance | None = None  # whose gauge says how often it was replaced

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
            live = self.is_live(current_performance.get())
            worker = self.worker
            if live and self._result is not None and not (worker.running or worker.take_spare()):
                worker.start_spare(lambda: self._last_call)
                return copy(self._result)
            try:
                self._result = convert(worker.ask(call))
            except WorkerError as error:
                worker.replace(error)
                if self._result is None:
                    raise
                return copy(self._result)  # a sketch may change what it is given
            self._last_call = call
            if live and worker.spare:
                worker.start_spare(lambda: call)
            return self._result

    def tell(self, method: str, *arguments: Any) -> None:
        """Call a method of the part that returns nothing."""
        with self._turn:
            self._get_worker()
            self.worker.ask({"call": method, "arguments": list(arguments)})

    def facts(self) -> dict[str, Any]:
        """Return what the part says of itself, once it is built."""
        with self._turn:
            self._get_worker()
            try:
                facts: dict[str, Any] = self.worker.ask({"call": "facts"})
            except WorkerError as error:
                self.worker.replace(error)
                facts = {"unused": [], "instruments": {}}
            return facts

    def is_live(self, performance: Performance | None) -> bool:
        """Return whether a performance is live; one that is has a gauge of the failures."""
        live = performance is not None and performance.clock.live
        if performance is not None and live and performance is not self._shown_by:
            self._shown_by = performance
            performance.parameters.add_gauge(
                Gauge(
                    performance.parameters.name_of(self, self.worker.title),
                    "How often its process failed, and was replaced",
                    lambda: f"replaced {self.failures} times",
                    lambda: time.monotonic() - self.worker.failed_at > FAILED_SECONDS,
                )
            )
        return live

    def close(self) -> None:
        """End the process."""
        if hasattr(self, "worker"):
            with self._turn:
                self.worker.end()

    def _get_worker(self) -> None:
        """Wait for a worker that is being started, where there is none."""
        if not self.worker.running:
            self.worker.wait_for_spare()
            self.worker.take_spare()
