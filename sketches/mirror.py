"""Mirror: the person before the camera is painted, and leaves a trail.

    capriccio run sketches/mirror.py

Without a camera, and offline, a figure that is drawn stands in for you; MIRROR names a film that is
seen instead:

    MIRROR=me.mp4 capriccio run sketches/mirror.py --offline --seconds 8 --to video:mirror.mp4
"""

import math
import os

from capriccio import Canvas, Sketch, camera, generator, layers

eye = camera(simulate=os.environ.get("MIRROR", ""))
painter = generator("painter", size=512, seed=5)
trail = generator("feedback")
frame = generator("vignette")
stage = Canvas(320, 240)
sketch = Sketch(bpm=90, meter=4, fps=24, size=(640, 480))


@sketch.draw
def mirror(now):
    """Paint what is seen, and let what was painted float outwards."""
    painted = painter(now, target=seen(now), detail=0.55, brush="bristle")
    ghost = trail(
        now,
        over=painted,
        amount=0.86,
        zoom=0.53,
        rotate=0.5 + 0.02 * math.sin(now.beats / 4),
        mode="mix",
    )
    return frame(now, over=layers(painted, (ghost, "lighten", 0.8)), amount=0.5)


def seen(now):
    """Return what the camera sees, or the figure where it sees nothing."""
    image = eye(now)
    return image if image.any() else figure(now)


def figure(now):
    """Draw somebody who walks up and down and waves, before a window."""
    step = now.beats * math.pi / 2
    x = 0.5 + 0.25 * math.sin(now.beats / 5)
    bob = 0.01 * abs(math.sin(step))
    stage.background("#6f8aa5")
    stage.no_stroke()
    stage.fill("#f7d58b")
    stage.rect(0.08, 0.08, 0.3, 0.42)
    stage.fill("#37424f")
    stage.rect(0, 0.85, 1, 0.15)
    stage.stroke("#2b2f4a")
    stage.stroke_weight(0.06)
    for side in (-1, 1):  # legs
        stage.line(x, 0.66 - bob, x + 0.07 * math.sin(step) * side, 0.9)
    stage.stroke("#c8452d")
    stage.stroke_weight(0.17)
    stage.line(x, 0.42 - bob, x, 0.64 - bob)  # coat
    stage.stroke_weight(0.05)
    wave = 0.5 + 0.4 * math.sin(now.beats * math.pi)
    stage.line(x, 0.38 - bob, x + 0.13, 0.38 - 0.2 * wave)
    stage.line(x, 0.38 - bob, x - 0.11, 0.56)
    stage.no_stroke()
    stage.fill("#e9b48c")
    stage.circle(x, 0.26 - bob, 0.17)
    stage.fill("#3a2417")
    stage.arc(x, 0.25 - bob, 0.135, 0.18, math.pi, 2 * math.pi)
    return stage


sketch.run()
