"""Orchard: fruit painted from words, one prompt growing into the next, while a chorale is sung.

Type words of your own: `--panel` has a field for `/garden/prompt`, and so has OSC.
"""

from capriccio import Sketch, generator

PROMPTS = (
    "a red apple whole and cut",
    "black grapes",
    "a yellow lemon whole and cut",
    "a large green apple",
    "a peach whole and cut",
    "red grapes with leaves",
    "a pale yellow apple whole and cut",
    "a strawberry with leaves",
)
BARS = 4  # to each prompt

garden = generator("gan", model="pomona", seed=3)
choir = generator("rnn", model="chorales", seed=3)
sketch = Sketch(bpm=76, meter=4, fps=30)


@sketch.play(bars=2)
def chorale(now):
    return choir(now, heat=now.wave(bars=16), key="f major")


@sketch.draw
def orchard(now):
    """Ask for the next fruit every four bars; it takes the first of them to grow."""
    prompt = PROMPTS[int(now.beats // (BARS * now.meter)) % len(PROMPTS)]
    bloom = 0.5 + 0.3 * sketch.loudness
    return garden(now, prompt=prompt, fade=1, drift=now.phase(bars=16), bloom=bloom)


sketch.run()
