"""The few exceptions someone will catch apart, and the one voice that tells trouble once."""

import sys
from collections import Counter
from difflib import get_close_matches


class ModelError(ValueError):
    """A model file was refused, or was called with arrays it does not take."""


class ProviderError(RuntimeError):
    """The device that was demanded is not there, or is not the one that really runs."""


class PartError(LookupError):
    """No part of that name can be built: unknown, ambiguous, or its plugin did not load."""


class ShowError(RuntimeError):
    """A show cannot start or cannot go on; the sentence says what to do."""


told: Counter[str] = Counter()


def tell(message: str) -> None:
    """Say `message` on standard error the first time it comes up; count it every time."""
    told[message] += 1
    if told[message] == 1:
        print(f"capriccio: {message}", file=sys.stderr, flush=True)


def tell_again() -> None:
    """Say at the end of a show how often each trouble came back, then forget them all."""
    for message, times in told.items():
        if times > 1:
            print(f"capriccio: {times} times: {message}", file=sys.stderr, flush=True)
    told.clear()


def suggest(name: str, known) -> str:
    """Give `; did you mean 'plasma'?` where a known name is near, else what there is."""
    known = sorted(known)
    near = get_close_matches(name, known, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; there are {', '.join(map(repr, known))}" if known else "; there are none"
