"""Music as a standard MIDI file."""

import os

import mido
import pytest
from capriccio import Note, ShowError
from capriccio.devices.midi.file import MidiFile
from helpers.output_shows import performance


def perform(path, events, facts=None):
    """Send (method, thing, beats) to a MIDI file, and read it back."""
    facts = facts or performance()
    output = MidiFile(str(path))
    output.start(facts)
    for method, thing, beats in events:
        getattr(output, method)(thing, facts.clock.moment(beats=beats, span=0.0))
    output.close()
    return mido.MidiFile(path, charset="utf-8")


def channel_messages(file):
    """Return a MIDI file's channel messages as (ticks, words)."""
    found = []
    for track in file.tracks:
        ticks = 0
        for message in track:
            ticks += message.time
            if not message.is_meta:
                found.append((ticks, str(message.copy(time=0)).removesuffix(" time=0")))
    return found


def test_a_midi_file_has_the_notes_the_tempo_and_the_meter(tmp_path):
    low, high = Note(60, velocity=0.5), Note(64, velocity=1.0, channel=16)
    file = perform(
        tmp_path / "song.mid",
        [
            ("note_on", low, 0.0),
            ("note_on", high, 0.5),
            ("control", (7, 0.5, 1), 1.0),
            ("note_off", low, 1.0),
            ("note_off", high, 2.0),
        ],
    )
    assert (file.type, file.ticks_per_beat) == (1, 480)
    conductor = {message.type: message for message in file.tracks[0]}
    assert conductor["track_name"].name == "étude"
    assert conductor["set_tempo"].tempo == mido.bpm2tempo(90)
    assert conductor["time_signature"].numerator == 3
    assert conductor["time_signature"].denominator == 4
    assert channel_messages(file) == [
        (0, "note_on channel=0 note=60 velocity=64"),
        (480, "note_off channel=0 note=60 velocity=0"),
        (480, "control_change channel=0 control=7 value=64"),
        (240, "note_on channel=15 note=64 velocity=127"),
        (960, "note_off channel=15 note=64 velocity=0"),
    ]


def test_a_note_ends_before_the_next_starts_at_the_same_tick(tmp_path):
    first, second = Note(60), Note(60, velocity=0.1)
    file = perform(
        tmp_path / "song.mid",
        [("note_on", first, 0), ("note_off", first, 1), ("note_on", second, 1)],
    )
    assert channel_messages(file)[:3] == [
        (0, "note_on channel=0 note=60 velocity=102"),
        (480, "note_off channel=0 note=60 velocity=0"),
        (480, "note_on channel=0 note=60 velocity=13"),
    ]


def test_a_note_shorter_than_a_tick_still_starts_before_it_ends(tmp_path):
    note = Note(60, length=1e-6)
    file = perform(tmp_path / "song.mid", [("note_on", note, 1.0), ("note_off", note, 1.000001)])
    assert [(ticks, words.split()[0]) for ticks, words in channel_messages(file)] == [
        (480, "note_on"),
        (481, "note_off"),
    ]


def test_a_silent_note_is_not_taken_for_an_end(tmp_path):
    file = perform(tmp_path / "song.mid", [("note_on", Note(60, velocity=0.0), 0.0)])
    assert channel_messages(file)[0] == (0, "note_on channel=0 note=60 velocity=1")


def test_a_show_that_is_interrupted_ends_its_notes_in_the_file(tmp_path):
    file = perform(tmp_path / "song.mid", [("note_on", Note(60), 0.0), ("note_on", Note(67), 2.0)])
    assert channel_messages(file)[2:] == [
        (961, "note_off channel=0 note=60 velocity=0"),
        (961, "note_off channel=0 note=67 velocity=0"),
    ]


def test_the_same_music_makes_the_same_bytes(tmp_path):
    events = [("note_on", Note(60), 0.1), ("note_off", Note(60), 0.7)]
    perform(tmp_path / "a.mid", events)
    perform(tmp_path / "b.mid", events)
    assert (tmp_path / "a.mid").read_bytes() == (tmp_path / "b.mid").read_bytes()


def test_a_folder_without_permission_is_reported(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(ShowError, match="Permission denied"):
        MidiFile(str(tmp_path / "song.mid")).start(performance())
