"""Films beside a take, without loss: what its cameras delivered."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from ..events import ImageSeen
from ..log import warn_once

# Bytes of the films of one take: at 640x480 and 30 images a second, two minutes or more.
MAX_BYTES = 2 * 2**30
RATE = 25  # images a second: one takes 40 ms, whole milliseconds, as Matroska counts them


class Footage:
    """Writes each image that a camera delivered into a film beside a take.

    Args:
        take: the path of the take.
    """

    def __init__(self, take: Path):
        self.paths: list[Path] = []
        self._take, self._left = take, MAX_BYTES
        # Container, stream and numbers of images, by camera and shape.
        self._films: dict[Any, tuple[Any, Any, Iterator[int]]] = {}

    def keep(self, event: ImageSeen) -> tuple[str, int] | None:
        """Write an image; return the name of its film and its number there, None if it is full."""
        import av

        key = event.camera, event.image.shape
        try:
            if self._left > 0 and key not in self._films:
                self._films[key] = self._open(*event.image.shape[:2])
            elif self._left <= 0:
                return None
            file, stream, numbers = self._films[key]
            frame = av.VideoFrame.from_ndarray(event.image, format="rgb24")
            frame.pts = number = next(numbers)
            self._write(file, stream, frame)
            reason = "" if self._left > 0 else f"its films have {MAX_BYTES / 2**30:g} GiB"
        except (OSError, av.FFmpegError, ValueError) as error:
            reason, self._left = getattr(error, "strerror", None) or str(error), 0
        if not reason:
            return Path(file.name).name, number
        warn_once(f"the take keeps no more of what cameras see: {reason}; the show goes on")
        self.close()
        return None

    def close(self) -> None:
        """Finish all films."""
        import av

        for file, stream, _ in self._films.values():
            try:
                self._write(file, stream, None)
                file.close()
            except (OSError, av.FFmpegError, ValueError) as error:
                warn_once(f"a film of the take ends early: {error}")
        self._films = {}

    def _open(self, height: int, width: int) -> tuple[Any, Any, Iterator[int]]:
        import av

        number = f"-{len(self.paths) + 1}" if self.paths else ""
        path = self._take.with_name(f"{self._take.stem}-camera{number}.mkv")
        path.unlink(missing_ok=True)
        file = av.open(str(path), "w", format="matroska")
        self.paths.append(path)
        stream: Any = file.add_stream("libx264rgb", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, "rgb24"
        # Without loss, and each image is written at once.
        stream.options = {"qp": "0", "preset": "ultrafast", "tune": "zerolatency", "g": str(RATE)}
        return file, stream, count()

    def _write(self, file: Any, stream: Any, frame: Any) -> None:
        for packet in stream.encode(frame):
            self._left -= packet.size
            file.mux(packet)
