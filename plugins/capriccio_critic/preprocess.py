"""Brings pictures of any size to what is judged, and measures them."""

import numpy as np

from .features import balance, complexity, contrast, gaze, grey_of, harmony, sharpness

SIDE = 128  # of the picture that the network sees
GLANCE = 256  # longest side of the picture that sharpness, balance and contrast are measured on


def image_of(thing) -> np.ndarray:
    """Give an image, (height, width, 3) uint8, of one or of floats 0..1.

    Raises TypeError or ValueError where it is none.
    """
    if not isinstance(thing, np.ndarray):
        raise TypeError(f"the critic was given {type(thing).__name__!r}; give it an image")
    if thing.ndim != 3 or thing.shape[2] != 3 or 0 in thing.shape:
        raise ValueError(
            f"the critic was given an array of shape {thing.shape}; an image is (height, width, 3)"
        )
    if thing.dtype == np.uint8:
        return thing
    if thing.dtype.kind != "f" or not np.isfinite(thing).all():
        raise ValueError(
            f"the critic was given an array of {thing.dtype}; an image is uint8, or floats 0..1"
        )
    return (np.clip(thing, 0, 1) * 255 + 0.5).astype(np.uint8)


def squeeze(image: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Bring the whole of an image to a square, whatever its shape: (side, side, 3) uint8.

    Every new pixel is a weighted mean of all the old ones under it (a triangle, as Pillow's
    bilinear filter has it), so that nothing of the picture is left out and nothing aliases.
    """
    from PIL import Image

    size = (side, side)
    small = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)
    return np.asarray(small)


def measure(image: np.ndarray, square: np.ndarray) -> dict[str, float]:
    """Give the readings that need no network, of an image and its square."""
    height, width = image.shape[:2]
    longest = max(height, width)
    glance = image
    if longest > GLANCE:
        from PIL import Image

        size = (max(1, width * GLANCE // longest), max(1, height * GLANCE // longest))
        small = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)
        glance = np.asarray(small)
    grey = grey_of(glance)
    half = grey_of(square)  # (128, 128)
    half = half[::2] + half[1::2]
    _, held, x, y = gaze((half[:, ::2] + half[:, 1::2]) / 4)  # of (64, 64)
    return {
        "harmony": harmony(square),
        "balance": balance(grey),
        "contrast": contrast(grey),
        "complexity": complexity(square),
        "sharpness": sharpness(grey),
        "focus": held,
        "focus_x": x,
        "focus_y": y,
    }
