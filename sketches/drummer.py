"""Drummer: a drummer who listens to a tambourine, and plays as busily as it is shaken.

A recorded tambourine stands in for you. To shake one yourself, name your microphone, or enough of
its name:

    MICROPHONE=Scarlett capriccio run sketches/drummer.py

Add --follow audio, and the drummer takes its tempo too.
"""

import os
from pathlib import Path

import numpy as np
from capriccio import Sketch, generator, microphone

DEVICE = os.environ.get("MICROPHONE", "")
RECORDED = Path(__file__).with_name("tambourine.ogg")

# A slow ear, which hears how a bar went, and a quick one, for the picture.
ear = microphone(DEVICE, release=1.5) if DEVICE else microphone(simulate=RECORDED, release=1.5)
eye = microphone(DEVICE) if DEVICE else microphone(simulate=RECORDED)
drummer = generator("rnn", model="groove", seed=3)
sketch = Sketch(bpm=96, meter=4, fps=30)


@sketch.play(bars=1, swing=0.1)
def drums(now):
    """Play as densely as the tambourine, and a fill when it has just fallen silent."""
    heard = ear.high
    if heard < 0.1:
        return []
    waits = 0.1 <= heard < 0.3
    return drummer(now, style="funk", density=heard, fill=1.0 if waits else 0.0)


Y, X = np.mgrid[-1:1:256j, -1:1:256j]
AWAY, ANGLE = np.hypot(X, Y), np.abs(np.arctan2(X, -Y)) / np.pi
COLOURS = np.stack([0.95 - 0.6 * ANGLE, 0.3 + 0.4 * ANGLE, 0.15 + 0.8 * ANGLE], axis=-1)


@sketch.draw
def spectrum(now):
    """Draw what is heard as a drum head: low bands above, high ones below; strokes light it up."""
    bands = np.asarray(eye.spectrum)[np.clip((ANGLE * 64).astype(int), 0, 63)]
    lit = np.clip((0.25 + 1.5 * bands - AWAY) * 20, 0, 1)
    rim = np.exp(-(((AWAY - 0.96) / 0.012) ** 2)) * (0.3 + 0.7 * eye.onset)
    light = lit * (0.45 + 0.55 * eye.onset) + rim
    return np.clip(light[..., None] * COLOURS + 0.04, 0, 1)


sketch.run()
