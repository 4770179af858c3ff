"""A film as a part: its frames by the time of the show, with speed and position as knobs."""

from pathlib import Path
from typing import Any

from ...clock import Moment
from ...log import warn_once
from ...media import Array
from ...parts import Generator

FAR = 2.0  # seconds ahead from which a film is searched instead of read on


def movie(path: str | Path) -> "Movie":
    """Return a film as a part: `film = movie("clip.mp4")`, then `film(now)` in a draw cue.

    Raises:
        ValueError: there is no such file.
    """
    return Movie(path)


class Movie(Generator):
    """Play a film in a loop, exactly by the time of the show; it is opened at the first frame.

    Args:
        path: of the film, of any kind that FFmpeg reads.
    """

    seekable = "now"

    def __init__(self, path: str | Path):
        self.path = Path(path).expanduser()
        if not self.path.is_file():
            raise ValueError(f"movie finds no file {str(path)!r}")
        self._reader: FrameReader | None = None
        self._speed, self._since, self._from = 0.5, 0.0, 0.0
        self._seconds = -1.0

    def generate(self, now: Moment, *, speed: float = 0.5, position: float = 0.0) -> Array:
        """Return the frame of the moment.

        Args:
            speed: 0.5 is as it was filmed, 1 twice as fast, 0 a still.
            position: where it starts, or where it stands while speed is 0; 1 is its end.
        """
        if self._reader is None:
            self._reader = FrameReader(self.path)
        if now.seconds < self._seconds or self._seconds < 0:  # a show begins
            self._speed, self._since, self._from = speed, now.seconds, 2 * speed * now.seconds
        elif speed != self._speed:
            self._from += 2 * self._speed * (now.seconds - self._since)
            self._speed, self._since = speed, now.seconds
        self._seconds = now.seconds
        played = self._from + 2 * self._speed * (now.seconds - self._since)
        length = self._reader.length
        start = position * length
        if speed == 0 and position == 1.0 and length:
            start = length - 1e-4
        return self._reader.image_at((start + played) % length if length else 0.0)

    def close(self) -> None:
        """Close the film."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()


class FrameReader:
    """Reads the frames of a film by time, from the beginning on or anywhere.

    Raises:
        ValueError: it cannot be read; the message names the file.
    """

    def __init__(self, path: Path):
        import av

        self._path = path
        self._file: Any = None
        self._current: Any = None  # the frame that is shown, and the one after it
        self._coming: Any = None
        try:
            self._file = av.open(str(path))
            self._stream: Any = self._file.streams.video[0]
            self._stream.thread_type = "AUTO"
            self._start = float((self._stream.start_time or 0) * self._stream.time_base)
            if self._stream.duration:
                self.length = float(self._stream.duration * self._stream.time_base)
            else:  # a stream without a duration of its own, in a file that has one
                self.length = float(self._file.duration or 0) / 1e6
            self._seek(0.0)
            if self._current is None:
                raise IndexError
        except (av.FFmpegError, OSError, IndexError, ValueError) as error:
            self.close()
            reason = getattr(error, "strerror", None) or error
            reason = "it holds no images" if isinstance(error, IndexError) else reason
            raise ValueError(f"{path}: cannot be read as a film: {reason}") from None

    def image_at(self, seconds: float) -> Array:
        """Return the image that is shown at a time; the last one from the end on."""
        current, coming = self._current, self._coming
        ahead = seconds - self._time(coming if coming is not None else current)
        if seconds < self._time(current) - 1e-6 or ahead > FAR:
            self._seek(seconds)
        while self._coming is not None and self._time(self._coming) <= seconds + 1e-6:
            self._current, self._coming = self._coming, self._next()
        image: Array = self._current.to_ndarray(format="rgb24")
        return image

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _time(self, frame: Any) -> float:
        return float(frame.time or 0.0) - self._start

    def _seek(self, seconds: float) -> None:
        """Go to the last key frame before a time."""
        at = int((seconds + self._start) / self._stream.time_base)
        self._file.seek(at, stream=self._stream, backward=True)
        self._frames = self._file.decode(self._stream)
        first = self._next()
        if first is not None:
            self._current = first
        self._coming = self._next()

    def _next(self) -> Any:
        """Return the next frame, or None at the end and where the film is broken."""
        import av

        last = self._coming or self._current
        frame = None
        try:
            frame = next(self._frames, None)
            # Cut between two frames a film just ends: it is told by the time that is missing.
            end = self._time(last) + 2 / float(self._stream.average_rate or 25) if last else 0.0
            reason = "" if frame or not last or end >= self.length else "the rest is missing"
        except (av.FFmpegError, OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
        if reason:
            warn_once(f"{self._path}: breaks off: {reason}; its last image stays")
        return frame
