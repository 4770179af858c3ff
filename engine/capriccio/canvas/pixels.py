"""Convert pictures between arrays and skia."""

from typing import Any

import numpy as np

from ..media import Array, Stroke, as_image
from .skia_library import load_skia

ALPHA = 255 << 24


def rgb_of(rgba: Array) -> Array:
    """Return the colours of an array `(height, width, 4)` as an image."""
    image = np.empty((*rgba.shape[:2], 3), np.uint8)
    for channel in range(3):  # one after the other is five times as fast as all at once
        image[..., channel] = rgba[..., channel]
    return image


def rgba_of(image: Array) -> Array:
    """Return an image as an array `(height, width, 4)` of opaque pixels."""
    height, width = image.shape[:2]
    flat = np.ascontiguousarray(image).reshape(-1)
    pixels = np.empty(height * width, "<u4")
    if pixels.size > 1:
        # The four bytes that begin with a pixel are read as one number, which is faster than
        # copying channels.
        words = np.lib.stride_tricks.as_strided(flat[:4].view("<u4"), (pixels.size - 1,), (3,))
        np.bitwise_or(words, np.uint32(ALPHA), out=pixels[:-1])
    red, green, blue = map(int, flat[-3:])
    pixels[-1] = ALPHA | blue << 16 | green << 8 | red
    return pixels.view(np.uint8).reshape(height, width, 4)


def image_info(size: tuple[int, int], alpha: bool = True) -> Any:
    """Return skia's description of `size` pixels, red first, which it draws fastest."""
    skia = load_skia()
    kind = skia.kPremul_AlphaType if alpha else skia.kOpaque_AlphaType
    return skia.ImageInfo.Make(*size, skia.kRGBA_8888_ColorType, kind)


def skia_image(picture: Any) -> Any:
    """Return a picture as a `skia.Image`.

    Args:
        picture: an image, floats 0..1 or uint8, with alpha or without; a canvas; a PIL image; a
            `skia.Image`, which is returned as it is.
    """
    skia = load_skia()
    if isinstance(picture, skia.Image):
        return picture
    if hasattr(picture, "snapshot"):  # a canvas
        return picture.snapshot()
    picture = as_array(picture)
    if getattr(picture, "shape", ())[2:] == (4,) and picture.size:
        if picture.dtype != np.uint8:
            picture = (np.clip(picture, 0.0, 1.0) * 255 + 0.5).astype(np.uint8)
        info = skia.ImageInfo.Make(
            picture.shape[1], picture.shape[0], skia.kRGBA_8888_ColorType, skia.kUnpremul_AlphaType
        )
        return copied(np.ascontiguousarray(picture), info)
    pixels = rgba_of(as_image(picture, "a picture", "is"))
    return copied(pixels, image_info((pixels.shape[1], pixels.shape[0]), alpha=False))


def copied(pixels: Array, info: Any) -> Any:
    """Return a copy of pixels `(height, width, 4)` as a `skia.Image`; `info` describes them."""
    skia = load_skia()
    return skia.Image.MakeRasterCopy(skia.Pixmap(info, pixels, 4 * pixels.shape[1]))


def as_array(picture: Any) -> Any:
    """Return a PIL image as an array, RGB or RGBA; anything else as it is."""
    if hasattr(picture, "convert") and hasattr(picture, "getbands"):
        return np.asarray(picture.convert("RGBA" if picture.has_transparency_data else "RGB"))
    return picture


def opaque(picture: Any) -> Any:
    """Return a PIL image or an array without its alpha: what is transparent is laid on black."""
    array = as_array(picture)
    if getattr(array, "shape", ())[2:] != (4,):
        return array
    if array.dtype != np.uint8:
        return array[..., :3] * array[..., 3:]
    levels = np.multiply(array[..., :3], array[..., 3:], dtype=np.uint16)
    return ((levels + np.uint16(255)) >> 8).astype(np.uint8)


def is_drawing(thing: Any) -> bool:
    """Return whether a thing is a list of strokes."""
    return isinstance(thing, list) and bool(thing) and all(isinstance(one, Stroke) for one in thing)


def scaled(image: Array, size: tuple[int, int], fill: bool = True) -> Array:
    """Return an image of `size` (width, height), its aspect kept.

    It covers all of it, and loses its edges where the aspects differ; with `fill` false it lies
    within, black around it.
    """
    from ..media import fit

    width, height = size
    if not fill or image.shape[:2] == (height, width):
        return fit(image, size)
    from PIL import Image

    # The part of it that is seen.
    scale = max(width / image.shape[1], height / image.shape[0])
    inner_width, inner_height = width / scale, height / scale
    left, top = (image.shape[1] - inner_width) / 2, (image.shape[0] - inner_height) / 2
    box = (left, top, left + inner_width, top + inner_height)
    quality = Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(image).resize(size, quality, box=box, reducing_gap=2.0))
