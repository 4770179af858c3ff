"""Lay pictures over each other, with blend modes, opacities and masks."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import suggest
from ..media import Array, as_image, is_canvas
from ..parameters import Parameter, Parameters
from ..performance import current_performance
from .pixels import as_array, bgra_of, image_info, is_drawing, rgb_of, scaled
from .skia_library import load_skia
from .strokes import rasterise
from .style import BLEND_MODES, skia_blend_mode

ROWS = 16  # blended at a time, so that they stay in the processor's cache
WHOLE = np.uint16(255)
# The modes that are computed here, which is faster than skia on a CPU.
FAST = ("normal", "add", "multiply", "screen", "lighten", "darken", "difference")


def layers(*pictures: Any, size: tuple[int, int] | None = None, name: str = "layers") -> Array:
    """Return pictures laid over each other, the first at the bottom.

    `layers(garden(now), (painter(now), "screen", 0.6), (paper, mask))`: a layer is a picture, or a
    tuple of a picture and, in any order, a blend mode, an opacity 0..1, and a mask. Pictures are
    images with alpha or without, canvases, PIL images or drawings; each covers the whole, its
    aspect kept. A mask is an image `(height, width)` or a picture: white shows, black hides.

    During a show the opacity of layer 2 is the parameter `/layers/2`, which can be held from
    outside.

    Args:
        pictures: the layers.
        size: (width, height); that of the sketch, or of the first picture, unless given.
        name: of the parameters, where a sketch has several stacks of layers; "" for none.

    Raises:
        TypeError, ValueError: a layer is none.
    """
    if not pictures:
        raise ValueError("layers needs a picture")
    stack = [Layer(one, number) for number, one in enumerate(pictures)]
    performance = current_performance.get()
    if performance is not None:
        for layer in stack if name else ():
            layer.follow(performance.parameters, name)
        size = size or performance.size
    if size is None:
        first = as_array(stack[0].picture)
        size = first.size if is_canvas(first) else (first.shape[1], first.shape[0])
    result: Array | None = None
    waiting: list[Source] = []  # layers that are blended in one go
    for layer in stack:
        source = layer.source(size)
        if source.mode in FAST and source.over is None:
            waiting.append(source)
            continue
        result, waiting = blended(result, waiting, size), []
        result = source.draw(result)
    return blended(result, waiting, size)


class Layer:
    """One layer: a picture, and how it is laid over those below."""

    def __init__(self, given: Any, number: int):
        self.number, self.opacity, self.mode, self.mask = number, 1.0, "normal", None
        parts = given if isinstance(given, tuple) else (given,)
        self.picture: Any = parts[0]
        for part in parts[1:]:
            if isinstance(part, str):
                self.mode = _known_mode(part)
            elif isinstance(part, int | float | np.floating):
                if math.isnan(part):
                    raise ValueError(f"the opacity of layer {number} must be 0..1, got nan")
                self.opacity = min(max(float(part), 0.0), 1.0)
            elif isinstance(part, np.ndarray) or is_canvas(part) or hasattr(part, "convert"):
                self.mask = part
            else:
                raise TypeError(
                    f"layer {number} has {part!r}; beside its picture it takes a blend mode, an "
                    "opacity 0..1 and a mask"
                )

    def follow(self, parameters: Parameters, name: str) -> None:
        """Take the opacity from outside where it is held there; it is a parameter from now on."""
        address = f"/{name}/{self.number}"
        known = parameters.by_address.get(address)
        if known is None:
            held: list[float | None] = [None]
            shown = [self.opacity]

            def apply(value: float | None) -> None:
                held[0] = value

            parameters.add(
                Parameter(
                    address,
                    "number",
                    f"opacity of layer {self.number}",
                    apply=apply,
                    convert=_opacity,
                    value=lambda: shown[0] if held[0] is None else held[0],
                    is_held=lambda: held[0] is not None,
                )
            )
        elif known.is_held is not None and known.is_held():
            self.opacity = known.value()

    def source(self, size: tuple[int, int]) -> "Source":
        """Return its pixels at a size."""
        if is_canvas(self.picture) and self.mask is None and self.picture.size == size:
            if self.mode == "normal":
                pixels = self.picture.premultiplied()
                found = Source(pixels[..., 2::-1], self.mode, self.opacity, pixels[..., 3], True)
                found.drawn = pixels.view(np.uint32).any(axis=(1, 2))
                return found
            return Source(np.empty(0), self.mode, self.opacity, over=self.picture.snapshot())
        image, alpha = self._read(size)
        over = None if self.mode in FAST else _as_skia(image, alpha)
        return Source(image, self.mode, self.opacity, alpha, over=over)

    def _read(self, size: tuple[int, int]) -> tuple[Array, Array | None]:
        """Return the image at its size, and its alpha `(height, width)` where it has some."""
        picture = self.picture
        if is_drawing(picture):
            return rasterise(picture, size), self._mask(size)
        if is_canvas(picture):
            picture = picture.rgba
        picture = as_array(picture)
        alpha = None
        if isinstance(picture, np.ndarray) and picture.ndim == 3 and picture.shape[2] == 4:
            alpha = _levels(picture[..., 3])
            alpha = None if alpha.min() == 255 else alpha
            picture = np.ascontiguousarray(picture[..., :3])
        image = scaled(as_image(picture, f"layer {self.number}", "is"), size)
        mask = self._mask(size)
        if alpha is not None:
            alpha = scaled_mask(alpha, size)
            mask = alpha if mask is None else _times(alpha, mask)
        return image, mask

    def _mask(self, size: tuple[int, int]) -> Array | None:
        if self.mask is None:
            return None
        mask = self.mask.pixels if is_canvas(self.mask) else as_array(self.mask)
        if mask.ndim == 3:
            levels = as_image(np.ascontiguousarray(mask[..., :3]), "a mask", "is")
            mask = (levels @ np.array([77, 151, 28], np.uint16) >> 8).astype(np.uint8)
        elif mask.ndim != 2 or 0 in mask.shape:
            raise ValueError(f"a mask has the shape (height, width), got {mask.shape}")
        return scaled_mask(_levels(mask), size)


@dataclass
class Source:
    """The pixels of a layer.

    Args:
        image: (height, width, 3) uint8.
        mode: how it is blended.
        opacity: 0..1.
        alpha: (height, width) uint8.
        premultiplied: the image is multiplied by its alpha already.
        over: a `skia.Image`, where skia blends it.
        drawn: in which rows there is anything, where it is premultiplied.
    """

    image: Array
    mode: str
    opacity: float
    alpha: Array | None = None
    premultiplied: bool = False
    over: Any = None
    drawn: Any = None

    def draw(self, under: Array) -> Array:
        """Return a picture with this one drawn over it by skia."""
        skia = load_skia()
        height, width = under.shape[:2]
        pixels, info = bgra_of(under), image_info((width, height), alpha=False)
        canvas = skia.Surface.MakeRasterDirect(info, pixels, 4 * width).getCanvas()
        paint = skia.Paint()
        paint.setBlendMode(skia_blend_mode(self.mode))
        paint.setAlphaf(self.opacity)
        canvas.drawImage(self.over, 0, 0, skia.SamplingOptions(), paint)
        return rgb_of(pixels)


def _as_skia(image: Array, alpha: Array | None) -> Any:
    """Return an image with its alpha as skia's."""
    skia = load_skia()
    height, width = image.shape[:2]
    pixels, info = bgra_of(image), image_info((width, height), alpha=False)
    if alpha is not None:
        pixels[..., 3] = alpha
        info = info.makeAlphaType(skia.kUnpremul_AlphaType)
    return skia.Image.MakeRasterCopy(skia.Pixmap(info, pixels, 4 * width))


