"""Spoils pictures, for learning and measuring what `quality` prefers."""

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

WAYS = ("blur", "posterise", "cast", "crop", "jpeg")


def degrade(picture: "Image.Image", way: str, random: np.random.Generator) -> "Image.Image":
    """Give a spoiled copy of an RGB picture, of the same size.

    `blur` by 0.8 to 2 hundredths of its side; `posterise` to 4 levels a channel; `cast` one colour
    over all; `crop` a tilted piece from a corner, half its side or a little more; `jpeg` at
    quality 10. Raises ValueError for another way.
    """
    from PIL import Image, ImageFilter

    width, height = picture.size
    if way == "blur":
        radius = random.uniform(0.008, 0.02) * min(width, height)
        return picture.filter(ImageFilter.GaussianBlur(radius))
    if way == "posterise":
        pixels = np.asarray(picture)
        return Image.fromarray((pixels // 64 * 85).astype(np.uint8))
    if way == "cast":
        tint = np.ones(3)
        tint[random.permutation(3)[:2]] = random.uniform((1.25, 0.6), (1.5, 0.8))
        return Image.fromarray((np.asarray(picture) * tint).clip(0, 255).astype(np.uint8))
    if way == "crop":
        share = random.uniform(0.45, 0.6)
        tilted = picture.rotate(
            random.choice((-1, 1)) * random.uniform(6, 12), Image.Resampling.BICUBIC
        )
        left = random.choice((0.1, 0.9 - share)) * width
        top = random.choice((0.1, 0.9 - share)) * height
        box = (left, top, left + share * width, top + share * height)
        return tilted.resize(picture.size, Image.Resampling.BICUBIC, box)
    if way == "jpeg":
        file = BytesIO()
        picture.save(file, "JPEG", quality=10)
        with Image.open(file) as spoiled:
            return spoiled.convert("RGB")
    raise ValueError(f"no way to degrade is called {way!r}; there are {', '.join(WAYS)}")
