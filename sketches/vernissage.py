"""Vernissage: a picture is painted, a pen redraws it, and the label gives it a title.

    capriccio run sketches/vernissage.py

Every four bars another fruit of the GAN is hung. The critic looks at it, and the writer names it,
bolder the stranger the critic finds the picture. Beside it a pen redraws its edges.
"""

from capriccio import Canvas, Sketch, analyzer, generator

WALL, LABEL, INK = "#d9d4ca", "#fbf9f4", "#24211e"
FRUIT = ("apple", "pear", "grape", "strawberry", "orange", "cherry")
BARS = 4

painter = generator("gan", model="pomona", seed=21)
critic = analyzer("critic")
writer = generator("write", seed=21)
pen = generator("draw", seed=21)
choir = generator("rnn", model="chorales", seed=21)
wall = Canvas()
sketch = Sketch(bpm=72, meter=4, fps=30, size=(1280, 720))


class Hanging:
    """What hangs: its number, the picture, the drawing of it, and the words on its label."""

    number, picture, drawing, title, notes = -1, None, [], "", ""


hanging = Hanging()


@sketch.play(bars=2)
def quartet(now):
    """Sing for the visitors."""
    return choir(now, heat=0.3)


@sketch.draw
def vernissage(now):
    """Hang a picture every four bars, and watch the pen follow it."""
    number = int(now.beats // (BARS * now.meter))
    if number != hanging.number:
        hang(now, number)
    wall.background(WALL)
    wall.no_stroke()
    wall.fill("#2b2622")
    wall.rect(0.07, 0.11, 0.3375, 0.60)
    wall.image(hanging.picture, 0.0756, 0.12, 0.32625, 0.58)
    wall.fill(LABEL)
    wall.rect(0.46, 0.11, 0.3375, 0.60)
    seconds = now.seconds - number * BARS * now.meter * 60 / now.bpm
    with wall.pushed():
        wall.translate(0.46, 0.11)
        wall.scale(0.3375, 0.60)
        wall.drawing(pen.grown(hanging.drawing, 2.5 * seconds))
    label()
    return wall


def hang(now, number):
    """Have another picture painted, looked at, named and redrawn."""
    fruit = FRUIT[number % len(FRUIT)]
    hanging.number = number
    hanging.picture = painter(now, prompt=fruit, bloom=0.5)
    seen = critic.read(hanging.picture)
    heat = 0.3 + 0.5 * seen.novelty
    hanging.title = writer.title(now, heat, about="fruit")
    hanging.notes = f"{fruit}, painted by a network; it reminds the critic of {seen.movement}"
    hanging.drawing = pen.vectorise(hanging.picture, detail=0.4)


def label():
    """Set the label on the wall, as a museum does."""
    wall.fill(LABEL)
    wall.rect(0.07, 0.76, 0.50, 0.15)
    wall.fill(INK)
    wall.text_align("left")
    wall.text_font(bold=True)
    wall.text_size(0.036)
    wall.text(hanging.title, 0.085, 0.82, 0.47)
    wall.text_font()
    wall.text_size(0.022)
    wall.text(hanging.notes, 0.085, 0.885, 0.47)


sketch.run()
