"""What reaches a JACK server."""

import subprocess
import sys

import numpy as np
import pytest
from capriccio_audio.benchmark.recording import Recording, onsets, times_of
from helpers.devices import jack_daemon


def test_strokes_are_found_where_they_begin():
    sound = np.zeros(48_000, np.float32)
    for at in (1000, 12_345, 40_000):
        sound[at : at + 500] = np.linspace(0.9, 0.2, 500)
        sound[at + 500 : at + 3000] = 0.01  # a room
    assert onsets(sound, 48_000).tolist() == [1000, 12_345, 40_000]
    assert not len(onsets(np.zeros(100), 48_000))


def test_a_frame_has_the_time_of_its_period():
    """A server that has skipped some time is followed."""
    starts = np.arange(4) * 256
    times = np.array([10.0, 10.0 + 256 / 48_000, 10.1, 10.1 + 256 / 48_000])
    recording = Recording(np.zeros(1024, np.float32), starts, times, 0)
    found = times_of(np.array([0, 300, 512, 1000]), recording, 48_000)
    assert found == pytest.approx([10.0, 10 + 300 / 48_000, 10.1, 10.1 + 488 / 48_000])


@pytest.mark.system
def test_a_server_is_recorded(tmp_path):
    pytest.importorskip("jack", reason="JACK-Client is not installed; pip install JACK-Client")
    with jack_daemon(waits=False) as server:
        words = ["-m", "capriccio_audio.benchmark.recording", server, "system", tmp_path / "a.npz"]
        done = subprocess.run([sys.executable, *words], stdin=subprocess.DEVNULL, timeout=180)
    assert done.returncode == 0
    assert {*np.load(tmp_path / "a.npz")} == {"sound", "starts", "times", "xruns"}