def blended(under: Array | None, sources: list[Source], size: tuple[int, int]) -> Array:
    """Return a picture, black if there is none, with others blended over it."""
    width, height = size
    if under is None:
        if sources and _is_plain(sources[0]):
            under, sources = sources[0].image, sources[1:]
        else:
            under = np.zeros((height, width, 3), np.uint8)
    if not sources:
        return under
    result = np.empty((height, width, 3), np.uint8)
    # A few rows at a time go through all layers.
    buffers = np.empty((3, ROWS, width, 3), np.uint16)
    for top in range(0, height, ROWS):
        part = slice(top, min(top + ROWS, height))
        below, above, level = buffers[:, : part.stop - top]
        below[:] = under[part]
        for source in sources:
            _blend_rows(source, part, below, above, level)
        result[part] = below
    return result


def _is_plain(source: Source) -> bool:
    return source.mode == "normal" and source.opacity == 1 and source.alpha is None


def _blend_rows(source: Source, part: slice, below: Array, above: Array, level: Array) -> None:
    """Blend rows of a picture over `below`; the other two arrays are scratch."""
    if source.premultiplied:
        if not source.drawn[part].any():
            return
        for channel in range(3):
            above[..., channel] = source.image[part, :, channel]
    else:
        above[:] = source.image[part]
    _blend(source.mode, below, above, level)
    share = np.uint16(round(source.opacity * 255))
    if source.alpha is None and share == 255:
        below[:] = above
        return
    if source.alpha is None:
        above *= share
        below *= WHOLE - share
        below += above
        below += WHOLE
        below >>= 8
        return
    for channel in range(3):
        level[..., channel] = source.alpha[part]
    if share < 255:
        _multiply(level, share)
    if source.premultiplied:
        if share < 255:
            _multiply(above, share)
        np.subtract(WHOLE, level, out=level)
        _multiply(below, level)
        below += above
        np.minimum(below, WHOLE, out=below)
        return
    above *= level
    np.subtract(WHOLE, level, out=level)
    below *= level
    below += above
    below += WHOLE
    below >>= 8


