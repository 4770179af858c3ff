"""Reads picture files of every kind as images, and says in one line why one cannot be read."""

from pathlib import Path

import numpy as np

ENOUGH = 1024  # pixels a side; a JPEG much larger is read at a fraction of its size at once
MOST = 200_000_000  # pixels: what unpacks to more than that is no picture but a bomb


def read_image(path: Path | str) -> np.ndarray:
    """Read a picture file as an image, (height, width, 3) uint8, the right way up.

    Transparent pictures lie on white; 16 bits are brought to 8; of an animation the first picture
    is taken; a JPEG much larger than 1024 pixels a side comes smaller. Raises ValueError, in one
    line with the file's name, where it cannot be read.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            width, height = picture.size
            if width * height > MOST:
                raise ValueError(f"{width} x {height} pixels are more than {MOST // 10**6} million")
            picture.draft("RGB", (ENOUGH, ENOUGH))
            upright = ImageOps.exif_transpose(picture)
            return np.asarray(_plain(upright))
    except UnidentifiedImageError:
        raise ValueError(f"{path}: is no picture, whatever its name says") from None
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{path}: cannot be read: {words}") from None


def _plain(picture):
    """Bring a picture of any mode to RGB."""
    from PIL import Image

    if picture.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        grey = np.asarray(picture).astype(np.float64)
        top = 65535 if picture.mode != "F" else max(1.0, float(grey.max()))
        return Image.fromarray((grey / top * 255).clip(0, 255).astype(np.uint8)).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        ground = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(ground, picture).convert("RGB")
    return picture.convert("RGB")
