"""Medley: five pieces of twelve seconds each, with their titles. `capriccio demo` plays it.

A sketch can import those beside it: each piece is called with a time of its own, and its notes are
moved to channels of its own.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import constellations
import currents
import first
import harbour
import rose
from capriccio import Canvas, Generator, Input, Sketch

BEATS = 16  # to each piece: 12 s at 80 beats a minute


class Piece(NamedTuple):
    """A piece of the medley: its cues, and how they fit in.

    `bars` are those of its play cue, `begins` is the bar from which it is played, `channel` the
    first one of its notes; `gain` multiplies their velocities, so that no piece is much louder than
    another. `ground` is the color round its picture.
    """

    words: str
    play: Callable
    draw: Callable
    bars: int
    begins: int
    channel: int
    gain: float
    ground: str = "#08080d"


PIECES = {
    first: Piece("Fruit from words, painted stroke by stroke", first.band, first.still_life,
                 2, 0, 1, 0.8, "#f6f0dc"),
    harbour: Piece("A few shapes, painted in oil as the sun sinks", harbour.waves, harbour.evening,
                   1, 0, 5, 1.7),
    constellations: Piece("Stars joined into signs that a network invents", constellations.bells,
                          constellations.sky, 4, 16, 7, 2.4),
    currents: Piece("Threads in a wind that turns with the harmony", currents.harmony,
                    currents.threads, 1, 0, 8, 1.6),
    rose: Piece("A window of what a network dreams of old icons", rose.chorale, rose.window,
                2, 0, 11, 1.0),
}  # fmt: skip
DRUMS = 10  # the channel of drums stays

paper = Canvas()
rose.wall = Canvas(720, 720)  # square, whatever the size of the show
sketch = Sketch(bpm=80, meter=4, fps=24, size=(1280, 720))
sketch.instruments({5: "guitar", 6: "strings", 7: "bells", 8: "strings", 9: "guitar"})
sketch.instruments(dict.fromkeys(range(11, 15), "organ"))
# What the pieces play and hear is the medley's as well: its panel shows their knobs.
for module in PIECES:
    for name, thing in list(vars(module).items()):
        if isinstance(thing, Generator | Input):
            globals()[f"{module.__name__}_{name}"] = thing


def piece_of(now):
    """Return the module whose turn it is, the beats of its turn, and the moment in its own time."""
    module = list(PIECES)[int(now.beats // BEATS) % len(PIECES)]
    beat = now.beats % BEATS
    beats = beat + PIECES[module].begins * now.meter
    return module, beat, replace(now, beats=beats, seconds=beats * 60 / now.bpm)


@sketch.play(bars=1)
def music(now):
    """Ask the piece for a phrase whenever its own cue would be called, and end it in time."""
    module, beat, own = piece_of(now)
    piece = PIECES[module]
    if beat // now.meter % piece.bars:
        return []
    phrase = []
    for note in piece.play(replace(own, span=float(piece.bars * now.meter))):
        channel = note.channel if note.channel == DRUMS else note.channel + piece.channel - 1
        if note.start < BEATS - beat:
            length = min(note.length, BEATS - beat - note.start)
            velocity = min(1.0, piece.gain * note.velocity)
            phrase.append(note._replace(channel=channel, length=length, velocity=velocity))
    return phrase


@sketch.draw
def pictures(now):
    """Show the piece with its title; it comes out of the dark, and goes into it."""
    module, beat, own = piece_of(now)
    piece = PIECES[module]
    module.sketch.current_stage = sketch.current_stage  # its `sketch.loudness` is ours
    image = piece.draw(own)
    image = image.pixels if isinstance(image, Canvas) else image
    width = min(1.0, image.shape[1] / image.shape[0] * paper.height / paper.width)
    paper.background(piece.ground)
    paper.image(image, 0.5 - width / 2, 0, width, 1)
    paper.fill("#2b2622" if piece is PIECES[first] else "#ffffff", min(1, max(0, 3.5 - beat / 2)))
    paper.text_font(bold=True)
    paper.text_size(0.055)
    paper.text(module.__name__.title(), 0.035, 0.90)
    paper.text_font()
    paper.text_size(0.028)
    paper.text(piece.words, 0.035, 0.95)
    paper.background(0, 0, 0, max(0.0, 1 - beat, beat + 1 - BEATS))
    return paper


sketch.run()
