"""Drums that play a steady beat, rendered."""

import numpy as np
from capriccio_audio.instrument_samples import RATE
from capriccio_audio.synthesizer import Synthesizer


def drums(tempos, beats=8):
    """Return kick and snare in turns, hi-hats in eighths, at each tempo for some beats."""
    synthesizer, at, times = Synthesizer({10: "kit"}, 32), 0.0, []
    for bpm in tempos:
        for beat in range(beats):
            times.append(at)
            frame = round(at * RATE)
            synthesizer.note_on(frame, 10, 38 if beat % 2 else 36, 0.9)
            for half in (0, 0.5):
                synthesizer.note_on(round((at + half * 60 / bpm) * RATE), 10, 42, 0.5)
            at += 60 / bpm
    blocks = int(at * RATE / synthesizer.frames)
    sound = np.concatenate([synthesizer.render() for _ in range(blocks)], axis=1).mean(axis=0)
    return sound, np.array(times)
