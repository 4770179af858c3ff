"""What a worker does: draws the frames of a piece of a show, from wherever it has come to."""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from capriccio import ShowError, __version__, current_performance, load_sketch, use_seed

from .seeking import state_of

Array = np.ndarray[Any, Any]


class Job(NamedTuple):
    """A show that is rendered in pieces: all that a worker must know of it."""

    key: str  # of this rendering
    path: str
    digest: str  # SHA-256 of the file
    version: str
    seed: int | None
    bpm: float
    fps: float
    size: tuple[int, int]
    seconds: float


class Piece(NamedTuple):
    """Some frames of a show: `first` up to `end`, without it."""

    first: int
    end: int


class Frames(NamedTuple):
    """The frames of a piece as they were drawn, `(height, width, 3)` uint8 each.

    `before` is the digest of the frame before the first, "" at the beginning or where the worker
    went on from there; `trouble` says in a few words why the show cannot be begun in its middle, ""
    where it can.
    """

    images: list[Array]
    before: str
    trouble: str


class PieceRenderer:
    """Performs a show without outputs, draws the frames that are asked for, and passes over others.

    What is passed over is composed and heard, and drawn only where music looks at the picture.
    """

    def __init__(self, job: Job):
        if job.version != __version__:
            raise ShowError(
                f"the worker has Capriccio {__version__}, and the rendering began with "
                f"{job.version}; install the same on all machines"
            )
        self.job = job
        use_seed(job.seed)
        self.sketch = load_sketch(Path(job.path), job.digest)
        self.sketch.bpm, self.sketch.fps, self.sketch.size = job.bpm, job.fps, job.size
        self._begun = state_of(self.sketch)
        self.stage = self.sketch.stage()
        self.stage.show.until = job.seconds
        self._cue = self.stage.draw
        self.next = 0  # the frame that comes next
        self.drawn = True  # whether the last one was drawn
        self._horizon, self._trouble, self._drawing = 0.0, "", False
        # `sketch.image` asks it, and `sketch.loudness`.
        self.sketch.current_stage = _SeeingStage(self)  # type: ignore[assignment]

    def draw(self, piece: Piece) -> Frames:
        """Return the frames of a piece that this renderer has not passed yet."""
        token = current_performance.set(self.stage.performance)
        try:
            return self._draw(piece)
        finally:
            current_performance.reset(token)

    def _draw(self, piece: Piece) -> Frames:
        images: list[Array] = []
        before = ""
        for frame in range(self.next, piece.end):
            self._advance(frame, drawn=frame >= piece.first - 1)
            if frame == piece.first - 1:
                before = digest_of(self.stage.image)
            elif frame >= piece.first:
                images.append(self.stage.image.copy())
        if not self._trouble and state_of(self.sketch) != self._begun:
            self._trouble = "a cue changes what the file keeps"
        return Frames(images, before, self._trouble)

    def _advance(self, frame: int, *, drawn: bool) -> None:
        due = frame / self.job.fps
        self._horizon = self.stage.advance(due)
        self._draw_frame(due, self._cue if drawn else None)
        self.next, self.drawn = frame + 1, drawn

    def _draw_frame(self, due: float, cue: Any) -> None:
        self.stage.draw, self._drawing = cue, cue is not None
        self.stage.draw_frame(due, self._horizon)
        self._drawing = False

    def see(self) -> None:
        """Draw the last frame, unless it was."""
        if self._drawing:
            self._trouble = "the draw cue looks at the picture before"
        elif self.next and not self.drawn:
            self._draw_frame((self.next - 1) / self.job.fps, self._cue)
            self.drawn = True


class _SeeingStage:
    """A stage whose picture is drawn when it is looked at."""

    def __init__(self, renderer: PieceRenderer):
        self._renderer = renderer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._renderer.stage, name)

    def wanted_image(self) -> Array:
        """Return the image of the last frame, as `Stage.wanted_image`."""
        self._renderer.see()
        return self._renderer.stage.wanted_image()


def digest_of(image: Array) -> str:
    """Return a digest of an image."""
    return hashlib.blake2b(repr(image.shape).encode() + image.tobytes(), digest_size=16).hexdigest()


# The show that this worker has come some way in.
_current: list[PieceRenderer] = []


def render_piece(job: Job, piece: Piece) -> Frames:
    """Return the frames of a piece; called in a worker, which goes on from its last piece."""
    if not (_current and _current[0].job == job and _current[0].next <= piece.first):
        _current[:] = [PieceRenderer(job)]
    renderer = _current[0]
    try:
        return renderer.draw(piece)
    except BaseException:
        _current.clear()
        raise
