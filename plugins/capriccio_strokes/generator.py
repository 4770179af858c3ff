"""The image generator `painter`: paints any picture with brush strokes, one after another."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from capriccio import (
    Generator,
    ModelError,
    Moment,
    PartError,
    Stroke,
    as_image,
    generator_class,
    read_image,
)

from .paint_surface import BrushStroke, line_points
from .renderer import Painting, shrunk, side_of
from .strokes import PEN_HALF_WIDTH, SIDE
from .video_input import SUFFIXES, VideoInput

MIN_STROKES, RANGE = 10, 300  # strokes at detail 0, and how many times as many at detail 1
RELIEFS = 4  # steps of `relief`, each of which has textures of its own
SLACK = 1.5  # times its strokes that a moving picture may hold before the oldest are dropped
MIN_SIZE, MAX_SIZE = 16, 8192  # pixels


class Painter(Generator):
    """Paint a picture stroke by stroke: ground, masses, form, accents.

    Returns the canvas, of the target's shape, its longer side `size` pixels. When the target
    moves, strokes stay and only what changed is painted over; when `progress` falls, another
    target is painted from an empty canvas. `strokes` are those on the canvas, as a drawing;
    `at_size(pixels)` paints them again at any size.

    A network proposes the strokes; it learned on canvases of random strokes, after an idea of
    Paint Transformer (arXiv 2108.03798). See `docs/painter.md`.

    Args:
        model: "brush", or the path of an `.onnx` file.
        size: pixels of the canvas's longer side, 16 to 8192; or its (width, height), which the
            target then fills, losing its edges where its aspect is another.
        seed: any whole number.
    """

    name = "painter"
    seekable = "run"
    models = {"brush": Path(__file__).with_name("brush.onnx")}  # noqa: RUF012

    def __init__(self, *, model: str = "brush", size: int | tuple[int, int] = 512, seed: int = 0):
        sides = size if isinstance(size, tuple) else (size,)
        if len(sides) > 2 or not all(MIN_SIZE <= side <= MAX_SIZE for side in sides):
            raise ValueError(
                f"size of {self} must be {MIN_SIZE} to {MAX_SIZE} pixels, or a width and a height "
                f"of so many, got {size!r}"
            )
        self._path = self.model_path(model)
        self._size = (int(size[0]), int(size[1])) if isinstance(size, tuple) else int(size)
        self._model: Any = None
        self._video: VideoInput | None = None
        self._seed = seed
        self._default_target: np.ndarray | None = None
        self.reset(seed)

    def reset(self, seed: int = 0) -> None:
        """Start with an empty canvas; the same seed paints the same way."""
        if seed != self._seed:
            self._seed, self._default_target = seed, None
        self._last_target: object = self  # nothing yet
        self._painting: Painting | None = None
        self._shape = (1, 1)  # height and width of what is shown
        self._side = 0  # pixels of the canvas on which strokes are computed
        self._surface: Any = None  # the PaintSurface that is shown
        self._scale = 1.0
        self._frame: np.ndarray | None = None  # the canvas as bytes, until it changes
        self._shown = 0  # strokes of the painting that are on the canvas
        self._due = 0  # strokes that were last asked for

    def generate(
        self,
        now: Moment,
        *,
        target: Any = None,
        progress: float = 1.0,
        detail: float = 0.6,
        wildness: float = 0.0,
        brush: Literal["bristle", "wash", "pen"] = "bristle",
        wetness: float = 0.35,
        relief: float = 0.5,
    ) -> np.ndarray:
        """Return the canvas, painted as far as `progress`.

        Args:
            target: an image, or the path of a picture or video; a picture of `vae` by default.
            progress: how far the painting has come; 0 is the ground, 1 is finished.
            detail: number of strokes, from 10 to 3,000; 0.6 is about 300.
            wildness: how freely strokes and colours vary.
            brush: kind of brush.
            wetness: how much of the paint below a stroke takes up until it ends.
            relief: how strong the light is on the thickness of the paint of `bristle`.
        """
        if self._model is None:
            self._open()
        wanted = round(MIN_STROKES * RANGE**detail)
        due = round(progress * wanted)
        painting, moved = self._painting_of(target, wanted, due, brush, now)
        painting.wanted, painting.brush, painting.wildness = wanted, brush, wildness
        painting.wetness = wetness if brush == "bristle" else 0.0
        painting.relief = round(relief * RELIEFS) / RELIEFS if brush == "bristle" else 0.0
        if moved:
            painting.repaint()
        while len(painting.strokes) < due and painting.paint_pass():
            pass
        last = len(painting.strokes) if moved else min(due, len(painting.strokes))
        if new := painting.strokes[self._shown : last]:
            self._surface.paint(new, self._scale)
            self._frame = None
        self._shown = max(self._shown, last)
        if self._shown > SLACK * wanted:
            self._shown -= painting.drop(self._shown - wanted)
        if self._frame is None:
            self._frame = self._surface.image()
        return self._frame.copy()

    @property
    def strokes(self) -> list[Stroke]:
        """The strokes on the canvas in the order in which they were painted, the ground first."""
        if self._painting is None:
            return []
        height, width = self._painting.target.shape[:2]
        sides = np.array([width, height])
        red, green, blue = map(float, self._painting.ground)
        line = np.array([[-1, 0.5], [2, 0.5]])
        ground = Stroke(line, 3 * max(sides) / min(sides), (red, green, blue))
        painted = self._painting.strokes[: self._shown]
        return [ground, *(_as_stroke(stroke, sides) for stroke in painted)]

    def at_size(self, size: int) -> np.ndarray:
        """Return what is on the canvas, its longer side `size` pixels, as an image.

        Raises:
            ValueError: nothing has been painted yet.
        """
        if self._painting is None:
            raise ValueError(f"{self} has not painted anything yet; call it first")
        surface, scale = self._painting.empty_surface(scaled_shape(self._shape, size))
        surface.paint(self._painting.strokes[: self._shown], scale)
        return surface.image()

    def close(self) -> None:
        """Release the model, and the video if there is one."""
        self._model = None
        self._close_video()

    def _close_video(self) -> None:
        video, self._video = self._video, None
        if video is not None:
            video.close()

    def _open(self) -> None:
        from capriccio import Model

        model = Model(self._path)
        inputs = {name: slot.shape for name, slot in model.inputs.items()}
        expected = dict.fromkeys(("target", "canvas"), (1, SIDE, SIDE, 3))
        if inputs != expected or [slot.shape[1:] for slot in model.outputs.values()] != [(7,)]:
            raise ModelError(
                f"model {str(self._path)!r} is not a model of {self}; make one with "
                "python -m capriccio_strokes.training.main --out FILE.onnx"
            )
        self._model = model

    def _painting_of(
        self, target: Any, wanted: int, due: int, brush: str, now: Moment
    ) -> tuple[Painting, bool]:
        """Return the painting of a target, and whether the target moved under its strokes."""
        side = side_of(wanted)
        painting = self._painting if side == self._side else None
        falls, self._due, self._side = due < self._due, due, side
        moved = False
        # A path names the same picture; a video runs, and an array may have been changed.
        changes = isinstance(target, np.ndarray) or self._video is not None
        if painting is None or target is not self._last_target or changes:
            image = self._image_of(target, now)
            if isinstance(self._size, tuple):
                image, self._shape = cropped(image, self._size), self._size[::-1]
            else:
                self._shape = scaled_shape(image.shape, self._size)
            small = shrunk(image, side)
            self._last_target = target
            if painting is not None and painting.target.shape == small.shape:
                moved = painting.set_target(small)
            else:
                painting = None
            if painting is None or (moved and falls):
                painting = Painting(self._model, small, wanted, brush, self._seed)
        if painting is not self._painting or falls:
            self._painting, moved = painting, False
            self._surface, self._scale = painting.empty_surface(self._shape)
            self._frame, self._shown = None, 0
        return painting, moved

    def _image_of(self, target: Any, now: Moment) -> np.ndarray:
        """Return the target as an image."""
        if target is None:
            if self._default_target is None:
                self._default_target = self._vae_image()
            return self._default_target
        if isinstance(target, str | Path):
            if Path(target).suffix.lower() in SUFFIXES:
                if self._video is None or target is not self._last_target:
                    self._close_video()
                    self._video = VideoInput(target)
                return self._video.image_at(now.seconds)
            return read_image(target)
        return as_image(target, self)

    def _vae_image(self) -> np.ndarray:
        """Return an image of the generator `vae` with this seed."""
        try:
            vae_class: Any = generator_class("vae")
        except PartError as error:
            raise PartError(
                f"{self} without a target paints a picture of 'vae': {error}; pass target=IMAGE"
            ) from error
        # Built without `generator`, which would assign a seed and shift those of other parts.
        vae = vae_class(seed=self._seed)
        image = vae(Moment())
        vae.close()
        return image


def _as_stroke(stroke: BrushStroke, sides: np.ndarray) -> Stroke:
    """Return a stroke as one of a drawing; `sides` are width and height of its canvas."""
    half_length, half_width = stroke.place[2:4]
    thickness = 2 * (PEN_HALF_WIDTH if stroke.brush == "pen" else half_width)
    points = line_points(stroke)
    if stroke.brush != "pen":
        # Round ends reach on by half the width: the line between them is the shorter.
        middle = points.mean(0)
        points = middle + (points - middle) * max(0.2, 1 - 0.8 * half_width / half_length)
    opacity = 0.8 if stroke.brush == "wash" else 1.0
    red, green, blue = map(float, (stroke.color + stroke.last) / 2)
    return Stroke(points / sides, thickness / min(sides), (red, green, blue), opacity)


def scaled_shape(shape: tuple[int, ...], size: int) -> tuple[int, int]:
    """Return the (height, width) of a picture whose longer side is to be `size` pixels."""
    scale = size / max(shape[:2])
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def cropped(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the part of an image that has the aspect of `size` (width, height).

    It is in the middle from side to side, and a third down: faces are rather above than below.
    """
    height, width = image.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    wide, high = max(1, round(size[0] / scale)), max(1, round(size[1] / scale))
    left, top = (width - wide) // 2, (height - high) // 3
    return image[top : top + high, left : left + wide]
