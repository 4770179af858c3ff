"""A picture, or a folder of pictures, as a part."""

from functools import lru_cache
from pathlib import Path

from ...clock import Moment
from ...image_io import image_files, read_image
from ...media import Array
from ...parts import Generator


def picture(path: str | Path) -> "PictureFile":
    """Return a picture as a part: `me = picture("me.jpg")`, then `me(now)` in a draw cue.

    Of a folder, `slides(now, position=now.phase(bars=16))` shows one picture after the other.

    Raises:
        ValueError: there is no such file, or no picture in the folder.
    """
    return PictureFile(path)


class PictureFile(Generator):
    """Show a picture, or one of a folder.

    Args:
        path: of an image file of any kind, or of a folder, whose subfolders count as well.
    """

    name = "picture"
    seekable = "now"

    def __init__(self, path: str | Path):
        place = Path(path).expanduser()
        self.paths = image_files(place) if place.is_dir() else [place] if place.is_file() else []
        if not self.paths:
            what = "no image files in" if place.is_dir() else "no file"
            raise ValueError(f"picture finds {what} {str(path)!r}")
        self._read = lru_cache(4)(read_image)

    def generate(self, now: Moment, *, position: float = 0.0) -> Array:
        """Return the picture.

        Args:
            position: which one of a folder, from the first to the last by name.
        """
        return self._read(self.paths[min(int(position * len(self.paths)), len(self.paths) - 1)])
