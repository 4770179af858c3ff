"""Tests of the chorale network as it is played, step by step."""

import numpy as np
import pytest
from capriccio import Note
from capriccio_rnn.chorales.model import (
    ChoraleModel,
    first_step,
    sampling_controls,
    voice_actions,
)
from capriccio_rnn.generator import RNN


def test_a_chord_held_for_long_leaves_no_denormal_numbers():
    model = ChoraleModel(RNN.models["chorales"], 0)
    chord = {voice: (pitch, False) for voice, pitch in enumerate((72, 67, 64, 48))}

    for step in range(1200):
        model.step(step % 16, sampling_controls(), chord)

    for memory in (model.state, model.trace):
        assert (np.abs(memory) > np.finfo(np.float32).tiny).all()


def test_the_same_seed_takes_the_same_steps():
    model = ChoraleModel(RNN.models["chorales"], 3)
    first = [model.step(step % 16, sampling_controls()) for step in range(32)]
    model.reset(3)

    assert [model.step(step % 16, sampling_controls()) for step in range(32)] == first


def test_equal_knobs_share_their_controls():
    assert sampling_controls(key=[0, 4, 7]) is sampling_controls(key={7, 4, 0})


def test_notes_become_actions_of_their_voices():
    notes = [Note(72, 0.0, 0.5), Note(36, 0.25, 0.25, channel=2), Note(60, 0.0, 1.0, channel=9)]

    assert voice_actions(notes) == [
        {0: (72, True), 1: (0, False)},
        {0: (72, False), 1: (60, True)},  # moved into the range of the alto
    ]


def test_the_first_step_does_not_begin_early():
    assert [first_step(beats) for beats in (0.0, 0.2, 0.25, 0.26)] == [0, 1, 1, 2]


def test_notes_without_a_finite_time_are_refused():
    with pytest.raises(ValueError, match="note must have a finite start >= 0 and a finite length"):
        voice_actions([Note(60, np.nan)])
    with pytest.raises(ValueError, match="phrase must be at most 256 beats long, got 1001"):
        voice_actions([Note(60, 1000.0)])
