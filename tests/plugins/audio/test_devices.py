"""Sound cards."""

import sys

import pytest
from capriccio import ShowError
from capriccio_audio.devices import (
    device_latency,
    device_names,
    measure_latency,
    open_capture,
    playbacks,
)
from capriccio_audio.output import Audio
from helpers.devices import jack_daemon


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
        open_capture("", print, 48_000)
