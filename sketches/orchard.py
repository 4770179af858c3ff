"""Orchard: a book of fruit painted from words, one page growing into the next, to a chorale.

Type words of your own: `--panel` has a field for `/garden/prompt`, and so has OSC.
"""

from capriccio import Canvas, Sketch, generator

PROMPTS = (
    "a red apple whole and cut",
    "black grapes",
    "a yellow lemon whole and cut",
    "a green apple",
    "a peach whole and cut",
    "red grapes with leaves",
    "a pale yellow apple whole and cut",
    "a strawberry with leaves",
)
BARS = 4  # to each prompt

garden, page = generator("gan", model="pomona", seed=2), Canvas()
choir = generator("rnn", model="chorales", seed=3)
sketch = Sketch(bpm=76, meter=4, fps=30, size=(720, 720))


@sketch.play(bars=2)
def chorale(now):
    return choir(now, heat=now.wave(bars=16), key="f major")


@sketch.draw
def orchard(now):
    """Ask for the next fruit every four bars, which takes the first of them to grow; print it."""
    prompt = PROMPTS[int(now.beats // (BARS * now.meter)) % len(PROMPTS)]
    bloom = 0.5 + 0.3 * sketch.loudness
    picture = garden(now, prompt=prompt, fade=1, drift=now.phase(bars=16), bloom=bloom)
    page.background("#efe6d0")
    page.image(picture, 0.17, 0.07, 0.66, 0.66)
    page.no_fill()
    page.stroke("#7a6a4c")
    page.stroke_weight(0.002)
    page.rect(0.15, 0.05, 0.70, 0.70)
    page.rect(0.05, 0.02, 0.90, 0.96)
    page.no_stroke()
    page.fill("#4a3f2c")
    page.text_align("center")
    page.text_size(0.036)
    page.text(prompt, 0.5, 0.83)
    page.text_size(0.022)
    page.text("from words alone", 0.5, 0.88)
    return page


sketch.run()
