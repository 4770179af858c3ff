"""Fruit from words, painted stroke by stroke, while a choir sings."""

from capriccio import Sketch, generator

orchard = generator("gan", model="pomona")
painter = generator("painter", size=720)
choir = generator("rnn", model="chorales")
sketch = Sketch(bpm=84, fps=24, size=(720, 720))


@sketch.play(bars=2)
def chorale(now):
    return choir(now, heat=now.wave(bars=8))


@sketch.draw
def still_life(now):
    fruit = ["red apple", "yellow pear", "peach"][int(now.beats // 8) % 3]
    picture = orchard(now, prompt=f"a {fruit} whole and cut", fade=0)
    return painter(now, target=picture, progress=now.phase(bars=2), detail=0.7)


sketch.run()