def _multiply(levels: Array, others: Any) -> None:
    """Multiply levels 0..255: exact at both ends, one level off at most between them."""
    levels *= others
    levels += WHOLE
    levels >>= 8


def _blend(mode: str, below: Array, above: Array, scratch: Array) -> None:
    """Blend levels 0..255, 16 bits wide, into `above`."""
    if mode == "multiply":
        _multiply(above, below)
    elif mode == "screen":
        np.subtract(WHOLE, below, out=scratch)
        _multiply(above, scratch)
        above += below
    elif mode == "add":
        above += below
        np.minimum(above, WHOLE, out=above)
    elif mode == "lighten":
        np.maximum(above, below, out=above)
    elif mode == "darken":
        np.minimum(above, below, out=above)
    elif mode == "difference":
        np.maximum(above, below, out=scratch)
        np.minimum(above, below, out=above)
        np.subtract(scratch, above, out=above)


def scaled_mask(mask: Array, size: tuple[int, int]) -> Array:
    """Return a mask `(height, width)` uint8 that covers `size` (width, height)."""
    if mask.shape == (size[1], size[0]):
        return mask
    return np.ascontiguousarray(scaled(np.repeat(mask[..., None], 3, axis=2), size)[..., 0])


def _levels(mask: Array) -> Array:
    """Return a mask of floats 0..1, booleans or bytes as bytes."""
    if mask.dtype == np.uint8:
        return mask
    if not np.isfinite(mask).all():
        raise ValueError("a mask has NaN or infinity, expected 0..1")
    return (np.clip(mask, 0.0, 1.0) * 255 + 0.5).astype(np.uint8)


def _times(one: Array, other: Array) -> Array:
    return ((one.astype(np.uint16) * other + WHOLE) >> 8).astype(np.uint8)


def _known_mode(mode: str) -> str:
    key = mode.lower().replace("_", " ").replace("-", " ")
    if key not in BLEND_MODES:
        raise ValueError(f"no blend mode {mode!r}{suggest(key, BLEND_MODES)}")
    return "normal" if key == "blend" else key


def _opacity(value: Any) -> float:
    number = float(value)
    if math.isnan(number):
        raise ValueError("an opacity must be 0..1, got nan")
    return min(max(number, 0.0), 1.0)
