"""Currents: thousands of threads follow a wind that turns with the harmony. No model, one canvas.

Each thread has the colour of the place it began at. Move the mouse to bend the wind.
"""

import numpy as np
from capriccio import Canvas, Note, Sketch, mouse

THREADS, STEPS = 70, 14
PALETTE = np.array([(244, 226, 190), (224, 122, 72), (178, 58, 62), (58, 92, 118), (22, 38, 60)])
CHORDS = ((50, 57, 62, 65, 69), (46, 53, 58, 62, 65), (43, 50, 58, 62, 67), (45, 52, 57, 61, 64))

hand, paper = mouse(), Canvas()
random = np.random.default_rng(6)
sketch = Sketch(bpm=80, meter=4, fps=30, size=(1280, 720))
sketch.instruments({1: "strings", 2: "guitar"})


def wind(place, seconds):
    """Return the direction of the wind at places, (places, 2)."""
    x, y = (place * (9, 5)).T
    angle = np.sin(x * 0.7 + 0.13 * seconds) + np.cos(y * 1.1 - 0.11 * seconds + 0.5 * x)
    angle += 0.8 * np.sin(0.6 * x + 1.7 * y + 0.07 * seconds) + 3 * (hand.y - 0.5)
    return np.stack([np.cos(angle), 1.78 * np.sin(angle)], axis=1)


@sketch.play(bars=1, humanise=0.4)
def harmony(now):
    """Hold a chord, and pluck it from below."""
    chord = CHORDS[int(now.beats // now.meter // 2) % len(CHORDS)]
    held = [Note(key, 0.0, 4.0, 0.3) for key in chord[:3]]
    plucked = [Note(chord[at * 2 % 5] + 12 * (at % 3 == 2), at / 2, 1.0, 0.4, channel=2)
               for at in range(8)]  # fmt: skip
    return [*held, *plucked]


@sketch.draw
def threads(now):
    """Lay a few threads more over the paper, which fades slowly."""
    paper.background(*PALETTE[4] / 255, 1.0 if now.seconds < 0.05 else 0.04)
    place = random.random((THREADS, 2))
    shade = np.clip(place[:, 1] * 3.2 + 0.5 * np.sin(place[:, 0] * 6 + 0.2 * now.seconds), 0, 3.99)
    lines = [place]
    for _ in range(STEPS):
        place = place + 0.006 * wind(place, now.seconds)
        lines.append(place)
    paper.no_fill()
    paper.stroke_weight(0.0016 + 0.002 * sketch.loudness)
    for line, tone in zip(np.stack(lines, axis=1), shade, strict=True):
        paper.stroke(*PALETTE[int(tone)] / 255, 0.85)
        paper.curve(line)
    return paper


sketch.run()
