"""Watches a show: reports what hangs, and ends it when a signal asks for that."""

import _thread
import math
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import get_ident
from time import monotonic
from typing import Any, Self

from ..errors import describe, location_of
from ..log import warn_once
from . import watchdog_process

# How often the watchdog looks, in seconds.
LOOK_SECONDS = 0.05
# A call that has not returned after this long is reported as hanging.
HANGING_SECONDS = 2.0
# A terminal that closes may send its signal twice, and so does an impatient person: within this
# long it is one and the same request.
ECHO_SECONDS = 1.0
# How long the main thread has to obey a request before it is interrupted again, in seconds.
GRACE_SECONDS = 2.0
# How long the outputs have to close where the process is ended while the main thread hangs.
RESCUE_SECONDS = 10.0
# What ends a show: Ctrl-C, the system, the terminal that is closed.
STOP_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
# What silences one without ending it.
PANIC_SIGNAL = getattr(signal, "SIGUSR1", None)


class WatchedCall:
    """A call into a part, as a context manager.

    Args:
        calls: the calls under way, by thread.
        who: what messages call the part.
        consequence: what happens where it hangs or raises; "" does not report hanging.
        stop_after: how often the show must be asked to end before the call is interrupted: a cue
            at once, an output at the second time, since it may be in the middle of a file.
        timeout: after this many seconds it is interrupted without a request.
    """

    __slots__ = (
        "_calls",
        "_outer",
        "consequence",
        "interrupted",
        "reported",
        "since",
        "stop_after",
        "timeout",
        "who",
    )

    def __init__(
        self,
        calls: dict[int, "WatchedCall"],
        who: str,
        consequence: str,
        stop_after: int = 1,
        timeout: float = math.inf,
    ):
        self._calls, self.who, self.consequence = calls, who, consequence
        self.stop_after, self.timeout = stop_after, timeout
        self.reported = self.interrupted = False

    def __enter__(self) -> Self:
        self.since = monotonic()
        calls, me = self._calls, get_ident()
        self._outer = calls.get(me)
        calls[me] = self
        return self

    def __exit__(self, *trouble: object) -> None:
        if self._outer is None:
            self._calls.pop(get_ident(), None)
        else:
            self._calls[get_ident()] = self._outer

    def duration(self) -> float:
        """Return the seconds since the call was made."""
        return monotonic() - self.since

    def warn(self, error: BaseException, cue: Callable[..., Any] | None = None) -> None:
        """Log an error with its line, within the file of `cue` where it passed through it."""
        where = location_of(error, cue)
        key = f"{self.who} {type(error).__name__} {where}"
        warn_once(f"{self.who} raised {describe(error)} ({where}); {self.consequence}", key)


