"""Draws a test card, with which a projector is set up."""

from typing import Any

import numpy as np

from ...media import Array

# The colours of a test card, at 75 %, from light to dark.
COLORS = "bfbfbf bfbf00 00bfbf 00bf00 bf00bf bf0000 0000bf"
BARS = [tuple(bytes.fromhex(color)) for color in COLORS.split()]
GROUND, LINE, FAINT = (28, 28, 28), (255, 255, 255), (110, 110, 110)
# The title-safe area: what lies within this part of a side is seen on every screen.
SAFE = 0.9
# Squares from the top to the bottom.
ROWS = 12


def draw_test_card(
    size: tuple[int, int], picture: tuple[int, int, int, int], lines: list[str]
) -> Array:
    """Return a test card of `size` (width, height) with lines of text, `(height, width, 3)` uint8.

    It shows the outermost pixels, the title-safe area, a circle, squares, seven colours and greys,
    and a thin line around the `picture`, given by its x, y, width and height.
    """
    from PIL import Image, ImageDraw

    width, height = size
    card = Image.new("RGB", size, GROUND)
    draw = ImageDraw.Draw(card)
    cell = max(4, height / ROWS)
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    for step in range(-int(middle_x / cell), int(middle_x / cell) + 1):
        x = middle_x + step * cell
        draw.line([(x, 0), (x, height)], FAINT if step else LINE)
    for step in range(-int(middle_y / cell), int(middle_y / cell) + 1):
        y = middle_y + step * cell
        draw.line([(0, y), (width, y)], FAINT if step else LINE)
    _draw_colors(draw, size)
    x, y, wide, high = picture
    draw.rectangle([x, y, x + wide - 1, y + high - 1], outline=(0, 191, 191))
    edge = ((1 - SAFE) / 2 * width, (1 - SAFE) / 2 * height)
    draw.rectangle([*edge, width - 1 - edge[0], height - 1 - edge[1]], outline=FAINT, width=2)
    radius = 0.45 * min(width, height)
    circle = [middle_x - radius, middle_y - radius, middle_x + radius, middle_y + radius]
    draw.ellipse(circle, outline=LINE, width=max(1, round(height / 300)))
    draw.rectangle([0, 0, width - 1, height - 1], outline=LINE)
    _draw_text(draw, size, lines)
    return np.asarray(card)


def _draw_colors(draw: Any, size: tuple[int, int]) -> None:
    width, height = size
    left, right = 0.15 * width, 0.85 * width
    step = (right - left) / len(BARS)
    for number, color in enumerate(BARS):
        x = left + number * step
        draw.rectangle([x, 0.6 * height, x + step, 0.72 * height], fill=color)
    greys = 11
    step = (right - left) / greys
    for number in range(greys):
        x, grey = left + number * step, round(255 * number / (greys - 1))
        draw.rectangle([x, 0.72 * height, x + step, 0.78 * height], fill=(grey, grey, grey))


def _draw_text(draw: Any, size: tuple[int, int], lines: list[str]) -> None:
    from PIL import ImageFont

    width, height = size
    letters = max(map(len, lines), default=1)
    # A letter is about 0.6 as wide as it is high.
    font = ImageFont.load_default(max(6.0, min(height / 20, 0.8 * width / (0.6 * letters))))
    text = "\n".join(lines)
    at = width / 2, 0.36 * height
    box = draw.multiline_textbbox(at, text, font=font, anchor="mm", align="center")
    draw.rectangle([box[0] - 8, box[1] - 6, box[2] + 8, box[3] + 6], fill=GROUND)
    draw.multiline_text(at, text, LINE, font=font, anchor="mm", align="center")
