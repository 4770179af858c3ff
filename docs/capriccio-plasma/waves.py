"""Waves that get shorter with every note, and a note as high as the picture is warm."""

from capriccio import Note, Sketch, analyzer, generator

plasma = generator("plasma", seed=3)
thermometer = analyzer("thermometer")
sketch = Sketch(bpm=96, fps=30, size=(256, 256))


@sketch.play(bars=0.25)
def melody(now):
    mood = thermometer(sketch.image)
    return [Note(48 + round(24 * mood.warmth), velocity=0.3 + 0.7 * mood.light)]


@sketch.draw
def waves(now):
    return plasma(now, drift=now.phase(bars=8), heat=sketch.loudness, glow=now.wave(bars=4))


sketch.run()
