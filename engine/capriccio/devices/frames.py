"""Frames as files: a folder of PNGs."""

import struct
import zlib

import numpy as np

from ..errors import tell
from ..hookspecs import Output
from ..media import fit
from .behind import Behind
from .paths import make_folder, replacing, target_path, writing

# The fastest that still compresses; on noisy frames level 6 takes twelve times as long for a tenth.
COMPRESSION = 1
# Frames that may wait to be written; at 2048x2048 each is 12 MB.
DEPTH = 8
# The filter of a PNG row that says "what differs from the row above". Trying all five on every
# row, as encoders do, takes four times as long and gains five percent.
UP = 2


class Frames(Output):
    """Write every frame as a PNG into a folder: frame_00000.png, frame_00001.png, …

    The folder is made where it is missing; frames of the same name are overwritten.
    """

    name = "frames"
    _behind: Behind | None = None

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
        self._size = performance.size
        self._behind = Behind(self._write, DEPTH)

    def show(self, image, now):
        # A copy: the frame is written later, and a sketch may paint on in the same array.
        self._behind.hand((self._shown, fit(image, self._size).copy()), wait=True)
        self._shown += 1

    def close(self):
        behind, self._behind = self._behind, None
        if behind is None:
            return
        behind.finish()
        older = [path for path in self.folder.glob("frame_*.png") if _number(path) >= self._shown]
        if older:
            tell(
                f"{str(self.folder)!r} still holds {len(older)} frames of an earlier show, "
                f"from {min(older).name} on"
            )

    def _write(self, item):
        number, image = item
        path = self.folder / f"frame_{number:05}.png"
        with writing(path, str(self)), replacing(path) as part:
            part.write_bytes(as_png(image))


def as_png(image: np.ndarray) -> bytes:
    """Encode an image `(height, width, 3) uint8` as a PNG: the same bytes for the same image."""
    height, width = image.shape[:2]
    flat = image.reshape(height, width * 3)
    rows = np.empty((height, 1 + width * 3), np.uint8)
    rows[:, 0] = UP
    rows[0, 1:] = flat[0]
    np.subtract(flat[1:], flat[:-1], out=rows[1:, 1:])  # bytes wrap around, as PNG has it
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, RGB
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, data)
        for kind, data in (
            (b"IHDR", header),
            (b"sRGB", b"\0"),
            (b"IDAT", zlib.compress(rows.data, COMPRESSION)),
            (b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _number(path) -> int:
    digits = path.stem.removeprefix("frame_")
    return int(digits) if digits.isdigit() else -1
