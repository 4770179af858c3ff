"""The part `isolated`: another generator, in a process of its own that may fail."""

import inspect
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from copy import copy
from typing import Any

from capriccio import Generator, Moment, PartError, generator_class

from .wire import SharedMemory, WireError, receive, send

CALL_SECONDS = 1.0  # for a call, after which the worker is replaced
START_SECONDS = 30.0  # for the first call of a worker, which loads libraries and models
FIRST_PAUSE, MAX_PAUSE = 0.1, 4.0  # seconds before a worker that failed at once is started again
MEGABYTES = 4096  # of memory that a worker may have


log = logging.getLogger("capriccio")


class WorkerError(RuntimeError):
    """The worker ended, took too long, or answered what is no answer."""


class Isolated(Generator):
    """Play another generator in a process of its own: `generator("isolated", part="tides")`.

    Whatever that process does, the show goes on: it is ended with all that it has begun when it
    crashes, hangs, takes too much memory or answers nonsense, and started again; meanwhile the
    last result stands. It has no network, where the system allows that to be taken.
    """

    name = "isolated"

    def __init__(
        self, *, part: str = "vae", seed: int = 0, seconds: float = CALL_SECONDS,
        megabytes: int = MEGABYTES, network: bool = False, **options: Any,
    ) -> None:  # fmt: skip
        """Run the generator called `part`.

        Args:
            part: the name of a generator that is installed.
            seed: that of the part, where it takes one.
            seconds: that a call may take.
            megabytes: of memory that the process may have.
            network: whether it may reach the network.
            options: those of the part.
        """
        self._process: subprocess.Popen[bytes] | None = None
        self._memory: SharedMemory | None = None
        if os.name != "posix":
            raise PartError("parts can be isolated on Linux and macOS only")
        if not part:
            raise PartError('expected the name of a generator, as in part="vae"')
        self._class = generator_class(part)
        if self._class.name == self.name:
            raise PartError("an isolated part cannot be isolated again")
        self.knobs = self._class.knobs  # type: ignore[misc]  # those of this one alone
        self.generate = self._declare()  # type: ignore[method-assign]
        self.part, self.seconds, self.network = part, float(seconds), bool(network)
        self.megabytes = int(megabytes)
        self._options = options
        self._seed = seed
        self.failures = 0  # how often a worker was replaced
        self._result: Any = None
        self._turn = threading.Lock()
        self._fresh, self._pause, self._not_before = True, 0.0, 0.0

    def __str__(self) -> str:
        return f"isolated generator {self.part!r}"

    @property
    def instruments(self) -> Any:
        """What suits the channels of the part."""
        return {int(key): name for key, name in self._facts()["instruments"].items()}

    @property
    def unused_knobs(self) -> frozenset[str]:
        """The knobs of the part that its model ignores."""
        return frozenset(self._facts()["unused"])

    def generate(self, now: Moment, **knobs: Any) -> Any:
        """Return what the part returns; each instance has the knobs of its part."""
        return self._play(now, knobs)

    def _declare(self) -> Callable[..., Any]:
        """Return `generate` with the knobs of the part, so that others are refused."""

        def generate(now: Moment, **knobs: Any) -> Any:
            return self._play(now, knobs)

        _, *rest = inspect.signature(self._class.generate).parameters.values()
        generate.__signature__ = inspect.Signature(rest)  # type: ignore[attr-defined]
        return generate

    def _play(self, now: Moment, knobs: dict[str, Any]) -> Any:
        """Return what the part returns, or the last result where its process has failed."""
        with self._turn:
            try:
                self._result = self._ask({"call": "play", "now": now, "knobs": knobs})
                return self._result
            except WorkerError as error:
                if self._replace():
                    log.warning("%s: %s; it is replaced (%d so far)", self, error, self.failures)
                if self._result is None:
                    raise
            return copy(self._result)  # a sketch may change what it is given

    def reset(self, seed: int = 0) -> None:
        """Start the part again from a seed."""
        self._seed = seed
        self._tell("reset", seed)

    def feed(self, notes: Any) -> None:
        """Let the part hear what a person has played."""
        self._tell("feed", notes)

    def warm_up(self) -> None:
        """Start the process, and load what the part needs."""
        self._tell("warm_up")

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._end()

    def _tell(self, method: str, *arguments: Any) -> None:
        with self._turn:
            if hasattr(self._class, method):
                self._ask({"call": method, "arguments": list(arguments)})

    def _facts(self) -> dict[str, Any]:
        with self._turn:
            try:
                facts: dict[str, Any] = self._ask({"call": "facts"})
            except WorkerError:
                self._replace()
                facts = {"unused": [], "instruments": {}}
            return facts

    def _ask(self, call: dict[str, Any]) -> Any:
        """Return the worker's answer to a call.

        Raises:
            WorkerError: there is no worker now, or it fails.
            RuntimeError: the part raised this.
        """
        try:
            process, memory = self._worker()
            assert process.stdin and process.stdout
            patience = START_SECONDS if self._fresh else self.seconds
            send(process.stdin, memory, call)
            answer = receive(process.stdout, memory, patience)
        except TimeoutError:
            raise WorkerError("its process took too long") from None
        except (OSError, EOFError):
            raise WorkerError(f"its process ended{self._how()}") from None
        except WireError as error:
            raise WorkerError(f"its process answered no answer: {error}") from None
        self._fresh, self._pause = False, 0.0
        if "error" in answer:
            raise RuntimeError(str(answer["error"]))
        return answer.get("result")

    def _worker(self) -> tuple["subprocess.Popen[bytes]", SharedMemory]:
        if self._process is not None and self._memory is not None:
            return self._process, self._memory
        if time.monotonic() < self._not_before:
            raise WorkerError("its process is not started again yet")
        self._memory = SharedMemory.create()
        options = dict(self._options)
        if "seed" in inspect.signature(self._class.__init__).parameters:
            options["seed"] = self._seed
        facts = {
            "part": self.part,
            "options": options,
            "memory": str(self._memory.path),
            "megabytes": self.megabytes,
            "network": self.network,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", f"{__package__}.worker", json.dumps(facts)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self._fresh = True
        assert self._process.stdout
        receive(self._process.stdout, self._memory, START_SECONDS)  # it is ready
        self._memory.forget()
        return self._process, self._memory

    def _replace(self) -> bool:
        """End a worker that has failed, and return whether there was one."""
        if self._process is None:
            return False
        self._end()
        self.failures += 1
        if self._fresh:  # it has never answered: it may fail at once again
            self._pause = min(2 * self._pause + FIRST_PAUSE, MAX_PAUSE)
        self._not_before = time.monotonic() + self._pause
        return True

    def _end(self) -> None:
        process, memory = self._process, self._memory
        self._process = self._memory = None
        assert process and memory and process.stdin and process.stdout
        with suppress(OSError):
            process.stdin.close()
        with suppress(OSError):
            if os.name == "posix":
                os.killpg(process.pid, signal.SIGKILL)  # with those that it has begun
        process.kill()
        process.wait()
        process.stdout.close()
        memory.close()

    def _how(self) -> str:
        """Return how the process ended, for the end of a sentence."""
        with suppress(subprocess.TimeoutExpired, AttributeError, ValueError):
            code = self._process.wait(1.0)  # type: ignore[union-attr]
            return f" with {signal.Signals(-code).name if code < 0 else code}"
        return ""
