"""What is measured of a picture by a formula, each 0..1: colour, weight, light, detail, the eye."""

from functools import cache
from io import BytesIO

import numpy as np

HUES = 72  # bins of the hue circle, 5 degrees each
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
# The hue templates of Matsuda as Cohen-Or et al. give them: centre and width of each sector in
# degrees, in the order i, V, L, I, T, Y, X.
TEMPLATES = (
    ((0, 18),),
    ((0, 93.6),),
    ((0, 18), (90, 79.2)),
    ((0, 18), (180, 18)),
    ((0, 180),),
    ((0, 93.6), (180, 18)),
    ((0, 93.6), (180, 93.6)),
)
PALE = 0.05  # mean saturation below which there is no colour to clash


def grey_of(pixels: np.ndarray) -> np.ndarray:
    """Give how light each pixel is, (height, width) float32 0..1."""
    return (pixels @ LUMA) / np.float32(255)


def harmony(pixels: np.ndarray) -> float:
    """Say how near the hues lie to a template of harmonic colours; grey pictures have 1.

    After Cohen-Or et al., "Color Harmonization" (2006): the distance of each hue to the nearest
    sector of a template, weighted by its saturation, for the best of 7 templates in every turn.
    1 where all hues lie within one, 0 where they are a third as far off as the full circle is,
    which few paintings are.
    """
    hues, vivid = _hues(pixels)
    total = vivid.sum()
    if total < PALE * vivid.size:
        return 1.0
    shares = np.bincount(hues.ravel(), vivid.ravel(), HUES) / total  # (72,)
    distances, farthest = _templates()
    return float(max(0.0, 1 - (distances @ shares).min() / farthest))


def _hues(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the bin of each pixel's hue, and how vivid the pixel is: its chroma, 0..1."""
    red, green, blue = np.moveaxis(pixels.astype(np.float32), 2, 0) / 255
    # The hue as an angle in the plane across the grey axis (Hanbury 2003): no cases, no branches.
    a, b = red - (green + blue) / 2, (green - blue) * np.float32(np.sqrt(3) / 2)
    turn = np.arctan2(b, a) * np.float32(HUES / (2 * np.pi))
    return np.floor(turn).astype(np.int64) % HUES, np.hypot(a, b)


@cache
def _templates() -> tuple[np.ndarray, float]:
    """Give each template's distances in every turn, (7 * 72, 72), and that of the full circle."""
    middles = (np.arange(HUES) + 0.5) * 360 / HUES
    rows = []
    for sectors in TEMPLATES:
        for turn in range(HUES):
            gaps = [
                np.maximum(np.abs((middles - at - turn * 360 / HUES + 180) % 360 - 180) - w / 2, 0)
                for at, w in sectors
            ]
            rows.append(np.min(gaps, axis=0))
    distances = np.array(rows)
    return distances, float(distances.mean(axis=1).min()) / 3


def balance(grey: np.ndarray) -> float:
    """Say how near the picture's weight lies to its middle: 1 in the middle, 0 at an edge's.

    The deviation of the centre of "mass" (McManus et al. 2011, after Arnheim); a pixel weighs as
    much as it differs from the picture's mean.
    """
    weight = np.abs(grey - grey.mean())  # (height, width)
    total = float(weight.sum())
    if total < 1e-6:
        return 1.0
    y = float(weight.sum(axis=1) @ _places(len(grey))) / total
    x = float(weight.sum(axis=0) @ _places(grey.shape[1])) / total
    return float(max(0.0, 1 - 2 * np.hypot(x, y)))


def _places(count: int) -> np.ndarray:
    return (np.arange(count) + 0.5) / count - 0.5


def contrast(grey: np.ndarray) -> float:
    """Say how far light lies from dark: twice the standard deviation of lightness (Peli 1990)."""
    return float(min(1.0, 2 * grey.std()))


def complexity(pixels: np.ndarray) -> float:
    """Say how much there is to tell: the size as JPEG against that of the bare pixels.

    After Machado and Cardoso (1998). At quality 75; noise, which has most, reaches 1.
    """
    from PIL import Image

    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=75)
    # The file's own head takes about 620 bytes; noise takes 3.3 bits a pixel and more.
    return float(np.clip((file.tell() - 620) * 8 / (pixels.shape[0] * pixels.shape[1] * 3.3), 0, 1))


def sharpness(grey: np.ndarray) -> float:
    """Say how much detail another blur would take away (Crete et al., "The blur effect", 2007)."""
    blurs = []
    for lines in (grey[:, ::2], grey.T[:, ::2]):  # every other line says the same in half the time
        steps = np.abs(np.diff(lines, axis=0))
        total = float(steps.sum())
        if total < 1e-6:
            return 0.0
        softer = np.abs(np.diff(_average(lines), axis=0))
        blurs.append(1 - float(np.maximum(steps - softer, 0).sum()) / total)
    return 1 - max(blurs)


def _average(lines: np.ndarray, reach: int = 4) -> np.ndarray:
    """Average 9 rows around each."""
    # By hand: np.pad takes longer than all the rest.
    first, last = lines[:1].repeat(reach + 1, axis=0), lines[-1:].repeat(reach, axis=0)
    padded = np.concatenate([first, lines, last])
    sums = np.cumsum(padded, axis=0, dtype=np.float32)
    return (sums[2 * reach + 1 :] - sums[: -2 * reach - 1]) / (2 * reach + 1)


def gaze(grey: np.ndarray) -> tuple[np.ndarray, float, float, float]:
    """Say where the eye goes: a map (32, 32) of sum 1, how much one place holds it, where.

    The spectral residual (Hou and Zhang 2007) of a picture of 64 by 64. Held is 0 where all
    places draw alike, near 1 where one alone does; where is x and y in 0..1 from the top left.
    """
    spectrum = np.fft.fft2(grey)
    around = np.log(np.abs(spectrum) + 1e-9)
    for axis in (0, 1):
        around = (np.roll(around, -1, axis) + around + np.roll(around, 1, axis)) / 3
    # What is left of the logarithm of each size, with its phase: the size itself cancels out.
    shown = np.fft.ifft2(spectrum * np.exp(-around))
    strength = np.abs(shown) ** 2
    # The transform takes the picture for a tile: where it meets itself is no edge of the picture's.
    strength[[0, 1, -2, -1]] = strength[:, [0, 1, -2, -1]] = 0
    drawn = np.fft.ifft2(np.fft.fft2(strength) * _soft()).real  # (64, 64)
    drawn = np.maximum(drawn.reshape(32, 2, 32, 2).mean(axis=(1, 3)), 0)
    drawn /= drawn.sum() + 1e-12
    held = 1 - 1 / (drawn.size * float((drawn**2).sum()) + 1e-12)
    y, x = np.unravel_index(int(drawn.argmax()), drawn.shape)
    return drawn, float(np.clip(held, 0, 1)), float(x + 0.5) / 32, float(y + 0.5) / 32


@cache
def _soft() -> np.ndarray:
    """Give the spectrum of a Gaussian of 2.5 pixels, (64, 64)."""
    turns = np.fft.fftfreq(64)
    one = np.exp(-2 * (np.pi * 2.5 * turns) ** 2)
    return np.outer(one, one)
