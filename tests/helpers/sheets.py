"""Pictures for trainings: scanned sheets with discs in place of fruit."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

PAPER = (245, 238, 215)
RED, BLUE, GREEN, ORANGE = (200, 30, 30), (40, 50, 190), (60, 130, 50), (240, 150, 30)


def disc_folder(folder: Path, count: int = 60) -> Path:
    """Write sheets with flat discs into a folder: red ones called cherries, blue ones plums."""
    random = np.random.default_rng(0)
    for index in range(count):
        kind, colour = (("cherries", RED), ("plums", BLUE))[index % 2]
        picture = Image.new("RGB", (100, 140), PAPER)
        x, y, r = random.integers(40, 60), random.integers(50, 90), random.integers(15, 28)
        ImageDraw.Draw(picture).circle((x, y), r, fill=colour)
        (folder / kind).mkdir(parents=True, exist_ok=True)
        picture.save(folder / kind / f"{index}.png")
    return folder


def scanned_sheet(*discs, size=(120, 180), border=6, writing=False, frame=False) -> Image.Image:
    """Return a scan: a dark lid, paper, shaded discs as (x, y, radius, colour), perhaps a note."""
    picture = Image.new("RGB", size, (15, 12, 10))
    pen = ImageDraw.Draw(picture)
    width, height = size
    pen.rectangle((border, border, width - border - 1, height - border - 1), fill=PAPER)
    if frame:
        pen.rectangle((14, 14, width - 15, height - 15), outline=(150, 140, 120))
    for x, y, radius, colour in discs:
        # Round fruits are lighter on one side.
        for step in range(2 * radius):
            half = int((radius**2 - (radius - step) ** 2) ** 0.5)
            light = 1.3 - 0.8 * step / (2 * radius)
            shade = tuple(min(255, int(level * light)) for level in colour)
            pen.line((x - half, y - radius + step, x + half, y - radius + step), fill=shade)
    if writing:
        for row in range(3):
            for x in range(18, 46, 4):
                pen.line(
                    (x, height - 30 + 5 * row, x + 2, height - 28 + 5 * row), fill=(60, 60, 60)
                )
    return picture
