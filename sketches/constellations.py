"""Constellations: stars are joined into signs that a network invents, and a bell rings at each."""

from functools import cache
from itertools import pairwise
from math import sin

import numpy as np
from capriccio import Canvas, Note, Sketch, controls, generator

NIGHT = np.linspace((4, 7, 24), (20, 34, 92), 720).astype(np.uint8)[:, None]
STARS = np.random.default_rng(7).random((420, 3))  # where they stand, and how large they are
SCALE = (0, 2, 4, 7, 9, 12, 14, 16, 19, 21)
BARS = 4  # to each sign

hands, paper, glow = controls(), Canvas(), generator("glow")
pen = generator("draw", model="kanji", seed=3)
sketch = Sketch(bpm=72, meter=4, fps=30, size=(1280, 720))
sketch.instruments({1: "bells"})


@cache
def sign(number):
    """Return the stars of each stroke of a sign, (stars, 2); dial 1 makes it stranger."""
    corner = 0.1 + 0.4 * (number * 0.618 % 1), 0.1
    strokes = [one.points for one in pen.whole(number, heat=0.2 + 0.6 * hands.get(1, 0.0))]
    return [corner + np.array([*one[:-1:12], one[-1]]) * (0.43, 0.78) for one in strokes]


@sketch.play(bars=BARS)
def bells(now):
    """Ring at each star as it is joined: the higher it stands, the higher the bell."""
    stars = np.concatenate(sign(int(now.beats // now.meter) // BARS))
    beats = np.linspace(0, now.meter * (BARS - 1), len(stars), endpoint=False)
    return [Note(64 + SCALE[int(9.99 - 9.99 * y)], round(2 * beat) / 2, 2.0, 0.5 - 0.2 * y)
            for (_, y), beat in zip(stars, beats, strict=True)]  # fmt: skip


@sketch.draw
def sky(now):
    """Draw the night, its stars, and as much of the sign as has been joined."""
    lines = sign(int(now.beats // now.meter) // BARS)
    left = round(now.phase(bars=BARS) * BARS / (BARS - 1) * sum(map(len, lines)))
    paper.image(NIGHT, 0, 0, 1, 1)
    paper.no_stroke()
    for x, y, size in STARS:
        paper.fill("#fff4dc", 0.3 + 0.4 * size**5 + 0.2 * sin(40 * x + now.seconds * (1 + 3 * y)))
        paper.circle((x + now.seconds * 0.0006) % 1, y, 0.0022 + 0.005 * size**5)
    for line in lines:
        shown, left = line[: max(0, left)], left - len(line)
        paper.stroke("#8fb8ff", 0.8)
        for one, other in pairwise(shown):
            paper.line(*one, *other)
        paper.no_stroke()
        paper.fill("#ffffff")
        for x, y in shown:
            paper.circle(x, y, 0.013)
    return glow(now, over=paper.pixels, amount=0.5)


sketch.run()
