"""What the hand draws with: a pen, a pencil, or a brush whose width follows its pressure."""

from typing import Any

import numpy as np
from capriccio import Stroke

Array = np.ndarray[Any, Any]

GRAPHITE, GRAPHITE_OPACITY = (0.25, 0.25, 0.28), 0.7
PENCIL_WIDTH = 0.6  # of a pen's
BRUSH_WIDTH = 1.5  # of a pen's, at its heaviest
STEP = 0.02  # of the canvas, between two points of a brush's line
PIECE = 3  # points of a piece of a brush's stroke, which has one width
PRESSED_WITHIN, LIFTED_WITHIN = 0.05, 0.12  # of the canvas, at the ends of a stroke
LIGHTEST, THINNEST = 0.55, 0.25  # where a brush touches the paper, and where it leaves it
ACROSS = 0.6  # of the width of a line downwards has one across


def stroke_with(tool: str, whole: Array, drawn: Array, width: float) -> list[Stroke]:
    """Return a line as strokes of a tool: "pen", "pencil" or "brush".

    Args:
        whole: the line (n, 2) as far as it is known.
        drawn: as much of it as is drawn.
        width: of a pen.
    """
    if tool == "pencil":
        return [Stroke(drawn, width * PENCIL_WIDTH, GRAPHITE, GRAPHITE_OPACITY)]
    if tool != "brush":
        return [Stroke(drawn, width)]
    line = resampled(drawn)
    if len(line) < 2:
        return [Stroke(line, LIGHTEST * BRUSH_WIDTH * width)]
    widths = BRUSH_WIDTH * width * pressure(line, length_of(whole))
    return [
        Stroke(line[begin : begin + PIECE], float(widths[begin : begin + PIECE].mean()))
        for begin in range(0, len(line) - 1, PIECE - 1)
    ]


def resampled(line: Array) -> Array:
    """Return points along a line every STEP or closer, an odd number of them."""
    length = length_of(line)
    if length == 0:
        return line[:1]
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    at = np.linspace(0, length, 2 * max(1, round(length / (2 * STEP))) + 1)
    return np.stack([np.interp(at, along, line[:, axis]) for axis in (0, 1)], axis=1)


def length_of(line: Array) -> float:
    """Return how long a line is, in sides of the canvas."""
    return float(np.hypot(*np.diff(line, axis=0).T).sum())


def pressure(line: Array, length: float) -> Array:
    """Return how hard a brush is pressed at each point of a line, 0..1.

    It is set down, pressed more where the line leads down than across, and lifted at the end.

    Args:
        length: of the whole line, of which this one is the beginning.
    """
    steps = np.diff(line, axis=0)
    far = np.hypot(*steps.T)
    along = np.concatenate([[0.0], np.cumsum(far)])
    down = np.abs(steps[:, 1]) / np.maximum(far, 1e-9)
    down = np.concatenate([down[:1], down])
    # Not from one point to the next, but over some.
    padded = np.pad(down, 2, mode="edge")
    down = np.mean([padded[at : at + len(down)] for at in range(5)], axis=0)
    begun = LIGHTEST + (1 - LIGHTEST) * np.clip(along / PRESSED_WITHIN, 0, 1)
    left = np.clip((length - along) / LIFTED_WITHIN, 0, 1) ** 0.6
    heaviest: Array = begun * (ACROSS + (1 - ACROSS) * down) * (THINNEST + (1 - THINNEST) * left)
    return heaviest