class Watchdog:
    """Watches one show from a thread of its own, while it is entered as a context manager.

    Signals that end a show become stop requests: the main thread is interrupted where it may be,
    and where it does not obey, not even in a call that never returns to the interpreter, the
    watchdog ends the show with `rescue` and the process with it. Live, a process of its own does
    where C code holds the interpreter, so that this thread cannot run either.

    Args:
        look: called twenty times a second; it must not call a part.
        rescue: ends the show from the watchdog's thread.
        panic: called where a signal asks for it.
        live: whether it watches a live show.
    """

    starting = ExitStack()  # what watches over the process before its show

    def __init__(
        self,
        look: Callable[[], None],
        rescue: Callable[[], None],
        panic: Callable[[], None],
        live: bool = False,
    ):
        self.stop_requests = 0
        self.calls: dict[int, WatchedCall] = {}
        self.main = threading.get_ident()
        self._look, self._rescue, self._panic = look, rescue, panic
        self._ending = False
        self._requested = -math.inf
        self._signal: tuple[int, float] | None = None  # the first one, and when
        self._reminded = False
        self._handlers: dict[int, Any] = {}  # as they were before the show
        self._wakeup: int | None = None
        self._stopped = threading.Event()
        self._live = live
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    @contextmanager
    def before_show(cls) -> Iterator[None]:
        """End the process on signals until the watchdog of its show takes over.

        They raise KeyboardInterrupt; where the main thread does not obey, the process is ended.
        """

        def insist() -> None:
            if watchdog.stop_requests:  # which something has swallowed
                raise KeyboardInterrupt

        watchdog = cls(lambda: None, lambda: None, lambda: None, live=True)
        with ExitStack() as stack:
            stack.callback(insist)
            stack.enter_context(watchdog)
            stack.enter_context(watchdog.call("the start"))
            cls.starting = stack
            yield

    def call(
        self, who: str, consequence: str = "", *, stop_after: int = 1, timeout: float = math.inf
    ) -> WatchedCall:
        """Return a context manager to enter around a call; see `WatchedCall`."""
        return WatchedCall(self.calls, who, consequence, stop_after, timeout)

    def report_hanging(self) -> None:
        """Log every call that does not return, once."""
        for call in list(self.calls.values()):
            if call.consequence and not call.reported and call.duration() > HANGING_SECONDS:
                call.reported = True
                warn_once(f"{call.who} does not answer; {call.consequence}", f"{call.who} hangs")

    def start_ending(self) -> None:
        """The main thread obeys: from now on only what it calls is interrupted."""
        self._ending = True
        self.calls.pop(self.main, None)

    def __enter__(self) -> Self:
        Watchdog.starting.close()
        self.main = threading.get_ident()
        self._receiver, self._sender = socket.socketpair()
        self._receiver.settimeout(LOOK_SECONDS)
        self._sender.setblocking(False)
        if threading.current_thread() is threading.main_thread():
            for number in STOP_SIGNALS:
                # An ignored signal stays so: a show begun with nohup outlives its terminal.
                if number == signal.SIGTERM or signal.getsignal(number) != signal.SIG_IGN:
                    self._handlers[number] = signal.signal(number, self._on_signal)
            if PANIC_SIGNAL is not None:
                self._handlers[PANIC_SIGNAL] = signal.signal(
                    PANIC_SIGNAL, lambda number, frame: None
                )
            # A handler waits for the interpreter, which may never return; this does not.
            self._wakeup = signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)
            self._start_process()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *trouble: object) -> None:
        if self._wakeup is not None:
            signal.set_wakeup_fd(self._wakeup)
            for number, handler in self._handlers.items():
                signal.signal(number, handler)
        self._stopped.set()
        with suppress(OSError):
            self._sender.send(b"\0")
        self._thread.join()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        for end in (self._receiver, self._sender):
            with suppress(OSError):
                end.close()

    def _start_process(self) -> None:
        """Start the process that kills this one where nothing else can end the show."""
        if not self._live or not hasattr(socket, "MSG_DONTWAIT"):
            return
        descriptor = self._receiver.fileno()
        numbers = [number for number in self._handlers if number != PANIC_SIGNAL]
        words = [watchdog_process.__file__, descriptor, os.getpid(), *map(int, numbers)]
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", *map(str, words)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[descriptor],
            )
        except OSError as error:
            warn_once(f"no process watches over the show: {describe(error)}")

    def _on_signal(self, number: int, frame: object) -> None:
        if monotonic() - self._requested < ECHO_SECONDS:
            return
        self._requested = monotonic()
        self.stop_requests += 1
        call = self.calls.get(self.main)
        if call is not None and call.stop_after <= self.stop_requests:
            raise KeyboardInterrupt

    def _watch(self) -> None:
        while True:
            try:
                heard = self._receiver.recv(64)
            except TimeoutError:
                heard = b""
            except OSError as error:  # a part has closed what is not its own
                warn_once(f"the watchdog cannot hear signals: {describe(error)}; the show goes on")
                self._stopped.wait(LOOK_SECONDS)
                heard = b""
            if 0 in heard or self._stopped.is_set():
                return
            for number in heard:
                if number not in self._handlers or number == PANIC_SIGNAL:
                    continue
                if self._signal is None and not self._ending:
                    self._signal = number, monotonic()
            try:
                if PANIC_SIGNAL is not None and PANIC_SIGNAL in heard:
                    self._panic()
                self._look()
                self._enforce()
            except Exception as error:
                warn_once(f"the watchdog raised {describe(error)}; the show goes on")

    def _enforce(self) -> None:
        """Interrupt what the main thread does where it should have ended long ago."""
        if not self._handlers:
            return  # the show is not in the main thread, which alone can be interrupted
        if not self._ending:
            if self._signal is None:
                return
            waited = monotonic() - self._signal[1]
            if waited > 2 * GRACE_SECONDS:
                self._leave()
            elif waited > GRACE_SECONDS and not self._reminded:
                self._reminded = True
                self._interrupt()
            return
        call = self.calls.get(self.main)
        if call is None or call.duration() < call.timeout:
            return
        if not call.interrupted:
            call.interrupted, call.timeout = True, call.duration()  # all may have stood still
            self._interrupt()
        elif call.duration() > call.timeout + GRACE_SECONDS:
            self._leave()

    def _interrupt(self) -> None:
        self.stop_requests = max(self.stop_requests, 1)
        self._requested = -math.inf
        if hasattr(signal, "pthread_kill"):  # which wakes a sleeper; the other one only nudges
            signal.pthread_kill(self.main, signal.SIGTERM)
        else:
            _thread.interrupt_main(signal.SIGINT)

    def _leave(self) -> None:
        """End the show from here, and the process: the main thread does not return."""
        if not self._ending:
            rescue = threading.Thread(target=self._rescue, name="rescue", daemon=True)
            rescue.start()
            rescue.join(RESCUE_SECONDS)
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        # The number a shell gives for a process that a signal has ended.
        os._exit(128 + self._signal[0] if self._signal else 1)
