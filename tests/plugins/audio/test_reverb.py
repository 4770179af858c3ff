"""The room."""

import numpy as np
from capriccio_audio.reverb import LATER, Reverb, hall

BLOCK = 256


def answer(reverb, sent):
    blocks = [reverb.add(sent[at : at + BLOCK]) for at in range(0, len(sent), BLOCK)]
    silent = np.zeros((2, BLOCK), np.float32)
    return np.concatenate([silent if one is None else one for one in blocks], axis=1)


def test_an_impulse_returns_the_hall():
    sent = np.zeros(256 * 300, np.float32)
    sent[100] = 1.0
    wet = answer(Reverb(48_000, BLOCK), sent)
    response = hall(48_000, round(1.4 * 48_000 / BLOCK) * BLOCK)
    # What lies above 10 kHz is left out; below the two are alike.
    for side in range(2):
        expected = np.zeros(wet.shape[1])
        expected[100 : 100 + response.shape[1]] = response[side, : wet.shape[1] - 100]
        both = np.corrcoef(wet[side], expected)[0, 1]
        assert both > 0.85
    assert np.abs(wet[:, :100]).max() < 0.05 * np.abs(wet).max()


def test_the_sides_differ_and_the_tail_dies_away():
    sent = np.zeros(256 * 300, np.float32)
    sent[0] = 1.0
    wet = answer(Reverb(48_000, BLOCK), sent)
    assert abs(np.corrcoef(wet)[0, 1]) < 0.3
    early, later = (np.sqrt((wet[:, at : at + 4800] ** 2).mean()) for at in (4800, 48_000))
    assert later < 0.2 * early


def test_silence_costs_nothing_after_the_tail():
    reverb = Reverb(48_000, BLOCK)
    assert reverb.add(np.zeros(BLOCK, np.float32)) is None
    reverb.add(np.ones(BLOCK, np.float32))
    heard = [reverb.add(np.zeros(BLOCK, np.float32)) for _ in range(67_200 // BLOCK)]
    assert heard[0] is not None
    last = [one for one in heard if one is not None][-1]
    for _ in range(2 * LATER // BLOCK):
        reverb.add(np.zeros(BLOCK, np.float32))
    assert reverb.add(np.zeros(BLOCK, np.float32)) is None
    assert np.abs(last).max() < 1e-3


def test_the_size_of_the_blocks_hardly_matters():
    """What is late is computed in larger blocks; only the edge at 10 kHz is cut otherwise."""
    random = np.random.default_rng(7)
    time = np.arange(BLOCK * 320)
    sent = (random.standard_normal(len(time)) * np.exp(-time / 9000)).astype(np.float32)
    sent = np.convolve(sent, np.hanning(33) / 16, "same").astype(np.float32)  # below 3 kHz
    small = answer(Reverb(48_000, BLOCK), sent)
    large = Reverb(48_000, len(sent)).add(sent)
    assert np.abs(small - large).max() < 0.01 * np.abs(large).max()
