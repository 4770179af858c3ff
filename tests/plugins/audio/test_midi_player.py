"""MIDI files as parts."""

import mido
import pytest
from capriccio import Moment, Note, generator
from capriccio.testing import check_generator
from capriccio_audio.midi_player import MidiPlayer
from helpers.devices import ROOT


@pytest.fixture
def tune(tmp_path):
    """Return a file of two bars: four notes on channel 1, a drum on 10, flute on channel 2."""
    path = tmp_path / "tune.mid"
    file = mido.MidiFile(ticks_per_beat=480)
    melody, drums = mido.MidiTrack(), mido.MidiTrack()
    melody.append(mido.Message("program_change", channel=0, program=73))
    for number, pitch in enumerate((60, 62, 64, 65)):
        wait = 0 if number == 0 else 480
        melody.append(mido.Message("note_on", note=pitch, velocity=40 + 20 * number, time=wait))
        melody.append(mido.Message("note_on", note=pitch, velocity=0, time=480))
    drums.append(mido.Message("note_on", channel=9, note=36, velocity=100, time=1920))
    drums.append(mido.Message("note_off", channel=9, note=36, time=240))
    file.tracks += [melody, drums]
    file.save(str(path))
    return path


def played(part, bars=2, **knobs):
    found = []
    for bar in range(bars):
        now = Moment(beats=4.0 * bar, span=4.0)
        found += [note._replace(start=note.start + 4 * bar) for note in part(now, **knobs)]
    return found


def test_a_file_is_played_beat_for_beat_and_begins_anew(tune):
    part = generator("midi_player", file=tune)
    notes = [(note.channel, note.pitch, note.start) for note in played(part, bars=4)]
    once = [(1, 60, 0), (1, 62, 2), (1, 64, 4), (10, 36, 4), (1, 65, 6)]
    assert notes == once + [(channel, pitch, at + 8) for channel, pitch, at in once]
    assert played(part)[0] == Note(60, 0.0, 1.0, 40 / 127, 1)


def test_it_may_end_and_begin_within(tune):
    assert not played(MidiPlayer(file=tune, loop=False), bars=4)[5:]
    part = MidiPlayer(file=tune, start=2.0, beats=4.0)
    assert [(note.pitch, note.start) for note in played(part)] == [
        (62, 0), (64, 2), (36, 2), (62, 4), (64, 6), (36, 6)
    ]  # fmt: skip


def test_channels_and_tracks_are_chosen(tune):
    moved = MidiPlayer(file=tune, channels={1: 3, 10: None})
    assert {note.channel for note in played(moved)} == {3}
    assert {note.channel for note in played(MidiPlayer(file=tune, tracks=(1,)))} == {10}


def test_the_file_says_which_instruments_play(tune):
    assert MidiPlayer(file=tune).instruments == {1: 74}


def test_knobs_change_what_is_played(tune):
    part = MidiPlayer(file=tune)
    assert [note.pitch for note in played(part, transpose=1.0)] == [72, 74, 76, 36, 77]
    assert [note.pitch for note in played(part, density=0.4)] == [36, 65]
    assert played(part, velocity=1.0)[0].velocity == pytest.approx(80 / 127)


def test_the_part_keeps_the_contract(tune):
    check_generator(MidiPlayer, file=tune)


def test_a_missing_file_or_another_kind_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"finds no file 'none\.mid'"):
        MidiPlayer(file="none.mid")
    (tmp_path / "a.mid").write_bytes(b"no music")
    with pytest.raises(ValueError, match="as a MIDI file"):
        played(MidiPlayer(file=tmp_path / "a.mid"))
    with pytest.raises(ValueError, match="needs a start and beats of 0 or more, got -1"):
        MidiPlayer(file=ROOT / "sketches" / "duet.mid", start=-1)


def written(path, *messages, kind=0, tracks=1):
    """Write a file of 480 ticks a beat: (message, ticks since the one before)."""
    file = mido.MidiFile(type=kind, ticks_per_beat=480)
    for _ in range(tracks):
        track = mido.MidiTrack()
        track.extend(mido.Message.from_str(words).copy(time=time) for words, time in messages)
        file.tracks.append(track)
    file.save(str(path))
    return path


def test_the_pedal_holds_notes_until_it_is_released(tmp_path):
    path = written(
        tmp_path / "pedal.mid",
        ("control_change channel=0 control=64 value=127", 0),
        ("note_on channel=0 note=60 velocity=80", 0),
        ("note_off channel=0 note=60", 480),
        ("note_on channel=0 note=64 velocity=80", 0),
        ("note_on channel=0 note=60 velocity=90", 480),
        ("note_off channel=0 note=64", 0),
        ("note_off channel=0 note=60", 240),
        ("control_change channel=0 control=64 value=0", 240),
        ("note_on channel=0 note=65 velocity=80", 0),
        ("note_off channel=0 note=65", 480),
    )
    notes = [(note.pitch, note.start, note.length) for note in played(MidiPlayer(file=path), 1)]
    assert notes == [(60, 0, 2), (64, 1, 2), (60, 2, 1), (65, 3, 1)]


def test_what_nobody_ends_lasts_to_the_end_of_its_track(tmp_path):
    path = written(
        tmp_path / "a.mid",
        ("note_on channel=0 note=60 velocity=80", 0),
        ("note_on channel=0 note=62 velocity=80", 480),
        ("note_off channel=0 note=62", 960),
    )
    notes = [(note.pitch, note.length) for note in played(MidiPlayer(file=path), 1)]
    assert notes == [(60, 3), (62, 2)]


def test_the_tracks_of_a_file_of_pieces_follow_one_another(tmp_path):
    messages = (
        ("note_on channel=0 note=60 velocity=80", 0),
        ("note_off channel=0 note=60", 960),
    )
    path = written(tmp_path / "a.mid", *messages, kind=2, tracks=2)
    assert [note.start for note in played(MidiPlayer(file=path), 1)] == [0, 2]


def test_a_file_that_counts_frames_of_film_is_refused(tmp_path):
    path = written(tmp_path / "a.mid", ("note_on channel=0 note=60 velocity=80", 0))
    content = bytearray(path.read_bytes())
    content[12:14] = bytes([0xE7, 40])  # 25 frames a second, 40 ticks a frame
    path.write_bytes(content)
    with pytest.raises(ValueError, match="counts frames of a film, not beats"):
        played(MidiPlayer(file=path))


def test_real_performances_are_read():
    folder = ROOT.parent / "shared" / "data" / "music-giantmidi-sample" / "midi"
    if not folder.is_dir():
        pytest.skip("the performances are not here")
    part = MidiPlayer(file=sorted(folder.rglob("*.mid"))[0])
    notes = played(part, bars=8)
    assert len(notes) > 20
    assert all(0 < note.length < 64 for note in notes)
