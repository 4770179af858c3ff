"""Parameters and gauges as JSON for the page."""

import json
import math
from collections.abc import Callable
from typing import Any, TypeVar

from ..parameters import Gauge, Parameter

T = TypeVar("T")

# The longest text that is sent of a value, in letters.
MAX_LETTERS = 1000


def parameter_facts(parameter: Parameter) -> dict[str, Any]:
    """Return what a parameter is, and to which group and series of the page it belongs."""
    group, _, name = parameter.address.removeprefix("/").partition("/")
    series, is_series, _ = name.partition("/")
    return {
        "address": parameter.address,
        "group": group,
        "name": (name or group).replace("/", " ").replace("_", " "),
        "series": series.replace("_", " ") if is_series else "",
        "kind": parameter.kind,
        "says": parameter.description,
        "choices": [str(choice) for choice in parameter.choices],
        "span": [to_json_value(end) for end in parameter.span],
        "key": parameter.key,
        "holds": parameter.is_held is not None,
    }


def parameter_state(parameter: Parameter) -> tuple[Any, bool]:
    """Return the value of a parameter, None where it fails, and whether it is held."""
    held = parameter.is_held is not None and call_or(parameter.is_held, False)
    return to_json_value(call_or(parameter.value, None)), bool(held)


def gauge_state(gauge: Gauge) -> dict[str, Any]:
    """Return what a gauge shows."""
    return {
        "name": gauge.name,
        "says": gauge.description,
        "text": str(call_or(gauge.read, "")),
        "good": bool(call_or(gauge.good, True)),
    }


def call_or(function: Callable[[], T], default: T) -> T:
    """Return what a part's function returns, or `default` where it raises: the part may be gone."""
    try:
        return function()
    except Exception:
        return default


def to_json_value(value: Any) -> Any:
    """Return a value as JSON can hold it: a finite number, a text, a boolean or None."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value[:MAX_LETTERS]
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return str(value)[:MAX_LETTERS]
    return number if math.isfinite(number) else None


def to_json(content: Any) -> bytes:
    """Return JSON, in which no number is NaN or infinite."""
    return json.dumps(content, allow_nan=False).encode()
