"""Scroll: a hand writes characters that do not exist, to the beat of a drummer.

    capriccio run sketches/scroll.py

A character is written down the scroll whenever the one before is finished, each from a bar line on.
When a column is full the scroll moves on. Dial 1 heats the hand up, dial 2 makes the brush heavier.
"""

import numpy as np
from capriccio import Canvas, Sketch, controls, generator

PAPER, INK, SEAL = "#f2ead8", (0.08, 0.07, 0.09), "#b5301f"
COLUMNS, ROWS = 4, 4
SIDE = 0.21  # of a character, in heights of the scroll

hands = controls()
hand = generator("draw", model="kanji", seed=8)
drums = generator("rnn", model="groove", seed=8)
paper, dry = Canvas(), Canvas()
sketch = Sketch(bpm=84, meter=4, fps=30, size=(960, 720))


class Scroll:
    """What is written: how many characters are finished, and the one that is being written."""

    finished, current = 0, []


scroll = Scroll()


@sketch.play(bars=2)
def groove(now):
    """Play the next two bars, busier as the column fills."""
    return drums(now, heat=0.4, density=0.35 + 0.1 * (scroll.finished % ROWS))


@sketch.draw
def write(now):
    """Write on: what is finished stays, what is begun grows."""
    drawing = hand(now, heat=0.25 + 0.5 * hands.get(1, 0.0), pace=0.62, smoothness=0.6,
                   weight=0.78 + 0.2 * hands.get(2, 0.0), tool="brush")  # fmt: skip
    if scroll.finished % (COLUMNS * ROWS) == 0 and not scroll.current:
        dry.background(PAPER)  # a new scroll
    if len(drawing) < len(scroll.current):  # another one was begun: the last is dry
        dry.drawing(placed(scroll.current))
        scroll.finished += 1
        drawing = drawing if scroll.finished % (COLUMNS * ROWS) else []
    scroll.current = drawing
    paper.image(dry)
    paper.drawing(placed(drawing))
    seal(now)
    return paper


def placed(character):
    """Return a character where it stands: columns from the right, rows from the top."""
    column, row = divmod(scroll.finished % (COLUMNS * ROWS), ROWS)
    ratio = paper.height / paper.width
    corner = np.array([1 - (0.06 + (column + 1) * SIDE) * ratio, 0.06 + row * (SIDE + 0.015)])
    size = np.array([SIDE * ratio, SIDE])
    return [
        stroke._replace(points=corner + stroke.points * size, width=stroke.width * SIDE, color=INK)
        for stroke in character
    ]


def seal(now):
    """Print the seal, which glows on every beat."""
    paper.no_stroke()
    paper.fill(SEAL)
    paper.square(0.035, 0.86, 0.06 + 0.004 * now.pulse())


sketch.run()
