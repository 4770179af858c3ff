"""One process of an isolated part: begun, asked, and ended with all that it has begun."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import sandbox
from .wire import SharedMemory, WireError, receive, send

START_SECONDS = 30.0  # for the first call of a process, which loads libraries and models
END_SECONDS = 0.5  # for the worker's parent to end what the worker has begun
PROCESSES = 64  # that it may begin
START = (
    "import json, sys; facts = json.loads(sys.argv[1]); "
    "sys.path[:] = facts['path'] or sys.path; "
    "sys.path += [one for one in facts['beside'] if one not in sys.path]; "
    "from capriccio_isolation.worker import main; main(facts)"
)


class WorkerError(RuntimeError):
    """The process ended, took too long, or answered what is no answer."""


class ChildProcess:
    """One process of a part.

    Args:
        part: `role`, `part`, `entry` and `where`, as `worker.main` takes them.
        options: those of the part.
        python: the interpreter; with another one than ours, our packages come after its own.
        folder: where it may write; None is a folder that ends with it.
        rights: `megabytes`, `network` and `write`, as `sandbox.main` takes them.
    """

    def __init__(
        self,
        part: Mapping[str, str],
        options: Mapping[str, Any],
        python: str,
        folder: Path | None,
        rights: Mapping[str, Any],
    ):
        self.options = dict(options)
        self.fresh = True  # it has never answered
        self.free: list[str] = []  # rights that could not be taken from it
        self._is_ready = False
        self._own_folder: tempfile.TemporaryDirectory[str] | None = None
        if folder is None:
            self._own_folder = tempfile.TemporaryDirectory(
                prefix="capriccio-", ignore_cleanup_errors=True
            )
            folder = Path(self._own_folder.name)
        folder.mkdir(parents=True, exist_ok=True)
        self.memory = SharedMemory.create()
        paths = [path for path in sys.path if path]
        facts = {
            **part,
            "options": {name: _plain(value) for name, value in options.items()},
            "memory": str(self.memory.path),
            "path": paths if python == sys.executable else [],
            "beside": paths,
        }
        places = {"folder": str(folder), "memory": str(self.memory.path), "processes": PROCESSES}
        start = [sys.executable, "-I", "-S", sandbox.__file__, json.dumps({**rights, **places})]
        self._process = subprocess.Popen(
            [*start, python, "-I", "-c", START, json.dumps(facts)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
            env={**os.environ, "TMPDIR": str(folder), "XDG_CACHE_HOME": str(folder / "cache")},
        )
        self.pid = self._process.pid

    def ask(self, call: dict[str, Any], seconds: float) -> Any:
        """Return the answer to a call.

        Args:
            call: what to ask, as `worker.main` takes it.
            seconds: how long to wait for it, the start of the process included.

        Raises:
            WorkerError: the process fails.
            RuntimeError: the part raised this.
        """
        assert self._process.stdin and self._process.stdout
        end = time.monotonic() + seconds
        try:
            if not self._is_ready:
                ready = receive(self._process.stdout, self.memory, seconds)
                self.memory.forget()
                self.free, self._is_ready = list(ready.get("free", ())), True
            send(self._process.stdin, self.memory, call)
            answer = receive(self._process.stdout, self.memory, end - time.monotonic())
        except TimeoutError:
            raise WorkerError("its process took too long") from None
        except (OSError, EOFError):
            raise WorkerError(f"its process ended{self._how()}") from None
        except WireError as error:
            raise WorkerError(f"its process answered no answer: {error}") from None
        self.fresh = False
        if "error" in answer:
            raise RuntimeError(str(answer["error"]))
        return answer.get("result")

    def kill(self) -> None:
        """End the process with all that it has begun; who asks it meets the end of its answers."""
        if sys.platform == "linux":  # its parent ends what has left its session, too
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(END_SECONDS)
        with suppress(OSError):
            if os.name == "posix":
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """End the process, and release what it was spoken to through; nothing the second time."""
        assert self._process.stdin and self._process.stdout
        if self._process.stdout.closed:
            return
        with suppress(OSError):
            self._process.stdin.close()
        self.kill()
        self._process.stdout.close()
        self.memory.close()
        if self._own_folder is not None:
            self._own_folder.cleanup()

    def _how(self) -> str:
        """Return how the process ended, for the end of a sentence."""
        with suppress(subprocess.TimeoutExpired):
            code = self._process.wait(1.0)
            if code == sandbox.TOO_MANY:
                return f", for it had begun more than {PROCESSES}"
            number = -code if code < 0 else code - 128
            with suppress(ValueError):
                return f" with {signal.Signals(number).name}"
            return f" with {code}"
        return ""


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value
