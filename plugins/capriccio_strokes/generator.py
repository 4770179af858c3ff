"""The painter: paints any picture with a brush, mark by mark, while one watches."""

from pathlib import Path
from typing import Literal

import numpy as np
from capriccio import Generator, ModelError, Moment, Stroke, as_image, read_image
from capriccio_vae.generator import VAE

from .renderer import Painting, side_of
from .strokes import SIDE
from .video_input import ENDINGS, Film

FEWEST, TIMES = 10, 300  # strokes at detail 0, and how many times as many at detail 1
SLACK = 1.5  # how many times its strokes a moving picture may hold before the oldest are let go


class Painter(Generator):
    """Paint a picture stroke by stroke: ground, masses, form, accents.

    `target` is the picture to paint: an image, `(height, width, 3)` uint8 or floats 0..1, such as
    another part's frame, or the path of a picture or a video; without one it is a dream of `vae`.
    `progress` 0..1 is how far the painting has come, 1 being finished. `detail` 0..1 is how many
    strokes it will have, from 10 to 3,000 (0.6 is about 300). `wildness` 0..1 lets strokes and
    colours go their own way. `brush` is bristle, wash or pen.

    Returns the canvas, of the target's shape, its longer side `size` pixels. When the target
    moves, strokes stay, and only what changed is painted over; when `progress` falls, a painting
    of another target begins anew. `strokes` are those on the canvas, as a drawing;
    `at_size(pixels)` paints them again at any size.

    A network proposes the strokes; it learned on canvases of random strokes, after an idea of
    Paint Transformer (arXiv 2108.03798). See `docs/painter.md`.
    """

    name = "painter"
    models = {"brush": Path(__file__).with_name("brush.onnx")}  # noqa: RUF012

    def __init__(self, *, model: str = "brush", size: int = 512, seed: int = 0):
        if not 16 <= size <= 8192:
            raise ValueError(f"painter cannot paint {size!r} pixels a side; give 16 to 8192")
        self._path, self._size = self.model_path(model), int(size)
        self._model = None
        self._film: Film | None = None
        self.reset(seed)

    def reset(self, seed: int = 0) -> None:
        """Take a fresh canvas; the same seed paints the same way."""
        self._seed = seed
        self._dream: np.ndarray | None = None
        self._handed: object = self  # what was handed in last; nothing yet
        self._painting: Painting | None = None
        self._side = 0  # pixels of the canvas that is worked at
        self._canvas, self._scale = np.zeros((0, 0, 3), np.float32), 1.0  # what is shown
        self._frame: np.ndarray | None = None  # the canvas in bytes, until it changes
        self._shown = 0  # of the painting's marks, how many are on the canvas
        self._due = 0  # how many were last asked for

    def generate(
        self,
        now,
        *,
        target=None,
        progress=1.0,
        detail=0.6,
        wildness=0.0,
        brush: Literal["bristle", "wash", "pen"] = "bristle",
    ):
        """Paint on, as far as `progress`."""
        if self._model is None:
            self._open()
        marks = round(FEWEST * TIMES**detail)
        due = round(progress * marks)
        painting, moved = self._turned_to(target, marks, due, now)
        painting.wanted, painting.brush, painting.wildness = marks, brush, wildness
        if moved:
            painting.follow()
        while len(painting.marks) < due and painting.look():
            pass
        last = len(painting.marks) if moved else min(due, len(painting.marks))
        for mark in painting.marks[self._shown : last]:
            mark.lay(self._canvas, self._scale)
            self._frame = None
        self._shown = max(self._shown, last)
        if self._shown > SLACK * marks:
            self._shown -= painting.forget(self._shown - marks)
        if self._frame is None:
            self._frame = (self._canvas * 255 + 0.5).astype(np.uint8)
        return self._frame.copy()

    @property
    def strokes(self) -> list[Stroke]:
        """The strokes on the canvas in the order in which they were laid, the ground first."""
        if self._painting is None:
            return []
        height, width = self._painting.target.shape[:2]
        sides = np.array([width, height])
        ground = Stroke(np.array([[-1, 0.5], [2, 0.5]]), 3 * max(sides) / min(sides),
                        tuple(map(float, self._painting.paper)))  # fmt: skip
        marks = self._painting.marks[: self._shown]
        return [ground, *(mark.stroke(sides) for mark in marks)]

    def at_size(self, size: int) -> np.ndarray:
        """Paint all that is on the canvas again, its longer side `size` pixels, as an image."""
        if self._painting is None:
            raise ValueError("there is nothing on the canvas yet; paint first")
        canvas, scale = self._painting.blank(size)
        for mark in self._painting.marks[: self._shown]:
            mark.lay(canvas, scale)
        return (canvas * 255 + 0.5).astype(np.uint8)

    def close(self) -> None:
        """Let the model go, and the film if there is one."""
        self._model = None
        self._let_go()

    def _let_go(self) -> None:
        film, self._film = self._film, None
        if film is not None:
            film.close()

    def _open(self) -> None:
        from capriccio import Model

        model = Model(self._path)
        inputs = {name: slot.shape for name, slot in model.inputs.items()}
        wanted = dict.fromkeys(("target", "canvas"), (1, SIDE, SIDE, 3))
        if inputs != wanted or [slot.shape[1:] for slot in model.outputs.values()] != [(7,)]:
            raise ModelError(
                f"model {str(self._path)!r} is not a brush; make one with "
                "python -m capriccio_vae.brush.train --out FILE.onnx"
            )
        self._model = model

    def _turned_to(self, target, marks: int, due: int, now) -> tuple[Painting, bool]:
        """Give the painting of a target, and whether that moved under its strokes."""
        side = side_of(marks)
        painting = self._painting if side == self._side else None
        falls, self._due, self._side = due < self._due, due, side
        moves = False
        # A path names the same picture; a film runs, and an array may have been painted on.
        runs = isinstance(target, np.ndarray) or self._film is not None
        if painting is None or target is not self._handed or runs:
            small = shrunk(self._image_of(target, now), side)
            self._handed = target
            if painting is not None and painting.target.shape == small.shape:
                moves = painting.turn_to(small)
            else:
                painting = None
            if painting is None or (moves and falls):
                painting = Painting(self._model, small, marks, seed=self._seed)
        if painting is not self._painting or falls:
            self._painting, moves = painting, False
            self._canvas, self._scale = painting.blank(self._size)
            self._frame, self._shown = None, 0
        return painting, moves

    def _image_of(self, target, now) -> np.ndarray:
        """Give the target as an image."""
        if target is None:
            if self._dream is None:
                garden = VAE(seed=self._seed)
                self._dream = garden(Moment())
                garden.close()
            return self._dream
        if isinstance(target, str | Path):
            if Path(target).suffix.lower() in ENDINGS:
                if self._film is None or target is not self._handed:
                    self._let_go()
                    self._film = Film(target)
                return self._film.at(now.seconds)
            return read_image(target)
        return as_image(target, self)


def shrunk(image: np.ndarray, side: int) -> np.ndarray:
    """Bring an image to `side` pixels on its longer side, (height, width, 3) float32 0..1."""
    from PIL import Image

    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if size != (width, height):
        small = Image.fromarray(image).resize(size, Image.Resampling.BOX, reducing_gap=3.0)
        image = np.asarray(small)
    return image.astype(np.float32) / 255
