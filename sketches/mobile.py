"""Mobile: painted metal hangs from wires and turns in a draught; each arm rings as it passes you.

Move the mouse to blow. No model, one canvas, a few sines.
"""

from math import cos, pi, sin

from capriccio import Canvas, Note, Sketch, mouse

COLORS = ("#c8281e", "#161616", "#e9b92c", "#1f4f8f", "#161616", "#c8281e", "#8a8f98")
SCALE = (52, 59, 64, 66, 71, 73, 76)  # E and B, with a second and a sixth

hand, paper = mouse(), Canvas()
sketch = Sketch(bpm=58, meter=4, fps=30, size=(1280, 720))
sketch.instruments({1: "electric piano", 2: "bells"})


def turned(level, seconds):
    """Return how far an arm has turned, in radians; the lower ones turn faster."""
    return (0.5 + hand.x) * (
        0.9 * sin(0.23 * (level + 1) * seconds + level) + 0.1 * level * seconds
    )


@sketch.draw
def mobile(now):
    """Draw each arm on its wire: a leaf at one end of it, and the next arm at the other."""
    paper.background("#f1ede3")
    paper.stroke("#232323")
    paper.stroke_weight(0.0035)
    x, top = 0.45, 0.0
    for level, color in enumerate(COLORS):
        turn, y, long = turned(level, now.seconds), top + 0.06 + 0.06 * (level == 0), 0.86**level
        tilt, size = 0.05 * sin(0.5 * now.seconds + 2 * level), 0.17 * long
        near = x - 0.11 * long * cos(turn), y + 0.02 + tilt
        far = x + 0.215 * long * cos(turn), y + 0.02 - tilt
        paper.no_fill()
        paper.line(x, top, x, y)
        paper.curve([near, (x, y - 0.012), far])
        paper.fill(color)  # a leaf is as wide as it is turned towards us
        paper.line(*near, near[0], near[1] + 0.05)
        wide = size * (0.2 + 0.6 * abs(sin(turn + 0.7)))
        paper.ellipse(near[0], near[1] + 0.05 + size / 2, wide, size)
        x, top = far
    paper.circle(x, top, 0.03)
    return paper


@sketch.play(bars=1, humanise=0.5)
def ring(now):
    """Ring for each arm that points at us, or away, somewhere in this bar."""
    at = [now.seconds + step * 30 / now.bpm for step in range(9)]
    sides = [[turned(level, seconds) // (pi / 2) for seconds in at] for level in range(7)]
    return [Note(SCALE[level], step / 2, 3.0, 0.4, channel=1 + level % 2)
            for level in range(7) for step in range(8)
            if sides[level][step] != sides[level][step + 1]]  # fmt: skip


sketch.run()
