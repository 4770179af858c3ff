"""Notes and controls as MIDI bytes."""

import pytest
from capriccio import Note
from capriccio.devices.midi import messages


def test_controllers_and_channels_that_midi_does_not_have_are_refused():
    with pytest.raises(ValueError, match=r"controller must be 0\.\.127, got 128"):
        messages.control((128, 0.5, 1))
    with pytest.raises(ValueError, match=r"channel must be 1\.\.16, got 17"):
        messages.control((7, 0.5, 17))


def test_notes_and_controls_are_three_bytes():
    note = Note(60, velocity=0.5, channel=16)
    assert messages.note_on(note) == bytes([0x9F, 60, 64])
    assert messages.note_off(note) == bytes([0x8F, 60, 0])
    assert messages.control((74, 2.0, 1)) == bytes([0xB0, 74, 127])


def test_the_softest_note_is_still_a_note():
    assert messages.note_on(Note(60, velocity=0.0)) == bytes([0x90, 60, 1])
