"""Portrait: a picture is painted stroke by stroke while a chorale is sung.

It paints a dream, or whatever picture you name; with an output it becomes a film:

    PORTRAIT=me.jpg capriccio run sketches/portrait.py --seconds 32 --offline --to video:me.mp4

When the last stroke is laid, the painting lies beside it as me-painted.png and as me-painted.svg,
which a plotter or a drawing program can take up stroke by stroke. Dial 1 lets the brush run wild.
"""

import os
from pathlib import Path

from capriccio import Sketch, as_svg, controls, generator, write_image

PICTURE = os.environ.get("PORTRAIT", "")
BARS = 8  # until the last stroke

hands = controls()
painter = generator("painter", size=512, seed=2)
choir = generator("rnn", model="chorales", seed=2)
kept = []
sketch = Sketch(bpm=66, meter=4, fps=30, size=(512, 512))


@sketch.play(bars=2)
def chorale(now):
    """Sing the next two bars."""
    return choir(now, heat=0.4)


@sketch.draw
def portrait(now):
    """Paint as far as the music has come: the masses quickly, the accents with patience."""
    done = min(1.0, now.beats / (4 * BARS))
    canvas = painter(
        now, target=PICTURE or None, progress=done**2, detail=0.75, wildness=hands.get(1, 0.0)
    )
    if done == 1.0 and PICTURE and not kept:
        kept.append(keep(canvas, Path(PICTURE)))
    return canvas


def keep(canvas, picture):
    """Write the finished painting beside its picture, as PNG and as SVG."""
    painting = picture.with_name(f"{picture.stem}-painted.png")
    write_image(canvas, painting)
    height, width = canvas.shape[:2]
    drawing = as_svg(painter.strokes, (width, height), f"after {picture.name}")
    painting.with_suffix(".svg").write_text(drawing, encoding="utf-8")
    return painting


sketch.run()
