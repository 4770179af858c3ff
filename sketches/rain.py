"""Rain: drops fall on a pond, and rings run out where they meet it. No model, only a canvas.

    capriccio run sketches/rain.py

Move the mouse to lean the rain, and turn the wheel for a drizzle or a downpour. Every drop that
meets the water plays a note, the higher the further right it falls.
"""

import math
from random import Random

from capriccio import Canvas, Note, Sketch, mouse

DROPS, POND = 140, 0.72  # how many drops there are, and where the water begins
NIGHT, DUSK, BANDS = (0.05, 0.09, 0.17), (0.95, 0.6, 0.38), 60
SCALE = (0, 2, 4, 7, 9)  # pentatonic: any two notes agree

paper = Canvas()
hand = mouse()
chance = Random(4)
drops = [(chance.random(), chance.random(), 0.5 + chance.random()) for _ in range(DROPS)]
sketch = Sketch(bpm=96, meter=4, fps=30, size=(960, 540))


def fallen(drop, seconds):
    """Return how often a drop has fallen, and how far it has come, from 0 to 1."""
    _, start, speed = drop
    return divmod(seconds * speed * 0.8 + start, 1.0)


def place(drop, times):
    """Return where a drop meets the pond the next time: x and y in 0..1."""
    spread = Random(f"{drop[0]} {times}")
    return spread.random(), POND + 0.02 + 0.24 * spread.random() ** 1.5


@sketch.draw
def rain(now):
    """Draw the evening, then every drop, and the rings of those that have fallen."""
    sky()
    lean = 0.12 * (hand.x - 0.5)
    for drop in drops[: int(DROPS * (0.2 + 0.8 * hand.wheel))]:
        times, part = fallen(drop, now.seconds)
        x, y = place(drop, times)
        if part < 0.6:  # it falls
            height = y * part / 0.6
            paper.stroke("#cfe3ff", 0.25 + 0.35 * drop[2] / 1.5)
            paper.stroke_weight(0.002 * drop[2])
            paper.line(
                x + lean * (height - y), height, x + lean * (height - y - 0.05), height - 0.05
            )
        else:
            rings(x, y, (part - 0.6) / 0.4)
    return paper


def sky():
    """Draw the sky, the hills and the water."""
    paper.no_stroke()
    paper.background(NIGHT)
    for band in range(BANDS):
        share = (band / BANDS) ** 3 * 0.8
        paper.fill(
            [(1 - share) * one + share * other for one, other in zip(NIGHT, DUSK, strict=True)]
        )
        paper.rect(0, POND * band / BANDS, 1, POND)  # down to the bottom: no seam between them
    for number, color in enumerate(("#27375a", "#1c2946", "#131d35")):
        ridge = [
            (x / 40, POND - 0.16 + 0.05 * number + 0.035 * math.sin(x * (0.4 + 0.17 * number)))
            for x in range(41)
        ]
        paper.fill(color)
        paper.polygon([(0, POND), *ridge, (1, POND)])
    paper.fill("#16284a")
    paper.rect(0, POND, 1, 1 - POND)
    for band in range(12):  # what the sky leaves on the water
        paper.fill(DUSK, 0.16 * (1 - band / 12))
        paper.rect(0.5 - 0.5 / (1 + band), POND + band * 0.012, 1 / (1 + band), 0.003)


def rings(x, y, age):
    """Draw the rings of a drop that has met the water, and the splash of its first moment."""
    paper.no_fill()
    depth = 0.4 + (y - POND) * 2  # what is nearer is larger
    for number in range(3):
        size = (age - 0.14 * number) * 0.16 * depth
        if size > 0:
            paper.stroke("#dfeaff", 0.55 * (1 - age) ** 1.5)
            paper.stroke_weight(0.003 * (1 - age) + 0.0006)
            paper.ellipse(x, y, size, size * 0.55)
    if age < 0.2:
        paper.stroke("#ffffff", 0.8 - 4 * age)
        paper.line(x, y, x, y - 0.02 * depth)


@sketch.play(bars=1)
def patter(now):
    """Play a note for the drops that meet the pond in this bar, twelve at most."""
    seconds = now.span * 60 / now.bpm
    notes = []
    for drop in drops:
        times, part = fallen(drop, now.seconds)
        at = (0.6 - part) / (drop[2] * 0.8)
        if 0 <= at < seconds:
            octave, degree = divmod(int(place(drop, times)[0] * 15), 5)
            notes.append(
                Note(60 + 12 * octave + SCALE[degree], at / seconds * now.span, 0.5, 0.25 * drop[2])
            )
    return sorted(notes, key=lambda note: note.start)[:: max(1, len(notes) // 12)]


sketch.run()
