"""Draw over a picture with the canvas: a crop, a value study, a change before and after."""

from typing import Any

import numpy as np
from capriccio import Canvas

from .features import luminance
from .readings import Readings
from .suggestions import Box, Suggestion, box_on_thirds
from .traits import blur, shrink

Array = np.ndarray[Any, Any]

HEIGHT = 420  # of a picture on a sheet, in pixels
GAP, FOOT = 16, 64  # between pictures and around them; below them, for words
PAPER, INK, ACCENT = "#faf8f4", "#222222", "#e0502a"
VALUES = (0.12, 0.38, 0.64, 0.92)  # the greys of a value study, from dark to light


def draw_study(image: Array, readings: Readings, suggested: Box | None = None) -> Array:
    """Return a sheet, (height, width, 3) uint8: a crop and a value study, drawn over a picture.

    Args:
        image: `(height, width, 3)` uint8.
        readings: of it; the crop lays what the eye goes to on a third.
        suggested: a crop in its place, which was tried and found better.
    """
    small = shrink(image, 2 * HEIGHT)
    wide = _width(small)
    sheet = _sheet(2, wide)
    _draw_crop(sheet, small, suggested or box_on_thirds(readings), readings, wide)
    why = "that was tried and found better" if suggested else "with the focal point on a third"
    _caption(sheet, 0, wide, f"Crop {why}. The ring is where the eye goes.")
    shares = _draw_values(sheet, small, wide)
    told = ", ".join(f"{share:.0%}" for share in shares)
    _caption(sheet, 1, wide, f"Four values, from dark to light: {told}.")
    return sheet.pixels


def draw_before_and_after(image: Array, suggestion: Suggestion) -> Array:
    """Return a sheet, (height, width, 3) uint8: a picture, and what a suggestion makes of it."""
    before, after = shrink(image, 2 * HEIGHT), suggestion.image
    wide = max(_width(before), _width(after))
    sheet = _sheet(2, wide)
    for place, (picture, words) in enumerate((
        (before, f"Before: quality {suggestion.quality_before:.2f}"),
        (after, f"After: quality {suggestion.quality_after:.2f}. {suggestion.change}"),
    )):  # fmt: skip
        left = GAP + place * (wide + GAP) + (wide - _width(picture)) // 2
        sheet.image(picture, left, GAP, _width(picture), HEIGHT)
        _caption(sheet, place, wide, words)
    return sheet.pixels


def value_study(image: Array) -> tuple[Array, list[float]]:
    """Return a picture in four greys, (height, width, 3) uint8, and the shares of the four.

    The limits between them are those that leave the least variance within each (Otsu 1979, for
    four classes: found by Lloyd's method).
    """
    grey = luminance(image)
    soft = blur(blur(grey, max(1, min(grey.shape) // 80)), max(1, min(grey.shape) // 80))
    levels = np.quantile(soft, (0.1, 0.4, 0.7, 0.95))
    for _ in range(30):
        limits = (levels[1:] + levels[:-1]) / 2
        places = np.searchsorted(limits, soft)  # (height, width), 0..3
        counts = np.bincount(places.ravel(), minlength=4)
        sums = np.bincount(places.ravel(), soft.ravel(), 4)
        levels = np.where(counts > 0, sums / np.maximum(counts, 1), levels)
    table = (np.array(VALUES) * 255).astype(np.uint8)
    drawn = np.repeat(table[places][..., None], 3, axis=2)
    return drawn, [float(share) for share in counts / counts.sum()]


def _sheet(places: int, wide: int) -> Canvas:
    sheet = Canvas(GAP + places * (wide + GAP), GAP + HEIGHT + FOOT, units="pixels")
    sheet.background(PAPER)
    return sheet


def _width(image: Array) -> int:
    """Return the width of a picture on a sheet; a strip is drawn narrower than it is."""
    height, width = image.shape[:2]
    return int(np.clip(HEIGHT * width / height, HEIGHT / 4, HEIGHT * 3))


def _draw_crop(sheet: Canvas, image: Array, box: Box, readings: Readings, wide: int) -> None:
    sheet.image(image, GAP, GAP, wide, HEIGHT)
    left, top, right, bottom = box
    x, y = GAP + left * wide, GAP + top * HEIGHT
    across, down = (right - left) * wide, (bottom - top) * HEIGHT
    sheet.no_stroke()
    sheet.fill("black", 0.55)
    sheet.rect(GAP, GAP, wide, y - GAP)
    sheet.rect(GAP, y + down, wide, GAP + HEIGHT - y - down)
    sheet.rect(GAP, y, x - GAP, down)
    sheet.rect(x + across, y, GAP + wide - x - across, down)
    sheet.no_fill()
    sheet.stroke("white", 0.6)
    sheet.stroke_weight(1)
    for third in (1 / 3, 2 / 3):
        sheet.line(x + third * across, y, x + third * across, y + down)
        sheet.line(x, y + third * down, x + across, y + third * down)
    sheet.stroke(ACCENT)
    sheet.stroke_weight(3)
    sheet.rect(x, y, across, down)
    sheet.stroke("white")
    sheet.circle(GAP + readings.focus_x * wide, GAP + readings.focus_y * HEIGHT, HEIGHT / 9)
    sheet.no_stroke()


def _draw_values(sheet: Canvas, image: Array, wide: int) -> list[float]:
    left = GAP + wide + GAP
    drawn, shares = value_study(image)
    sheet.image(image, left, GAP, wide, HEIGHT)
    sheet.image(drawn, left, GAP, wide, HEIGHT, opacity=0.9)
    for place, value in enumerate(VALUES):
        sheet.fill(value)
        sheet.stroke(INK)
        sheet.stroke_weight(1)
        sheet.rect(left + 8 + 26 * place, GAP + HEIGHT - 32, 24, 24)
    sheet.no_stroke()
    return shares


def _caption(sheet: Canvas, place: int, wide: int, words: str) -> None:
    sheet.fill(INK)
    sheet.text_align("left", "top")
    sheet.text_size(15)
    sheet.text(words, GAP + place * (wide + GAP), GAP + HEIGHT + 8, wide)
