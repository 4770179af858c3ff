"""Counts the steps that the loops of a shader take: a frame must end, and skia holds Python."""

import re

COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
LOOP = re.compile(r"\bfor\s*\(([^;]*);([^;]*);([^)]*)\)\s*")
CONSTANT = re.compile(r"(?:\bconst\s+\w+\s+|#define\s+)(\w+)\s*=?\s*(-?[\d.]+)")
UNKNOWN = 100  # steps of a loop whose limit is not a number


def loop_steps(text: str) -> int:
    """Return how many steps the loops of a shader take for a pixel, those within others too.

    A function that is called within a loop is counted once.
    """
    text = COMMENT.sub("", text)
    for name, number in CONSTANT.findall(text):
        text = re.sub(rf"\b{name}\b", number, text)
    return _steps(text)


def _steps(text: str) -> int:
    total, at = 0, 0
    while found := LOOP.search(text, at):
        at = _body_end(text, found.end())
        total += _count(*found.groups()) * max(1, _steps(text[found.end() : at]))
    return total


def _count(start: str, condition: str, change: str) -> int:
    begin, end = re.findall(r"-?[\d.]+", start), re.findall(r"-?[\d.]+", condition)
    step = re.findall(r"[-+]=\s*([\d.]+)", change) or ["1"]
    try:
        return int(abs(float(end[-1]) - float(begin[-1])) / (float(step[-1]) or 1)) + 1
    except (IndexError, ValueError):
        return UNKNOWN


def _body_end(text: str, at: int) -> int:
    """Return where the body of a loop ends that begins at a place."""
    if inner := LOOP.match(text, at):
        return _body_end(text, inner.end())
    depth = 0
    for place in range(at, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0 and text[place] in ";}":
            return place + 1
    return len(text)
