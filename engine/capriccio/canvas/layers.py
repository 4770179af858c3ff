"""Lay pictures over each other, with blend modes, opacities and masks."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import suggest
from ..media import Array, as_image, is_canvas
from ..parameters import Parameter, Parameters
from ..performance import current_performance
from .pixels import as_array, copied, image_info, is_drawing, rgb_of, rgba_of, scaled
from .skia_library import load_skia
from .strokes import rasterise
from .style import BLEND_MODES, skia_blend_mode

WORDS = 65_536  # of two levels each, blended at a time, so that they stay in the processor's cache
WHOLE, EIGHT = np.uint16(255), np.uint16(8)
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
        under = blended(result, waiting, size)
        is_given = bool(waiting) and under is waiting[0].image
        result, waiting = source.draw(under.copy() if is_given else under), []
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
            pixels = self.picture.premultiplied()
            drawn = np.flatnonzero(pixels.view(np.uint32)[..., 0].max(axis=1))
            whole = self.mode == "replace" or not len(drawn)  # else what is empty changes nothing
            top, bottom = (0, size[1]) if whole else (drawn[0], drawn[-1] + 1)
            over = copied(pixels[top:bottom], image_info((size[0], bottom - top)))
            return Source(pixels, self.mode, self.opacity, over=over, top=top)
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
        over: a `skia.Image`, where skia blends it.
        top: the row where that begins.
    """

    image: Array
    mode: str
    opacity: float
    alpha: Array | None = None
    over: Any = None
    top: int = 0

    def draw(self, under: Array) -> Array:
        """Draw this one over a picture by skia, and return that."""
        skia = load_skia()
        rows = under[self.top : self.top + self.over.height()]
        height, width = rows.shape[:2]
        pixels, info = rgba_of(rows), image_info((width, height), alpha=False)
        canvas = skia.Surface.MakeRasterDirect(info, pixels, 4 * width).getCanvas()
        paint = skia.Paint()
        paint.setBlendMode(skia_blend_mode(self.mode))
        paint.setAlphaf(self.opacity)
        canvas.drawImage(self.over, 0, 0, skia.SamplingOptions(), paint)
        rows[:] = rgb_of(pixels)
        return under

    @property
    def is_plain(self) -> bool:
        """Whether it covers everything below."""
        return self.mode == "normal" and self.opacity == 1 and self.alpha is None


def _as_skia(image: Array, alpha: Array | None) -> Any:
    """Return an image with its alpha as skia's."""
    height, width = image.shape[:2]
    pixels, info = rgba_of(image), image_info((width, height), alpha=False)
    if alpha is not None:
        pixels[..., 3] = alpha
        info = info.makeAlphaType(load_skia().kUnpremul_AlphaType)
    return copied(pixels, info)


def blended(under: Array | None, sources: list[Source], size: tuple[int, int]) -> Array:
    """Return a picture, black if there is none, with others blended over it."""
    width, height = size
    if under is None:
        if sources and sources[0].is_plain:
            under, sources = sources[0].image, sources[1:]
        else:
            under = np.zeros((height, width, 3), np.uint8)
    if not sources:
        return under
    # Two levels are read as one number of 16 bits and blended apart, which is twice as fast as
    # making each of them one; some of them at a time go through all layers.
    ground, count = _words(under), under.size
    stack = [(one, _words(one.image), _alpha_words(one.alpha)) for one in sources]
    result = np.empty_like(ground)
    buffers = np.empty((3, 2, WORDS), np.uint16)
    for begin in range(0, len(ground), WORDS):
        part = slice(begin, begin + WORDS)
        below, above, scratch = buffers[:, :, : len(ground[part])]
        _split(ground[part], below)
        for source, words, alpha in stack:
            _split(words[part], above)
            share = np.uint16(round(source.opacity * 256))
            if alpha is None and source.mode in ("multiply", "screen"):
                share = _fade(source.mode, share, above)
            _mode(source.mode, below, above, scratch)
            if alpha is not None:
                _split(alpha[part], scratch)
                _mix_by_alpha(share, below, above, scratch)
            elif share < 256:
                _mix(share, below, above)
            else:
                below, above = above, below
        np.left_shift(below[1], EIGHT, out=result[part])
        result[part] |= below[0]
    return result.view(np.uint8)[:count].reshape(height, width, 3)


def _words(levels: Array) -> Array:
    """Return levels as numbers of 16 bits, two in each."""
    flat = np.ascontiguousarray(levels).reshape(-1)
    return (flat if flat.size % 2 == 0 else np.append(flat, np.uint8(0))).view(np.uint16)


def _alpha_words(alpha: Array | None) -> Array | None:
    return None if alpha is None else _words(np.repeat(alpha.reshape(-1), 3))


def _split(words: Array, levels: Array) -> None:
    """Put the two levels of each word apart, `(2, n)`."""
    np.bitwise_and(words, WHOLE, out=levels[0])
    np.right_shift(words, EIGHT, out=levels[1])


def _fade(mode: str, share: Any, above: Array) -> Any:
    """Put a share of 256 into a picture that multiplies or screens; return the share that is left.

    So the two need not be mixed afterwards.
    """
    if share < 256:
        above *= share
        if mode == "multiply":
            above += WHOLE * np.uint16(256 - share)
        above >>= EIGHT
    return np.uint16(256)


def _mix(share: Any, below: Array, above: Array) -> None:
    """Mix `above` into `below` by a share of 256."""
    above *= share
    below *= np.uint16(256 - share)
    below += above
    below >>= EIGHT


def _mix_by_alpha(share: Any, below: Array, above: Array, alpha: Array) -> None:
    """Mix `above` into `below` by the alpha of each level, times a share of 256."""
    if share < 256:
        alpha *= share
        alpha >>= EIGHT
    above *= alpha
    np.subtract(WHOLE, alpha, out=alpha)
    below *= alpha
    below += above
    below += WHOLE
    below >>= EIGHT


def _mode(mode: str, below: Array, above: Array, scratch: Array) -> None:
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


def _multiply(levels: Array, others: Array) -> None:
    """Multiply levels 0..255: exact at both ends, one level off at most between them."""
    levels *= others
    levels += WHOLE
    levels >>= EIGHT


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
