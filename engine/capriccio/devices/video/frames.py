"""Writes frames as PNG files: a folder of them, or one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...atomic_file import create_part, replacing
from ...clock import Moment
from ...log import warn_once
from ...media import Array, as_image, fit
from ...parts import Output
from ...performance import Performance
from ...recording.provenance import as_png
from ..background_worker import BackgroundWorker
from ..file_targets import make_folder, target_path, writing

# A frame that waits to be written: its number, its provenance and its image.
Waiting = tuple[int, Mapping[str, Any], Array]

# Frames that may wait to be written; at 2048x2048 each is 12 MB.
MAX_WAITING = 8


def write_image(image: Any, path: Path | str) -> None:
    """Write an image, `(height, width, 3)` uint8 or floats 0..1, as a PNG.

    Raises TypeError or ValueError where it is no image, and ShowError where it cannot be written.
    """
    checked = as_image(image, "write_image", "was given")
    with writing(Path(path), "write_image"), replacing(Path(path)) as part:
        part.write_bytes(as_png(checked, ""))


class Frames(Output):
    """Write every frame as a PNG into a folder: frame_00000.png, frame_00001.png, …

    The folder is created where it is missing; frames of the same name are replaced. Each file
    holds its provenance.
    """

    name = "frames"
    _worker: BackgroundWorker[Waiting] | None = None

    def __init__(self, target: str = ""):
        super().__init__(target)
        self.folder = target_path(target, str(self), "frames:DIR")
        self._shown = 0

    def start(self, performance: Performance) -> None:
        with writing(self.folder, str(self)):
            make_folder(self.folder)
            # Whether it can be written; the frames of an earlier show stay for now.
            create_part(self.folder / "frame").unlink()
        self._size, self._provenance = performance.size, performance.provenance
        self._worker = BackgroundWorker(self._write, MAX_WAITING)

    def show(self, image: Array, now: Moment) -> None:
        assert self._worker
        provenance = self._provenance()
        provenance = {**provenance, "moment": now.seconds} if provenance else {}
        # A copy: the frame is written later, and a sketch may paint on in the same array.
        frame = fit(image, self._size).copy()
        self._worker.submit((self._shown, provenance, frame), wait=True)
        self._shown += 1

    def close(self) -> None:
        worker, self._worker = self._worker, None
        if worker is None:
            return
        worker.finish()
        older = [path for path in self.folder.glob("frame_*.png") if _number(path) >= self._shown]
        if older:
            still = f"{str(self.folder)!r} still holds {len(older)} frames of an earlier show"
            warn_once(f"{still}, from {min(older).name} on")

    def _write(self, waiting: Waiting) -> None:
        number, provenance, image = waiting
        path = self.folder / f"frame_{number:05}.png"
        with writing(path, str(self)), replacing(path) as part:
            part.write_bytes(as_png(image, provenance))


def _number(path: Path) -> int:
    digits = path.stem.removeprefix("frame_")
    return int(digits) if digits.isdigit() else -1
