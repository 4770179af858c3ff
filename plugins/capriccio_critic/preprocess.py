"""Bring images of any size to the network's size, and measure them."""

from typing import Any

import numpy as np

from .features import balance, complexity, contrast, harmony, luminance, saliency, sharpness

SIDE = 128  # of the square that the network reads
MAX_MEASURED_SIDE = 256  # longest side on which sharpness, balance and contrast are measured


def as_uint8(image: Any) -> np.ndarray[Any, Any]:
    """Return an image as `(height, width, 3)` uint8; floats are clipped to 0..1 and scaled.

    Raises:
        TypeError: it is no array.
        ValueError: the array has another shape or type, or holds NaN or infinity.
    """
    if not isinstance(image, np.ndarray):
        raise TypeError(f"the critic expected an image, got {type(image).__name__!r}")
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(
            f"the critic expected an image of shape (height, width, 3), got {image.shape}"
        )
    if image.dtype == np.uint8:
        return image
    if image.dtype.kind != "f":
        raise ValueError(f"the critic expected uint8 or floats 0..1, got {image.dtype}")
    if not np.isfinite(image).all():
        raise ValueError("the critic expected floats 0..1, got NaN or infinity")
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)


def resize_square(image: np.ndarray[Any, Any], side: int = SIDE) -> np.ndarray[Any, Any]:
    """Resize a whole image to a square, whatever its aspect ratio: (side, side, 3) uint8.

    Pillow's bilinear filter weights all pixels below a new one, so nothing is left out or aliased.
    """
    return _resize(image, (side, side))


def measure(image: np.ndarray[Any, Any], square: np.ndarray[Any, Any]) -> dict[str, float]:
    """Return the readings that need no network, of an image and its 128 by 128 square."""
    height, width = image.shape[:2]
    longest, limited = max(height, width), image
    if longest > MAX_MEASURED_SIDE:
        size = (
            max(1, width * MAX_MEASURED_SIDE // longest),
            max(1, height * MAX_MEASURED_SIDE // longest),
        )
        limited = _resize(image, size)
    grey = luminance(limited)
    half = luminance(square)  # (128, 128)
    half = half[::2] + half[1::2]
    _, focus, x, y = saliency((half[:, ::2] + half[:, 1::2]) / 4)  # of (64, 64)
    return {
        "harmony": harmony(square),
        "balance": balance(grey),
        "contrast": contrast(grey),
        "complexity": complexity(square),
        "sharpness": sharpness(grey),
        "focus": focus,
        "focus_x": x,
        "focus_y": y,
    }


def _resize(image: np.ndarray[Any, Any], size: tuple[int, int]) -> np.ndarray[Any, Any]:
    from PIL import Image

    picture = Image.fromarray(image)
    return np.asarray(picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0))
