"""How loud a sound is to the ear: the weighting of ITU-R BS.1770."""

import numpy as np

from .tones import RATE, Array

# Over how long a sound is measured, in seconds: as the short window of EBU R 128.
WINDOW_SECONDS = 0.4


def weighting(hertz: Array) -> Array:
    """Return the K-weighting of BS.1770 as an amplitude, from its two analog prototypes."""
    s = 2j * np.pi * hertz
    shelf = 10 ** (3.99984 / 20)
    w0, q = 2 * np.pi * 1681.97, 0.70717
    head = (shelf * s**2 + np.sqrt(shelf) * s * w0 / q + w0**2) / (s**2 + s * w0 / q + w0**2)
    w1, q1 = 2 * np.pi * 38.1355, 0.50033
    return np.abs(head * s**2 / (s**2 + s * w1 / q1 + w1**2))


def loudest(sound: Array) -> float:
    """Return the weighted RMS of the loudest 0.4 seconds of a sound."""
    padded = np.concatenate([sound, np.zeros(round(WINDOW_SECONDS * RATE))])
    spectrum = np.fft.rfft(padded)
    weighted = np.fft.irfft(
        spectrum * weighting(np.fft.rfftfreq(len(padded), 1 / RATE)), len(padded)
    )
    energy = np.concatenate([[0.0], np.cumsum(weighted**2)])
    window = round(WINDOW_SECONDS * RATE)
    return float(np.sqrt((energy[window:] - energy[:-window]).max() / window))
