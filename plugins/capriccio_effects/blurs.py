"""Blur and glow, computed on a smaller picture where they are wide."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from capriccio import Generator, Moment, skia_image

from .opengl import OnDevice, OpenGL, compiled_shader, loaded_skia, shader_of
from .pictures import Array, as_picture, as_words, join, picture_of, split, word_bands

WIDEST = 0.08  # of the shorter side: the radius of a full blur
LEAST = 0.3  # pixels of radius that can be seen
FINEST = 1.0  # pixels of radius at least that are left after the picture was made smaller

# What is lighter than a threshold, stretched to the whole range.
LIGHT = """
uniform shader image;
uniform float low;
half4 main(float2 at) {
  half3 bright = max(image.eval(at).rgb - low, 0.0) / (1.0 - low);
  return half4(bright, 1.0);
}
"""


class Blur(OnDevice, Generator):
    """Blur a picture.

    Args:
        device: "gpu" computes it on a graphics card; see `OnDevice`.
    """

    seekable = "now"

    def generate(self, now: Moment, *, over: Any = None, amount: float = 0.4) -> Array:
        """Return the picture, blurred.

        Args:
            over: the picture.
            amount: how much; 0 leaves it as it is.
        """
        image = picture_of(over, self)
        radius = amount**2 * WIDEST * min(image.shape[:2])
        opengl = self.opengl()
        if opengl and radius >= LEAST:
            return _blurred_by(opengl, image, radius)
        return blurred(image, radius)


class Glow(OnDevice, Generator):
    """Let what is light shine into what is dark around it.

    Args:
        device: "gpu" computes it on a graphics card; see `OnDevice`.
    """

    seekable = "now"

    def generate(
        self,
        now: Moment,
        *,
        over: Any = None,
        amount: float = 0.6,
        radius: float = 0.5,
        threshold: float = 0.5,
    ) -> Array:
        """Return the picture with light around what is light.

        Args:
            over: the picture.
            amount: how bright the glow is.
            radius: how far it reaches.
            threshold: how light a place must be to shine.
        """
        image = picture_of(over, self)
        if amount == 0:
            return image.copy()
        low = np.uint8(round(threshold * 250))
        if opengl := self.opengl():
            wide = (0.1 + radius) * WIDEST * min(image.shape[:2])
            return _glowing_by(opengl, image, int(low) / 255, amount, wide)
        small, factor = reduced(image, min(image.shape[:2]) / 90)
        bright = np.maximum(small, low) - low
        stretched = bright.astype(np.uint16) * 255 // (255 - int(low))
        pixels = (0.1 + radius) * WIDEST * min(image.shape[:2]) / factor
        light = _gauss(stretched.astype(np.uint8), pixels)
        dark = (255 - light * amount + 0.5).astype(np.uint8)  # how much of the dark is left
        words = as_words(image)
        result = np.empty_like(words)
        for part, levels, scratch in enlarged_bands(dark, image, factor):
            levels *= split(~words[part], scratch)
            levels += np.uint16(255)
            levels >>= 8
            join(levels, result[part])
        np.invert(result, out=result)
        return as_picture(result, image.shape[1])


def blurred(image: Array, radius: float) -> Array:
    """Return an image blurred by a radius in pixels."""
    if radius < LEAST:
        return image.copy()
    small, factor = reduced(image, radius / FINEST)
    # The mean of so many pixels, and the way back, blur as well.
    left = (radius / factor) ** 2 - (0.25 if factor > 1 else 0.0)
    return enlarged(_gauss(small, left**0.5), image, factor)


def _blurred_by(opengl: OpenGL, image: Array, radius: float) -> Array:
    skia = loaded_skia()

    def paint(canvas: Any) -> None:
        found = skia.ImageFilters.Blur(radius, radius, skia.TileMode.kClamp)
        style = skia.Paint(ImageFilter=found)
        canvas.drawImage(skia_image(image), 0, 0, skia.SamplingOptions(), style)

    return opengl.draw((image.shape[1], image.shape[0]), paint)


def _glowing_by(opengl: OpenGL, image: Array, low: float, amount: float, radius: float) -> Array:
    skia = loaded_skia()

    def paint(canvas: Any) -> None:
        canvas.drawImage(skia_image(image), 0, 0)
        # The light is blurred, and laid over the picture as by the mode "screen".
        wide = skia.ImageFilters.Blur(radius, radius, skia.TileMode.kClamp)
        over = skia.Paint(ImageFilter=wide, BlendMode=skia.BlendMode.kScreen, Alphaf=amount)
        canvas.saveLayer(None, over)
        light = shader_of(compiled_shader(LIGHT), {"image": (image, False)}, {"low": low})
        canvas.drawPaint(skia.Paint(Shader=light))
        canvas.restore()

    return opengl.draw((image.shape[1], image.shape[0]), paint)


def reduced(image: Array, factor: float) -> tuple[Array, int]:
    """Return an image made smaller by a power of two, at most the factor given, and that power."""
    from PIL import Image

    whole = 2 ** max(0, int(np.log2(max(factor, 1.0))))
    if whole == 1:
        return image, 1
    height, width = image.shape[:2]
    rows = as_words(image)
    if rest := -height % whole:
        rows = np.concatenate([rows, np.repeat(rows[-1:], rest, axis=0)])
    # Rows are averaged in pairs, in all levels of a word at once, rounded down and up in turn.
    for step in range(whole.bit_length() - 1):
        upper, lower = rows[::2], rows[1::2]
        half: Array = upper ^ lower
        half &= np.uint16(0xFEFE)
        half >>= 1
        rows = upper | lower if step % 2 else upper & lower
        (np.subtract if step % 2 else np.add)(rows, half, out=rows)
    return np.asarray(Image.fromarray(as_picture(rows, width)).reduce((whole, 1))), whole


def enlarged(small: Array, image: Array, factor: int) -> Array:
    """Return an image that `reduced` has made smaller, smooth, at the size that it had."""
    if factor == 1:
        return small
    result = np.empty_like(as_words(image))
    for part, levels, _ in enlarged_bands(small, image, factor):
        join(levels, result[part])
    return as_picture(result, image.shape[1])


def enlarged_bands(small: Array, image: Array, factor: int) -> Iterator[tuple[slice, Array, Array]]:
    """Yield rows of what `enlarged` returns, as `split` takes them apart, and a scratch array."""
    from PIL import Image

    height, width = image.shape[:2]
    size, box = (width, len(small)), (0, 0, min(width / factor, small.shape[1]), len(small))
    wide = Image.fromarray(small).resize(size, Image.Resampling.BILINEAR, box)
    levels = split(as_words(np.asarray(wide)))  # (2, rows of the small one, words)
    slope = np.zeros_like(levels)
    np.subtract(levels[:, 1:], levels[:, :-1], out=slope[:, :-1])  # about 65536 where it falls
    levels <<= 8
    at = ((np.arange(height) + 0.5) / factor - 0.5).clip(0, len(small) - 1)
    first = at.astype(np.intp)
    share = ((at - first) * 256).astype(np.uint16)[:, None]
    for part, (found, scratch) in word_bands(as_words(image), 2):
        slope.take(first[part], axis=1, out=found, mode="clip")
        found *= share[part]
        found += levels.take(first[part], axis=1, out=scratch, mode="clip")
        found >>= 8
        yield part, found, scratch


def _gauss(image: Array, radius: float) -> Array:
    from PIL import Image, ImageFilter

    return np.array(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))
