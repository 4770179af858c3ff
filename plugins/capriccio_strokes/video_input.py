"""Read the images of a video file by time."""

from pathlib import Path
from typing import Any

import numpy as np

SUFFIXES = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v"}


class VideoInput:
    """A video file that plays in a loop.

    Raises:
        ValueError: it cannot be read; the message names the file.
    """

    def __init__(self, path: Path | str):
        import av

        self._file: Any = None
        try:
            self._file = av.open(str(path))
            self._stream = self._file.streams.video[0]
            self._stream.thread_type = "AUTO"
            self._rewind()
            self._image, self._until = self._next()
        except (OSError, IndexError, StopIteration, ValueError) as error:
            self.close()
            empty = isinstance(error, IndexError | StopIteration)
            reason = "it holds no images" if empty else error
            raise ValueError(f"{path}: cannot be read as video: {reason}") from None
        if self._stream.duration:
            self._duration = float(self._stream.duration * self._stream.time_base)
        else:  # a stream without a duration of its own, in a file that has one
            self._duration = float(self._file.duration or 0) / 1e6

    def image_at(self, seconds: float) -> np.ndarray:
        """Return the image that is shown at a time, (height, width, 3) uint8."""
        position = seconds % self._duration if self._duration > 0 else 0.0
        if position < self._from:  # the loop begins again, or time went backwards
            self._rewind()
            self._image, self._until = self._next()
        while position >= self._until:
            try:
                self._image, self._until = self._next()
            except StopIteration:  # the last image stays until the end
                self._until = np.inf
        return self._image

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _rewind(self) -> None:
        self._file.seek(0)
        self._frames = self._file.decode(self._stream)
        self._first: float | None = None

    def _next(self) -> tuple[np.ndarray, float]:
        """Return the next image, and the time until which it is shown."""
        frame = next(self._frames)
        time = frame.time or 0.0
        self._first = time if self._first is None else self._first
        self._from = time - self._first
        rate = float(self._stream.average_rate or 25)
        return frame.to_ndarray(format="rgb24"), self._from + 1 / rate - 1e-6
