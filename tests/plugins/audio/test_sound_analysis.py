"""What is read of sound."""

import numpy as np
import pytest
from capriccio_audio.instrument_samples import RATE
from capriccio_audio.sound_analysis import HOP, Heard, Listener, decibels


def tone(hertz, seconds=0.5, level=0.3):
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(
        np.float32
    )


def heard(sound, **times):
    listener = Listener(**times)
    listener.listen(sound)
    return listener.heard


def test_silence_is_read_as_nothing():
    assert heard(np.zeros(RATE, np.float32)) == Heard()


@pytest.mark.parametrize(("band", "hertz"), [("low", 110), ("mid", 880), ("high", 5000)])
def test_a_tone_is_loud_in_its_band(band, hertz):
    found = heard(tone(hertz))
    others = {"low", "mid", "high"} - {band}
    assert getattr(found, band) > 0.8
    assert all(getattr(found, other) < 0.35 for other in others)


def test_the_level_is_that_of_the_sine():
    for level in (1.0, 0.1, 0.01):
        expected = decibels(level**2)
        assert heard(tone(500, 1.0, level)).level == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("number", [40, 57, 64.5, 81])
def test_a_pitch_is_heard_within_ten_cents(number):
    hertz = 440 * 2 ** ((number - 69) / 12)
    rich = tone(hertz) + 0.5 * tone(2 * hertz) + 0.3 * tone(3 * hertz)
    assert heard(rich).pitch * 127 == pytest.approx(number, abs=0.1)


def test_noise_has_no_pitch_and_is_bright():
    noise = 0.2 * np.random.default_rng(1).standard_normal(RATE).astype(np.float32)
    found = heard(noise)
    assert found.pitch == 0.0
    assert found.brightness > heard(tone(200)).brightness + 0.4


def test_every_stroke_is_an_onset_and_nothing_else():
    random = np.random.default_rng(2)
    sound = 0.001 * random.standard_normal(4 * RATE).astype(np.float32)
    strokes = [0.5, 1.0, 1.37, 2.0, 2.2, 3.1]
    for at in strokes:
        burst = random.standard_normal(4800) * np.exp(-np.arange(4800) / 900)
        sound[round(at * RATE) :][:4800] += (0.3 * burst).astype(np.float32)
    listener, found = Listener(), []
    for at in range(0, len(sound), HOP):
        listener.listen(sound[at : at + HOP])
        if listener.heard.onset == 1.0:
            found.append(at / RATE)
    assert len(found) == len(strokes)
    assert np.abs(np.subtract(found, strokes)).max() < 0.03


def test_a_reading_rises_and_falls_in_the_times_that_are_given():
    sound = np.concatenate([tone(500, 1.0), np.zeros(round(0.5 * RATE), np.float32)])
    assert heard(sound, release=0.05).level < 0.02
    assert heard(sound, release=2.0).level > 0.5


def test_it_does_not_matter_how_the_sound_is_cut():
    sound = tone(300) + tone(1234)
    cut = Listener()
    for at in range(0, len(sound), 777):
        cut.listen(sound[at : at + 777])
    assert cut.heard == heard(sound)
    assert cut.spectrum.shape == (64,)
    assert 0 <= cut.spectrum.min() <= cut.spectrum.max() <= 1
