"""Sound cards."""

import signal
import sys

import numpy as np
import pytest
from capriccio import ShowError
from capriccio_audio import devices
from capriccio_audio.devices import (
    STUCK,
    Capture,
    close_in_time,
    device_latency,
    device_names,
    measure_latency,
    open_playback,
    playbacks,
)
from capriccio_audio.output import Audio
from helpers.devices import JackServer, jack_daemon, wait_for


@pytest.mark.system
def test_a_sound_card_is_found(monkeypatch):
    with jack_daemon() as server:
        monkeypatch.setenv("JACK_DEFAULT_SERVER", server)
        assert device_names()
        name, latency = device_latency()
        assert name == device_names()[0]
        assert 5 < latency < 30  # one period of 512 frames
        assert measure_latency()[0] == name
        assert Audio.found() == f"{name!r} plays about {latency:g} ms late"


@pytest.mark.system
def test_jack_plays_sound_in_the_period_that_asks_for_it(monkeypatch):
    jack = pytest.importorskip(
        "jack", reason="JACK-Client is not installed; pip install JACK-Client"
    )
    asked, heard = {}, {}

    def requests():
        frames = yield b""
        while True:
            asked[len(asked)] = client.last_frame_time
            frames = yield np.full((frames, 2), len(asked) / 1000, np.float32)

    with jack_daemon(waits=False) as server:
        monkeypatch.setenv("JACK_DEFAULT_SERVER", server)
        client = jack.Client("listener", servername=server, no_start_server=True)
        port = client.inports.register("in")

        @client.set_process_callback
        def listen(frames):
            level = round(1000 * float(np.frombuffer(port.get_buffer(), np.float32)[0]))
            heard.setdefault(level - 1, client.last_frame_time)

        client.activate()
        sounding = requests()
        next(sounding)
        device, _, _ = open_playback("", sounding, client.samplerate)
        client.connect(client.get_ports("capriccio", is_audio=True, is_output=True)[0], port)
        wait_for(lambda: len(heard) > 40 or len(asked) > 900)
        close_in_time(device)
        client.close()
    later = [heard[number] - asked[number] for number in heard if number >= 0]
    assert np.median(later) == 0


def test_a_machine_without_a_sound_card_has_none(monkeypatch):
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "none-of-this-name")
    monkeypatch.setenv("PULSE_SERVER", "none-of-this-name")
    if playbacks()[1]:
        pytest.skip("this machine has a sound card")
    assert device_names() == []
    assert device_names(timeout=0.001) == []
    assert device_latency() == ("", 0.0)
    assert Audio.found() == "a sound card plays"


def test_a_system_without_the_library_of_sound_cards_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "miniaudio", None)
    with pytest.raises(LookupError, match="pip install miniaudio"):
        playbacks()
    with pytest.raises(ShowError, match=r"cannot be heard.*pip install miniaudio"):
        Capture("", print, 48_000)


@pytest.mark.slow
@pytest.mark.system
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="there is no such signal here")
def test_a_stuck_sound_system_is_not_waited_for_and_used_when_it_goes_on(monkeypatch, caplog):
    server = JackServer(waits=False)
    caplog.set_level("INFO", logger="capriccio")
    monkeypatch.setenv("JACK_DEFAULT_SERVER", server.name)
    monkeypatch.setenv("PULSE_SERVER", "none-of-this-name")
    heard = []
    try:
        server.child.send_signal(signal.SIGSTOP)
        assert device_names(timeout=30.0) == [STUCK]
        assert device_latency(timeout=30.0) == (STUCK, 0.0)
        monkeypatch.setattr("capriccio_audio.output.device_names", lambda: [STUCK])
        assert Audio.missing() == ""
        monkeypatch.setattr("capriccio_audio.output.device_latency", lambda: (STUCK, 0.0))
        assert Audio.found() == STUCK
        monkeypatch.setattr(devices, "ANSWER_SECONDS", 0.5)
        with pytest.raises(TimeoutError, match="the sound system does not answer"):
            playbacks()
        first, second = (Capture("", heard.append, 48_000) for _ in range(2))
        second.close()
        assert caplog.text.count("the room cannot be heard: the sound system does not answer") == 2
        monkeypatch.setattr(devices, "ANSWER_SECONDS", 10.0)
        server.child.send_signal(signal.SIGCONT)
        wait_for(lambda: heard and "the room is heard" in caplog.text, 60)
        server.child.send_signal(signal.SIGSTOP)
        first.close()
    finally:
        server.child.send_signal(signal.SIGCONT)
        server.close()
