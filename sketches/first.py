"""Fruit from words, painted stroke by stroke, while a choir sings and a kit keeps time."""
from capriccio import Sketch, generator

orchard, painter = generator("gan", model="pomona", seed=7), generator("painter", size=720)
choir, kit = generator("rnn", model="chorales"), generator("rnn", model="groove")
sketch = Sketch(bpm=90, fps=24, size=(720, 720))

@sketch.play(bars=2)
def band(now):
    return choir(now, heat=now.wave(bars=8)) + kit(now, style="jazz", density=0.2)

@sketch.draw
def still_life(now):
    fruit = ["red apple", "yellow pear", "peach"][int(now.beats // 8) % 3]
    picture = orchard(now, prompt=f"a {fruit} whole and cut", fade=0)
    return painter(now, target=picture, progress=now.phase(bars=2), detail=0.7)

sketch.run()
