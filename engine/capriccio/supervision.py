"""Runs a process beside the show, and starts it again where it ends or no longer answers."""

import json
import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from time import monotonic
from typing import IO, Any

from .errors import ShowError, describe
from .log import warn_once

# How often the process hears from the show, and the show looks at the process, in seconds.
BEAT_SECONDS = 0.25
# How long a process may report nothing until it is ready, in seconds.
START_SECONDS = 10.0
# How long a process may report nothing while it is stopped, as by SIGSTOP, whatever it has said.
STOPPED_SECONDS = 0.25
# The longest pause before a process is started again that ends before it is ready.
MAX_PAUSE_SECONDS = 4.0
# How long a process may take to end when it is told.
END_SECONDS = 3.0


class SupervisedProcess:
    """A process that plays for the show, such as one that times MIDI or makes sound.

    It reads what is written to it from standard input, and `beat` every quarter of a second: where
    it has heard nothing for two seconds, the show stands still, and it should fall silent. It ends
    when its input does, or when its parent is another one. On standard output it writes reports,
    one JSON object a line: `{"ready": …}` or `{"error": "why"}` when it has started; `{"alive":
    1.0}` four times a second, with the seconds for which it may then report nothing, or more
    before it does what takes longer; and whatever else it has to say.

    Where it ends though nobody told it to, or reports nothing for too long, it is ended for good,
    and another one is started. On a busy machine a process may have no processor for a second or
    two, so it should ask for more than that; an end is seen at once, and a stop within a second.

    Args:
        name: what messages call it.
        command: returns the command line; called again where it is started again.
        on_report: called with each other report, from a thread of its own.
        on_restart: called when another one has said that it is ready.
        beat: what it hears while the show goes on.
        environment: variables that it has beside those of the show.
    """

    def __init__(
        self,
        name: str,
        command: Callable[[], Sequence[str]],
        *,
        on_report: Callable[[dict[str, Any]], None],
        on_restart: Callable[[], None] = lambda: None,
        beat: bytes = b"\n",
        environment: Mapping[str, str] | None = None,
    ):
        self.name, self._command, self._beat = name, command, beat
        self._environment = {**os.environ, **(environment or {})}
        self._on_report, self._on_restart = on_report, on_restart
        self.restarts = 0
        self._begun, self._wake = threading.Event(), threading.Event()
        self._closing = self._ready = self._heard = self._accepted = False
        self._patience = START_SECONDS
        self._error = "it ended"
        self._process: subprocess.Popen[bytes] | None = None
        self._supervisor: threading.Thread | None = None

    @property
    def pid(self) -> int:
        """The number of the process that runs now."""
        assert self._process
        return self._process.pid

    def launch(self) -> None:
        """Start it, and do not wait: it gets ready meanwhile. `start` is called before it plays."""
        self._spawn()
        self._supervisor = threading.Thread(
            target=self._supervise, name=f"supervisor of {self.name}", daemon=True
        )
        self._supervisor.start()

    def start(self, seconds: float) -> None:
        """Start it, and wait until it is ready; raise ShowError where it is not in `seconds`."""
        if self._process is None:
            self.launch()
        if not self._begun.wait(seconds):
            self._error = f"nothing happened within {seconds:g} s"
        if error := self._error:  # which the process clears where it is ready too late
            self.close()
            raise ShowError(error)
        self._accepted = True

    def write(self, data: bytes) -> bool:
        """Write data to it as a whole, from any thread; return whether it was there.

        Not more than 4096 bytes, or what two threads write may be mixed.
        """
        with suppress(OSError, ValueError):  # a pipe that has ended, or another thread has closed
            if (process := self._process) and process.stdin:
                process.stdin.write(data)
                return True
        return False

    def close(self, farewell: bytes = b"") -> None:
        """Write `farewell`, which asks it to end, and wait until it has; then it is ended."""
        self._closing = True
        self._wake.set()
        if self._supervisor is not None:
            self._supervisor.join(END_SECONDS)
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin and process.stdout
        with suppress(OSError, ValueError):  # it may have ended already
            process.stdin.write(farewell)
        with suppress(OSError):
            process.stdin.close()
        for stop in (process.terminate, process.kill, None):
            try:
                process.wait(END_SECONDS)
                break
            except subprocess.TimeoutExpired:
                if stop:
                    stop()
        self._reader.join(END_SECONDS)
        process.stdout.close()

    def _spawn(self) -> None:
        # A signal to the show and its group leaves the process to end by itself.
        options: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            flags = subprocess.HIGH_PRIORITY_CLASS | subprocess.CREATE_NO_WINDOW
            options = {"creationflags": flags}
        self._ready, self._patience = False, START_SECONDS
        self._process = process = subprocess.Popen(
            self._command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # where drivers complain
            bufsize=0,
            env=self._environment,
            **options,
        )
        self._reader = threading.Thread(
            target=self._read, args=(process, process.stdout), name=self.name, daemon=True
        )
        self._reader.start()

    def _supervise(self) -> None:
        silent, pause, again = 0, 0.0, 0.0
        while True:
            self._wake.wait(BEAT_SECONDS)
            self._wake.clear()
            process = self._process
            if process is None or self._closing:
                return
            if not self._accepted:  # it may be ready long before anyone waits for it
                self._send_beat(process)
                continue
            if process.poll() is None:
                # Looks are counted: a show that stood still may not have heard what was said.
                silent, self._heard = 0 if self._heard else silent + 1, False
                pause = 0.0 if self._ready else pause
                stopped = silent * BEAT_SECONDS >= STOPPED_SECONDS and is_stopped(process.pid)
                if silent * BEAT_SECONDS < self._patience and not stopped:
                    self._send_beat(process)
                    continue
                process.kill()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(END_SECONDS)
                why = "did not answer"
            else:
                why = f"ended with {process.returncode}"
            if monotonic() < again:
                continue
            silent = 0
            again, pause = monotonic() + pause, min(2 * pause + BEAT_SECONDS, MAX_PAUSE_SECONDS)
            try:
                self._restart(process, why)
            except Exception as error:  # no memory, no process left; there may be again
                warn_once(f"{self.name} cannot be started again: {describe(error)}")

    def _send_beat(self, process: "subprocess.Popen[bytes]") -> None:
        """Write a beat, unless that would have to wait."""
        assert process.stdin
        with suppress(OSError, ValueError):
            if os.name == "nt" or select.select([], [process.stdin], [], 0)[1]:
                process.stdin.write(self._beat)

    def _restart(self, process: "subprocess.Popen[bytes]", why: str) -> None:
        """Start another one in place of `process`, which has ended."""
        assert process.stdin
        with suppress(OSError):
            process.stdin.close()
        self.restarts += 1
        warn_once(
            f"the process of {self.name} {why}; it is started again",
            f"{self.name} {process.pid}",  # every time
        )
        self._spawn()

    def _read(self, process: "subprocess.Popen[bytes]", reports: IO[bytes]) -> None:
        with suppress(OSError, ValueError):
            for line in reports:
                self._heard = True
                if not line.startswith(b"{"):  # what a library has printed is no report
                    continue
                try:
                    report = json.loads(line)
                    if "ready" in report or "error" in report:
                        self._begin(report.get("error", ""))
                    elif "alive" in report:
                        self._patience = float(report["alive"])
                    else:
                        self._on_report(report)
                except Exception as error:  # whatever it says, the next one is heard
                    warn_once(f"{self.name}: {describe(error)}", f"{self.name} reports")
        if process is self._process:
            self._begun.set()
            self._wake.set()

    def _begin(self, error: str) -> None:
        self._error, self._ready = error, not error
        self._begun.set()
        if self._ready and self.restarts:
            self._on_restart()


def is_stopped(pid: int) -> bool:
    """Return whether a signal has stopped a child process, where the system can tell."""
    with suppress(AttributeError, OSError):  # this system cannot tell, or it is gone
        return bool(os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT))
    return False
