"""Make a sheet with a picture of each effect: python -m capriccio_effects.gallery effects.webp."""

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from capriccio import Canvas, Moment, generator

from .pictures import Array

TILE, LABEL, COLUMNS = (320, 200), 26, 4
# The knobs with which each effect is shown, and its name on the sheet.
SHOWN: list[tuple[str, str, dict[str, Any]]] = [
    ("blur", "blur", {"amount": 0.5}),
    ("glow", "glow", {"amount": 0.9, "threshold": 0.6}),
    ("feedback", "feedback", {"amount": 0.85, "zoom": 0.62, "rotate": 0.6}),
    ("slitscan", "slit scan", {"depth": 0.6}),
    ("displace", "displace", {"amount": 0.9}),
    ("kaleidoscope", "kaleidoscope", {"segments": 0.45, "zoom": 0.42, "turn": 0.1}),
    ("lens", "lens", {"amount": 0.8, "x": 0.36, "y": 0.55, "size": 0.6}),
    ("shader", "shader: a swirl", {"amount": 0.6}),
    ("pixelate", "pixelate", {"size": 0.6}),
    ("mosaic", "mosaic", {"size": 0.65, "joints": 0.5}),
    ("posterise", "posterise", {"levels": 0.1}),
    ("palette", "palette: six colours", {"colors": 0.13}),
    ("edges", "edges", {"amount": 0.6, "width": 0.1}),
    ("edges", "edges at night", {"amount": 0.6, "width": 0.1, "ground": "night"}),
    ("grain", "grain: film", {"amount": 0.7}),
    ("grain", "grain: paper", {"amount": 0.6, "kind": "paper"}),
    ("vignette", "vignette", {"amount": 0.9}),
    ("chromatic", "chromatic", {"amount": 0.8}),
    ("motion", "motion", {"memory": 0.3}),
    ("segment", "segment", {"threshold": 0.5}),
    ("wipe", "wipe: right", {"softness": 0.2}),
    ("wipe", "wipe: iris", {"kind": "iris", "position": 0.35}),
    ("wipe", "wipe: dissolve", {"kind": "dissolve", "softness": 0.0}),
]


def harbour(seconds: float = 0.0, size: tuple[int, int] = TILE, *, is_empty: bool = False) -> Array:
    """Return a harbour in the evening, with boats that sail on with time, or none of them."""
    canvas = Canvas(*size)
    canvas.background("#f7b267")
    canvas.no_stroke()
    for band in range(40):
        canvas.fill(0.97 - 0.4 * band / 40, 0.7 - 0.35 * band / 40, 0.4 + 0.2 * band / 40)
        canvas.rect(0, 0.6 - 0.6 * (band + 1) / 40, 1, 0.6 / 40 + 0.01)
    canvas.fill("#fff3b0")
    canvas.circle(0.68, 0.36, 0.28)
    canvas.fill("#5f4b66")
    canvas.polygon([(0, 0.6), (0, 0.5), (0.2, 0.4), (0.38, 0.52), (0.55, 0.47), (0.9, 0.6)])
    canvas.fill("#274060")
    canvas.rect(0, 0.6, 1, 0.4)
    for row in range(14):
        canvas.fill("#ffd9a0", 0.5 - 0.03 * row)
        wide = 0.03 + 0.012 * row * (1 + 0.5 * math.sin(row * 2.1 + seconds))
        canvas.rect(0.68 - wide, 0.62 + 0.027 * row, 2 * wide, 0.008)
    boats = ((0.15, 0.78, "#e63946", 1.0), (0.43, 0.7, "#f1faee", 0.6), (0.9, 0.86, "#2a9d8f", 1.2))
    for x, y, color, scale in () if is_empty else boats:
        with canvas.pushed():
            canvas.translate((x + 0.04 * seconds * scale + 0.1) % 1.2 - 0.1, y)
            canvas.rotate(0.06 * math.sin(2 * seconds + x * 9))
            canvas.scale(scale)
            canvas.fill(color)
            canvas.polygon([(0.005, -0.03), (0.005, -0.34), (0.1, -0.06)])
            canvas.fill("#ffffff", 0.85)
            canvas.polygon([(-0.008, -0.05), (-0.008, -0.28), (-0.06, -0.05)])
            canvas.fill("#1d1b1a")
            canvas.polygon([(-0.08, -0.02), (0.11, -0.02), (0.08, 0.05), (-0.05, 0.05)])
    return canvas.pixels


def tiles() -> Iterator[tuple[str, Array]]:
    """Yield the name and the picture of each effect, the plain picture first."""
    yield "the picture", harbour()
    night = 255 - harbour(9.0)[:, :, ::-1]
    for name, label, knobs in SHOWN:
        effect = generator(name)
        extra = {"to": night} if name == "wipe" else {}
        picture = harbour()
        for frame in range(24):  # effects that remember need a past
            now = Moment(beats=frame / 6, seconds=frame / 12)
            is_empty = name == "segment" and frame < 18  # which learns the harbour without boats
            image = harbour((frame - 23) / 12, is_empty=is_empty)
            picture = effect(now, over=image, **knobs, **extra)
        yield label, picture


def sheet() -> Array:
    """Return a sheet with every effect and its name."""
    pictures = list(tiles())
    rows = math.ceil(len(pictures) / COLUMNS)
    paper = Canvas(COLUMNS * TILE[0], rows * (TILE[1] + LABEL), units="pixels")
    paper.background("white")
    paper.fill("#222222")
    paper.text_size(15)
    for number, (label, picture) in enumerate(pictures):
        row, column = divmod(number, COLUMNS)
        x, y = column * TILE[0], row * (TILE[1] + LABEL)
        paper.image(picture, x + 2, y + LABEL, TILE[0] - 4, TILE[1] - 2)
        paper.text(label, x + 4, y + 18)
    return paper.pixels


def main(path: str) -> None:
    """Write the sheet to a file, by its ending."""
    from PIL import Image

    Image.fromarray(np.ascontiguousarray(sheet())).save(Path(path), quality=88)


if __name__ == "__main__":
    main(sys.argv[1])
