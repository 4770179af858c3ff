"""A camera as a part: its newest image, read in a thread of its own."""

import platform
import threading
from pathlib import Path
from typing import Any

import numpy as np

from ...clock import Moment
from ...errors import ShowError
from ...events import ImageSeen
from ...log import info, warn_once
from ...media import Array
from ...parts import Generator
from ...performance import Performance, current_performance
from ...recording.footage import RATE
from .movie import FrameReader, Movie

# The devices of each system, as FFmpeg calls them, and the first camera there.
SYSTEMS = {
    "Linux": ("v4l2", "/dev/video0"),
    "Darwin": ("avfoundation", "0"),
    "Windows": ("dshow", "video=Integrated Camera"),
}
AGAIN_SECONDS = 2.0  # until a camera that is taken or unplugged is tried again


def camera(
    name: str = "",
    *,
    size: tuple[int, int] = (640, 480),
    fps: float = 30.0,
    simulate: str | Path = "",
) -> "Camera":
    """Return a camera as a part: `eye = camera()`, then `eye(now)` in a draw cue.

    Args:
        name: of the device: "/dev/video1", "1", "video=HD Webcam", or the address of a stream; the
            first camera unless given.
        size: (width, height) that it is asked for.
        fps: frames a second that it is asked for.
        simulate: a film that is seen instead. Offline nothing else is seen, and in a replay what
            the camera saw then.
    """
    return Camera(name, size, fps, simulate)


class Camera(Generator):
    """See what a camera sees; black until its first image, and the last one where it is lost.

    It is opened when a live show first looks. A take keeps what it delivered, without loss.
    """

    seekable = "run"

    _reader: "CameraReader | None" = None

    def __init__(
        self,
        name: str = "",
        size: tuple[int, int] = (640, 480),
        fps: float = 30.0,
        simulate: str | Path = "",
    ):
        self._device, self._size, self._fps = name, size, fps
        self._film = Movie(simulate) if simulate else None
        # The show, seconds and image of its last frame, and a film beside the take.
        self._shown: tuple[Performance | None, float, Array | None] = None, 0.0, None
        self._kept: tuple[Path, FrameReader | None] | None = None
        self._black = np.zeros((size[1], size[0], 3), np.uint8)

    def generate(self, now: Moment, *, mirror: float = 1.0) -> Array:
        """Return the newest image.

        Args:
            mirror: from 0.5 on left and right are exchanged, as in a mirror.
        """
        image: Array | None = None
        performance = current_performance.get()
        if self._film is not None:
            image = self._film(now)
        elif performance and (performance.clock.live or performance.take):
            show, seconds, _ = self._shown
            if show is not performance or seconds != now.seconds:  # one image a frame
                self._shown = performance, now.seconds, self._look(performance, now.seconds)
            image = self._shown[2]
        image = self._black if image is None else image
        return np.ascontiguousarray(image[:, ::-1]) if mirror >= 0.5 else image.copy()

    def _look(self, performance: Performance, seconds: float) -> Array | None:
        """Return the newest image, or in a replay the one of the show."""
        parameters, (show, _, before) = performance.parameters, self._shown
        name = parameters.name_of(self, "camera")
        if performance.take is None:
            if self._reader is None:
                self._reader = CameraReader(self._device, self._size, self._fps)
            image = self._reader.image
            if image is not None and not (image is before and show is performance):
                parameters.publish(ImageSeen(parameters.seconds, name, image))
            return image
        place = performance.take.image(name, seconds)
        if place is None:
            return None
        path, number = place
        if self._kept is None or self._kept[0] != path:
            try:
                self._kept = path, FrameReader(path)
            except ValueError as error:
                warn_once(f"{error}; the camera stays black")
                self._kept = path, None
        film = self._kept[1]
        return film.image_at((number + 0.5) / RATE) if film else None

    def close(self) -> None:
        """Release the camera."""
        kept, self._kept = self._kept, None
        if kept and kept[1]:
            kept[1].close()
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()
        if self._film is not None:
            self._film.close()


class CameraReader:
    """Reads a camera in a thread of its own, and opens it again where it was lost."""

    def __init__(self, name: str, size: tuple[int, int], fps: float):
        self.image: Array | None = None
        self._name, self._size, self._fps = name, size, fps
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read_on, name="camera", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; a camera that hangs is left to itself."""
        self._stopping.set()
        self._thread.join(AGAIN_SECONDS)

    def _read_on(self) -> None:
        import av

        lost = False
        while not self._stopping.is_set():
            try:
                with open_camera(self._name, self._size, self._fps) as device:
                    for frame in device.decode(video=0):
                        if lost:
                            info(f"camera {self._name or 'of this machine'} is back")
                            lost = False
                        self.image = frame.to_ndarray(format="rgb24")
                        if self._stopping.is_set():
                            return
                reason = "it has ended"
            except (av.FFmpegError, OSError, ValueError, IndexError, ShowError) as error:
                reason = getattr(error, "strerror", None) or str(error)
            lost = True
            name = self._name or "of this machine"
            warn_once(f"camera {name} is not there: {reason}; the last image stays")
            self._stopping.wait(AGAIN_SECONDS)


def open_camera(name: str, size: tuple[int, int], fps: float) -> Any:
    """Return a camera, opened, as PyAV's container.

    Raises:
        OSError: it cannot be opened.
        ShowError: nothing is known of the cameras of this system.
    """
    import av

    if "://" in name or Path(name).is_file():
        return av.open(name)
    if platform.system() not in SYSTEMS:
        raise ShowError(f"cameras of {platform.system()} are not known; give the URL of a stream")
    kind, first = SYSTEMS[platform.system()]
    options = {"video_size": f"{size[0]}x{size[1]}", "framerate": f"{fps:g}"}
    return av.open(name or first, format=kind, options=options)
