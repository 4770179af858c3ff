"""Spoils pictures, for learning and measuring what `quality` prefers."""

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

WAYS = ("blur", "posterise", "cast", "crop", "jpeg")
# Learned from as well, but no harm that is measured: or else whatever is paler, say, would be
# better, since posterising and a cast make a picture harsher.
OVERDONE = ("fade", "glare")


def degrade(picture: "Image.Image", way: str, random: np.random.Generator) -> "Image.Image":
    """Give a spoiled copy of an RGB picture, of the same size.

    `blur` by 0.8 to 2 hundredths of its side; `posterise` to 4 levels a channel; `cast` one colour
    over all; `crop` a tilted piece from a corner, half its side or a little more; `jpeg` at
    quality 10; `fade` takes up to half of contrast and colour away, and `glare` adds as much, with
    harder edges. Raises ValueError for another way.
    """
    from PIL import Image, ImageEnhance, ImageFilter

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
    if way in OVERDONE:
        sign = -1 if way == "fade" else 1
        contrast, colour = 1 + sign * random.uniform(0.15, 0.5, 2)
        changed = ImageEnhance.Contrast(picture).enhance(contrast)
        changed = ImageEnhance.Color(changed).enhance(colour)
        hard = ImageFilter.UnsharpMask(2, round(random.uniform(60, 150)), 2)
        return changed if way == "fade" else changed.filter(hard)
    there = ", ".join((*WAYS, *OVERDONE))
    raise ValueError(f"no way to degrade is called {way!r}; there are {there}")
