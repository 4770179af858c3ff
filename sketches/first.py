"""First light: a garden of watercolours that opens to the sound of a chorale."""

from capriccio import Sketch, generator

garden = generator("vae", model="watercolors")
choir = generator("rnn", model="chorales")
sketch = Sketch(bpm=84, fps=30)


@sketch.play(bars=2)
def chorale(now):
    return choir(now, heat=now.wave(bars=8))


@sketch.draw
def flowers(now):
    return garden(now, drift=now.phase(bars=8), bloom=sketch.loudness)


sketch.run()
