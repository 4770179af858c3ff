"""Portrait: a picture is painted stroke by stroke while a chorale is sung.

It paints a table of fruit from words, or whatever picture you name; with an output it is a film:

    PORTRAIT=me.jpg capriccio run sketches/portrait.py --seconds 32 --offline --to video:me.mp4

The painting then lies beside it as PNG, and as SVG for a plotter. Dial 1 lets the brush run wild.
"""

import os
from functools import cache
from pathlib import Path

import numpy as np
from capriccio import Canvas, Moment, Sketch, as_svg, controls, generator, write_image

PICTURE, BARS = os.environ.get("PORTRAIT", ""), 8  # until the last stroke
FRUIT = {"yellow pear": (.34, .36, .6), "orange": (.66, .6, .42), "plum": (.88, .74, .37),
         "red apple": (.43, .68, .5), "lemon": (.18, .77, .35), "peach": (.73, .8, .4)}  # fmt: skip

hands, kept, choir = controls(), [], generator("rnn", model="chorales", seed=2)
orchard, painter = generator("gan", size=512, seed=7), generator("painter", size=720, seed=2)
sketch = Sketch(bpm=66, meter=4, fps=30, size=(720, 720))


@cache
def still_life():
    """Lay fruit on a table, each (x, y, size) cut out of the paper that it stands on."""
    table, wall = Canvas(720, 720), np.linspace((50, 64, 62), (108, 108, 90), 418)
    ground = [*wall, *np.linspace((168, 142, 106), (216, 198, 162), 302)]
    table.image(np.uint8(ground)[:, None], 0, 0, 1, 1)
    table.no_stroke()
    table.fill(0.14, 0.10, 0.08, 0.55)
    for words, (x, y, size) in FRUIT.items():
        picture = orchard(Moment(), prompt=f"a {words} whole and cut", fade=0)[:232, 140:372]
        away = abs(picture - np.median(picture[:20], axis=(0, 1))).max(axis=2)  # from the paper
        table.ellipse(x + 0.06 * size, y + 0.36 * size, 0.72 * size, 0.15 * size)
        fruit = np.dstack([picture, np.clip(away * 6 - 300, 0, 255)]).astype(np.uint8)
        table.image(fruit, x - size / 2, y - size / 2, size, size)
    return table.pixels


@sketch.play(bars=2)
def chorale(now):
    return choir(now, heat=0.4)


@sketch.draw
def portrait(now):
    done, target = min(1.0, now.beats / (4 * BARS)), PICTURE or still_life()
    canvas = painter(now, target=target, progress=done**2, detail=0.8, wildness=hands.get(1, 0.0))
    if done == 1.0 and PICTURE and not kept:
        kept.append(Path(PICTURE).with_name(f"{Path(PICTURE).stem}-painted.png"))
        write_image(canvas, kept[0])
        drawing = as_svg(painter.strokes, canvas.shape[1::-1], f"after {Path(PICTURE).name}")
        kept[0].with_suffix(".svg").write_text(drawing, encoding="utf-8")
    return canvas


sketch.run()
