"""Textures of brush strokes: what the hairs of a brush leave, seen under a light from the top left.

Each is a strip along which the brush went from left to right: its alpha is where paint lies, its
level how the paint is lit. Relief is lit once for each of several directions of the stroke, so that
painting a stroke is nothing but drawing a strip, and costs the same with relief or without.
"""

from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

RAGGED = 0.045  # of half a stroke's length: how far one hair begins or ends before another
MARGIN = 1.1  # the strip goes on over the edges of the stroke, in half widths and half lengths
TURNS = 5  # directions of the light, half a circle; a mirrored strip has the other half
STREAKS = 0.025  # how much lighter and darker one hair paints than another
STEEPNESS = 4.0  # of heights: how soon a slope is as light or dark as it can be
LIGHT = (
    0.22  # how much lighter a slope towards the light is at relief 1, and darker one away from it
)
DARKEST = 0.45  # level of a slope that lies in shadow
SMALLEST = 8  # rows of the smallest copy


class Kind(NamedTuple):
    """A width of brush: `rows` and `columns` of its strip, its hairs, and how many there are."""

    rows: int
    columns: int
    hairs: int
    variants: int


# Chosen by the width of a stroke as a part of the canvas: a wide brush has more hairs.
BRISTLES = (Kind(64, 288, 11, 4), Kind(152, 640, 30, 3), Kind(336, 1280, 76, 1))
WIDEST = (0.02, 0.065)  # half widths as a part of the longer side up to which the first two are for
WASHES = Kind(152, 480, 9, 3)
FLAT = 0.85  # alpha of watercolour


class Atlas(NamedTuple):
    """Strips in one picture.

    Args:
        pixels: (height, width, 4) uint8, blue first, the colours multiplied by alpha.
        strips: (kinds, variants, TURNS, copies, 4): left, top, columns and rows of each strip; of
            the copies each is half as large as the one before.
        levels: (kinds, variants, TURNS): the mean level of each.
    """

    pixels: np.ndarray
    strips: np.ndarray
    levels: np.ndarray


def noise(
    random: np.random.Generator, shape: tuple[int, int], rows: int, columns: int
) -> np.ndarray:
    """Return smooth random numbers, mean 0 and deviation 1, with that many waves each way."""
    knots = random.standard_normal((rows + 3, columns + 3)).astype(np.float32)
    down = _spline(shape[0], rows) @ knots  # (height, columns + 3)
    smooth = down @ _spline(shape[1], columns).T  # (height, width)
    return (smooth - smooth.mean()) / (smooth.std() + 1e-6)


def _spline(points: int, waves: int) -> np.ndarray:
    """Return the weights of a cubic B-spline, (points, waves + 3)."""
    place = (np.arange(points) + 0.5) / points * waves
    distance = abs(place[:, None] - (np.arange(waves + 3) - 1))
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = (2 - distance).clip(0) ** 3 / 6
    return np.where(distance < 1, near, far).astype(np.float32)


def smoothstep(x: np.ndarray) -> np.ndarray:
    """Return 0 below 0, 1 above 1, and a smooth rise between."""
    x = x.clip(0, 1)
    return x * x * (3 - 2 * x)


def _places(kind: Kind) -> tuple[np.ndarray, np.ndarray]:
    """Return how far along a stroke the columns of a strip lie, and how far across its rows."""
    u = (np.arange(kind.columns, dtype=np.float32) + 0.5) / kind.columns * 2 - 1
    v = (np.arange(kind.rows, dtype=np.float32) + 0.5) / kind.rows * 2 - 1
    return MARGIN * u, MARGIN * v[:, None]


