"""Converts between the position of a control, 0..1, and the value of a parameter."""

from typing import Any

from ..parameters import Parameter


def from_unit(parameter: Parameter, position: float) -> Any:
    """Return the number in the parameter's range, or the choice, at a position 0..1."""
    position = min(max(float(position), 0.0), 1.0)
    if parameter.kind == "choice":
        count = len(parameter.choices)
        return parameter.choices[min(int(position * count), count - 1)]
    low, high = parameter.span
    return low + position * (high - low)


def to_unit(parameter: Parameter, value: Any) -> float:
    """Return the position 0..1 at which a control stands for a value; 0.5 where it has none."""
    if parameter.kind == "choice":
        index = parameter.choices.index(value) if value in parameter.choices else 0
        return index / max(1, len(parameter.choices) - 1)
    low, high = parameter.span
    return (float(value) - low) / (high - low) if isinstance(value, int | float) else 0.5
