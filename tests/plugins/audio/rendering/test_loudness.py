"""Loudness to the ear."""

import numpy as np
from capriccio_audio.rendering.loudness import loudest, weighting
from capriccio_audio.rendering.tones import times


def test_the_weighting_is_that_of_bs_1770():
    """997 Hz gains 0.69 dB, high frequencies 4 dB, and what is low counts little."""
    gains = 20 * np.log10(weighting(np.array([38.0, 997.0, 10_000.0])))
    assert abs(gains[1] - 0.69) < 0.1
    assert abs(gains[2] - 4.0) < 0.15
    assert gains[0] < -5


def test_the_loudest_moment_counts():
    tone = np.sin(2 * np.pi * 997 * times(1.0))
    both = np.concatenate([0.1 * tone, tone, 0.1 * tone])
    assert abs(20 * np.log10(loudest(both)) - (0.69 - 3.01)) < 0.1
