"""Harbour: an evening that a few shapes describe, painted in oil again and again as the sun sinks.

The canvas says what is where; the painter follows it with a brush. Dial 1 makes the strokes wilder.
"""

from math import pi, sin

from capriccio import Canvas, Note, Sketch, controls, generator

CHORDS = ((45, 57, 60, 64), (41, 57, 60, 65), (48, 55, 60, 64), (43, 55, 59, 62))
EVENING = 16  # bars

hands = controls()
painter = generator("painter", size=(1280, 720), seed=4)
scene = Canvas(320, 180)
sketch = Sketch(bpm=66, meter=4, fps=24, size=(1280, 720))
sketch.instruments({1: "guitar", 2: "strings"})


@sketch.play(bars=1, humanise=0.3)
def waves(now):
    """Break a chord as waves run up a beach, over long strings."""
    chord = CHORDS[int(now.beats // now.meter) % len(CHORDS)]
    run = (*chord, chord[2] + 12, chord[3], chord[2], chord[1])
    notes = [Note(key, beat / 2, 1.5, 0.45 - 0.02 * beat) for beat, key in enumerate(run)]
    return [*notes, *(Note(key, 0.0, 4.0, 0.22, channel=2) for key in chord[:3])]


@sketch.draw
def evening(now):
    """Describe the evening as it is now, and let it be painted."""
    low = (now.beats // 8 * 8 / (EVENING * now.meter) + 0.5) % 1  # it waits until it is painted
    horizon, sun = 0.56, 0.2 + 0.34 * low
    scene.no_stroke()
    for band in range(30):
        share = band / 30
        scene.fill(0.30 + 0.65 * share - 0.1 * low, 0.42 + 0.25 * share - 0.3 * low * (1 - share),
                   0.68 - 0.35 * share - 0.1 * low)  # fmt: skip
        scene.rect(0, horizon * share, 1, 1)
    scene.fill("#ffe9a8")
    scene.circle(0.66, sun, 0.14)
    scene.fill(0.16, 0.24 - 0.06 * low, 0.38 - 0.06 * low)
    scene.rect(0, horizon, 1, 1)
    for row in range(14):  # what the sun leaves on the water
        width = 0.05 + 0.012 * row + 0.02 * sin(5 * row + pi * now.seconds)
        scene.fill("#ffc46b", 0.75 - 0.045 * row)
        scene.rect(0.66 - width / 2 + 0.01 * sin(3 * row), horizon + 0.03 * row, width, 0.014)
    for x, size in ((0.2, 1.0), (0.36, 0.6), (0.87, 0.45)):  # boats
        y = horizon + 0.1 * size + 0.008 * sin(now.seconds + 9 * x)
        scene.fill("#1d1512")
        scene.path(f"M {x - 0.07 * size} {y} q {0.07 * size} {0.11 * size} {0.15 * size} 0 Z")
        scene.fill("#f1e3cc", 0.95)
        scene.triangle(x, y - 0.01, x, y - 0.36 * size, x + 0.07 * size, y - 0.03)
        scene.fill("#b5472f", 0.95)
        scene.triangle(x - 0.006, y - 0.01, x - 0.006, y - 0.28 * size, x - 0.05 * size, y - 0.03)
    return painter(now, target=scene.pixels, detail=0.75, wildness=0.7 * hands.get(1, 0.0))


sketch.run()
