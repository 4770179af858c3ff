"""The few exceptions someone will catch apart, and the one voice that tells trouble once."""

import inspect
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path


class ModelError(ValueError):
    """A model file was refused, or was called with arrays it does not take."""


class ProviderError(RuntimeError):
    """The device that was demanded is not there, or is not the one that really runs."""


class PartError(LookupError):
    """No part of that name can be built: unknown, ambiguous, or its plugin did not load."""


class ShowError(RuntimeError):
    """A show cannot start or cannot go on; the sentence says what to do."""


# A part may find new words for every frame: so many kinds of trouble are told, and so many letters
# of each; what is beyond them is counted.
MOST_KINDS = 64
MOST_LETTERS = 500
_OTHERS = f"more than {MOST_KINDS} kinds of trouble; the others are only counted"

_told: Counter[str] = Counter()
_words: dict[str, str] = {}
_lock = threading.Lock()


def tell(message: str, key: str | None = None) -> None:
    """Say `message` on standard error the first time its `key` comes up; count it every time.

    `key` is the message itself unless given: give one where the words vary from frame to frame.
    It never raises, and any thread may call it.
    """
    message = message.replace("\n", " ")
    if len(message) > MOST_LETTERS:
        message = f"{message[:MOST_LETTERS]} …"
    key = message if key is None else key
    with _lock:
        if key not in _told and len(_told) >= MOST_KINDS:
            key = message = _OTHERS
        _told[key] += 1
        first = _told[key] == 1
        if first:
            _words[key] = message
    if first:
        say(message)


def tell_again() -> Counter[str]:
    """Say at the end of a show how often each trouble came back; forget and return the counts."""
    with _lock:
        told = [(_words[key], times) for key, times in _told.items()]
        _told.clear()
        _words.clear()
    counts: Counter[str] = Counter()
    for message, times in told:
        counts[message] += times
        if times > 1:
            say(f"{times} times: {message}")
    return counts


def say(message: str) -> None:
    """Say `message` on standard error, every time; it is no trouble, and is not counted."""
    # The terminal may be gone, or there may never have been one; a show goes on without it.
    with suppress(OSError, ValueError, AttributeError):
        print(f"capriccio: {message}", file=sys.stderr, flush=True)


def described(error: BaseException) -> str:
    """Give the kind and the words of an error, even where it cannot say them."""
    kind = type(error).__name__
    try:
        words = str(error)
    except Exception:
        words = "it cannot say why"
    return f"{kind}: {words}" if words else kind


def place_of(error: BaseException, home: Callable | None = None) -> str:
    """Give the file and line where an error was raised.

    For a cue as `home` it is the last line in the cue's own file, or the one where the cue begins.
    """
    code = getattr(inspect.unwrap(home), "__code__", None) if home else None
    ours = (code.co_filename, code.co_firstlineno) if code else None
    last = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        last = frame.f_code.co_filename, line
        if code and frame.f_code.co_filename == code.co_filename:
            ours = last
    file, line = ours or last or ("nowhere", 0)
    return f"{Path(file).name}, line {line}"


def suggest(name: str, known) -> str:
    """Give `; did you mean 'plasma'?` where a known name is near, else what there is."""
    known = sorted(known)
    near = get_close_matches(name, known, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; there are {', '.join(map(repr, known))}" if known else "; there are none"
