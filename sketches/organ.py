"""Organ: four voices on an organ whose stops a critic draws while it looks at the pipes.

A stop doubles every note on a channel of its own: 16' when the picture is unlike others, 4' when it
has contrast, 2' when it has much in it, the mixture when it is sharp. Pipes shine while they sound.
"""

import numpy as np
from capriccio import Canvas, Sketch, analyzer, generator

dreamer, larger = generator("vae", model="paintings", seed=5), generator("upscale")
voices, critic = generator("rnn", model="chorales", seed=5), analyzer("critic")
glow, case, played = generator("glow"), Canvas(), []  # pipe, beat, and for how long
sketch = Sketch(bpm=72, meter=4, fps=24, size=(1280, 720))
sketch.instruments(dict.fromkeys(range(1, 9), "organ"))
STOPS = ((5, -12, "novelty", 0.5), (6, 12, "contrast", 0.35), (7, 24, "complexity", 0.4),
         (8, 31, "sharpness", 0.45))  # fmt: skip # channel, semitones, reading, from where on
ACROSS = np.linspace(-1, 1, 29)  # pipes, which stand in three towers
TALL = 0.34 + 0.36 / np.exp((ACROSS / 0.16) ** 2) + 0.24 / np.exp(((abs(ACROSS) - 0.8) / 0.14) ** 2)
ROUND = (215 * abs(np.linspace(-1.15, 0.85, 33)) ** 1.6)[None, :, None] * (0, 0, 0, 1)  # a shade


def registered(phrase, readings):
    """Return a phrase with every note doubled by each stop, as loud as its reading draws it."""
    doubled = list(phrase)
    for channel, semitones, name, least in STOPS:
        loud = 0.04 + 0.3 * (getattr(readings, name) - least) / (1 - least)
        doubled += [note._replace(pitch=note.pitch + semitones, velocity=note.velocity * loud,
                                  channel=channel) for note in phrase
                    if loud >= 0.04 and 24 <= note.pitch + semitones <= 108]  # fmt: skip
    return doubled


@sketch.play(bars=2)
def chorale(now):
    phrase = registered(voices(now, heat=0.3, density=0.6), critic(sketch.image))
    beats = ((note.pitch % 29, now.beats + note.start, note.length) for note in phrase)
    played[:] = [*played[-200:], *beats]
    return phrase


@sketch.draw
def pipes(now):
    """Paint the pipes with a dream that changes slowly; those that sound shine."""
    style = ("medieval-icon", "impressionism", now.wave(bars=16))
    dream = larger(now, over=dreamer(now, style=style, drift=now.phase(bars=24), bloom=0.7))
    lit = {pipe for pipe, start, length in played if start <= now.beats < start + length}
    case.background("#0b0908")
    case.no_stroke()
    for pipe, (part, tall) in enumerate(zip(np.array_split(dream, 29, axis=1), TALL, strict=True)):
        x, mouth = 0.05 + 0.031 * pipe, 0.84 - 0.05 * abs(ACROSS[pipe])
        for layer in (part, ROUND.astype(np.uint8)):
            case.image(layer, x, mouth - tall, 0.029, tall + 0.07)
        case.fill("#fff2c8", 0.25 if pipe in lit else 0.0)
        case.rect(x, mouth - tall, 0.029, tall)
        case.fill("#0b0908")
        case.ellipse(x + 0.0145, mouth, 0.016, 0.022)
    return glow(now, over=case.pixels, amount=0.35, threshold=0.5)


sketch.run()
