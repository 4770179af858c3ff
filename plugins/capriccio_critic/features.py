"""Features of a picture computed by formulas, each 0..1: colour, weight, light, detail, focus."""

from functools import cache
from io import BytesIO
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

# From a pixel to the plane across the grey axis (Hanbury 2003), where its hue is an angle. Whole
# numbers let equal channels cancel out exactly; the second axis is too short by the root of 3.
PLANE = np.array([(2, 0), (-1, 1), (-1, -1)], np.float32)
HUES = 72  # bins of the hue circle, 5 degrees each
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
# Hue templates after Cohen-Or et al. 2006: centre and width of each sector in degrees: one hue, two
# at a right angle, two opposite ones. All sectors are as narrow as their narrowest: within the wide
# ones, of up to half the circle, every third painting lies altogether, and none could be told from
# another.
TEMPLATES = (((0, 18),), ((0, 18), (90, 18)), ((0, 18), (180, 18)))
ANGLE_STEPS = 1 << 15  # of the lookup table from angles to hue bins
BLUR_REACH = 4  # rows to either side of one that a blur takes in
BEFORE, AFTER, MIRROR = ((np.arange(64) * way + by) % 64 for way, by in ((1, -1), (1, 1), (-1, 0)))
MIN_SATURATION = 0.05  # mean below which there is no colour to clash


def luminance(pixels: Array) -> Array:
    """Return the luminance of each pixel, (height, width) float32 0..1."""
    flat = pixels.reshape(-1, 3).astype(np.float32, copy=False)
    return (flat @ (LUMA / np.float32(255))).reshape(pixels.shape[:2])


def harmony(pixels: Array) -> float:
    """Return how close the hues are to a template of harmonic colours; 1 for grey pictures.

    After Cohen-Or et al., "Color Harmonization" (2006): the distance of each hue to the nearest
    sector of a template, weighted by its saturation, for the best of 3 templates in every rotation.
    1 where all hues lie within a template, 0 where they are as far off as those of the full circle.
    """
    across, up = (pixels.reshape(-1, 3).astype(np.float32) @ PLANE).T / np.float32(2 * 255)
    up *= np.float32(3**0.5)
    chroma = np.sqrt(across * across + up * up)  # 0..1
    total = chroma.sum()
    if total < MIN_SATURATION * chroma.size:
        return 1.0
    shares = np.bincount(_hue_bins(across, up), chroma, HUES) / total  # (72,)
    distances, farthest = _template_distances()
    return float(max(0.0, 1 - (distances @ shares).min() / farthest))


def _hue_bins(across: Array, up: Array) -> Array:
    """Return the hue bin of each point of the plane."""
    # The position along a diamond rises with the angle, and costs a tenth of an arctangent.
    angle = up / (np.abs(across) + np.abs(up) + np.float32(1e-9))  # -1..1, on the right
    angle = np.where(across < 0, 2 - angle, angle)  # -1..3
    return _bin_table()[((angle + 1) * (ANGLE_STEPS / 4)).astype(np.int32)]


@cache
def _bin_table() -> Array:
    """Return the hue bin of each step along the diamond; borders belong to the bin above."""
    angle = (np.arange(ANGLE_STEPS + 1) + 0.999) * 4 / ANGLE_STEPS - 1
    up = np.where(angle > 1, 2 - angle, angle)
    across = np.where(angle > 1, -1, 1) * (1 - np.abs(up))
    return np.floor(np.arctan2(up, across) * HUES / (2 * np.pi)).astype(np.int64) % HUES


@cache
def _template_distances() -> tuple[Array, float]:
    """Return each template's distances in every rotation, (3 * 72, 72), and the full circle's."""
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
    return distances, float(distances.mean(axis=1).min())


def balance(grey: Array) -> float:
    """Return how close the visual weight is to the centre: 1 at the centre, 0 at an edge's middle.

    The deviation of the centre of "mass" (McManus et al. 2011, after Arnheim); a pixel weighs as
    much as it differs from the picture's mean.
    """
    weight = grey - grey.mean()  # (height, width)
    np.abs(weight, out=weight)
    total = float(weight.sum())
    if total < 1e-6:
        return 1.0
    y = float((_centred(len(grey)) @ weight).sum()) / total
    x = float((weight @ _centred(grey.shape[1])).sum()) / total
    return float(max(0.0, 1 - 2 * np.hypot(x, y)))


