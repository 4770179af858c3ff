"""Tones out of partials."""

import numpy as np
from capriccio_audio.rendering.tones import (
    RATE,
    band,
    decaying,
    faded,
    filtered,
    frequency,
    harmonics,
    periodic_noise,
    slow_drift,
    times,
)


def test_the_concert_pitch_is_440_hz():
    assert frequency(69) == 440.0
    assert frequency(57) == 220.0


def test_harmonics_are_sines_of_their_levels():
    time = times(0.1)
    phase = 2 * np.pi * 300 * time
    levels = np.array([[0.5, 0.5], [0.0, 0.0], [0.25, 0.25]])
    expected = 0.5 * np.sin(phase) + 0.25 * np.sin(3 * phase)
    assert np.abs(harmonics(phase, levels, len(phase)) - expected).max() < 1e-9


def test_noise_and_drift_repeat_without_a_seam():
    random = np.random.default_rng(1)
    noise = periodic_noise(random, 4800)
    assert abs(np.sqrt((noise**2).mean()) - 1) < 1e-9
    time = np.arange(2 * RATE + 1) / RATE
    drift = slow_drift(random, time, 2.0, 5)
    assert abs(drift[0] - drift[-1]) < 1e-9


def test_a_band_passes_what_lies_within():
    time = times(0.5)
    inside, outside = (np.sin(2 * np.pi * hertz * time) for hertz in (1000, 12_000))
    assert np.abs(filtered(inside, band(300, 3000))).max() > 0.9
    assert np.abs(filtered(outside, band(300, 3000))[2000:-2000]).max() < 0.02


def test_a_partial_falls_by_60_db():
    sound = decaying(
        1.0, np.array([1000.0]), np.array([1.0]), np.array([0.5]), np.random.default_rng(1)
    )
    early, late = (np.abs(sound[at : at + 480]).max() for at in (0, RATE // 2))
    assert 0.0005 < late / early < 0.002


def test_a_sound_rises_and_fades():
    sound = faded(np.ones(RATE), 0.01, 0.1)
    assert max(sound[0], sound[-1]) < 1e-6
    assert sound[RATE // 2] == 1.0
