"""Writes a show as an animated GIF or WebP, or its last picture as a PNG."""

from itertools import pairwise
from typing import Any

from ...atomic_file import replacing
from ...clock import Moment
from ...errors import ShowError
from ...media import Array, fit
from ...parts import Output
from ...performance import Performance
from ...recording.provenance import as_png
from ..background_worker import BackgroundWorker
from ..file_targets import make_folder, target_path, writing

FORMATS = {".gif": "GIF", ".webp": "WEBP"}
# Frames that may wait to be converted, and frames that a file may have: all are kept in memory.
MAX_WAITING, MAX_BYTES = 8, 2_000_000_000
FASTEST_GIF = 50.0  # frames a second that viewers of GIF show; they slow down what is faster
WEBP_QUALITY = 80


class Animation(Output):
    """Write an animation that repeats for ever: `animation:FILE.gif` or `animation:FILE.webp`.

    A GIF has 256 colours a frame and at most 50 frames a second. All frames are kept in memory
    until the end, so it is for seconds, not for minutes.
    """

    name = "animation"
    _worker: BackgroundWorker[Array] | None = None

    def __init__(self, target: str = ""):
        super().__init__(target)
        self.path = target_path(target, str(self), "animation:FILE.gif", FORMATS)

    def start(self, performance: Performance) -> None:
        with writing(self.path, str(self)):
            make_folder(self.path.parent)
        self._size, self._fps = performance.size, performance.fps
        self._format = FORMATS[self.path.suffix.lower()]
        self._frames: list[Any] = []
        self._bytes, self._shown, self._kept = 0, 0, -1
        self._worker = BackgroundWorker(self._convert, MAX_WAITING)

    def show(self, image: Array, now: Moment) -> None:
        assert self._worker
        number, self._shown = self._shown, self._shown + 1
        if self._format == "GIF":
            place = int(number * min(1.0, FASTEST_GIF / self._fps))
            if place == self._kept:
                return
            self._kept = place
        picture = fit(image, self._size).copy()
        self._bytes += picture.nbytes if self._format == "WEBP" else picture.nbytes // 3
        if self._bytes > MAX_BYTES:
            raise ShowError(
                f"{self} keeps at most {MAX_BYTES // 10**9} GB of frames; make it shorter or "
                "smaller, or write video:FILE.mp4"
            )
        self._worker.submit(picture, wait=True)

    def close(self) -> None:
        worker, self._worker = self._worker, None
        if worker is None:
            return
        if not worker.finish() or not self._frames:
            return
        first, *others = self._frames
        # Hundredths of a second for each frame, so that no error adds up.
        rate = min(self._fps, FASTEST_GIF) if self._format == "GIF" else self._fps
        ends = [round(100 * number / rate) for number in range(len(self._frames) + 1)]
        durations = [10 * (end - begin) for begin, end in pairwise(ends)]
        options: dict[str, Any] = {"save_all": True, "append_images": others, "loop": 0}
        if self._format == "WEBP":
            options["quality"] = WEBP_QUALITY
        with writing(self.path, str(self)), replacing(self.path) as part:
            first.save(part, self._format, duration=durations, **options)
        self._frames = []

    def _convert(self, picture: Array) -> None:
        from PIL import Image

        frame = Image.fromarray(picture)
        if self._format == "GIF":
            frame = frame.quantize(256, Image.Quantize.MEDIANCUT)
        self._frames.append(frame)


class ImageFile(Output):
    """Write the last picture of a show as a PNG: `image:FILE.png`; it holds its provenance."""

    name = "image"
    _last: tuple[Array, float] | None = None

    def __init__(self, target: str = ""):
        super().__init__(target)
        self.path = target_path(target, str(self), "image:FILE.png", [".png"])

    def start(self, performance: Performance) -> None:
        with writing(self.path, str(self)):
            make_folder(self.path.parent)
        self._size, self._provenance = performance.size, performance.provenance

    def show(self, image: Array, now: Moment) -> None:
        self._last = image, now.seconds

    def close(self) -> None:
        last, self._last = self._last, None
        if last is None:
            return
        image, seconds = last
        record = self._provenance()
        record = {**record, "moment": seconds} if record else {}
        with writing(self.path, str(self)), replacing(self.path) as part:
            part.write_bytes(as_png(fit(image, self._size), record))
