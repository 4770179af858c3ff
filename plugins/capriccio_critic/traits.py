"""Traits of a picture that a painter would name: palette, light, lines, touch, symmetry."""

from typing import Any

import numpy as np

from .features import luminance

Array = np.ndarray[Any, Any]

SIDE = 160  # longest side, in pixels, of the picture that is measured
# The hues by where they end on the circle, in degrees.
HUES = {"red": 15, "orange": 45, "yellow": 70, "green": 165, "blue": 260, "violet": 345}
LEANING = 15  # degrees from level or upright within which a line counts as such


def traits(image: Array) -> dict[str, float]:
    """Return the traits of an image, `(height, width, 3)` uint8, by name.

    - `lightness`: mean luminance, 0..1; `range`: from the darkest to the lightest twentieth;
      `darks`, `lights`: shares of pixels below 0.2 and above 0.8
    - `upper light`: luminance of the upper third over that of the lower one; `middle light`: of the
      middle over that of the border
    - `colour`: mean chroma, 0..1; `warmth`: mean red less mean blue; `red` to `violet`: chroma by
      hue, whose sum is `colour`; `hues`: how many hues there are, 1..6; `flesh`: share of the
      middle that has the colours of skin
    - `level`, `upright`, `slanting`: shares of the lines, by their energy; `edges`: mean gradient
    - `touch`: how coarse the detail is, as the logarithm of middle over fine detail
    - `symmetry`: correlation with the mirror image, -1..1
    """
    small = shrink(image, SIDE)
    grey = luminance(small)  # (height, width)
    low, high = np.quantile(grey, (0.05, 0.95))
    level, upright, slanting, edges = _lines(grey)
    return {
        "lightness": float(grey.mean()),
        "range": float(high - low),
        "darks": float((grey < 0.2).mean()),
        "lights": float((grey > 0.8).mean()),
        "upper light": float(_third(grey, 0).mean() - _third(grey, 2).mean()),
        "middle light": float(_middle(grey).mean() - grey.mean()),
        **_palette(small),
        "level": level,
        "upright": upright,
        "slanting": slanting,
        "edges": edges,
        "touch": float(np.log(_detail(grey, 1, 4) / _detail(grey, 0, 1))),
        "symmetry": _symmetry(grey),
    }


def shrink(image: Array, longest: int) -> Array:
    """Return an image whose longest side is at most `longest` pixels, its aspect kept."""
    from PIL import Image

    if max(image.shape[:2]) <= longest:
        return image
    picture = Image.fromarray(image)
    picture.thumbnail((longest, longest), Image.Resampling.BILINEAR, reducing_gap=3.0)
    return np.asarray(picture)


def blur(grey: Array, reach: int) -> Array:
    """Return the means over squares of `2 * reach + 1` pixels; the border is repeated outwards."""
    if not reach:
        return grey
    for _ in range(2):
        padded = np.pad(grey, ((reach, reach), (0, 0)), mode="edge")
        summed = np.cumsum(padded, axis=0, dtype=np.float64)
        summed = np.concatenate([np.zeros((1, grey.shape[1])), summed])
        grey = ((summed[2 * reach + 1 :] - summed[: -2 * reach - 1]) / (2 * reach + 1)).T
    return grey.astype(np.float32)


def _third(grey: Array, number: int) -> Array:
    rows = np.array_split(np.arange(len(grey)), 3)[number]
    return grey[rows] if len(rows) else grey


def _middle(pixels: Array) -> Array:
    height, width = pixels.shape[:2]
    return pixels[height // 4 : height - height // 4, width // 4 : width - width // 4]


def _palette(pixels: Array) -> dict[str, float]:
    rgb = pixels.astype(np.float32) / 255  # (height, width, 3)
    high, chroma = rgb.max(axis=2), np.ptp(rgb, axis=2)
    hue = hue_of(rgb)
    places = np.searchsorted(list(HUES.values()), hue, side="right") % len(HUES)
    amounts = np.bincount(places.ravel(), chroma.ravel(), len(HUES)) / chroma.size  # (6,)
    shares = amounts / max(float(amounts.sum()), 1e-6)
    flesh = (hue >= 8) & (hue < 42) & (chroma > 0.1) & (chroma < 0.5) & (high > 0.35)
    return {
        "colour": float(chroma.mean()),
        "warmth": float(rgb[..., 0].mean() - rgb[..., 2].mean()),
        **{name: float(amount) for name, amount in zip(HUES, amounts, strict=True)},
        "hues": float(np.exp(-(shares * np.log(shares + 1e-9)).sum())),
        "flesh": float(_middle(flesh).mean()),
    }


def hue_of(rgb: Array) -> Array:
    """Return the hue of each pixel in degrees, of floats (…, 3); 0 for grey."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    angle = np.arctan2(np.sqrt(np.float32(3)) * (green - blue), 2 * red - green - blue)
    hue: Array = np.degrees(angle) % 360
    return hue


def _lines(grey: Array) -> tuple[float, float, float, float]:
    """Return the shares of level, upright and slanting lines, and the mean gradient."""
    soft = blur(grey, 1)
    across = soft[1:-1, 2:] - soft[1:-1, :-2]
    down = soft[2:, 1:-1] - soft[:-2, 1:-1]
    if not across.size:
        return 0.0, 0.0, 0.0, 0.0
    energy = across**2 + down**2
    angle = np.degrees(np.arctan2(np.abs(down), np.abs(across)))  # of the gradient, 0..90
    total = float(energy.sum()) + 1e-9
    level = float(energy[angle > 90 - LEANING].sum()) / total
    upright = float(energy[angle < LEANING].sum()) / total
    return level, upright, max(0.0, 1 - level - upright), float(np.sqrt(energy).mean())


def _detail(grey: Array, inner: int, outer: int) -> float:
    """Return the mean detail between two blurs."""
    return float(np.abs(blur(grey, inner) - blur(grey, outer)).mean()) + 1e-4


def _symmetry(grey: Array) -> float:
    """Return the correlation of a picture, in 16 by 16 fields, with its mirror image."""
    rows = [piece.mean(axis=0) for piece in np.array_split(grey, min(16, len(grey)))]
    columns = np.array_split(np.array(rows), min(16, grey.shape[1]), axis=1)
    fields = np.stack([piece.mean(axis=1) for piece in columns], axis=1)  # (16, 16)
    fields = fields - fields.mean()
    power = float((fields**2).sum())
    return float((fields * fields[:, ::-1]).sum()) / power if power > 1e-6 else 1.0
