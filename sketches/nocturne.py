"""Nocturne: a garden that listens to its own music, and music that watches the garden.

The choir grows bolder as the picture grows darker; the garden opens with every note. It shows a
part that lives in the sketch itself: an analyzer of eight lines.
"""

from typing import NamedTuple

from capriccio import Analyzer, Sketch, generator


class Light(NamedTuple):
    """How light and how warm a picture is, 0..1."""

    light: float
    warmth: float


class Eye(Analyzer):
    """See how light and how warm a picture is."""

    def analyze(self, image):
        red, green, blue = image.mean(axis=(0, 1)) / 255
        return Light(light=(red + green + blue) / 3, warmth=0.5 + (red - blue) / 2)


garden = generator("vae", model="watercolors")
choir = generator("rnn", model="chorales")
eye = Eye()

sketch = Sketch(bpm=66, meter=4, fps=30)


@sketch.play(bars=2)
def nocturne(now):
    """Write the next two bars: the darker the garden, the bolder."""
    return choir(now, heat=1 - eye(sketch.image).light)


@sketch.draw
def flowers(now):
    """Walk once round the garden in 16 bars, and open with every note."""
    return garden(now, drift=now.phase(bars=16), bloom=sketch.loudness)


sketch.run()
