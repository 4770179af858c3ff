"""Sees to it that a show goes on where something hangs, and ends when it is told to."""

import _thread
import math
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from threading import get_ident
from time import monotonic

from ..errors import described, place_of, tell

# How often the stagehand looks up, in seconds.
LOOK_SECONDS = 0.05
# A call that has not come back after so long is said to hang.
HANGING_SECONDS = 2.0
# A terminal that closes may send its signal twice, and so does an impatient hand: within so long
# it is one and the same order.
ECHO_SECONDS = 1.0
# So long the main thread has to obey an order before it is given the next, stronger one.
GRACE_SECONDS = 2.0
# So long the outputs have to close where the process is ended over the main thread's head.
RESCUE_SECONDS = 10.0
# What ends a show: Ctrl-C, the system, the terminal that is closed.
ORDERS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
# What silences one without ending it.
PANIC = getattr(signal, "SIGUSR1", None)


class Call:
    """A call into a part, as a context: who is called, and what happens where it hangs.

    `orders` is how often the show must be told to end before the call is broken off: a cue at
    once, an output at the second time, since it may be in the middle of a note or of a file.
    After `patience` seconds it is broken off without an order.
    """

    __slots__ = (
        "_calls",
        "_outer",
        "orders",
        "patience",
        "pressed",
        "since",
        "then",
        "told",
        "who",
    )

    def __init__(
        self, calls: dict, who: str, then: str, orders: int = 1, patience: float = math.inf
    ):
        self._calls, self.who, self.then = calls, who, then
        self.orders, self.patience = orders, patience
        self.told = self.pressed = False

    def __enter__(self):
        self.since = monotonic()
        calls, me = self._calls, get_ident()
        self._outer = calls.get(me)
        calls[me] = self
        return self

    def __exit__(self, *trouble):
        if self._outer is None:
            self._calls.pop(get_ident(), None)
        else:
            self._calls[get_ident()] = self._outer

    def lasts(self) -> float:
        """Give the seconds since the call was made."""
        return monotonic() - self.since

    def tell(self, error: BaseException, home: Callable | None = None) -> None:
        """Tell of an error with its line, in the file of `home` if it came by there, and go on."""
        where = place_of(error, home)
        key = f"{self.who} {type(error).__name__} {where}"
        tell(f"{self.who} raised {described(error)} ({where}); {self.then}", key)


class Stagehand:
    """Watches over one show from a thread of its own, while the show is entered as a context.

    Signals that end a show become orders: the main thread is interrupted where it may be, and
    where it does not obey, not even in a call that never comes back to the interpreter, the
    stagehand ends the show with `rescue` and the process with it. `look` is called twenty times a
    second; it must not call a part. Where a signal asks for it `panic` is called.
    """

    def __init__(
        self, look: Callable[[], None], rescue: Callable[[], None], panic: Callable[[], None]
    ):
        self.orders = 0
        self.calls: dict[int, Call] = {}
        self.main = threading.get_ident()
        self._look, self._rescue, self._panic = look, rescue, panic
        self._ending = False
        self._ordered = -math.inf
        self._heard: tuple[int, float] | None = None  # the first order's signal, and when
        self._reminded = False
        self._before: dict[int, object] = {}
        self._wakeup: int | None = None

    def call(
        self, who: str, then: str = "", *, orders: int = 1, patience: float = math.inf
    ) -> Call:
        """Announce a call; enter what is given around it. Without `then` it is not said to hang."""
        return Call(self.calls, who, then, orders, patience)

    def tell_who_hangs(self) -> None:
        """Tell of every call that does not come back, once."""
        for call in list(self.calls.values()):
            if call.then and not call.told and call.lasts() > HANGING_SECONDS:
                call.told = True
                tell(f"{call.who} does not answer; {call.then}", f"{call.who} hangs")

    def ending(self) -> None:
        """Be told that the main thread obeys; from now on only what it calls is broken off."""
        self._ending = True
        self.calls.pop(self.main, None)

    def __enter__(self):
        self.main = threading.get_ident()
        self._ears, self._mouth = socket.socketpair()
        self._ears.settimeout(LOOK_SECONDS)
        self._mouth.setblocking(False)
        if threading.current_thread() is threading.main_thread():
            for number in ORDERS:
                # What is ignored stays so: a show begun with nohup outlives its terminal.
                if number == signal.SIGTERM or signal.getsignal(number) != signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._order)
            if PANIC is not None:
                self._before[PANIC] = signal.signal(PANIC, lambda number, frame: None)
            # A handler waits for the interpreter, which may never come back; this does not.
            self._wakeup = signal.set_wakeup_fd(self._mouth.fileno(), warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._watch, name="stagehand", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *trouble):
        if self._wakeup is not None:
            signal.set_wakeup_fd(self._wakeup)
            for number, handler in self._before.items():
                signal.signal(number, handler)
        self._mouth.send(b"\0")
        self._thread.join()
        self._ears.close()
        self._mouth.close()

    def _order(self, number, frame) -> None:
        if monotonic() - self._ordered < ECHO_SECONDS:
            return
        self._ordered = monotonic()
        self.orders += 1
        call = self.calls.get(self.main)
        if call is not None and call.orders <= self.orders:
            raise KeyboardInterrupt

    def _watch(self) -> None:
        while True:
            try:
                heard = self._ears.recv(64)
            except TimeoutError:
                heard = b""
            if 0 in heard:
                return
            for number in heard:
                if number not in self._before or number == PANIC:
                    continue
                if self._heard is None and not self._ending:
                    self._heard = number, monotonic()
            try:
                if PANIC is not None and PANIC in heard:
                    self._panic()
                self._look()
                self._press()
            except Exception as error:
                tell(f"the stagehand raised {described(error)}; the show goes on")

    def _press(self) -> None:
        """Break off what the main thread does where it must have ended long ago."""
        if not self._before:
            return  # the show is not in the main thread, which alone can be interrupted
        if not self._ending:
            if self._heard is None:
                return
            waited = monotonic() - self._heard[1]
            if waited > 2 * GRACE_SECONDS:
                self._leave()
            elif waited > GRACE_SECONDS and not self._reminded:
                self._reminded = True
                self._interrupt()
            return
        call = self.calls.get(self.main)
        if call is None or call.lasts() < call.patience:
            return
        if not call.pressed:
            call.pressed = True
            self._interrupt()
        elif call.lasts() > call.patience + GRACE_SECONDS:
            self._leave()

    def _interrupt(self) -> None:
        self.orders = max(self.orders, 1)
        self._ordered = -math.inf
        if hasattr(signal, "pthread_kill"):  # which wakes a sleeper; the other one only nudges
            signal.pthread_kill(self.main, signal.SIGTERM)
        else:
            _thread.interrupt_main(signal.SIGINT)

    def _leave(self) -> None:
        """End the show from here, and the process: the main thread does not come back."""
        if not self._ending:
            rescue = threading.Thread(target=self._rescue, name="rescue", daemon=True)
            rescue.start()
            rescue.join(RESCUE_SECONDS)
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        # The number a shell gives for a process that a signal has ended.
        os._exit(128 + self._heard[0] if self._heard else 1)
