"""Tests of reading MIDI files of any kind, and folders of them."""

import mido
import pytest
from capriccio import Note
from capriccio_rnn.events.encoding import encode, field_sizes
from capriccio_rnn.events.midi_import import read_folder, read_midi, sound_vocabulary
from helpers.music import tune, write_midi
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def test_a_file_is_read_with_its_notes_tempo_and_meters(tmp_path):
    notes = [Note(60, 0.0, 1.0, 0.5), Note(64, 1.5, 0.5, 1.0), Note(38, 3.0, 0.25, 0.25, 10)]

    piece = read_midi(write_midi(tmp_path / "a.mid", notes, bpm=90, meter=(6, 8)))

    assert [(n.pitch, n.start, n.length, n.channel) for n in piece.notes] == [
        (60, 0.0, 1.0, 1), (64, 1.5, 0.5, 1), (38, 3.0, 0.25, 10)
    ]  # fmt: skip
    assert [n.velocity for n in piece.notes] == pytest.approx([0.5, 1.0, 0.25], abs=0.005)
    assert piece.bpm == pytest.approx(90, abs=0.01)
    assert piece.meters == ((0.0, 3.0),)


def test_parts_are_numbered_as_they_come_and_drums_keep_their_channel(tmp_path):
    notes = [Note(60 + c, 0.0, 1.0, 0.8, c) for c in (3, 5, 7, 9, 11, 10)]

    channels = {
        note.pitch: note.channel for note in read_midi(write_midi(tmp_path / "a.mid", notes)).notes
    }

    assert channels == {63: 1, 65: 2, 67: 3, 69: 4, 71: 4, 70: 10}


def test_a_note_that_is_never_ended_lasts_to_the_end_of_its_track(tmp_path):
    file = mido.MidiFile(ticks_per_beat=100)
    track = file.add_track()
    track.append(mido.Message("note_on", note=60, velocity=64))
    track.append(mido.Message("note_on", note=64, velocity=64, time=100))
    track.append(mido.Message("note_off", note=64, time=200))
    file.save(tmp_path / "a.mid")

    assert {n.pitch: n.length for n in read_midi(tmp_path / "a.mid").notes} == {60: 3.0, 64: 2.0}


def test_files_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "text.mid").write_text("this is no music")
    (tmp_path / "empty.mid").write_bytes(b"")
    whole = write_midi(tmp_path / "whole.mid", tune(0)).read_bytes()
    (tmp_path / "cut.mid").write_bytes(whole[:100])
    write_midi(tmp_path / "silent.mid", [])
    write_midi(tmp_path / "songs.mid", [Note(60)], kind=2)

    for name in ("text", "empty", "cut"):
        with pytest.raises(ValueError, match=f"'{name}\\.mid' is not a readable MIDI file: ."):
            read_midi(tmp_path / f"{name}.mid")
    with pytest.raises(ValueError, match=r"'silent\.mid' has no notes"):
        read_midi(tmp_path / "silent.mid")
    with pytest.raises(
        ValueError,
        match=r"'songs\.mid' must be a MIDI file of type 0 or 1 with time in beats, got type 2",
    ):
        read_midi(tmp_path / "songs.mid")


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return write_midi(tmp_path_factory.mktemp("good") / "a.mid", tune(0)).read_bytes()


fuzzing = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read_or_refuse(folder, content: bytes) -> None:
    """Read whatever it is; every note must be playable and have its place as an event."""
    path = folder / "fuzz.mid"
    path.write_bytes(content)
    try:
        piece = read_midi(path)
    except ValueError as error:
        assert "'fuzz.mid' " in str(error)
        return
    sounds = sorted({(note.channel, note.pitch) for note in piece.notes})
    sequence = encode(piece.notes, sounds, piece.meters)
    assert 20 <= piece.bpm <= 400
    assert (sequence.events >= 0).all() and (sequence.events < field_sizes(len(sounds))).all()
    assert (sequence.positions < sequence.bars).all()


@fuzzing
@given(st.binary(max_size=200))
def test_random_bytes_are_read_or_refused_by_name(tmp_path, content):
    read_or_refuse(tmp_path, content)
    read_or_refuse(tmp_path, b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk\0\0\0\xff" + content)


@fuzzing
@given(data=st.data())
def test_damaged_files_are_read_or_refused_by_name(tmp_path, good, data):
    content = bytearray(good[: data.draw(st.integers(0, len(good)))])
    for _ in range(data.draw(st.integers(0, 4)) if content else 0):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))

    read_or_refuse(tmp_path, bytes(content))


def test_a_folder_is_split_by_file_and_its_folders_are_styles(tmp_path):
    for number in range(10):
        style = "Waltz" if number % 2 else "Reel"
        write_midi(tmp_path / style / f"{number}.mid", tune(number))
    (tmp_path / "Reel" / "bad.mid").write_text("no")
    said = []

    songs = read_folder(tmp_path, said.append)

    assert [song.split for song in songs].count("valid") == 1
    assert {song.tags for song in songs} == {("waltz",), ("reel",)}
    assert said == ["skipped: 'Reel/bad.mid' is not a readable MIDI file: unexpected end of file"]
    assert songs == read_folder(tmp_path, said.append)


def test_a_table_tells_styles_splits_and_fills_and_roland_kits_are_named_as_general_midi(tmp_path):
    hits = [Note(pitch, beat, 0.1, 0.8, 10) for beat, pitch in enumerate((22, 26, 36, 55, 99))]
    write_midi(tmp_path / "one.mid", hits * 2)
    write_midi(tmp_path / "deep" / "two.mid", hits * 4)
    (tmp_path / "info.csv").write_text(
        "drummer,style,beat_type,midi_filename,split\n"
        "d1,funk/groove1,beat,one.mid,train\nd1,rock,fill,deep/two.mid,validation\n"
    )

    two, one = read_folder(tmp_path)

    assert (one.tags, one.split, two.tags, two.split) == (
        ("funk",), "train", ("rock", "fill"), "valid"
    )  # fmt: skip
    assert sound_vocabulary([one, two]) == [(10, 36), (10, 42), (10, 46), (10, 49)]


def test_one_folder_is_no_style(tmp_path):
    for number in range(2):
        write_midi(tmp_path / "MIDI" / f"{number}.mid", tune(number))

    assert {song.tags for song in read_folder(tmp_path)} == {()}


def test_a_table_without_pieces_for_training_is_refused(tmp_path):
    write_midi(tmp_path / "one.mid", tune(1))
    (tmp_path / "info.csv").write_text("midi_filename,split\none.mid,test\n")
    with pytest.raises(
        ValueError, match=r"column 'split' of info\.csv in .* must be 'train' for at least one"
    ):
        read_folder(tmp_path)

    write_midi(tmp_path / "two.mid", tune(2))  # a file that is not in the table is for training

    assert [song.split for song in read_folder(tmp_path)] == ["test", "train"]


def test_a_folder_without_music_is_refused(tmp_path):
    (tmp_path / "bad.mid").write_text("no")
    (tmp_path / "notes.txt").write_text("no")

    with pytest.raises(
        ValueError,
        match="at least 16 notes, got 1 files, 1 of them unreadable, and 0 notes",
    ):
        read_folder(tmp_path, lambda line: None)
