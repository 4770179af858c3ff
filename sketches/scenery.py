"""Scenery: a few drawn shapes are painted by a network as a landscape.

    capriccio run sketches/scenery.py

The sun rises and sets in eight bars, the clouds drift, and every two bars the prompt is another.
Type one of your own in the panel (`--panel`), or turn `amount` there: at 0 you see the shapes.
"""

from capriccio import Canvas, Sketch, generator

PROMPTS = (
    "an impressionist landscape",
    "a romantic sea",
    "an expressionist landscape",
    "a japanese woodcut",
)

painter = generator("gan", model="salon", size=512, seed=4)
choir = generator("rnn", model="chorales", seed=4)
stage = Canvas(256, 256)
sketch = Sketch(bpm=72, meter=4, fps=24, size=(720, 720))


@sketch.draw
def scenery(now):
    """Draw the shapes of this moment, and let them be painted."""
    prompt = PROMPTS[int(now.beats // (2 * now.meter)) % len(PROMPTS)]
    return painter(now, source=shapes(now), prompt=prompt, fade=0.5, amount=0.65, drift=0.2)


def shapes(now):
    """Return sky, sun, clouds, hills and water."""
    height = now.wave(bars=8)  # of the sun
    stage.no_stroke()
    stage.background((0.45 + 0.3 * height, 0.55 + 0.15 * height, 0.8 - 0.25 * height))
    stage.fill("#f7d774")
    stage.circle(0.2 + 0.6 * now.phase(bars=16), 0.6 - 0.4 * height, 0.17)
    stage.fill("#eef0ee")
    for cloud in range(3):
        x = (0.37 * cloud + now.phase(bars=32)) % 1.4 - 0.2
        stage.ellipse(x, 0.16 + 0.07 * cloud, 0.34, 0.07)
    stage.fill("#44603f")
    stage.polygon(
        [(0, 0.78), (0, 0.55), (0.28, 0.42), (0.55, 0.64), (0.8, 0.52), (1, 0.6), (1, 0.78)]
    )
    stage.fill("#3c5f7d")
    stage.rect(0, 0.76, 1, 0.24)
    return stage


@sketch.play(bars=2)
def quartet(now):
    """Sing beside it."""
    return choir(now, heat=0.3, key="d major")


sketch.run()
