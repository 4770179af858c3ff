"""Degrade pictures, to train and measure what `quality` prefers."""

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

DEGRADATIONS = ("blur", "posterise", "cast", "crop", "jpeg")
# Trained on as well, but not measured. Posterising and a cast make a picture harsher: without
# these, paler pictures would count as better.
EXAGGERATIONS = ("fade", "glare")


def degrade(picture: "Image.Image", kind: str, rng: np.random.Generator) -> "Image.Image":
    """Return a degraded copy of an RGB picture, of the same size.

    Args:
        kind: `blur` by 0.8 to 2 hundredths of its side; `posterise` to 4 levels a channel; `cast`
            of one colour; `crop` of a tilted piece from a corner, about half its side; `jpeg` at
            quality 10; `fade` removes up to half of contrast and colour; `glare` adds as much, and
            sharpens.

    Raises:
        ValueError: there is no such kind.
    """
    from PIL import Image, ImageEnhance, ImageFilter

    width, height = picture.size
    if kind == "blur":
        radius = rng.uniform(0.008, 0.02) * min(width, height)
        return picture.filter(ImageFilter.GaussianBlur(radius))
    if kind == "posterise":
        pixels = np.asarray(picture)
        return Image.fromarray((pixels // 64 * 85).astype(np.uint8))
    if kind == "cast":
        tint = np.ones(3)
        tint[rng.permutation(3)[:2]] = rng.uniform((1.25, 0.6), (1.5, 0.8))
        return Image.fromarray((np.asarray(picture) * tint).clip(0, 255).astype(np.uint8))
    if kind == "crop":
        share = rng.uniform(0.45, 0.6)
        tilted = picture.rotate(rng.choice((-1, 1)) * rng.uniform(6, 12), Image.Resampling.BICUBIC)
        left = rng.choice((0.1, 0.9 - share)) * width
        top = rng.choice((0.1, 0.9 - share)) * height
        box = (left, top, left + share * width, top + share * height)
        return tilted.resize(picture.size, Image.Resampling.BICUBIC, box)
    if kind == "jpeg":
        file = BytesIO()
        picture.save(file, "JPEG", quality=10)
        with Image.open(file) as compressed:
            return compressed.convert("RGB")
    if kind in EXAGGERATIONS:
        sign = -1 if kind == "fade" else 1
        contrast, colour = 1 + sign * rng.uniform(0.15, 0.5, 2)
        changed = ImageEnhance.Contrast(picture).enhance(contrast)
        changed = ImageEnhance.Color(changed).enhance(colour)
        sharpen = ImageFilter.UnsharpMask(2, round(rng.uniform(60, 150)), 2)
        return changed if kind == "fade" else changed.filter(sharpen)
    kinds = ", ".join((*DEGRADATIONS, *EXAGGERATIONS))
    raise ValueError(f"kind must be one of {kinds}, got {kind!r}")
