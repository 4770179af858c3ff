"""A worker as the show sees it: started, asked, and replaced where it fails."""

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import sandbox
from .wire import SharedMemory, WireError, receive, send

CALL_SECONDS = 1.0  # for a call, after which the worker is replaced
START_SECONDS = 30.0  # for the first call of a worker, which loads libraries and models
END_SECONDS = 0.5  # for the worker's parent to end what the worker has begun
FIRST_PAUSE, MAX_PAUSE = 0.1, 4.0  # seconds before a worker that failed at once is started again
MEGABYTES = 4096  # of memory that each of its processes may have
PROCESSES = 64  # that it may begin
START = (
    "import json, sys; facts = json.loads(sys.argv[1]); "
    "sys.path[:] = facts['path'] or sys.path; "
    "sys.path += [one for one in facts['beside'] if one not in sys.path]; "
    "from capriccio_isolation.worker import main; main(facts)"
)
RIGHTS = {"network": "reach the network", "files": "write files outside its folder"}

log = logging.getLogger("capriccio")


class WorkerError(RuntimeError):
    """The worker ended, took too long, or answered what is no answer."""


@dataclass
class WorkerProcess:
    """The process of one part: the newest, where earlier ones have failed.

    Args:
        title: what messages call the part.
        part: `role`, `part` and `entry`, as `worker.main` takes them.
        options: those of the part.
        python: the interpreter; with another one than ours, our packages come after its own.
        folder: where it may write; None is a folder that ends with it.
        seconds: that a call may take.
        megabytes: of memory that each of its processes may have.
        network: whether it may reach the network.
        write: whether it may write anywhere.
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
    failures: int = 0
    pid: int = 0  # of the process that answers, or its parent
    told: set[str] = field(default_factory=set)  # which rights could not be taken

    def __post_init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._memory: SharedMemory | None = None
        self._own_folder: tempfile.TemporaryDirectory[str] | None = None
        self._fresh, self._pause, self._not_before = True, 0.0, 0.0

    def ask(self, call: dict[str, Any]) -> Any:
        """Return the worker's answer to a call, from a new one where there is none.

        Raises:
            WorkerError: there is no worker now, or it fails.
            RuntimeError: the part raised this.
        """
        try:
            process, memory = self._running()
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

    def replace(self, why: object = "it failed") -> None:
        """End a worker that has failed, and say so; nothing happens where there is none."""
        if self._process is None:
            return
        self.end()
        self.failures += 1
        log.warning("%s: %s; it is replaced (%d so far)", self.title, why, self.failures)
        if self._fresh:  # it has never answered: it may fail at once again
            self._pause = min(2 * self._pause + FIRST_PAUSE, MAX_PAUSE)
        self._not_before = time.monotonic() + self._pause

    @property
    def running(self) -> bool:
        """Whether there is a process that has not failed."""
        return self._process is not None

    @property
    def may_start(self) -> bool:
        """Whether the pause after a failure is over."""
        return time.monotonic() >= self._not_before

    def end(self) -> None:
        """End the process with all that it has begun."""
        process, memory = self._process, self._memory
        self._process = self._memory = None
        if process is None or memory is None:
            return
        assert process.stdin and process.stdout
        with suppress(OSError):
            process.stdin.close()
        if sys.platform == "linux":  # its parent ends what has left its session, too
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_SECONDS)
        with suppress(OSError):
            if os.name == "posix":
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
        process.stdout.close()
        memory.close()
        if self._own_folder is not None:
            self._own_folder.cleanup()
            self._own_folder = None

    def _running(self) -> tuple["subprocess.Popen[bytes]", SharedMemory]:
        if self._process is not None and self._memory is not None:
            return self._process, self._memory
        if not self.may_start:
            raise WorkerError("its process is not started again yet")
        folder = self.folder
        if folder is None:
            self._own_folder = tempfile.TemporaryDirectory(
                prefix="capriccio-", ignore_cleanup_errors=True
            )
            folder = Path(self._own_folder.name)
        folder.mkdir(parents=True, exist_ok=True)
        self._memory = SharedMemory.create()
        own = self.python == sys.executable
        paths = [path for path in sys.path if path]
        facts = {
            **self.part,
            "options": {name: _plain(value) for name, value in self.options.items()},
            "memory": str(self._memory.path),
            "path": paths if own else [],
            "beside": paths,
        }
        rights = {
            "network": self.network,
            "write": self.write,
            "folder": str(folder),
            "memory": str(self._memory.path),
            "megabytes": self.megabytes,
            "processes": PROCESSES,
        }
        start = [sys.executable, "-I", "-S", sandbox.__file__, json.dumps(rights)]
        self._process = subprocess.Popen(
            [*start, self.python, "-I", "-c", START, json.dumps(facts)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
            env={**os.environ, "TMPDIR": str(folder), "XDG_CACHE_HOME": str(folder / "cache")},
        )
        self.pid = self._process.pid
        self._fresh = True
        assert self._process.stdout
        ready = receive(self._process.stdout, self._memory, START_SECONDS)
        self._memory.forget()
        for right in set(ready.get("free", ())) - self.told:
            self.told.add(right)
            log.warning(
                "%s can %s: this system cannot take that from it", self.title, RIGHTS[right]
            )
        return self._process, self._memory

    def _how(self) -> str:
        """Return how the process ended, for the end of a sentence."""
        with suppress(subprocess.TimeoutExpired, AttributeError):
            code = self._process.wait(1.0)  # type: ignore[union-attr]
            if code == sandbox.TOO_MANY:
                return f", for it had begun more than {PROCESSES}"
            number = -code if code < 0 else code - 128
            with suppress(ValueError):
                return f" with {signal.Signals(number).name}"
            return f" with {code}"
        return ""


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value
