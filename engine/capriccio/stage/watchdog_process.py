"""Ends a show that no signal can end any more, because C code holds its interpreter for ever.

`watchdog.py` runs this file as a script: `watchdog_process.py DESCRIPTOR SHOW NUMBER…`. The
descriptor is the end of the socket from which the show's watchdog reads, twenty times a second,
which signals have come; the interpreter writes them there even where it can do nothing else. So a
number that stays there is of a signal that nobody obeys. What plays for the show in processes of
their own, as MIDI, ends its notes when the show is gone. It imports next to nothing, so that it
starts fast.
"""

import os
import signal
import socket
import sys
import time
from contextlib import suppress

# How often it looks, and how long the show has to take notice of a signal, in seconds.
LOOK_SECONDS, OBEY_SECONDS = 0.25, 4.5
MAX_SIGNALS = 4096


def main(descriptor: int, show: int, numbers: set[int]) -> None:
    """Kill the process `show` where one of the signals `numbers` waits at the socket for too long.

    Ends with the process that has started it.
    """
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)  # of a terminal, say, to all of its processes
    waiting = socket.socket(fileno=descriptor)
    since: float | None = None
    while os.getppid() == show:
        time.sleep(LOOK_SECONDS)
        heard = b""
        with suppress(BlockingIOError):
            heard = waiting.recv(MAX_SIGNALS, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        if not numbers.intersection(heard):
            since = None
        elif since is None:
            since = time.monotonic()
        elif time.monotonic() - since > OBEY_SECONDS - LOOK_SECONDS:
            print(
                f"capriccio: the show has not taken notice of a signal for {OBEY_SECONDS:g} s, "
                "since something holds its interpreter; it is killed",
                file=sys.stderr,
            )
            with suppress(ProcessLookupError):
                os.kill(show, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), set(map(int, sys.argv[3:])))
