"""Singers, strings and pipes."""

import numpy as np
import pytest
from capriccio_audio.rendering import sustained
from capriccio_audio.rendering.sustained import LOOP_SECONDS, singer, steady_phase
from capriccio_audio.rendering.tones import RATE, frequency


def test_a_vibrato_sways_about_the_pitch_and_loops_without_a_seam():
    phase, hertz = steady_phase(np.random.default_rng(1), 220.0, 30.0, 3.0, 0.0)
    loop = hertz[RATE : RATE + round(LOOP_SECONDS * RATE)]
    cents = 1200 * np.log2(loop / 220.0)
    assert 20 < np.abs(cents).max() < 70
    assert abs(cents.mean()) < 3
    turned = (phase[RATE + round(LOOP_SECONDS * RATE)] - phase[RATE]) / (2 * np.pi)
    assert abs(turned - round(turned)) < 0.01


def test_a_singer_has_formants_where_singers_have_them():
    """An alto sings a third above middle C: strong up to 1.3 kHz, and again about 2.9 kHz."""
    sound = singer(np.random.default_rng(2), 64)[RATE : 3 * RATE]
    power = np.abs(np.fft.rfft(sound)) ** 2
    hertz = np.fft.rfftfreq(len(sound), 1 / RATE)

    def level(low, high):
        return 10 * np.log10(power[(hertz > low) & (hertz < high)].mean())

    assert level(500, 1300) > level(1600, 2300) + 15
    assert level(2600, 3200) > level(1800, 2300)
    assert level(6000, 9000) < level(2600, 3200) - 10


@pytest.mark.parametrize("name", ["strings", "organ"])
def test_a_sustained_note_has_its_pitch_and_a_loop(name):
    tone = getattr(sustained, name)(84, 0)
    first, last = tone.loop
    sound = tone.samples[first:last]
    spectrum = np.abs(np.fft.rfft(sound))
    hertz = np.fft.rfftfreq(len(sound), 1 / RATE)
    near = np.abs(1200 * np.log2(np.maximum(hertz, 1) / frequency(84))) < 40
    assert spectrum[near].max() > 0.2 * spectrum.max()
    step = abs(tone.samples[last] - tone.samples[first])
    assert step < 0.1 * np.abs(sound).max()


def test_layers_are_other_players_and_each_is_always_the_same():
    first, again = (singer(np.random.default_rng([11, 79, 0]), 79)[:4800] for _ in range(2))
    other = singer(np.random.default_rng([11, 79, 1]), 79)[:4800]
    assert (first == again).all()
    assert not np.allclose(first, other, atol=0.1)
