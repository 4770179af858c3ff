"""The room, as a sketch hears it."""

import numpy as np
import pytest
from capriccio import Performance, ShowError, Sketch, microphone
from capriccio.clock import LiveClock, OfflineClock
from capriccio.testing import check_input
from capriccio_audio.instruments import RATE
from capriccio_audio.microphone import Microphone
from capriccio_audio.sound_file import SoundFile
from helpers.devices import jack_daemon, wait_for


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
