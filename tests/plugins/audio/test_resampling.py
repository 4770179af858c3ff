"""Samples at other speeds."""

import numpy as np
import pytest
from capriccio_audio.instrument_samples import RATE, samples_of
from capriccio_audio.resampling import PIECE, WholeNote, cubic
from capriccio_audio.synthesizer import BLOCK, Synthesizer


def test_between_frames_a_cubic_is_exact():
    """Catmull-Rom reproduces a parabola."""
    places = np.arange(20.0)
    sound = (0.1 * places**2 - places).astype(np.float32)
    at = np.array([3.0, 4.25, 7.5, 9.999])
    whole = np.floor(at).astype(np.intp)
    found = cubic(sound, whole - 1, (at - whole).astype(np.float32))
    assert found == pytest.approx(0.1 * at**2 - at, abs=1e-4)


@pytest.mark.parametrize("rate", [0.9, 1.0594631])
def test_a_whole_note_loops_without_a_step(rate):
    sample = samples_of("choir").find(60, 0)
    note = WholeNote("choir", sample, rate)
    wave = note.take(0, note.frames)
    assert len(wave) == note.frames > note.loop > 0
    begin = note.frames - note.loop
    step = abs(float(wave[begin] - wave[-1]))
    assert step <= np.abs(np.diff(wave[begin:])).max()
    frames = sample.loop[1] - sample.loop[0]
    cents = 1200 * np.log2(frames / note.loop / rate)
    assert abs(cents) < 0.01


def test_a_note_is_computed_as_far_as_it_is_played():
    sample = samples_of("choir").find(60, 0)
    parts = WholeNote("choir", sample, 0.9)
    whole = parts.take(0, parts.frames).copy()
    again = WholeNote("choir", sample, 0.9)
    pieces = [again.take(at, 777) for at in range(0, 3 * PIECE, 777)]
    assert (np.concatenate(pieces) == whole[: 777 * len(pieces)]).all()
    assert len(again.take(again.frames - 5, 100)) == 5


def test_many_blocks_at_once_sound_as_one_at_a_time():
    """A drum is the same to the rounding; a voice that sways has the same pitch and level."""
    for instrument, channel, pitch, exact in (("kit", 10, 38, True), ("choir", 1, 62, False)):
        sounds = []
        for blocks in (1, 32):
            synthesizer = Synthesizer({channel: instrument}, blocks)
            synthesizer.room = 0.0
            for number in range(6):
                frame = 1000 + 5003 * number
                synthesizer.note_on(frame, channel, pitch, 0.8)
                synthesizer.note_off(frame + 3000, channel, pitch)
            many = 96 * 512 // synthesizer.frames
            sounds.append(np.concatenate([synthesizer.render() for _ in range(many)], axis=1))
        one, other = sounds
        if exact:
            assert np.abs(one - other).max() < 1e-3 * np.abs(one).max()
        levels = [np.sqrt((sound**2).mean()) for sound in sounds]
        assert levels[0] == pytest.approx(levels[1], rel=0.05)


def test_a_broken_voice_ends_and_the_others_go_on(monkeypatch):
    for blocks in (1, 8):
        synthesizer = Synthesizer({1: "organ", 2: "organ"}, blocks)
        synthesizer.room = 0.0
        synthesizer.note_on(0, 1, 60, 0.8)
        synthesizer.note_on(0, 2, 67, 0.8)
        synthesizer.render()
        (broken, *_) = np.flatnonzero(synthesizer._key[:, 0] == 2)
        synthesizer._level[broken] = synthesizer._target[broken] = np.nan
        before = synthesizer.sounding
        sound = [synthesizer.render() for _ in range(40 // blocks)]
        assert synthesizer.sounding == before - 1
        assert np.isfinite(sound).all()
        assert np.abs(sound[-1]).max() > 0.01


def test_a_panic_comes_at_its_frame():
    synthesizer = Synthesizer({1: "organ"}, 32)
    synthesizer.room = 0.0
    synthesizer.note_on(0, 1, 60, 0.8)
    synthesizer.note_on(16 * BLOCK, 1, 64, 0.8)
    synthesizer.panic(12 * BLOCK)
    sound = np.abs(synthesizer.render()).max(axis=0)
    assert sound[8 * BLOCK : 12 * BLOCK].max() > 0.02
    assert sound[13 * BLOCK + Synthesizer.LATENCY :].max() == 0.0


def test_rates_of_drums_need_no_computing():
    sample = samples_of("kit").find(38, 0)
    note = WholeNote("kit", sample, 1.0)
    assert note.loop == 0
    expected = samples_of("kit").sound[sample.start : sample.end]
    assert note.take(0, RATE) == pytest.approx(expected[:RATE], abs=1e-6)
