"""Pianos, guitar, bass and bells."""

import numpy as np
import pytest
from capriccio_audio.rendering import struck
from capriccio_audio.rendering.tones import RATE, frequency


@pytest.mark.parametrize("name", ["piano", "electric_piano", "guitar", "bass", "bells"])
def test_a_struck_note_has_its_pitch_and_dies_away(name):
    pitch = 57 if name == "bass" else 88
    tone = getattr(struck, name)(pitch, 0)
    assert tone.loop is None
    sound = tone.samples
    assert abs(sound[0]) < 1e-6 and abs(sound[-1]) < 1e-6
    spectrum = np.abs(np.fft.rfft(sound[:RATE] * np.hanning(RATE)))
    hertz = np.arange(len(spectrum))
    near = np.abs(1200 * np.log2(np.maximum(hertz, 1) / frequency(pitch))) < 35
    assert spectrum[near].max() > 0.1 * spectrum.max()
    early = np.abs(sound[: RATE // 4]).max()
    assert np.abs(sound[-RATE // 5 :]).max() < 0.2 * early


def test_a_hard_stroke_is_brighter():
    def brightness(layer):
        sound = struck.piano(84, layer).samples[:RATE]
        power = np.abs(np.fft.rfft(sound)) ** 2
        return float((power * np.arange(len(power))).sum() / power.sum())

    assert brightness(1) > 1.2 * brightness(0)


def test_the_partials_of_a_stiff_string_are_stretched():
    number, hertz = struck.stretched(100.0, 1e-3)
    assert hertz[9] / number[9] > 100.0 * 1.04
