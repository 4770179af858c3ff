"""The parameters in words that a page can read: what there is, where it stands, what is measured."""

import json
import math
from collections.abc import Callable
from typing import Any

from ..parameters import Gauge, Parameter

# The longest text that is shown of a value, in letters.
MOST_LETTERS = 1000


def described(control: Parameter) -> dict[str, Any]:
    """Say what a control is, to which part of the show it belongs, and to which series there."""
    group, _, name = control.address.removeprefix("/").partition("/")
    series, several, _ = name.partition("/")
    return {
        "address": control.address,
        "group": group,
        "name": (name or group).replace("/", " ").replace("_", " "),
        "series": series.replace("_", " ") if several else "",
        "kind": control.kind,
        "says": control.description,
        "choices": [str(choice) for choice in control.choices],
        "span": [plain(end) for end in control.span],
        "key": control.key,
        "holds": control.is_held is not None,
    }


def standing(control: Parameter) -> tuple[Any, bool]:
    """Give where a control stands, and whether a hand holds it; nothing where it cannot say."""
    return plain(asked(control.value, None)), bool(control.is_held and asked(control.held, False))


def measured(meter: Gauge) -> dict[str, Any]:
    """Give what a meter shows."""
    return {
        "name": meter.name,
        "says": meter.says,
        "text": str(asked(meter.read, "")),
        "good": bool(asked(meter.good, True)),
    }


def asked(question: Callable[[], Any], otherwise: Any) -> Any:
    """Give the answer of a part, or `otherwise`: it may be gone, and a panel goes on without it."""
    try:
        return question()
    except Exception:
        return otherwise


def plain(value: Any) -> Any:
    """Give a value as JSON can hold it."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value[:MOST_LETTERS]
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return str(value)[:MOST_LETTERS]
    return number if math.isfinite(number) else None


def as_json(thing: Any) -> bytes:
    """Write what a page reads."""
    return json.dumps(thing, allow_nan=False).encode()
