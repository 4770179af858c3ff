"""Events: MIDI files of any kind are read, written as events, learned from, and played."""

import math
import random

import mido
import numpy as np
import pytest
from capriccio import Generator, Model, Moment, Note
from capriccio_rnn.events.encoding import (
    LENGTHS,
    ON_GRID,
    SHIFTS,
    TICKS_PER_STEP,
    EventHistory,
    beats_at,
    encode,
    field_sizes,
    length_token,
    step_and_offset,
    token_velocity,
    velocity_token,
)
from capriccio_rnn.events.midi_import import read_folder, read_midi, sound_vocabulary
from capriccio_rnn.events.player import EventPlayer
from capriccio_rnn.generator import RNN
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SCALE = (60, 62, 64, 65, 67, 69, 71, 72)


def write(path, notes, *, bpm=100, ticks=480, meter=(4, 4), kind=1):
    """Write notes as a MIDI file, a track for each channel."""
    file = mido.MidiFile(type=kind, ticks_per_beat=ticks)
    for channel in sorted({note.channel for note in notes}) or [1]:
        track = file.add_track()
        numerator, denominator = meter
        track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(bpm)))
        track.append(
            mido.MetaMessage("time_signature", numerator=numerator, denominator=denominator)
        )
        events = []
        for note in notes:
            if note.channel == channel:
                end = note.start + note.length
                events.append((round(note.start * ticks), 1, note.pitch, note.velocity))
                events.append((round(end * ticks), 0, note.pitch, 0.0))
        before = 0
        for time, on, pitch, velocity in sorted(events):
            track.append(
                mido.Message("note_on" if on else "note_off", channel=channel - 1, note=pitch,
                             velocity=round(velocity * 127), time=time - before)
            )  # fmt: skip
            before = time
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save(path)
    return path


def tune(seed, bars=8, channel=1):
    """Invent a tune in eighths, with a bass note a bar."""
    chance = random.Random(seed)
    degree, notes = 3, []
    for step in range(bars * 8):
        degree = min(max(degree + chance.choice((-1, 1)), 0), 7)
        notes.append(Note(SCALE[degree], step / 2, 0.5, 0.5, channel))
    return notes + [Note(SCALE[bar % 4] - 24, bar * 4.0, 4.0, 0.75, 2) for bar in range(bars)]


# -- reading ----------------------------------------------------------------------------------


def test_a_file_is_read_with_its_notes_tempo_and_meters(tmp_path):
    notes = [Note(60, 0.0, 1.0, 0.5), Note(64, 1.5, 0.5, 1.0), Note(38, 3.0, 0.25, 0.25, 10)]

    piece = read_midi(write(tmp_path / "a.mid", notes, bpm=90, meter=(6, 8)))

    assert [(n.pitch, n.start, n.length, n.channel) for n in piece.notes] == [
        (60, 0.0, 1.0, 1), (64, 1.5, 0.5, 1), (38, 3.0, 0.25, 10)
    ]  # fmt: skip
    assert [n.velocity for n in piece.notes] == pytest.approx([0.5, 1.0, 0.25], abs=0.005)
    assert piece.bpm == pytest.approx(90, abs=0.01)
    assert piece.meters == ((0.0, 3.0),)


