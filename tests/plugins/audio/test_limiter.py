"""The limiter."""

import numpy as np
from capriccio_audio.limiter import CEILING, STEP, Limiter


def limited(sound, block=256):
    limiter = Limiter()
    blocks = [
        limiter.limit(sound[:, at : at + block].copy()) for at in range(0, sound.shape[1], block)
    ]
    return np.concatenate(blocks, axis=1)


def test_what_is_soft_passes_unchanged_and_late():
    sound = np.random.default_rng(1).uniform(-0.5, 0.5, (2, 2048)).astype(np.float32)
    assert (limited(sound)[:, STEP:] == sound[:, :-STEP]).all()


def test_nothing_is_above_the_ceiling_however_loud():
    random = np.random.default_rng(2)
    loud = (random.standard_normal((2, 256 * 40)) * 3).astype(np.float32)
    loud[:, 3000:3010] = 90.0
    assert np.abs(limited(loud)).max() <= CEILING * 1.0001


def test_the_gain_has_no_steps():
    time = np.arange(256 * 60) / 48000
    tone = np.sin(2 * np.pi * 100 * time) * np.where(time > 0.1, 2.0, 0.5)
    tone[: round(0.1 * 48000) + 240] *= 1.0
    out = limited(np.stack([tone, tone]).astype(np.float32))[0]
    within = out[round(0.11 * 48000) :]  # after the step that is in the tone itself
    assert np.abs(np.diff(within, 2)).max() < 3 * (2 * np.pi * 100 / 48000) ** 2


def test_the_gain_comes_back_slowly():
    loud = np.zeros((2, 256 * 100), np.float32)
    loud[:, 200:300] = 4.0
    limiter = Limiter()
    gains = []
    for at in range(0, loud.shape[1], 256):
        limiter.limit(loud[:, at : at + 256])
        gains.append(limiter.gain)
    assert min(gains) < 0.25
    assert gains[-1] > 0.95
    assert np.diff(gains[2:]).min() >= 0


def test_nan_and_infinity_become_silence():
    for bad in (np.nan, np.inf):
        sound = np.full((2, 512), 0.3, np.float32)
        sound[0, 300] = bad
        out = limited(sound)
        assert np.isfinite(out).all()
        limiter = Limiter()
        limiter.limit(sound[:, 256:].copy())
        assert np.abs(limiter.limit(np.full((2, 256), 0.3, np.float32))[:, STEP:]).max() > 0.29


def test_a_loud_low_tone_stays_pure():
    time = np.arange(256 * 400) / 48000
    tone = (2 * np.sin(2 * np.pi * 40 * time)).astype(np.float32)
    out = limited(np.stack([tone, tone]))[0, 48000:96000]
    levels = np.abs(np.fft.rfft(out * np.hanning(len(out)))) ** 2
    assert levels[37:44].sum() > 0.9999 * levels.sum()
