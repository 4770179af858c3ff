"""Groove: a drummer of flesh and blood, almost, and a garden that opens with every stroke.

Funk for sixteen bars, latin for the next; busier towards the middle, and a fill every eighth bar.
"""

from capriccio import Sketch, generator

drummer = generator("rnn", model="groove", seed=3)
garden = generator("vae", model="watercolors", seed=3)
sketch = Sketch(bpm=96, meter=4, fps=30)


@sketch.play(bars=1)
def drums(now):
    style = "funk" if now.phase(bars=32) < 0.5 else "latin"
    fill = 1.0 if now.phase(bars=8) >= 7 / 8 else 0.0
    return drummer(now, style=style, fill=fill, density=0.4 + 0.2 * now.wave(bars=16))


@sketch.draw
def flowers(now):
    return garden(now, drift=now.phase(bars=32), bloom=sketch.loudness)


sketch.run()
