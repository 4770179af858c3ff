"""Together: you draw, and the network goes on from what you drew.

    capriccio run sketches/together.py

Draw with the mouse, its left button held. Two beats after you have lifted the pen the network adds
what is missing of the word that stands below; then it is your turn again, with another word. Where
nobody draws, as offline, somebody simulated does.
"""

import numpy as np
from capriccio import Canvas, Sketch, Stroke, generator, mouse

WORDS = ("face", "house", "cat", "flower", "fish", "cup", "umbrella", "bicycle")
TURN = np.linspace(0, 2 * np.pi, 40)
ROUND = np.stack([0.5 + 0.22 * np.cos(TURN), 0.5 + 0.22 * np.sin(TURN)], axis=1)
LOW = np.array([[0.3, 0.75], [0.3, 0.45], [0.7, 0.45], [0.7, 0.75], [0.3, 0.75]])
BEGINNINGS = (ROUND, LOW)  # what somebody simulated begins with
BARS = 4  # of a turn
YOURS, ITS = (0.1, 0.1, 0.12), (0.78, 0.26, 0.16)

hand = mouse()
pen = generator("draw", model="quickdraw", seed=4)
paper = Canvas()
sketch = Sketch(bpm=96, meter=4, fps=30, size=(720, 720))


class Sheet:
    """What is on the sheet: strokes of the person, the line being drawn, what was added."""

    turn, strokes, line, added, lifted = -1, [], [], [], 0.0


sheet = Sheet()


@sketch.draw
def together(now):
    """Show the strokes of both; a new sheet every four bars."""
    turn = int(now.beats // (BARS * now.meter))
    if turn != sheet.turn:
        sheet.turn, sheet.strokes, sheet.line, sheet.added = turn, [], [], []
    if not sheet.added:
        follow(now)
    finished = sheet.strokes and not sheet.line and now.beats - sheet.lifted > 2
    if finished and not sheet.added:
        done = pen.finish(sheet.strokes, word=WORDS[turn % len(WORDS)], heat=0.2, number=turn)
        sheet.added = [stroke._replace(color=ITS) for stroke in done[len(sheet.strokes) :]]
        sheet.lifted = now.beats
    paper.background("#f6f1e6")
    begun = [Stroke(np.array(sheet.line), 0.012, YOURS)] if sheet.line else []
    since = (now.beats - sheet.lifted) * 60 / sketch.bpm
    paper.drawing([*sheet.strokes, *begun, *pen.grown(sheet.added, since)])
    paper.fill("#8a8375")
    paper.text_align("center")
    paper.text_size(0.04)
    paper.text(WORDS[turn % len(WORDS)], 0.5, 0.95)
    return paper


def follow(now):
    """Follow the mouse, or somebody simulated who draws in the first four beats."""
    place, pressed = (hand.x, hand.y), hand.left > 0
    beat = now.beats % (BARS * now.meter)
    if not hand.left and not sheet.strokes:
        points = BEGINNINGS[sheet.turn % len(BEGINNINGS)]
        if 1 <= beat < 4:
            at = (beat - 1) / 3 * (len(points) - 1)
            part = points[int(at)] + (at % 1) * (points[min(int(at) + 1, len(points) - 1)]
                                                 - points[int(at)])  # fmt: skip
            place, pressed = tuple(part), True
    if pressed:
        sheet.line.append(place)
    elif sheet.line:
        sheet.strokes.append(Stroke(np.array(sheet.line), 0.012, YOURS))
        sheet.line, sheet.lifted = [], now.beats


sketch.run()
