"""Primer: a page of an alphabet that nobody can read, written letter by letter to a plucked tune.

Every page has an alphabet of its own. Dial 1 heats the hand up, dial 2 makes the pen heavier.
"""

from functools import cache

import numpy as np
from capriccio import Canvas, Note, Sketch, controls, generator

COLUMNS, ROWS, BARS = 8, 4, 8  # letters, and bars to a page
SCALE = (50, 53, 55, 57, 60, 62, 65, 67)  # D dorian without its sixth
INKS = ("#2b2a33", "#7c2d24", "#24486b", "#4d5a2c")

hands, paper, grain = controls(), Canvas(), generator("grain")
pen = generator("draw", model="omniglot", seed=5)
sketch = Sketch(bpm=92, meter=4, fps=24, size=(1280, 720))
sketch.instruments({1: "guitar"})


@cache
def letter(number, page):
    """Return a letter of a page, and the seconds that a hand takes to write it."""
    heat, weight = 0.15 + 0.6 * hands.get(1, 0.0), 0.75 + 0.25 * hands.get(2, 0.0)
    drawing = pen.whole(100 * page + number, heat=heat, weight=weight, tool="brush")
    return drawing, max(0.2, pen.seconds(drawing))


@sketch.play(bars=1, humanise=0.3)
def tune(now):
    """Pluck a note for each letter of the bar: the more strokes it has, the higher."""
    page, bar = divmod(int(now.beats // now.meter), BARS)
    count = COLUMNS * ROWS // BARS
    keys = [SCALE[len(letter(bar * count + one, page)[0]) * 3 % 8] for one in range(count)]
    bass = [Note(38 if bar % 2 == 0 else 43, 0.0, 4.0, 0.35)]
    return bass + [Note(key + 12 * (one % 2), one * 4 / count, 1.5, 0.45)
                   for one, key in enumerate(keys)]  # fmt: skip


@sketch.draw
def page(now):
    """Write as many letters as the music has come to, the last one half."""
    number, done = divmod(now.beats / now.meter / BARS, 1)
    paper.background("#efe6d2")
    paper.no_fill()
    paper.stroke("#c9b994", 0.7)
    for row in range(ROWS):
        paper.line(0.06, 0.262 + 0.21 * row, 0.94, 0.262 + 0.21 * row)
    for index in range(int(done * COLUMNS * ROWS) + 1):
        drawing, seconds = letter(index, int(number))
        written = pen.grown(drawing, seconds * min(1.0, 1.3 * (done * COLUMNS * ROWS - index)))
        row, column = divmod(index, COLUMNS)
        corner, size = np.array([0.07 + 0.109 * column, 0.085 + 0.21 * row]), np.array([0.1, 0.18])
        color = tuple(int(INKS[int(number) % 4][at : at + 2], 16) / 255 for at in (1, 3, 5))
        paper.drawing([one._replace(points=corner + one.points * size, width=one.width * 0.18,
                                    color=color) for one in written])  # fmt: skip
    return grain(now, over=paper.pixels, amount=0.35)


sketch.run()
