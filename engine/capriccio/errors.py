"""Exceptions that are caught apart from others, and helpers that word errors."""

import inspect
import traceback
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any


class ModelError(ValueError):
    """A model file was refused, or a model was called with arrays that do not fit."""


class ProviderError(RuntimeError):
    """The device that was asked for is missing, or does not really run the model."""


class PartError(LookupError):
    """No part of that name can be built: unknown, ambiguous, or its plugin did not load."""


class ShowError(RuntimeError):
    """A show cannot start or cannot go on; the message says what to do."""


def describe(error: BaseException) -> str:
    """Return the type and the message of an error, even where its `__str__` raises."""
    kind = type(error).__name__
    try:
        words = str(error)
    except Exception:
        words = "its message cannot be read"
    return f"{kind}: {words}" if words else kind


def location_of(error: BaseException, function: Callable[..., Any] | None = None) -> str:
    """Return the file and line at which an error was raised, as "mine.py, line 12".

    Args:
        error: an error that was caught.
        function: a cue; then the last line in the file of the cue is returned, or else the line
            where the cue begins.
    """
    code = getattr(inspect.unwrap(function), "__code__", None) if function else None
    own = (code.co_filename, code.co_firstlineno) if code else None
    last = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        last = frame.f_code.co_filename, line
        if code and frame.f_code.co_filename == code.co_filename:
            own = last
    file, line = own or last or ("nowhere", 0)
    return f"{Path(file).name}, line {line}"


def suggest(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'plasma'?" where a known name is near, else a list of all."""
    known = sorted(known)
    near = get_close_matches(name, known, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; there are {', '.join(map(repr, known))}" if known else "; there are none"
