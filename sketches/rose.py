"""Rose: a church window of what a network dreams of old icons, lit by an organ.

The window turns with the music and shines as loud as it plays. Dial 1 changes the number of panes.
"""

from math import cos, pi, sin

import numpy as np
from capriccio import Canvas, Sketch, controls, generator

GLASS = np.array([(22, 34, 96), (38, 74, 168), (150, 24, 40), (206, 60, 40), (226, 160, 50),
                  (250, 226, 160), (36, 104, 78), (96, 44, 110)])  # fmt: skip
CIRCLE = [(0.5 + 0.46 * cos(turn), 0.5 + 0.46 * sin(turn)) for turn in np.linspace(0, 2 * pi, 180)]

hands, wall = controls(), Canvas()
dreamer = generator("vae", model="paintings", seed=9)
voices = generator("rnn", model="chorales", seed=9)
larger, mirror, glass, glow = map(generator, ("upscale", "kaleidoscope", "palette", "glow"))
sketch = Sketch(bpm=63, meter=4, fps=24, size=(720, 720))
sketch.instruments(dict.fromkeys((1, 2, 3, 4), "organ"))


@sketch.play(bars=2)
def chorale(now):
    """Sing the next two bars on the pipes."""
    return voices(now, heat=0.35)


@sketch.draw
def window(now):
    """Mirror a dream into a rose of coloured glass, and set it in lead and stone."""
    style = ("medieval-icon", "expressionism", now.wave(bars=8))
    dream = dreamer(now, style=style, drift=now.phase(bars=32), bloom=0.75)
    dream = larger(now, over=larger(now, over=dream))
    rose = mirror(now, over=dream, segments=hands.get(1, 0.72), turn=now.phase(bars=64))
    wall.background(0.03, 0.03, 0.05)
    with wall.pushed():
        wall.clip(CIRCLE)
        wall.image(glass(now, over=rose, by=GLASS, colors=0.2), 0, 0, 1, 1)
    lead()
    return glow(now, over=wall.pixels, amount=0.2 + 0.6 * sketch.loudness, threshold=0.35)


def lead():
    """Draw the lead between the panes, and the stone round the window."""
    wall.no_fill()
    wall.stroke(0.02, 0.02, 0.03)
    wall.stroke_weight(0.01)
    for ring in (0.16, 0.44, 0.70, 0.92):
        wall.circle(0.5, 0.5, ring)
    for spoke in range(24):
        x, y, inner = cos(spoke * pi / 12), sin(spoke * pi / 12), (0.08, 0.22)[spoke % 2]
        wall.line(0.5 + inner * x, 0.5 + inner * y, 0.5 + 0.46 * x, 0.5 + 0.46 * y)
        turn = (spoke + 0.5) * pi / 12
        wall.circle(0.5 + 0.40 * cos(turn), 0.5 + 0.40 * sin(turn), 0.075)


sketch.run()