def bristle_strip(kind: Kind, random: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Return alpha, height and tint of a stroke of a flat brush, (rows, columns) each."""
    shape = kind.rows, kind.columns
    u, v = _places(kind)
    hairs = noise(random, shape, kind.hairs, 2) + 0.6 * noise(random, shape, 2 * kind.hairs, 5)
    hairs /= 1.17
    first = noise(random, (kind.rows, 2), kind.hairs, 1)[:, :1]  # where each hair is set down
    last = noise(random, (kind.rows, 2), kind.hairs, 1)[:, :1]
    round_off = 0.1 * abs(v) ** 4
    begin = (RAGGED * first + round_off - 1).clip(0.06 - MARGIN)
    end = (1 + RAGGED * (0.4 - 1.8 * last) - round_off).clip(None, MARGIN - 0.06)
    edge = 1 - 0.04 * noise(random, (2, kind.columns), 1, 5)[:1]  # the sides waver a little
    # Edges are as soft as a pixel or two.
    inside = smoothstep((u - begin) * (kind.columns / 12) + 0.5)
    inside *= smoothstep((end - u) * (kind.columns / 16) + 0.5)
    inside *= smoothstep((edge - abs(v)) * (kind.rows / 8) + 0.5)
    # Paint runs out: hairs with little of it leave gaps, more and more to the end.
    load = 3.0 - 2.5 * (0.5 + 0.5 * u).clip(0) ** 3 - 0.9 * abs(v) ** 3
    alpha = inside * (0.12 + 0.88 * smoothstep((hairs + load) / 0.9))
    # What the brush pushes aside stands at its edges and where it was lifted.
    ridge = np.exp(-(((edge - 0.07 - abs(v)) / 0.07) ** 2))
    lifted = np.exp(-(((u - end + 0.05) / 0.06) ** 2))
    lifted += 0.7 * np.exp(-(((u - begin - 0.02) / 0.06) ** 2))
    height = 0.6 * hairs + 0.9 * ridge + 0.9 * lifted + 0.3 * noise(random, shape, 5, 9)
    tint = 0.7 * hairs + 0.5 * noise(random, shape, 2 * kind.hairs, 1)
    return alpha, height * smoothstep(2 * alpha), tint


def wash_strip(kind: Kind, random: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Return alpha, height and tint of watercolour: soft, uneven, darker where it dried last."""
    shape = kind.rows, kind.columns
    u, v = _places(kind)
    aspect = kind.columns / kind.rows
    wander = 0.09 * noise(random, shape, 3, 9) + 0.035 * noise(random, shape, 8, 26)
    # The distance to the edge in half widths, whose corners are round.
    x, y = (abs(u) * aspect - aspect + 0.58).clip(0), (abs(v) - 0.42).clip(0)
    depth = 0.58 - np.hypot(x, y) + wander
    inside = smoothstep(depth / 0.11)
    rim = np.exp(-(((depth - 0.09) / 0.07) ** 2))
    flow = 0.055 * noise(random, shape, 2, 3)
    grain = 0.03 * noise(random, shape, 48, 150)  # pigment settles in the paper
    alpha = inside * (FLAT - 0.09 + flow + grain + 0.2 * rim).clip(0, 1)
    return alpha, np.zeros(shape, np.float32), 0.5 * noise(random, shape, 3, 4) - 0.8 * rim


def lit(
    slopes: tuple[np.ndarray, np.ndarray], tint: np.ndarray, turn: float, relief: float
) -> np.ndarray:
    """Return the level of each pixel, at most 1.

    Args:
        slopes: of the height, downwards and along the stroke.
        turn: angle from the stroke to the light.
        relief: how strong the light is, 0..1.
    """
    down, along = slopes
    slope = along * np.float32(STEEPNESS * np.cos(turn)) + down * np.float32(
        STEEPNESS * np.sin(turn)
    )
    level = tint - slope / (1 + abs(slope)) * np.float32(LIGHT * relief)
    level -= np.quantile(level[::5, ::9], 0.9)
    return (level + 1).clip(DARKEST, 1)


@cache
def _drawn(name: str) -> list[list[tuple[np.ndarray, ...]]]:
    """Return alpha, height and tint of every variant of every kind of a brush."""
    random = np.random.default_rng(3)
    if name == "wash":
        return [[wash_strip(WASHES, random) for _ in range(WASHES.variants)]]
    return [[bristle_strip(kind, random) for _ in range(kind.variants)] for kind in BRISTLES]


@lru_cache(maxsize=6)
def atlas(name: str, relief: float) -> Atlas:
    """Return the strips of the brush "bristle" or "wash", lit for a relief of 0..1."""
    strips: list[list[list[list[np.ndarray]]]] = []
    drawn = _drawn(name)
    most = max(len(variants) for variants in drawn)
    levels = np.ones((len(drawn), most, TURNS))
    for number, variants in enumerate(drawn):
        strips.append([])
        for variant, (alpha, height, tint) in enumerate(variants):
            turned: list[list[np.ndarray]] = []
            slopes = np.gradient(height)
            tint = np.float32(STREAKS) * np.tanh(tint)
            for turn in range(TURNS):
                if name == "wash" or not relief:  # no light, so the same for every direction
                    same = turned[0] if turned else None
                    if same is not None:
                        turned.append(same)
                        levels[number, variant, turn] = levels[number, variant, 0]
                        continue
                level = lit(slopes, tint, np.pi * turn / (TURNS - 1), relief)
                levels[number, variant, turn] = np.average(level, weights=alpha)
                turned.append(_copies(level * alpha, alpha))
            strips[-1].append(turned)
    return _packed(strips, levels)


def _copies(level: np.ndarray, alpha: np.ndarray) -> list[np.ndarray]:
    """Return a strip as bytes, (rows, columns, 2), and its halves."""
    strip: np.ndarray = np.stack([level, alpha], 2).astype(np.float32)
    copies = []
    while True:
        copies.append((strip * 255 + 0.5).astype(np.uint8))
        rows, columns = strip.shape[0] // 2 * 2, strip.shape[1] // 2 * 2
        if rows < 2 * SMALLEST:
            return copies
        strip = strip[:rows, :columns]
        strip = strip[::2] + strip[1::2]
        strip = (strip[:, ::2] + strip[:, 1::2]) / 4


def _packed(strips: list[list[list[list[np.ndarray]]]], levels: np.ndarray) -> Atlas:
    """Lay strips into one picture, a row for each size, copies beside each other."""
    most = max(len(copies) for kind in strips for one in kind for copies in one)
    table = np.zeros((*levels.shape, most, 4), np.int32)
    placed: dict[int, tuple[int, int]] = {}
    items = {id(s): s for kind in strips for one in kind for copies in one for s in copies}
    width = 2 * max(strip.shape[1] for strip in items.values()) + 4
    left = top = tall = 0
    for key, strip in sorted(items.items(), key=lambda item: -item[1].shape[0]):
        rows, columns = strip.shape[:2]
        if left + columns > width:
            left, top, tall = 0, top + tall, 0
        placed[key] = left, top
        left, tall = left + columns + 2, max(tall, rows + 2)
    pixels = np.zeros((top + tall, width, 4), np.uint8)
    for key, strip in items.items():
        left, top = placed[key]
        rows, columns = strip.shape[:2]
        pixels[top : top + rows, left : left + columns, :3] = strip[..., :1]
        pixels[top : top + rows, left : left + columns, 3] = strip[..., 1]
    for number, kind in enumerate(strips):
        for variant in range(levels.shape[1]):
            for turn, copies in enumerate(kind[variant % len(kind)]):
                levels[number, variant, turn] = levels[number, variant % len(kind), turn]
                for size in range(most):
                    strip = copies[min(size, len(copies) - 1)]
                    rows, columns = strip.shape[:2]
                    table[number, variant, turn, size] = *placed[id(strip)], columns, rows
    return Atlas(pixels, table, levels)
