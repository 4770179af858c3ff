"""The process of an isolated part: it builds the part, and answers one call after the other."""

import ctypes
import json
import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
PARENT_SECONDS = 0.5  # between two looks at whether the show is still there


def main(words: list[str]) -> None:
    """Serve a part until the show ends. The only argument is JSON: name, options, memory, limit."""
    facts: dict[str, Any] = json.loads(words[0])
    calls, answers = _take_streams()
    _limit(facts["megabytes"], facts["network"])
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()

    from capriccio import generator

    from .wire import SharedMemory, WireError, receive, send

    memory = SharedMemory(Path(facts["memory"]))
    send(answers, memory, {"ready": True})
    part: Any = None
    while True:
        try:
            call = receive(calls, memory)
        except EOFError:
            break
        try:
            if part is None:
                part = generator(facts["part"], **facts["options"])
            answer = {"result": _answer(part, call)}
        except MemoryError:
            os._exit(1)
        except Exception as error:
            answer = {"error": " ".join(f"{type(error).__name__}: {error}".split())}
        try:
            send(answers, memory, answer)
        except WireError as error:
            send(answers, memory, {"error": str(error)})
    if part is not None:
        with suppress(Exception):
            part.close()
    os._exit(0)  # whatever threads it has begun


def _answer(part: Any, call: dict[str, Any]) -> Any:
    method = call["call"]
    if method == "play":
        return part(call["now"], **call["knobs"])
    if method in ("reset", "feed", "warm_up"):
        return getattr(part, method)(*call["arguments"])
    if method == "facts":
        instruments = {str(channel): name for channel, name in part.instruments.items()}
        return {"unused": sorted(part.unused_knobs), "instruments": instruments}
    raise ValueError(f"there is no call {method!r}")


def _take_streams() -> tuple[IO[bytes], IO[bytes]]:
    """Return the streams to and from the show; what the part prints goes nowhere."""
    calls, answers = os.fdopen(os.dup(0), "rb", 0), os.fdopen(os.dup(1), "wb", 0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    return calls, answers


def _limit(megabytes: int, network: bool) -> None:
    """Limit the memory of this process, and take its network, where the system can."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        size = megabytes << 20
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not network and sys.platform == "linux":
        # A user's namespace without devices; where that is not allowed, nothing changes.
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).unshare(CLONE_NEWUSER | CLONE_NEWNET)


def _end_with(parent: int) -> None:
    """End this process when its parent has ended."""
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
