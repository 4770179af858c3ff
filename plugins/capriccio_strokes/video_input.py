"""Reads a video file as images, one for each moment of a show."""

from pathlib import Path
from typing import Any

import numpy as np

ENDINGS = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v"}


class Film:
    """A video file that runs with the show, round and round.

    Raises ValueError, in one line with the file's name, where it cannot be read.
    """

    def __init__(self, path: Path | str):
        import av

        self._file: Any = None
        try:
            self._file = av.open(str(path))
            self._stream = self._file.streams.video[0]
            self._stream.thread_type = "AUTO"
            self._begin()
            self._image, self._until = self._next()
        except (OSError, IndexError, StopIteration, ValueError) as error:
            self.close()
            words = "no picture in it" if isinstance(error, IndexError | StopIteration) else error
            raise ValueError(f"{path}: cannot be read as video: {words}") from None
        if self._stream.duration:
            self._length = float(self._stream.duration * self._stream.time_base)
        else:  # a stream without a length of its own, in a file that has one
            self._length = float(self._file.duration or 0) / 1e6

    def at(self, seconds: float) -> np.ndarray:
        """Give the image that is shown at a time, (height, width, 3) uint8."""
        place = seconds % self._length if self._length > 0 else 0.0
        if place < self._from:  # the beginning again, or backwards
            self._begin()
            self._image, self._until = self._next()
        while place >= self._until:
            try:
                self._image, self._until = self._next()
            except StopIteration:  # the last image stays until the end
                self._until = np.inf
        return self._image

    def close(self) -> None:
        """Let the file go."""
        if self._file is not None:
            self._file.close()

    def _begin(self) -> None:
        self._file.seek(0)
        self._frames = self._file.decode(self._stream)
        self._first: float | None = None

    def _next(self) -> tuple[np.ndarray, float]:
        """Give the next image, and until when it is shown."""
        frame = next(self._frames)
        time = frame.time or 0.0
        self._first = time if self._first is None else self._first
        self._from = time - self._first
        rate = float(self._stream.average_rate or 25)
        return frame.to_ndarray(format="rgb24"), self._from + 1 / rate - 1e-6
