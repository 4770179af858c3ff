"""Poster: fruit from the GAN, set type, and vectors out.

    capriccio run sketches/poster.py

Offline, the first picture is also written as poster.svg and poster.pdf into the folder that POSTER
names:

    POSTER=prints capriccio run sketches/poster.py --offline --seconds 0.1 --to frames:prints
"""

import os
from pathlib import Path

from capriccio import Canvas, Sketch, generator

FOLDER = os.environ.get("POSTER", "")
RED, INK, SAND = "#d8432b", "#1d1b1a", "#f3e9d6"

fruit = generator("gan", model="pomona", seed=11)
sketch = Sketch(bpm=60, meter=4, fps=30, size=(720, 960))
paper = Canvas()
kept = []


@sketch.draw
def poster(now):
    """Set the sheet; the fruit ripens over four bars and begins again."""
    paper.background(SAND)
    paper.no_stroke()
    sun(now)
    still_life(now)
    words()
    if FOLDER and not kept:
        folder = Path(FOLDER)
        folder.mkdir(parents=True, exist_ok=True)
        kept.extend(folder / name for name in ("poster.svg", "poster.pdf"))
        for path in kept:
            paper.save(path)
    return paper


def sun(now):
    """Draw the disc behind the fruit, and its rays."""
    paper.fill(RED)
    paper.circle(0.5, 0.44, 0.86)
    paper.stroke(SAND)
    paper.stroke_weight(0.006)
    with paper.pushed():
        paper.translate(0.5, 0.44)
        paper.rotate(0.1 * now.wave(bars=4))
        for _ in range(48):
            paper.rotate(2 * 3.14159265 / 48)
            paper.line(0.325, 0, 0.40, 0)
    paper.no_stroke()


def still_life(now):
    """Lay the fruit into a round window."""
    picture = fruit(now, bloom=0.5 + 0.4 * now.wave(bars=4), drift=0.1 * now.phase(bars=16))
    with paper.pushed():
        radius = 0.29
        # A circle of four arcs, in parts of width and height.
        high = radius * paper.width / paper.height
        paper.clip(
            f"M{0.5 - radius} 0.44a{radius} {high} 0 0 1 {2 * radius} 0"
            f"a{radius} {high} 0 0 1 {-2 * radius} 0z"
        )
        paper.image(picture, 0.5 - radius, 0.44 - high, 2 * radius, 2 * high)
    paper.no_fill()
    paper.stroke(INK)
    paper.stroke_weight(0.008)
    paper.circle(0.5, 0.44, 0.58)
    paper.no_stroke()


def words():
    """Set the type: a title across the sheet, small lines beside it."""
    paper.fill(INK)
    paper.text_align("left")
    paper.text_font(bold=True)
    paper.text_size(0.178)
    paper.text("Capriccio", 0.055, 0.90)
    paper.text_size(0.028)
    paper.text("POMONA", 0.06, 0.06)
    paper.text_font()
    paper.text("fruit that never was", 0.06, 0.085)
    paper.text_align("right")
    paper.text("a fantasy that puts together\nwhat was never seen together", 0.94, 0.06)
    paper.text("pictures and music on one clock", 0.94, 0.945)
    paper.rect(0.06, 0.955, 0.88, 0.004)


sketch.run()
