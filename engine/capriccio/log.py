"""Messages to the person at the terminal, through the logger `capriccio` of standard `logging`."""

import logging
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

logger = logging.getLogger("capriccio")

# A part may word its warning anew for every frame: at most this many kinds are shown, cut to this
# many letters; further kinds are only counted.
MAX_KINDS = 64
MAX_LETTERS = 500
_OTHERS = f"more than {MAX_KINDS} kinds of warning; further ones are only counted"

_counts: Counter[str] = Counter()
_messages: dict[str, str] = {}
_lock = threading.Lock()


class _Stderr(logging.Handler):
    """Write to whatever `sys.stderr` is at the time; a show goes on without a terminal."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError, ValueError, AttributeError):
            print(f"capriccio: {record.getMessage()}", file=sys.stderr, flush=True)


if not logger.handlers:  # an application that embeds the engine may have set its own
    logger.addHandler(_Stderr())
    logger.setLevel(logging.INFO)
    logger.propagate = False


def info(message: str) -> None:
    """Log a message that is no warning; it is not counted."""
    logger.info("%s", message)


def warn_once(message: str, key: str | None = None) -> None:
    """Log a warning the first time its `key` occurs; count it every time.

    Never raises, and may be called from any thread.

    Args:
        message: one sentence; line breaks become spaces.
        key: warnings with the same key are the same; by default the message. Pass one where the
            message varies from frame to frame.
    """
    message = message.replace("\n", " ")
    if len(message) > MAX_LETTERS:
        message = f"{message[:MAX_LETTERS]} …"
    key = message if key is None else key
    with _lock:
        if key not in _counts and len(_counts) >= MAX_KINDS:
            key = message = _OTHERS
        _counts[key] += 1
        first = _counts[key] == 1
        if first:
            _messages[key] = message
    if first:
        logger.warning("%s", message)


def newest() -> tuple[int, str]:
    """Return how many warnings were counted so far, and the message of their newest kind."""
    with _lock:
        return _counts.total(), next(reversed(_messages.values()), "")


def summarize() -> Counter[str]:
    """Log how often each warning was repeated; forget and return the counts."""
    with _lock:
        repeated = [(_messages[key], times) for key, times in _counts.items()]
        _counts.clear()
        _messages.clear()
    counts: Counter[str] = Counter()
    for message, times in repeated:
        counts[message] += times
        if times > 1:
            logger.warning("%d times: %s", times, message)
    return counts


@contextmanager
def stderr_silenced() -> Iterator[None]:
    """Discard what C libraries write to descriptor 2: ALSA, JACK, fontconfig complain there."""
    try:
        before, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    except OSError:  # there is no standard error
        yield
        return
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(null)
