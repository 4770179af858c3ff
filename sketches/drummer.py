"""Drummer: a drummer who listens to a tambourine, and plays as busily as it is shaken.

A recorded tambourine stands in for you. To shake one yourself, name your microphone, or enough of
its name:

    MICROPHONE=Scarlett capriccio run sketches/drummer.py

Add --follow audio, and the drummer takes its tempo too. Each ring is what was heard at one moment,
from low tones to high ones and back, five times round; they grow outwards like those of a tree.
"""

import os
from collections import deque
from pathlib import Path

import numpy as np
from capriccio import Canvas, Sketch, generator, microphone

DEVICE = os.environ.get("MICROPHONE", "")
RECORDED = Path(__file__).with_name("tambourine.ogg")
RINGS, TURN = 48, np.linspace(0, 2 * np.pi, 321)
SIDES = np.stack([np.sin(TURN), -np.cos(TURN)], axis=1)  # (321, 2)
COLORS = np.stack([np.interp(np.arange(RINGS), (0, 24, 47), one) for one in
                   ((1, 0.95, 0.3), (0.75, 0.3, 0.5), (0.3, 0.55, 1))], axis=1)  # fmt: skip
BANDS = 16 + (23.5 + 23.5 * np.cos(5 * TURN)).astype(int)  # (321,), of 64

# A slow ear, which hears how a bar went, and a quick one, for the picture.
ear = microphone(DEVICE, release=1.5) if DEVICE else microphone(simulate=RECORDED, release=1.5)
eye = microphone(DEVICE) if DEVICE else microphone(simulate=RECORDED)
drummer = generator("rnn", model="groove", seed=3)
paper, glow, heard = Canvas(720, 720), generator("glow"), deque(maxlen=RINGS)
sketch = Sketch(bpm=96, meter=4, fps=30, size=(720, 720))


@sketch.play(bars=1, swing=0.1)
def drums(now):
    """Play as densely as the tambourine, and a fill when it has just fallen silent."""
    loud = ear.high
    if loud < 0.1:
        return []
    waits = 0.1 <= loud < 0.3
    return drummer(now, style="funk", density=loud, fill=1.0 if waits else 0.0)


@sketch.draw
def rings(now):
    """Draw what was heard, the newest ring in the middle."""
    heard.appendleft(np.asarray(eye.spectrum)[BANDS])
    paper.background("#0d0c10")
    paper.no_fill()
    for age, bands in enumerate(heard):
        share, loud = age / RINGS, float(bands.max())
        away = 0.03 + 0.37 * share + (0.05 + 0.12 * share) * bands
        paper.stroke(*COLORS[age], 0.3 + 0.7 * loud)
        paper.stroke_weight(0.001 + 0.006 * loud)
        paper.curve(0.5 + away[:, None] * SIDES)
    return glow(now, over=paper.pixels, amount=0.7)


sketch.run()
