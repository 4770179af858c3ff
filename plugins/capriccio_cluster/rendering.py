"""Renders a show whose frames are drawn by the workers of a cluster."""

import hashlib
import math
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from uuid import uuid4

import numpy as np
from capriccio import Moment, ShowError, Sketch, __version__

from .pieces import Frames, Job, Piece, digest_of, render_piece
from .seeking import seekable_of
from .workers import Workers

Array = np.ndarray[Any, Any]

# How long a piece is, and how many bytes its frames may have at the size of the show: a lost
# worker costs at most one, and each begins with a frame that is drawn twice, to be compared.
PIECE_SECONDS, PIECE_BYTES = 2.0, 256 * 2**20


def render_on_cluster(
    sketch: Sketch,
    workers: Workers,
    arguments: Sequence[str],
    seed: int | None = None,
    say: Callable[[str], None] = lambda words: None,
) -> None:
    """Render as `capriccio run --offline` does, with frames that workers draw.

    Music, sound and files are made here. Where a sketch must be run through, so is the picture.

    Args:
        sketch: loaded from a file that all workers can read.
        arguments: flags of `capriccio run`.
        seed: that of the flags.
        say: is told why a sketch is not cut.

    Raises:
        ShowError: a frame is another one where a worker begins with it.
    """
    cue = sketch.stage().draw
    reach, why = seekable_of(sketch)
    if cue is not None and reach == "run":
        say(f"{sketch.title} is drawn here, frame after frame: {why}")
    elif cue is not None:
        frames = _DistantFrames(sketch, cue, workers, seed, say)

        def draw(now: Moment) -> Any:
            return frames.draw(now)

        draw.__name__ = getattr(cue, "__name__", "draw")  # so that it replaces the sketch's
        sketch.draw(draw)
    sketch.names = {**sketch.names, "__name__": "__main__"}  # else `run` does nothing
    try:
        sketch.run(["--offline", *arguments])
    finally:
        if cue is not None and reach != "run":
            frames.close()


class _DistantFrames:
    """The frames of a show in their order, from pieces that workers draw."""

    def __init__(
        self,
        sketch: Sketch,
        cue: Callable[[Moment], Any],
        workers: Workers,
        seed: int | None,
        say: Callable[[str], None],
    ):
        self._sketch, self._cue, self._workers, self._seed = sketch, cue, workers, seed
        self._say = say
        self._here = False  # whether frames are drawn in this process after all
        self._waiting: deque[tuple[Piece, Any]] = deque()
        self._pieces: deque[Piece] = deque()
        self._images: deque[Array] = deque()
        self._last = ""  # the digest of the last frame of the piece before

    def draw(self, now: Moment) -> Any:
        """Return the next frame; `now` is its moment."""
        frame = round(now.seconds * self._sketch.fps)
        if frame == 0:
            self._begin()
            # Drawn here as well, which opens the models that the record of the file names.
            first = self._cue(now)
            self._check_first_pieces()
            if self._here:
                return first
        elif self._here:
            return self._cue(now)
        if not self._images:
            self._receive()
        return self._images.popleft()

    def close(self) -> None:
        """Drop the pieces that nobody waits for any more."""
        for _, future in self._waiting:
            with suppress(Exception):  # the cluster may be gone
                future.cancel()
        self._waiting.clear()

    def _begin(self) -> None:
        sketch = self._sketch
        file, stage = sketch.file, sketch.current_stage
        assert file is not None and stage is not None
        self._job = Job(
            key=uuid4().hex,
            path=str(file.resolve()),
            digest=hashlib.sha256(file.read_bytes()).hexdigest(),
            version=__version__,
            seed=self._seed,
            bpm=sketch.bpm,
            fps=sketch.fps,
            size=sketch.size,
            seconds=stage.show.until,
        )
        count = max(1, math.ceil(self._job.seconds * sketch.fps - 1e-6))
        width, height = sketch.size
        length = min(round(PIECE_SECONDS * sketch.fps), PIECE_BYTES // (width * height * 3))
        # At the end all workers are to have something to do.
        length = max(1, min(length, math.ceil(count / (4 * self._workers.count))))
        self._pieces.extend(
            Piece(first, min(first + length, count)) for first in range(0, count, length)
        )
        self._fill()

    def _fill(self) -> None:
        """Submit pieces until a few more are pending than there are workers."""
        while self._pieces and len(self._waiting) < 2 * self._workers.count:
            piece = self._pieces.popleft()
            self._waiting.append((piece, self._workers.submit(render_piece, self._job, piece)))

    def _check_first_pieces(self) -> None:
        """Draw here where the sketch turns out to keep a state; nothing has been shown yet."""
        results: list[Frames] = [
            self._workers.result(future) for _, future in list(self._waiting)[:2]
        ]
        why = next((one.trouble for one in results if one.trouble), "")
        if (
            not why
            and len(results) > 1
            and not _follows(results[1], digest_of(results[0].images[-1]))
        ):
            why = "a frame follows from the one before"
        if why:
            self._here = True
            self.close()
            self._say(f"{self._sketch.title} is drawn here, frame after frame: {why}")

    def _receive(self) -> None:
        piece, future = self._waiting.popleft()
        frames: Frames = self._workers.result(future)
        if frames.trouble or not _follows(frames, self._last):
            raise ShowError(
                f"frame {piece.first - 1} is another one where a worker begins with it: the sketch "
                "keeps a state, or the machines differ; write sketch.seekable = 'run', or render "
                "without --cluster"
            )
        self._last = digest_of(frames.images[-1])
        self._images.extend(frames.images)
        self._fill()


def _follows(frames: Frames, last: str) -> bool:
    """Return whether the frame before a piece is the one with the digest `last`."""
    return frames.before in ("", last)
