"""A tune that is sung, as notes."""

import numpy as np
import pytest
from capriccio_audio.instrument_samples import RATE
from capriccio_audio.note_tracker import NoteTracker
from capriccio_audio.sound_analysis import Listener


def sung(notes, vibrato=0.0):
    """Return a voice that sings (pitch, seconds) one after the other, pitch 0 being a rest."""
    pieces, phase = [], 0.0
    for pitch, seconds in notes:
        time = np.arange(round(seconds * RATE)) / RATE
        bent = pitch + vibrato * np.sin(2 * np.pi * 5.5 * time)
        turns = phase + 2 * np.pi * np.cumsum(440 * 2 ** ((bent - 69) / 12)) / RATE
        wave = sum(np.sin(number * turns) / number for number in (1, 2, 3, 4))
        phase = float(turns[-1])
        edge = np.minimum(1, np.minimum(time, time[::-1]) / 0.03)
        pieces.append(0.2 * wave * edge * (pitch > 0))
    return np.concatenate(pieces).astype(np.float32)


def heard(sound):
    tracker = NoteTracker()
    Listener(follower=tracker.add).listen(sound)
    return tracker.notes


def test_every_note_of_a_tune_is_heard_once():
    tune = [(0, 0.3), (60, 0.5), (62, 0.5), (64, 0.4), (0, 0.3), (67, 0.6), (0, 0.3)]
    notes = heard(sung(tune))
    assert [note.pitch for note in notes] == [60, 62, 64, 67]
    assert [note.begin for note in notes] == pytest.approx([0.3, 0.8, 1.3, 2.0], abs=0.06)
    assert [note.end - note.begin for note in notes] == pytest.approx([0.5, 0.5, 0.4, 0.6], abs=0.1)
    assert all(0.3 < note.velocity <= 1 for note in notes)


def test_a_note_is_recognised_soon():
    (note,) = heard(sung([(0, 0.5), (69, 1.0), (0, 0.2)]))
    assert 0 < note.known - note.begin < 0.12


def test_vibrato_is_one_note_and_a_repeated_one_two():
    assert [note.pitch for note in heard(sung([(0, 0.2), (65, 1.5)], vibrato=0.35))] == [65]
    again = heard(sung([(65, 0.5), (0, 0.15), (65, 0.5)]))
    assert [note.pitch for note in again] == [65, 65]


def test_noise_and_silence_are_no_notes():
    noise = 0.2 * np.random.default_rng(3).standard_normal(2 * RATE).astype(np.float32)
    assert not heard(noise)
    assert not heard(np.zeros(RATE, np.float32))