def test_parts_are_numbered_as_they_come_and_drums_keep_their_channel(tmp_path):
    notes = [Note(60 + c, 0.0, 1.0, 0.8, c) for c in (3, 5, 7, 9, 11, 10)]

    channels = {
        note.pitch: note.channel for note in read_midi(write(tmp_path / "a.mid", notes)).notes
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
    whole = write(tmp_path / "whole.mid", tune(0)).read_bytes()
    (tmp_path / "cut.mid").write_bytes(whole[:100])
    write(tmp_path / "silent.mid", [])
    write(tmp_path / "songs.mid", [Note(60)], kind=2)

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
    return write(tmp_path_factory.mktemp("good") / "a.mid", tune(0)).read_bytes()


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


# -- a folder ---------------------------------------------------------------------------------


def test_a_folder_is_split_by_file_and_its_folders_are_styles(tmp_path):
    for number in range(10):
        style = "Waltz" if number % 2 else "Reel"
        write(tmp_path / style / f"{number}.mid", tune(number))
    (tmp_path / "Reel" / "bad.mid").write_text("no")
    said = []

    songs = read_folder(tmp_path, said.append)

    assert [song.split for song in songs].count("valid") == 1
    assert {song.tags for song in songs} == {("waltz",), ("reel",)}
    assert said == ["skipped: 'Reel/bad.mid' is not a readable MIDI file: unexpected end of file"]
    assert songs == read_folder(tmp_path, said.append)


def test_a_table_tells_styles_splits_and_fills_and_roland_kits_are_named_as_general_midi(tmp_path):
    hits = [Note(pitch, beat, 0.1, 0.8, 10) for beat, pitch in enumerate((22, 26, 36, 55, 99))]
    write(tmp_path / "one.mid", hits * 2)
    write(tmp_path / "deep" / "two.mid", hits * 4)
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
        write(tmp_path / "MIDI" / f"{number}.mid", tune(number))

    assert {song.tags for song in read_folder(tmp_path)} == {()}


def test_a_table_without_pieces_for_training_is_refused(tmp_path):
    write(tmp_path / "one.mid", tune(1))
    (tmp_path / "info.csv").write_text("midi_filename,split\none.mid,test\n")
    with pytest.raises(
        ValueError, match=r"column 'split' of info\.csv in .* must be 'train' for at least one"
    ):
        read_folder(tmp_path)

    write(tmp_path / "two.mid", tune(2))  # a file that is not in the table is for training

    assert [song.split for song in read_folder(tmp_path)] == ["test", "train"]


def test_a_folder_without_music_is_refused(tmp_path):
    (tmp_path / "bad.mid").write_text("no")
    (tmp_path / "notes.txt").write_text("no")

    with pytest.raises(
        ValueError,
        match="at least 16 notes, got 1 files, 1 of them unreadable, and 0 notes",
    ):
        read_folder(tmp_path, lambda line: None)


# -- events -----------------------------------------------------------------------------------


def test_time_is_kept_to_a_96th_of_a_beat():
    for beats in (0.0, 0.01, 1 / 3, 0.49, 2 / 3, 7.125, 100.9):
        assert beats_at(*step_and_offset(beats)) == pytest.approx(beats, abs=1 / 192)
    assert beats_at(*step_and_offset(5 / 3)) == pytest.approx(5 / 3)
    assert step_and_offset(2.25) == (9, ON_GRID)


def test_velocities_and_lengths_come_back_as_they_were():
    for velocity in range(1, 128):
        token = velocity_token(velocity / 127)
        assert token_velocity(token) * 127 == pytest.approx(velocity, abs=2.6)
        assert velocity_token(token_velocity(token)) == token
    assert [LENGTHS[length_token(length)] for length in LENGTHS] == list(LENGTHS)
    assert LENGTHS[length_token(0.0)] == 1 / 16
    assert LENGTHS[length_token(1.1)] == 1
    assert LENGTHS[length_token(99.0)] == 16


def test_notes_become_events_in_the_order_of_time_and_pitch():
    notes = [Note(67, 1.02, 0.5), Note(60, 0.0, 1.0), Note(64, 1.0, 0.5), Note(60, 1.0, 0.5)]
    sounds = [(1, 60), (1, 64), (1, 67)]

    sequence = encode(notes, sounds)

    assert sequence.events[:, :3].tolist() == [
        [0, ON_GRID, 0], [4, ON_GRID, 0], [0, ON_GRID, 1], [0, ON_GRID + 2, 2]
    ]  # fmt: skip
    assert sequence.positions.tolist() == [0, 4, 4, 4]


def test_a_long_rest_is_shortened_by_whole_bars():
    sequence = encode([Note(60), Note(60, 33.25)], [(1, 60)], ((0.0, 3.0),))

    assert sequence.events[1, 0] == 133 - 12 * 9 and sequence.events[1, 0] < SHIFTS
    assert sequence.positions[1] == 133 % 12


def test_places_are_counted_from_where_the_meter_changes():
    notes = [Note(60, beat) for beat in range(10)]

    sequence = encode(notes, [(1, 60)], ((0.0, 4.0), (4.0, 3.0)))

    assert sequence.positions.tolist() == [0, 4, 8, 12, 0, 4, 8, 0, 4, 8]


def test_the_history_returns_the_event_that_followed_a_bar_ago():
    count = field_sizes(3, 4)
    history = EventHistory(count)
    bar = [(0, 0, 12), (4, 1, 14), (6, 2, 12)]  # step, sound, offset
    assert history.following(16) == [*count] * 3

    for step, sound, offset in bar:
        history.add(step, [0, offset, sound, 20])
    history.add(16, [10, 10, 0, 21])  # earlier than a bar ago, and still the same hit

    assert history.following(16) == [4, 14, 1, 20, *count, *count]


def test_the_history_has_a_limited_capacity():
    history = EventHistory(field_sizes(2, 4), capacity=8)
    for step in range(100):
        history.add(step, [1, ON_GRID, 0, step % 32])
        assert len(history.events) <= 16
    assert history.following(2)[:4] == [1, ON_GRID, 0, 98 % 32]


# -- learning ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A small model that was trained for a few seconds on invented tunes."""
    pytest.importorskip("torch")
    from capriccio_rnn.events.training import main as script
    from capriccio_rnn.events.training import network as net

    folder = tmp_path_factory.mktemp("tunes")
    for number in range(12):
        write(folder / ("up" if number % 2 else "down") / f"{number}.mid", tune(number))
    (folder / "bad.mid").write_bytes(b"MThd")
    out = folder / "mine.onnx"
    small = {
        "INPUT": 32,
        "WIDTH": 48,
        "HEAD": 32,
        "BATCH_SIZE": 8,
        "EXCERPT_EVENTS": 64,
        "MAX_STEPS": 60,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, size in small.items():
            patch.setattr(script if hasattr(script, name) else net, name, size)
        script.train(folder, out)
    return out


def play(part: Generator, bars=8, bars_at_once=2, meter=4, bpm=120.0, **knobs) -> list[Note]:
    phrase, span = [], bars_at_once * meter
    for beat in range(0, bars * meter, span):
        now = Moment(beats=beat, seconds=beat * 60 / bpm, span=span, meter=meter, bpm=bpm)
        phrase += [note._replace(start=note.start + beat) for note in part(now, **knobs)]
    return phrase


def test_a_model_of_your_own_plays_at_once(learned):
    notes = play(RNN(model=str(learned), seed=1), style="up")

    assert len(notes) > 20
    assert {note.channel for note in notes} == {1, 2}
    assert play(RNN(model=str(learned), seed=1), style="up") == notes


def test_its_card_states_the_training_data(learned):
    card = Model(learned).card

    assert card["data"].endswith("12 MIDI files, 864 notes, 10 train, 2 valid")
    assert card["tags"] == ["down", "up"]
    assert card["fields"] == ["shift", "offset", "sound", "velocity", "length"]
    assert card["metrics"]["valid nats per event"] > 0
    assert card["command"].startswith("capriccio train rnn --data tunes")


def test_it_has_learned_something(learned):
    """Eighths of one velocity on the grid: much better than guessing."""
    metrics = Model(learned).card["metrics"]

    assert metrics["valid offset"] < 0.5 * math.log(TICKS_PER_STEP)
    assert metrics["valid nats per event"] < 0.5 * sum(map(math.log, field_sizes(30)))


def test_a_tune_keeps_to_a_key(learned):
    notes = play(RNN(model=str(learned), seed=2), key="f# major")

    assert len(notes) > 10 and {note.pitch % 12 for note in notes} <= {6, 8, 10, 11, 1, 3, 5}


def test_an_unknown_style_is_refused(learned):
    with pytest.raises(ValueError, match="model 'mine' has no style 'upp'; did you mean 'up'"):
        RNN(model=str(learned))(Moment(), style="upp")
    with pytest.raises(ValueError, match="no style 'tango'; expected one of 'down', 'up'"):
        RNN(model=str(learned))(Moment(), style="tango")


def test_a_model_of_events_refuses_to_harmonize(learned):
    part = RNN(model=str(learned))
    for harmonize in (part.harmonize, lambda notes: part.answer(Moment(), notes)):
        with pytest.raises(ValueError, match="model 'mine' cannot harmonize a melody; use"):
            harmonize([Note(60)])


def test_notes_on_any_channel_are_moved_into_the_range_of_the_tunes(learned):
    alone, fed = RNN(model=str(learned), seed=3), RNN(model=str(learned), seed=3)

    fed.feed([Note(24, beat, 1.0, 0.5, 7) for beat in range(8)])

    assert fed(Moment(beats=8, span=8)) != alone(Moment(beats=8, span=8))
    assert fed.player.sounds[fed.player.history.events[0][2]] == (1, 60)


def test_a_dry_run_leaves_no_file_and_folders_without_music_are_refused(tmp_path, capsys):
    pytest.importorskip("torch")
    from capriccio_rnn.events.training.main import train

    write(tmp_path / "only.mid", tune(1))
    train(tmp_path, tmp_path / "x.onnx", dry_run=True)

    assert [path.name for path in tmp_path.iterdir()] == ["only.mid"]
    assert "dry run, not kept" in capsys.readouterr().out
    with pytest.raises(ValueError, match="must hold MIDI files"):
        train(tmp_path / "nowhere", tmp_path / "x.onnx")


def test_no_event_is_predicted_from_itself_or_what_follows(tmp_path):
    torch = pytest.importorskip("torch")
    from capriccio_rnn.events.training import main as script

    write(tmp_path / "a.mid", tune(1))
    pieces = read_folder(tmp_path)
    sounds = sound_vocabulary(pieces)
    net = script.EventNetwork(len(sounds), 0, 5).eval()
    one = script.training_piece(pieces[0], sounds, [], 5)
    changed = one.event.clone()
    changed[20, 2] += 1

    with torch.no_grad():
        nats, other = (
            script.losses(net, one.heard[None], one.mood[None], one.position[None], event[None])[0][
                0
            ]
            for event in (one.event, changed)
        )

    assert torch.equal(nats[:20], other[:20])  # a token affects only what comes later
    assert torch.equal(nats[20, :2], other[20, :2]) and not torch.equal(nats[20, 3], other[20, 3])


def test_the_player_weighs_events_as_training_did(learned):
    """Events of the validation pieces cost as many nats in the player as in training."""
    player, nats, events = EventPlayer(learned, 0), 0.0, 0
    for labeled in read_folder(learned.parent, lambda line: None):
        if labeled.split == "valid":
            player.reset(0)
            player._knobs = ()
            player._set_knobs(labeled.piece.bpm)
            player._mood[player.tags.index(labeled.tags[0])] = 1.0  # as in training
            sequence = encode(labeled.piece.notes, player.sounds, labeled.piece.meters)
            for event in sequence.events.tolist():
                player._compose(event)
                fields = np.split(player._weights.astype(float), player._ends[:-1])
                nats += sum(
                    np.log(np.exp(weights).sum()) - weights[token]
                    for weights, token in zip(fields, event, strict=True)
                )
            events += len(sequence.events)

    expected = Model(learned).card["metrics"]["valid nats per event"]
    assert nats / events == pytest.approx(expected, abs=2e-3)
