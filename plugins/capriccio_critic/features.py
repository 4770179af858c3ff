"""What is measured of a picture by a formula, each 0..1: colour, weight, light, detail, the eye."""

from functools import cache
from io import BytesIO

import numpy as np

# From a pixel to the plane across the grey axis (Hanbury 2003), where its hue is an angle. In whole
# numbers, so that equal channels cancel out; what points up is too short by the root of 3.
PLANE = np.array([(2, 0), (-1, 1), (-1, -1)], np.float32)
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
ROUND = 1 << 15  # steps of the way round all hues
REACH = 4  # rows to either side that a blur takes in
BEFORE, AFTER, MIRROR = ((np.arange(64) * way + by) % 64 for way, by in ((1, -1), (1, 1), (-1, 0)))
PALE = 0.05  # mean saturation below which there is no colour to clash


def grey_of(pixels: np.ndarray) -> np.ndarray:
    """Give how light each pixel is, (height, width) float32 0..1."""
    flat = pixels.reshape(-1, 3).astype(np.float32, copy=False)
    return (flat @ (LUMA / np.float32(255))).reshape(pixels.shape[:2])


def harmony(pixels: np.ndarray) -> float:
    """Say how near the hues lie to a template of harmonic colours; grey pictures have 1.

    After Cohen-Or et al., "Color Harmonization" (2006): the distance of each hue to the nearest
    sector of a template, weighted by its saturation, for the best of 7 templates in every turn.
    1 where all hues lie within one, 0 where they are a third as far off as the full circle is,
    which few paintings are.
    """
    across, up = (pixels.reshape(-1, 3).astype(np.float32) @ PLANE).T / np.float32(2 * 255)
    up *= np.float32(3**0.5)
    vivid = np.sqrt(across * across + up * up)  # the chroma, 0..1
    total = vivid.sum()
    if total < PALE * vivid.size:
        return 1.0
    shares = np.bincount(_hues(across, up), vivid, HUES) / total  # (72,)
    distances, farthest = _templates()
    return float(max(0.0, 1 - (distances @ shares).min() / farthest))


def _hues(across: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Give the bin of each hue, from its place on the plane."""
    # A way round a square instead of a circle rises as the angle does, and costs a tenth of it.
    way = up / (np.abs(across) + np.abs(up) + np.float32(1e-9))  # -1..1, on the right
    way = np.where(across < 0, 2 - way, way)  # -1..3
    return _bins()[((way + 1) * (ROUND / 4)).astype(np.int32)]


@cache
def _bins() -> np.ndarray:
    """Give the bin of each step of the way round; a hue on a border is in the bin above."""
    way = (np.arange(ROUND + 1) + 0.999) * 4 / ROUND - 1
    up = np.where(way > 1, 2 - way, way)
    across = np.where(way > 1, -1, 1) * (1 - np.abs(up))
    return np.floor(np.arctan2(up, across) * HUES / (2 * np.pi)).astype(np.int64) % HUES


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
    weight = grey - grey.mean()  # (height, width)
    np.abs(weight, out=weight)
    total = float(weight.sum())
    if total < 1e-6:
        return 1.0
    y = float((_places(len(grey)) @ weight).sum()) / total
    x = float((weight @ _places(grey.shape[1])).sum()) / total
    return float(max(0.0, 1 - 2 * np.hypot(x, y)))


def _places(count: int) -> np.ndarray:
    return (np.arange(count, dtype=np.float32) + np.float32(0.5)) / count - np.float32(0.5)


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
    for lines in (grey[:, ::2], grey[::2].T):  # every other line says the same in half the time
        lines = np.ascontiguousarray(lines)
        steps = lines[1:] - lines[:-1]
        np.abs(steps, out=steps)
        total = float(steps.sum())
        if total < 1e-6:
            return 0.0
        # From one mean of 9 rows to the next, one row comes and one goes.
        first, last = lines[:1].repeat(REACH, axis=0), lines[-1:].repeat(REACH, axis=0)
        rows = np.concatenate([first, lines, last])
        softer = rows[2 * REACH + 1 :] - rows[: -2 * REACH - 1]
        np.abs(softer, out=softer)
        softer /= 2 * REACH + 1
        steps -= softer
        np.maximum(steps, 0, out=steps)
        blurs.append(1 - float(steps.sum()) / total)
    return 1 - max(blurs)


def gaze(grey: np.ndarray) -> tuple[np.ndarray, float, float, float]:
    """Say where the eye goes: a map (32, 32) of sum 1, how much one place holds it, where.

    The spectral residual (Hou and Zhang 2007) of a picture of 64 by 64. Held is 0 where all
    places draw alike, near 1 where one alone does; where is x and y in 0..1 from the top left.
    """
    # Half of the spectrum tells all of it, for the picture is real.
    spectrum = np.fft.rfft2(grey)  # (64, 33)
    sizes = np.log(np.abs(spectrum) + 1e-9)
    sizes = (sizes[BEFORE] + sizes + sizes[AFTER]) / 3
    # Beyond either edge lies what mirrors its neighbour within.
    sizes = np.concatenate([sizes[MIRROR, 1:2], sizes, sizes[MIRROR, 31:32]], axis=1)
    around = (sizes[:, :-2] + sizes[:, 1:-1] + sizes[:, 2:]) / 3  # (64, 33)
    # What is left of the logarithm of each size, with its phase: the size itself cancels out.
    strength = np.fft.irfft2(spectrum * np.exp(-around), (64, 64)) ** 2
    # The transform takes the picture for a tile: where it meets itself is no edge of the picture's.
    strength[[0, 1, -2, -1]] = strength[:, [0, 1, -2, -1]] = 0
    soft = _soft()
    drawn = np.maximum(soft @ strength @ soft.T, 0)  # (32, 32)
    drawn /= drawn.sum() + 1e-12
    held = 1 - 1 / (drawn.size * float((drawn**2).sum()) + 1e-12)
    y, x = np.unravel_index(int(drawn.argmax()), drawn.shape)
    return drawn, float(np.clip(held, 0, 1)), float(x + 0.5) / 32, float(y + 0.5) / 32


@cache
def _soft() -> np.ndarray:
    """Give what blurs 64 places by a Gaussian of 2.5 pixels, in a ring, and halves them."""
    turns = np.fft.fftfreq(64)
    ring = np.fft.ifft(np.exp(-2 * (np.pi * 2.5 * turns) ** 2)).real  # (64,)
    blur = ring[(np.arange(64)[:, None] - np.arange(64)) % 64]  # (64, 64)
    return blur.reshape(32, 2, 64).mean(axis=1)  # (32, 64)
