"""The encoder of drawings: a small picture of one, and the latents that a network reads from it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

PIXELS = 28  # side of the picture
MARGIN = 3  # pixels between a drawing and the edge of its picture
PLACES = 256  # points along a drawing of which the picture is made


def places_of(strokes: Sequence[Array], count: int) -> Array:
    """Return points spread evenly along strokes, (count, 2), in a box of side 1 about 0."""
    pieces = [np.concatenate([points, points[-1:]]) for points in strokes]
    begins = np.concatenate([points[:-1] for points in pieces])
    steps = np.concatenate([np.diff(points, axis=0) for points in pieces])
    along = np.concatenate([[0], np.cumsum(np.hypot(*steps.T))])
    at = (np.arange(count) + 0.5) / count * along[-1]
    number = np.clip(np.searchsorted(along, at, "right") - 1, 0, len(steps) - 1)
    length = np.maximum(along[number + 1] - along[number], 1e-9)
    made = begins[number] + ((at - along[number]) / length)[:, None] * steps[number]
    low, high = made.min(0), made.max(0)
    return (made - (low + high) / 2) / max(float((high - low).max()), 1e-9)


def picture_of(strokes: Sequence[Array]) -> Array:
    """Return strokes as a small picture of ink, (PIXELS, PIXELS) float, blurred.

    It has neither place nor size of the drawing, nor the order of its strokes.
    """
    places = places_of(strokes, PLACES) * (PIXELS - 2 * MARGIN) + PIXELS / 2
    grid = np.arange(PIXELS) + 0.5
    across = np.exp(-((grid[None] - places[:, :1]) ** 2) / 1.5)  # (PLACES, PIXELS)
    down = np.exp(-((grid[None] - places[:, 1:]) ** 2) / 1.5)
    return np.minimum(down.T @ across, 1.0)


def encoder_path(model: Path) -> Path:
    """Return the path of a model's encoder: `mine-encoder.onnx` beside `mine.onnx`."""
    return model.with_name(f"{model.stem}-encoder.onnx")


class DrawingEncoder:
    """An encoder, opened: it reads the latents of drawings."""

    def __init__(self, path: Path):
        from capriccio import Model

        self._model = Model(path, threads=1)

    def latents(self, strokes: Sequence[Array]) -> Array:
        """Return the latents of strokes, each (points, 2), as (latents,) float32."""
        picture = picture_of(strokes)[None, None].astype(np.float32)
        found: Array = self._model(picture=picture)
        return found[0]
