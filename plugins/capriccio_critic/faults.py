"""Find what a picture is spoiled by: eight faults, measured without a network, and mended.

Each is measured as a number and compared with 260 unspoiled paintings: 0 is their median, 1 what
one in twenty exceeds. `python -m capriccio_critic.benchmark.suggestions --calibrate` prints those.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .features import luminance
from .traits import HUES, blur, hue_of, shrink

Array = np.ndarray[Any, Any]

SIDE = 256  # longest side on which most faults are measured, in pixels
MAX_TILT = 14  # degrees
MIN_TILT = 4  # painters' own lines are as slanting
CLEAR = -0.3  # a tilt, by the signs of it
MIN_SIDE = 24  # pixels, below which there are no lines
LINE = 24  # pixels, of a long line
BLOCK = 8  # pixels, of a JPEG
NORMAL_MIDDLE = 0.36  # median luminance of paintings
# The logarithms of red over green and blue over green, of all pixels and of the lightest.
CAST_MEAN = (0.140, -0.228, 0.071, -0.180)
CAST_WHITENING = (
    (8.77, 0.0, 0.0, 0.0),
    (2.42, 6.64, 0.0, 0.0),
    (-9.33, -0.81, 9.17, 0.0),
    (-1.96, -4.51, 2.81, 5.40),
)


class Fault(NamedTuple):
    """A fault, how it is measured and mended, and how much of it paintings have."""

    name: str
    measure: Callable[[Array], float]
    mend: Callable[[Array], Array]
    change: str  # what mends it, in words
    sign: str  # what shows it
    typical: tuple[float, float]  # the median of paintings, and what one in twenty exceeds


def severities(image: Array) -> dict[str, float]:
    """Return how much of each fault an image, `(height, width, 3)` uint8, has, by name.

    0 is the median of paintings, 1 what one in twenty of them exceeds.
    """
    return {fault.name: severity(fault, image) for fault in FAULTS}


def severity(fault: Fault, image: Array) -> float:
    """Return how much of a fault an image has, see `severities`."""
    median, high = fault.typical
    return (fault.measure(image) - median) / (high - median)


def tilt(image: Array) -> tuple[float, float]:
    """Return by how many degrees the lines of an image are turned clockwise, and how clearly.

    Two signs are combined for each angle up to 14 degrees: how many edges have it, or stand upright
    on it, and how much of long lines there is once the picture is turned back by it. The second
    number is how far they exceed those at about 0; where it is below -0.3, the first one is 0.
    """
    grey = luminance(shrink(image, SIDE))
    if min(grey.shape) < MIN_SIDE:
        return 0.0, 0.0
    angles = np.arange(-MAX_TILT, MAX_TILT + 1)
    signs = np.log(_edges_by_angle(grey, angles) + 0.05) + 4 * np.log(_lines_by_angle(grey, angles))
    slanting = np.where(np.abs(angles) >= MIN_TILT, signs, -np.inf)
    clearly = float(slanting.max() - signs[np.abs(angles) <= 2].max())
    return (float(angles[slanting.argmax()]) if clearly >= CLEAR else 0.0), clearly


def _edges_by_angle(grey: Array, angles: Array) -> Array:
    """Return how many edges are turned by each angle, relative to the mean of all angles."""
    across = grey[1:-1, 2:] - grey[1:-1, :-2]
    down = grey[2:, 1:-1] - grey[:-2, 1:-1]
    products = (across**2, down**2, across * down)
    xx, yy, xy = (blur(blur(product, 3), 3) for product in products)  # the structure tensor
    energy = xx + yy
    clear = np.hypot(xx - yy, 2 * xy) / (energy + 1e-8)  # 1 where all gradients agree
    turned = (np.degrees(np.arctan2(2 * xy, xx - yy)) / 2 + 45) % 90 - 45  # -45..45
    weight = clear**4 * np.sqrt(energy)
    weight *= weight > np.quantile(weight, 0.8)
    counts = np.histogram(turned, np.arange(-45, 46), weights=weight)[0]  # (90,), a degree each
    kernel = np.exp(-((np.arange(-4, 5) / 1.5) ** 2) / 2)
    counts = np.convolve(np.concatenate([counts[-4:], counts, counts[:4]]), kernel, "valid")
    relative = counts / (counts.mean() + 1e-9)
    return np.asarray(np.interp(angles, np.arange(-44.5, 45), relative))


def _lines_by_angle(grey: Array, angles: Array) -> Array:
    """Return the power of level and upright lines in the picture turned back by each angle."""
    from PIL import Image

    picture = Image.fromarray((grey * 255).astype(np.uint8))
    margin = int(0.14 * min(grey.shape))  # where nothing comes from outside the picture
    powers = []
    for angle in angles:
        turned = np.asarray(picture.rotate(int(angle), Image.Resampling.BILINEAR))
        inside = turned[margin : len(turned) - margin, margin : turned.shape[1] - margin] / 255.0
        powers.append(_line_power(np.diff(inside, axis=0)) + _line_power(np.diff(inside.T, axis=0)))
    return (np.array(powers) + 1e-6) / (np.mean(powers) + 1e-6)


def _line_power(steps: Array) -> float:
    """Return the mean square of the sums of `LINE` neighbouring steps along rows."""
    count = max(1, steps.shape[1] // LINE)
    length = min(LINE, steps.shape[1])
    runs = steps[:, : count * length].reshape(len(steps), count, length).sum(axis=2)
    return float((runs**2).mean())


# -- how each is measured ----------------------------------------------------------------------


def _softness(image: Array) -> float:
    grey = luminance(shrink(image, SIDE))
    fine = np.abs(grey - blur(grey, 1)).mean() + 1e-5
    middle = np.abs(blur(grey, 1) - blur(grey, 4)).mean() + 1e-5
    return float(np.log(middle / fine))


def ratios(image: Array) -> Array:
    """Return the logarithms of red and blue over green, of all pixels and of the lightest, (4,)."""
    small = shrink(image, SIDE)
    grey = luminance(small)
    rgb = small.astype(np.float32) + 2
    found = []
    for pixels in (rgb.reshape(-1, 3), rgb[grey >= np.quantile(grey, 0.95)]):
        red, green, blue = pixels.mean(axis=0)
        found += [np.log(red / green), np.log(blue / green)]
    return np.array(found)


def _cast(image: Array) -> float:
    """Return how far the ratios of colours are from those of paintings (Mahalanobis)."""
    return float(np.linalg.norm((ratios(image) - CAST_MEAN) @ np.array(CAST_WHITENING)))


def _steps(image: Array) -> float:
    """Return the share of pixels that have one of the six commonest values of each channel."""
    shares = []
    for channel in range(3):
        counts = np.bincount(image[..., channel].ravel(), minlength=256)
        shares.append(np.sort(counts)[-6:].sum() / counts.sum())
    return float(np.mean(shares))


def _blocks(image: Array) -> float:
    """Return by how much steps across the borders of 8 by 8 blocks exceed those within."""
    grey, found = luminance(image), []
    for lines in (grey, grey.T):
        steps = np.abs(np.diff(lines, axis=1)).mean(axis=0)
        count = len(steps) // BLOCK
        if count < 2:
            return 0.0
        by_place = steps[: count * BLOCK].reshape(count, BLOCK).mean(axis=0)  # (8,)
        found.append(np.log((by_place[-1] + 2e-4) / (np.median(by_place[:-1]) + 2e-4)))
    return float(np.mean(found))


def _light(image: Array) -> tuple[float, float, float]:
    """Return the logarithms of the share of extreme values, of contrast, and of colour."""
    small = shrink(image, SIDE)
    extreme = ((small <= 2) | (small >= 253)).mean()
    chroma = np.ptp(small.astype(np.int16), axis=2).mean() / 255
    spread = luminance(small).std()
    return float(np.log(extreme + 2e-3)), float(np.log(spread + 0.02)), float(np.log(chroma + 0.05))


def _flatness(image: Array) -> float:
    extreme, spread, chroma = _light(image)
    return -(0.5 * extreme + 2 * spread + chroma)


def _harshness(image: Array) -> float:
    extreme, spread, _ = _light(image)
    grey = luminance(shrink(image, SIDE))
    fine = np.abs(grey - blur(grey, 1)).mean() + 1e-5
    return extreme + 2 * spread + float(np.log(fine))


def _darkness(image: Array) -> float:
    """Return how dark it is, and how much of the shadows is swallowed.

    The weights are those of a logistic regression of 400 paintings and copies, the levels to the
    power of 1.8 to 2.6.
    """
    grey = luminance(shrink(image, SIDE))
    lowest, middle = np.quantile(grey, (0.02, 0.5))
    skew = (((grey - grey.mean()) / (grey.std() + 1e-3)) ** 3).mean()
    detail, dark = np.abs(grey - blur(grey, 2)), grey <= middle
    ratio = (detail[dark].mean() + 1e-3) / (detail[~dark].mean() + 1e-3 if not dark.all() else 1e-3)
    return float(-2.7 * np.log(lowest + 0.03) - 3.0 * np.log(middle + 0.03) - 0.63 * skew
                 + 1.9 * np.log(ratio))  # fmt: skip


def _slant(image: Array) -> float:
    return tilt(image)[1]


# -- how each is mended ------------------------------------------------------------------------


def _sharpen(image: Array) -> Array:
    from PIL import Image, ImageFilter

    radius = 0.012 * min(image.shape[:2])
    return np.asarray(Image.fromarray(image).filter(ImageFilter.UnsharpMask(radius, 150, 0)))


def _neutralize(image: Array) -> Array:
    """Move the ratios of the channels most of the way to those of paintings; keep the light."""
    excess = (ratios(image) - CAST_MEAN).reshape(2, 2).mean(axis=0)  # of red and blue over green
    gains = np.exp(-0.8 * np.array([excess[0], 0.0, excess[1]]))
    mended = image * gains
    mended *= luminance(image).mean() / max(1e-6, float(luminance(mended).mean()))
    return mended.clip(0, 255).astype(np.uint8)


def _smooth_steps(image: Array) -> Array:
    """Move each level to the middle of those that became it, and blur what lies between."""
    from PIL import Image, ImageFilter

    counts = np.sort(np.bincount(image.ravel(), minlength=256))[::-1].cumsum()
    levels = max(2, int(np.searchsorted(counts, 0.98 * image.size)) + 1)
    inward = (image * (1 - 1 / levels) + 128 / levels).astype(np.uint8)
    radius = 0.006 * min(image.shape[:2])
    picture = Image.fromarray(inward).filter(ImageFilter.MedianFilter(3))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(radius)))


def _smooth_blocks(image: Array) -> Array:
    """Blur where a picture is nearly flat, which is where blocks show."""
    grey = luminance(image)
    busy = np.sqrt(np.maximum(blur(grey**2, 3) - blur(grey, 3) ** 2, 0))
    flat = np.clip(1 - busy / 0.12, 0.25, 1)[..., None]
    soft = np.stack([blur(image[..., channel].astype(np.float32), 1) for channel in range(3)], 2)
    return (soft * flat + image * (1 - flat) + 0.5).astype(np.uint8)


def _stretch(image: Array) -> Array:
    """Spread light, dark and colours about the mean, part of the way to black and white."""
    low, high = np.quantile(luminance(image), (0.01, 0.99)) * 255
    gain = np.clip((245 / max(1.0, high - low)) ** 0.8, 1.1, 1.5)
    middle = image.mean()
    mended = middle + (image - middle) * gain
    grey = mended.mean(axis=2, keepdims=True)
    return (grey + (mended - grey) * 1.1).clip(0, 255).astype(np.uint8)


def _soften(image: Array) -> Array:
    """Take a quarter off contrast and colour, and the hardest edges."""
    from PIL import Image, ImageFilter

    middle = image.mean()
    calm = middle + (image - middle) * 0.78
    grey = calm.mean(axis=2, keepdims=True)
    calm = (grey + (calm - grey) * 0.8).clip(0, 255).astype(np.uint8)
    return np.asarray(Image.fromarray(calm).filter(ImageFilter.GaussianBlur(0.6)))


def _lighten(image: Array) -> Array:
    middle = float(np.clip(np.median(luminance(image)), 0.01, 0.9))
    exponent = np.clip(np.log(NORMAL_MIDDLE) / np.log(middle), 0.45, 0.75)
    table = 255 * (np.arange(256) / 255) ** exponent + 0.5
    return table.astype(np.uint8)[image]


def straighten(image: Array, degrees: float | None = None) -> Array:
    """Turn an image until its lines are level and upright; cut the corners off.

    Args:
        image: `(height, width, 3)` uint8.
        degrees: by which its lines are turned clockwise; None measures that.
    """
    from PIL import Image

    degrees = tilt(image)[0] if degrees is None else degrees
    height, width = image.shape[:2]
    turned = Image.fromarray(image).rotate(degrees, Image.Resampling.BICUBIC)
    # The largest rectangle of the same aspect inside the turned one.
    sine, cosine = abs(np.sin(np.radians(degrees))), np.cos(np.radians(degrees))
    long, short = max(height, width), min(height, width)
    share = short / (long * sine + short * cosine)
    across, down = width * (1 - share) / 2, height * (1 - share) / 2
    return np.asarray(turned.crop((round(across), round(down), round(width - across),
                                   round(height - down))))  # fmt: skip


def words_of(fault: Fault, image: Array) -> tuple[str, str]:
    """Return in words what mends a fault of an image, and what shows it."""
    degrees = tilt(image)[0] if fault.name == "tilted" else 0.0
    known = {
        "tint": tint(image),
        "degrees": f"{abs(degrees):.0f}",
        "way": "to the left" if degrees > 0 else "to the right",
    }
    return fault.change.format(**known), fault.sign.format(**known)


def tint(image: Array) -> str:
    """Return the name of the hue that an image leans to, compared with paintings."""
    red, blue = (ratios(image) - CAST_MEAN).reshape(2, 2).mean(axis=0)
    hue = float(hue_of(np.exp([red, 0.0, blue])))
    names = list(HUES)
    return names[int(np.searchsorted(list(HUES.values()), hue, side="right")) % len(names)]


FAULTS = (
    Fault("blurred", _softness, _sharpen, "sharpen the edges", "its edges are soft",
          (0.422, 0.792)),
    Fault("discoloured", _cast, _neutralize, "take out the {tint} cast", "it leans to {tint}",
          (1.266, 3.342)),
    Fault("posterised", _steps, _smooth_steps, "let the tones run into each other",
          "it has few tones", (0.099, 0.321)),
    Fault("compressed", _blocks, _smooth_blocks, "smooth the blocks of the compression",
          "a grid of blocks shows", (0.172, 0.323)),
    Fault("flat", _flatness, _stretch, "stretch the lights and darks",
          "light, dark and colours lie close together", (7.375, 9.186)),
    Fault("harsh", _harshness, _soften, "soften contrast and colours",
          "it is glaring, with hard edges", (-12.481, -9.874)),
    Fault("dark", _darkness, _lighten, "lighten it", "it is dark", (7.575, 10.839)),
    Fault("tilted", _slant, straighten, "straighten it by {degrees} degrees {way}",
          "its lines are turned by {degrees} degrees", (-1.008, 0.276)),
)  # fmt: skip
