"""Organ: four voices on an organ whose stops a critic draws while it looks at the picture.

A stop doubles every note an octave or more away, on a channel of its own: 16' when the picture is
unlike others, 4' when it has contrast, 2' when it has much in it, the mixture when it is sharp.
"""

from capriccio import Sketch, analyzer, generator

garden = generator("vae", model="watercolors", seed=5)
voices = generator("rnn", model="chorales", seed=5)
critic = analyzer("critic")
sketch = Sketch(bpm=72, meter=4, fps=30)

# Each stop: its channel, semitones from what is written, the reading that draws it, and from where.
STOPS = [
    (5, -12, "novelty", 0.5),
    (6, 12, "contrast", 0.35),
    (7, 24, "complexity", 0.4),
    (8, 31, "sharpness", 0.45),
]
sketch.instruments(dict.fromkeys([1, 2, 3, 4, 5, 6, 7, 8], "organ"))


def drawn(readings):
    """Return the stops that these readings draw, each with how far: 0 to 1."""
    found = []
    for channel, semitones, name, least in STOPS:
        reading = getattr(readings, name)
        if reading >= least:
            found.append((channel, semitones, (reading - least) / (1 - least)))
    return found


def registered(phrase, stops):
    """Return a phrase with every note doubled by the stops that are drawn."""
    doubled = list(phrase)
    for channel, semitones, much in stops:
        for note in phrase:
            pitch = note.pitch + semitones
            if 24 <= pitch <= 108:
                loud = note.velocity * (0.04 + 0.3 * much)
                doubled.append(note._replace(pitch=pitch, velocity=loud, channel=channel))
    return doubled


@sketch.play(bars=2, humanise=0.2)
def chorale(now):
    """Write two bars, and play them with the stops that suit the picture of now."""
    return registered(voices(now, heat=0.3, density=0.6), drawn(critic(sketch.image)))


@sketch.draw
def flowers(now):
    """Walk round the garden in 16 bars; it opens as the organ grows loud."""
    return garden(now, drift=now.phase(bars=16), bloom=sketch.loudness)


sketch.run()
