"""Frames as files: a folder of PNGs, or one."""

from pathlib import Path

from ...atomic_file import replacing
from ...log import warn_once
from ...media import as_image, fit
from ...parts import Output
from ...recording.provenance import as_png
from ..background_worker import BackgroundWorker
from ..file_targets import make_folder, target_path, writing

# Frames that may wait to be written; at 2048x2048 each is 12 MB.
DEPTH = 8


def write_image(image, path: Path | str) -> None:
    """Write an image, `(height, width, 3)` uint8 or floats 0..1, as a PNG at `path`.

    A file there before is replaced whole. Raises TypeError or ValueError where it is no image,
    ShowError where it cannot be written.
    """
    with writing(Path(path), "write_image"):
        _write(Path(path), as_image(image))


def _write(path: Path, image, provenance="") -> None:
    with replacing(path) as part:
        part.write_bytes(as_png(image, provenance))


class Frames(Output):
    """Write every frame as a PNG into a folder: frame_00000.png, frame_00001.png, …

    The folder is made where it is missing; frames of the same name are overwritten. Each says how
    it was made.
    """

    name = "frames"
    _behind: BackgroundWorker | None = None

    def __init__(self, target: str = ""):
        super().__init__(target)
        self.folder = target_path(target, str(self), "frames:DIR")
        self._shown = 0

    def start(self, performance):
        with writing(self.folder, str(self)):
            make_folder(self.folder)
            probe = self.folder / ".frame.part"  # the frames of an earlier show stay for now
            probe.touch()
            probe.unlink()
        self._size, self._recipe = performance.size, performance.provenance
        self._behind = BackgroundWorker(self._write, DEPTH)

    def show(self, image, now):
        # A copy: the frame is written later, and a sketch may paint on in the same array.
        recipe = self._recipe()
        recipe = {**recipe, "moment": now.seconds} if recipe else {}
        self._behind.hand((self._shown, recipe, fit(image, self._size).copy()), wait=True)
        self._shown += 1

    def close(self):
        behind, self._behind = self._behind, None
        if behind is None:
            return
        behind.finish()
        older = [path for path in self.folder.glob("frame_*.png") if _number(path) >= self._shown]
        if older:
            warn_once(
                f"{str(self.folder)!r} still holds {len(older)} frames of an earlier show, "
                f"from {min(older).name} on"
            )

    def _write(self, item):
        number, recipe, image = item
        path = self.folder / f"frame_{number:05}.png"
        with writing(path, str(self)):
            _write(path, image, recipe)


def _number(path) -> int:
    digits = path.stem.removeprefix("frame_")
    return int(digits) if digits.isdigit() else -1
