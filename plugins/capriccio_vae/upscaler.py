"""The generator `upscale`: a picture at twice its size, with the detail of paintings."""

from pathlib import Path
from typing import Any

import numpy as np
from capriccio import Generator, ModelError, Moment, as_image

MAX_SIDE = 2048  # pixels of a picture to enlarge
SMALLEST = 8  # pixels of a side


class Upscale(Generator):
    """Show a picture at twice its size; a network adds the edges and the texture of paintings.

    The network has learned from paintings of 256 to 384 pixels and their halves. It invents detail
    and knows no other subject: a photograph or a text may come out painted.

    Args:
        model: "painterly-x2", or the path of an `.onnx` file.
    """

    seekable = "now"

    models = {"painterly-x2": Path(__file__).with_name("painterly-x2.onnx")}  # noqa: RUF012

    def __init__(self, *, model: str | Path = "painterly-x2"):
        self._path = self.model_path(model)
        self._model: Any = None

    def generate(self, now: Moment, *, over: Any = None) -> np.ndarray:
        """Return the picture with twice its width and height, `(2 height, 2 width, 3)` uint8.

        Args:
            over: the picture, with sides of 8 to 2,048 pixels.

        Raises:
            ValueError: a side is shorter or longer.
        """
        image = np.zeros((64, 64, 3), np.uint8) if over is None else as_image(over, self)
        height, width = image.shape[:2]
        if not SMALLEST <= min(height, width) <= max(height, width) <= MAX_SIDE:
            raise ValueError(
                f"a picture to enlarge must have sides of {SMALLEST} to {MAX_SIDE} pixels, "
                f"got {width} x {height}"
            )
        if self._model is None:
            self._open()
        odd = height % 2, width % 2  # the network takes even sides
        if any(odd):
            image = np.pad(image, ((0, odd[0]), (0, odd[1]), (0, 0)), mode="edge")
        found: np.ndarray = self._model(picture=np.ascontiguousarray(image)[None])[0]
        return found[: 2 * height, : 2 * width]

    def close(self) -> None:
        """Release the model."""
        self._model = None

    def _open(self) -> None:
        from capriccio import Model

        model: Any = Model(self._path)
        if set(model.inputs) != {"picture"} or set(model.outputs) != {"image"}:
            raise ModelError(f"model {str(self._path)!r} is no model of {self}")
        self._model = model
