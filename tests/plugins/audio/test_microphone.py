"""The room, as a sketch hears it."""

import numpy as np
import pytest
from capriccio import Performance, ShowError, Sketch, microphone
from capriccio.clock import LiveClock, OfflineClock
from capriccio.recording.recorder import Recorder
from capriccio.recording.take import read_take
from capriccio.testing import Memory, check_input
from capriccio_audio.instrument_samples import RATE
from capriccio_audio.microphone import Microphone
from capriccio_audio.sound_file import SoundFile
from helpers.devices import jack_daemon, wait_for
from helpers.takes import RECIPE


@pytest.fixture
def drums(tmp_path):
    """Return a file: silence for half a second, then a tone."""
    file = SoundFile(tmp_path / "drums.wav")
    sound = np.zeros((2, RATE), np.float32)
    sound[:, RATE // 2 :] = 0.4 * np.sin(2 * np.pi * 440 * np.arange(RATE // 2) / RATE)
    file.write(sound)
    file.close()
    return tmp_path / "drums.wav"


def show(ears):
    """Return the level and the pitch of every frame of a second."""
    sketch, found = Sketch(fps=20, size=(32, 32)), []

    @sketch.draw
    def draw(now):
        found.append((ears.level, ears.pitch))
        return np.full((32, 32, 3), ears.level)

    sketch.perform(seconds=1.0)
    return found


def test_a_sound_file_is_heard_at_its_time_and_always_the_same(drums):
    ears = microphone(simulate=drums)
    assert ears.level == 0.0
    found = show(ears)
    assert all(level < 0.01 for level, _ in found[:10])
    assert all(level > 0.5 for level, _ in found[14:])
    assert found[-1][1] * 127 == pytest.approx(69, abs=0.05)
    assert show(ears) == found


def test_all_readings_have_names(drums):
    ears = microphone(simulate=drums)
    show(ears)
    for name, value in ears.heard._asdict().items():
        assert getattr(ears, name) == value
    assert ears.spectrum.shape == (64,)


def test_offline_a_file_is_needed():
    with pytest.raises(ShowError, match="hears a room live; offline, give it a file"):
        Microphone().start(Performance(OfflineClock()))


def test_a_missing_file_and_odd_times_are_told():
    with pytest.raises(ValueError, match=r"finds no file 'none\.wav'"):
        microphone(simulate="none.wav")
    with pytest.raises(ValueError, match="needs 0 to 10 seconds, got -1"):
        microphone(attack=-1)


def test_the_input_keeps_the_contract(drums):
    check_input(Microphone, simulate=drums)


@pytest.mark.system
def test_a_live_microphone_is_opened_and_closed(monkeypatch):
    with jack_daemon(waits=False) as server:
        monkeypatch.setenv("JACK_DEFAULT_SERVER", server)
        ears = Microphone()
        ears.start(Performance(LiveClock()))
        wait_for(lambda: ears.frames_heard > 4800, what="sound from the microphone")
        assert ears.level == 0.0  # the cable carries silence
        ears.close()
        ears.close()
        with pytest.raises(ShowError, match="the room cannot be heard: no microphone is called"):
            Microphone("Scarlett").start(Performance(LiveClock()))


@pytest.fixture
def tune(tmp_path):
    """Return a file: three notes of half a second, with rests."""
    file, time = SoundFile(tmp_path / "tune.wav"), np.arange(RATE // 2) / RATE
    for pitch in (60, 64, 67):
        turns = 2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * time
        edge = np.minimum(1, np.minimum(time, time[::-1]) / 0.03)
        wave = (0.3 * (np.sin(turns) + 0.5 * np.sin(2 * turns)) * edge).astype(np.float32)
        file.write(np.stack([wave, wave]))
        file.write(np.zeros((2, RATE // 2), np.float32))
    file.close()
    return tmp_path / "tune.wav"


def test_a_tune_that_is_sung_is_answered_note_by_note(tune):
    voice, sketch, memory = microphone(simulate=tune), Sketch(bpm=120), Memory()

    @sketch.answer(voice)
    def below(now, notes):
        return [note._replace(pitch=note.pitch - 12, length=0.5) for note in notes]

    def answered():
        memory.calls.clear()
        sketch.perform([memory], seconds=3.5)
        begun = [call for call in memory.calls if call.method == "note_on"]
        return [(call.thing.pitch, call.now.seconds) for call in begun]

    first = answered()
    assert [pitch for pitch, _ in first] == [48, 52, 55]
    assert [at for _, at in first] == pytest.approx([0.08, 1.08, 2.08], abs=0.06)
    assert answered() == first


def test_what_was_sung_is_a_phrase_to_feed(tune):
    voice, sketch, fed = microphone(simulate=tune), Sketch(bpm=60), []

    @sketch.play(bars=0.5)
    def listen(now):
        fed.append(voice.played(now))

    sketch.perform([Memory()], seconds=4.0)
    assert [len(phrase) for phrase in fed] == [0, 2]
    assert [note.pitch for note in fed[1]] == [60, 64]
    assert [note.start for note in fed[1]] == pytest.approx([0, 1], abs=0.06)
    assert [note.length for note in fed[1]] == pytest.approx([0.5, 0.5], abs=0.1)


def test_a_take_holds_what_was_heard_and_a_replay_reads_it(drums, tmp_path):
    ears, sketch, found = microphone(simulate=drums), Sketch(fps=20, size=(32, 32)), []

    @sketch.draw
    def draw(now):
        found.append((round(ears.level, 2), round(127 * ears.pitch)))
        return np.full((32, 32, 3), ears.level)

    record = {**RECIPE, "fps": 20, "size": [32, 32]}
    recorder = Recorder(tmp_path / "show.jsonl", lambda: record)
    sketch.perform(seconds=1.0, live=True, recorder=recorder)
    live = list(found)
    assert live[-1][0] > 0.5
    found.clear()
    drums.unlink()  # it is not heard again
    sketch.replay(read_take((tmp_path / "show.jsonl").read_text(), "show.jsonl"))
    assert found[0] == (0.0, 0)
    assert found[-1][1] == live[-1][1] == 69
    assert found[-1][0] == pytest.approx(live[-1][0], abs=0.05)
    assert ears.level == 0.0