def _centred(count: int) -> Array:
    """Return the centres of `count` pixels, -0.5..0.5."""
    return (np.arange(count, dtype=np.float32) + np.float32(0.5)) / count - np.float32(0.5)


def contrast(grey: Array) -> float:
    """Return twice the standard deviation of luminance (Peli 1990)."""
    return float(min(1.0, 2 * grey.std()))


def complexity(pixels: Array) -> float:
    """Return the size as a JPEG of quality 75 relative to that of noise.

    After Machado and Cardoso (1998).
    """
    from PIL import Image

    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=75)
    # The file's header takes about 620 bytes; noise takes 3.3 bits a pixel and more.
    return float(np.clip((file.tell() - 620) * 8 / (pixels.shape[0] * pixels.shape[1] * 3.3), 0, 1))


def sharpness(grey: Array) -> float:
    """Return how much detail another blur would remove (Crete et al., "The blur effect", 2007)."""
    blurs = []
    for lines in (grey[:, ::2], grey[::2].T):  # every other line gives the same in half the time
        lines = np.ascontiguousarray(lines)
        steps = lines[1:] - lines[:-1]
        np.abs(steps, out=steps)
        total = float(steps.sum())
        if total < 1e-6:
            return 0.0
        # Consecutive means of 9 rows differ by the row that enters and the one that leaves.
        first, last = lines[:1].repeat(BLUR_REACH, axis=0), lines[-1:].repeat(BLUR_REACH, axis=0)
        rows = np.concatenate([first, lines, last])
        softer = rows[2 * BLUR_REACH + 1 :] - rows[: -2 * BLUR_REACH - 1]
        np.abs(softer, out=softer)
        softer /= 2 * BLUR_REACH + 1
        steps -= softer
        np.maximum(steps, 0, out=steps)
        blurs.append(1 - float(steps.sum()) / total)
    return 1 - max(blurs)


def saliency(grey: Array) -> tuple[Array, float, float, float]:
    """Return where the eye goes in a picture of 64 by 64: the spectral residual (Hou, Zhang 2007).

    Returns:
        A map (32, 32) of sum 1; how concentrated it is, 0 where all places are alike, near 1 where
        one stands out; and x and y of its maximum in 0..1 from the top left.
    """
    # Half of the spectrum determines the rest, for the picture is real.
    spectrum = np.fft.rfft2(grey)  # (64, 33)
    sizes = np.log(np.abs(spectrum) + 1e-9)
    sizes = (sizes[BEFORE] + sizes + sizes[AFTER]) / 3
    # Beyond either edge of the half lies the mirrored neighbour within.
    sizes = np.concatenate([sizes[MIRROR, 1:2], sizes, sizes[MIRROR, 31:32]], axis=1)
    around = (sizes[:, :-2] + sizes[:, 1:-1] + sizes[:, 2:]) / 3  # (64, 33)
    # The residual of the log amplitude, with the phase: the amplitude itself cancels out.
    strength = np.fft.irfft2(spectrum * np.exp(-around), (64, 64)) ** 2
    # The transform wraps around: the seam is no edge of the picture.
    strength[[0, 1, -2, -1]] = strength[:, [0, 1, -2, -1]] = 0
    blur = _blur_and_halve()
    drawn = np.maximum(blur @ strength @ blur.T, 0)  # (32, 32)
    drawn /= drawn.sum() + 1e-12
    focus = 1 - 1 / (drawn.size * float((drawn**2).sum()) + 1e-12)
    y, x = np.unravel_index(int(drawn.argmax()), drawn.shape)
    return drawn, float(np.clip(focus, 0, 1)), float(x + 0.5) / 32, float(y + 0.5) / 32


@cache
def _blur_and_halve() -> Array:
    """Return the matrix, (32, 64), of a circular Gaussian blur of 2.5 pixels and a halving."""
    frequencies = np.fft.fftfreq(64)
    kernel = np.fft.ifft(np.exp(-2 * (np.pi * 2.5 * frequencies) ** 2)).real  # (64,)
    blur = kernel[(np.arange(64)[:, None] - np.arange(64)) % 64]  # (64, 64)
    return blur.reshape(32, 2, 64).mean(axis=1)  # (32, 64)
