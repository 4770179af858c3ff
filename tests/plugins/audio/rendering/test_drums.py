"""The kit."""

import numpy as np
import pytest
from capriccio_audio.rendering.drums import CREST, kit
from capriccio_audio.rendering.tones import RATE


@pytest.mark.parametrize("pitch", [36, 38, 42, 54, 56, 63, 75])
def test_a_drum_starts_at_once_and_ends_in_silence(pitch):
    sound = kit(pitch, 2).samples
    assert np.isfinite(sound).all()
    loud = np.flatnonzero(np.abs(sound) > 0.2 * np.abs(sound).max())
    assert loud[0] < 0.01 * RATE
    assert np.abs(sound[-20:]).max() < 0.02 * np.abs(sound).max()
    level = np.sqrt((sound[: round(0.05 * RATE)] ** 2).mean())
    assert np.abs(sound).max() <= 1.05 * CREST * level


def test_two_strokes_are_never_quite_the_same():
    assert not np.array_equal(kit(38, 2).samples, kit(38, 3).samples)


def test_a_bass_drum_is_low_and_a_hi_hat_high():
    def centre(pitch):
        sound = kit(pitch, 2).samples
        power = np.abs(np.fft.rfft(sound)) ** 2
        return (power * np.fft.rfftfreq(len(sound), 1 / RATE)).sum() / power.sum()

    assert centre(36) < 300 < 1000 < centre(38) < 5000 < centre(42)
