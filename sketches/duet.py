"""Duet: you play two bars, and four voices take your tune up and go on with it.

A recorded tune stands in for you. To play yourself, name your keyboard, or enough of its name:

    DUET=nanoKEY2 capriccio run sketches/duet.py

Dial 1 (the modulation wheel) makes the voices bolder, dial 2 draws your tune to the beat. While the
right pedal is down nobody waits for anybody: three voices sing a chord under every key, at once.
While the middle one is down they sing a canon: the tenor follows you two beats behind.
"""

import os
from pathlib import Path

import numpy as np
from capriccio import Generator, Sketch, controls, fit, generator

KEYBOARD = os.environ.get("DUET", "")
TUNE = Path(__file__).with_name("duet.mid")
PEDAL, MIDDLE = 64, 66

hands = controls(KEYBOARD) if KEYBOARD else controls(simulate=TUNE)
choir = generator("rnn", model="chorales", seed=3)
trio = generator("rnn", model="chorales", seed=4)  # which never waits until the choir has composed
garden = generator("vae", model="watercolors", seed=3)
sketch = Sketch(bpm=96, meter=4, fps=30, size=(512, 512))

sung = []  # (beats, note) of all that the voices were given to sing


def drawn_to_the_beat(tune, much):
    """Move every note towards the nearest sixteenth: 0 leaves it as played, 1 moves it there."""
    return [
        note._replace(start=note.start + much * (round(note.start * 4) / 4 - note.start))
        for note in tune
    ]


def down(pedal):
    return hands.get(pedal, 0.0) > 0.5


def sing(phrase, now):
    sung.extend((now.beats + note.start, note) for note in phrase)
    return phrase


@sketch.play(bars=2)
def answer(now):
    """Listen for two bars, sing what was played in four voices, and go on for two bars more."""
    turn = now.beats / now.span % 3
    if turn == 0 or down(PEDAL) or down(MIDDLE):
        return []
    tune = [note._replace(channel=1) for note in hands.played(now)] if turn == 1 else []
    if not tune:
        return sing(choir(now, heat=hands.get(1, 0.3), key="d minor"), now)
    below = [note for note in choir.harmonize(tune, key="d minor") if note.channel > 1]
    return sing(drawn_to_the_beat(tune, hands.get(2, 0.5)) + below, now)


@sketch.answer(hands)
def accompany(now, notes):
    """Sing a chord under a key as soon as it is struck, or the same key again two beats later."""
    if down(PEDAL):
        return sing(trio.answer(now, notes, heat=hands.get(1, 0.3), key="d minor"), now)
    if down(MIDDLE):
        return sing([note._replace(start=2.0, channel=3) for note in notes], now)
    return []


class Lanterns(Generator):
    """Hang notes as lights over a picture: high ones high, those to come on the right.

    `notes` are (beats from now, note, colour), `over` is the picture.
    """

    def generate(self, now, *, over=None, notes=()):
        canvas = fit(over, (512, 512)) * np.float32(0.45 / 255)
        for beats, note, colour in notes:
            left, right = (max(0, int(256 + 48 * at)) for at in (beats, beats + note.length))
            top = int(420 - 8.2 * (min(max(note.pitch, 34), 84) - 34))
            light = SHINING if left <= 256 <= right else GLOWING  # it shines while it sounds
            canvas[top : top + 81, left : max(0, right - 4)] += note.velocity * light * colour
        return np.clip(canvas, 0, 1)


lanterns = Lanterns()
AWAY = np.abs(np.arange(-40, 41, dtype=np.float32))[:, None, None]
SHINING, GLOWING = np.exp(-AWAY / 12), np.exp(-AWAY / 4)
AMBER, BLUE = np.array([(1.0, 0.6, 0.1), (0.2, 0.6, 1.0)], np.float32)


@sketch.draw
def evening(now):
    """A walk round the garden; your notes are amber lights above it, those of the voices blue."""
    notes = [(note.start - 8, note, AMBER) for note in hands.played(now, beats=8)]
    notes += [(at - now.beats, note, BLUE) for at, note in sung[-99:]]
    picture = garden(now, drift=now.phase(bars=24), bloom=sketch.loudness)
    return lanterns(now, over=picture, notes=notes)


sketch.run()
