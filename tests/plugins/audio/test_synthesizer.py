"""Notes as sound."""

import numpy as np
import pytest
from capriccio_audio.instrument_samples import RATE
from capriccio_audio.limiter import CEILING
from capriccio_audio.synthesizer import BLOCK, PEDAL, VOICES, Synthesizer

CLAVES = 75


def render(synthesizer, seconds):
    blocks = [synthesizer.render() for _ in range(round(seconds * RATE / BLOCK))]
    return np.concatenate(blocks, axis=1)


def dry(instruments):
    synthesizer = Synthesizer(instruments)
    synthesizer.room = 0.0
    return synthesizer


def level(sound, begin, end):
    return float(np.sqrt((sound[:, round(begin * RATE) : round(end * RATE)] ** 2).mean()))


def test_a_note_starts_at_its_frame():
    onsets = []
    for frame in (1000, 1001, 1255, 4321):
        synthesizer = dry({10: "kit"})
        synthesizer.note_on(frame, 10, CLAVES, 1.0)
        sound = render(synthesizer, 0.2)
        loud = np.flatnonzero(np.abs(sound).max(axis=0) > 0.05)
        onsets.append(int(loud[0]) - frame)
    assert len(set(onsets)) == 1
    assert 0 < onsets[0] - Synthesizer.LATENCY < 48  # within a millisecond


def test_a_held_note_sounds_until_it_is_released():
    synthesizer = dry({1: "organ"})
    synthesizer.note_on(0, 1, 60, 0.8)
    synthesizer.note_off(6 * RATE, 1, 60)
    sound = render(synthesizer, 7)
    held = [level(sound, at, at + 0.5) for at in np.arange(0.5, 5.5, 0.5)]
    assert min(held) > 0.7 * max(held)
    assert level(sound, 6.5, 7) < 0.01 * held[-1]
    assert synthesizer.sounding == 0


@pytest.mark.parametrize(("pitch", "hertz"), [(57, 220.0), (69, 440.0), (70, 466.16)])
def test_a_note_has_its_pitch(pitch, hertz):
    synthesizer = dry({1: "electric piano"})
    synthesizer.note_on(0, 1, pitch, 0.8)
    sound = render(synthesizer, 1.0).mean(axis=0)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 8 * RATE))
    found = np.argmax(spectrum[: 8 * 600]) / 8
    assert abs(1200 * np.log2(found / hertz)) < 5


def test_a_louder_velocity_is_louder():
    levels = []
    for velocity in (0.2, 0.5, 0.9):
        synthesizer = dry({1: "piano"})
        synthesizer.note_on(0, 1, 60, velocity)
        levels.append(level(render(synthesizer, 0.5), 0, 0.5))
    assert levels[0] < 0.6 * levels[1] < 0.36 * levels[2] * 1.2


def test_the_same_notes_give_the_same_samples():
    sounds = []
    for _ in range(2):
        synthesizer = Synthesizer({1: "choir", 10: "kit"})
        for number in range(12):
            synthesizer.note_on(number * 1777, 1, 50 + 3 * number, 0.7)
            synthesizer.note_on(number * 1777, 10, 36 + number, 0.7)
            synthesizer.note_off(number * 1777 + 9000, 1, 50 + 3 * number)
        sounds.append(render(synthesizer, 0.7))
    assert (sounds[0] == sounds[1]).all()


def test_the_pedal_holds_what_was_released():
    synthesizer = dry({1: "organ"})
    synthesizer.control(0, PEDAL, 1.0, 1)
    synthesizer.note_on(0, 1, 60, 0.8)
    synthesizer.note_off(4800, 1, 60)
    synthesizer.control(RATE, PEDAL, 0.0, 1)
    sound = render(synthesizer, 1.6)
    assert level(sound, 0.8, 0.95) > 0.7 * level(sound, 0.3, 0.5)
    assert level(sound, 1.4, 1.6) < 0.02 * level(sound, 0.8, 0.95)


def test_a_closed_hi_hat_ends_the_open_one():
    def tail(closed):
        synthesizer = dry({10: "kit"})
        synthesizer.note_on(0, 10, 46, 0.8)
        if closed:
            synthesizer.note_on(9600, 10, 44, 0.1)
        return level(render(synthesizer, 0.6), 0.35, 0.5)

    assert tail(closed=True) < 0.3 * tail(closed=False)


def test_panic_silences_within_one_block():
    synthesizer = Synthesizer({1: "organ"})
    synthesizer.room = 0.0
    for pitch in range(40, 80, 3):
        synthesizer.note_on(0, 1, pitch, 0.9)
    synthesizer.note_on(RATE, 1, 60, 0.9)
    render(synthesizer, 0.3)
    synthesizer.panic()
    synthesizer.render()
    assert np.abs(synthesizer.render()[:, Synthesizer.LATENCY :]).max() == 0.0
    assert synthesizer.sounding == 0
    assert np.abs(render(synthesizer, 1.2)).max() == 0.0


def test_stolen_voices_fade_without_a_click():
    """Twice as many held notes as there are voices: no step at any of the thefts."""
    synthesizer = dry({1: "choir", 2: "choir", 3: "choir"})
    synthesizer.volume = 0.05  # so that the limiter has nothing to do
    for number in range(3 * VOICES // 2):
        channel, pitch = 1 + number // 64, 38 + number % 48
        synthesizer.note_on(number * 500, channel, pitch, 0.8)
    sound = render(synthesizer, 2.2)
    assert synthesizer.sounding <= VOICES
    steps = np.abs(np.diff(sound.astype(float), 2, axis=1)).max(axis=0)
    quiet = steps[: round(0.5 * RATE)].max()
    assert steps.max() < 6 * quiet
    assert np.abs(sound).max() < CEILING


def test_ten_thousand_notes_at_once_stay_below_the_ceiling():
    synthesizer = Synthesizer({number: "piano" for number in range(1, 17)})
    for number in range(10_000):
        synthesizer.note_on(100, 1 + number % 16, number % 128, 1.0)
    sound = render(synthesizer, 0.1)
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() <= CEILING * 1.0001


def test_nan_in_a_voice_is_not_heard():
    synthesizer = Synthesizer({1: "choir"})
    synthesizer.note_on(0, 1, 60, 0.8)
    synthesizer.note_on(0, 1, 64, float("nan"))
    sound = render(synthesizer, 0.2)
    assert np.isfinite(sound).all()
    synthesizer.note_on(synthesizer.frame, 1, 67, 0.8)
    assert np.abs(render(synthesizer, 0.3)).max() > 0.01


@pytest.mark.parametrize("setting", ["volume", "mute"])
def test_volume_and_mute_are_ramped_within_a_block(setting):
    synthesizer = dry({1: "organ"})
    synthesizer.note_on(0, 1, 60, 0.8)
    before = render(synthesizer, 0.5)
    synthesizer.set(0, setting, 0, float(setting == "mute"))
    after = render(synthesizer, 0.1)
    assert np.abs(after[:, BLOCK + Synthesizer.LATENCY :]).max() == 0.0
    both = np.concatenate([before, after], axis=1)
    usual = np.abs(np.diff(before.astype(float), 2, axis=1)).max()
    assert np.abs(np.diff(both.astype(float), 2, axis=1)).max() < 1.5 * usual


def test_a_channel_has_its_own_volume_pan_and_room():
    def sides(*controls):
        synthesizer = dry({1: "electric piano"})
        synthesizer.note_on(0, 1, 64, 0.8)
        for controller, value in controls:
            synthesizer.control(0, controller, value, 1)
        return np.abs(render(synthesizer, 0.3)).max(axis=1)

    plain = sides()
    assert (sides((7, 0.5)) < 0.6 * plain).all()
    left, right = sides((10, 0.0))
    assert right < 0.2 * left
    synthesizer = dry({1: "electric piano"})
    synthesizer.set(0, "volume", 1, 0.0)
    synthesizer.note_on(10, 1, 64, 0.8)
    assert np.abs(render(synthesizer, 0.3)).max() == 0.0
