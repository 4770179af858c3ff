"""Sound cards."""

import pytest
from capriccio_audio.devices import device_names, playbacks
from helpers.devices import jack_daemon


@pytest.mark.system
def test_a_sound_card_is_found(monkeypatch):
    with jack_daemon() as server:
        monkeypatch.setenv("JACK_DEFAULT_SERVER", server)
        assert device_names()


def test_a_machine_without_a_sound_card_has_none(monkeypatch):
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "none-of-this-name")
    monkeypatch.setenv("PULSE_SERVER", "none-of-this-name")
    if playbacks()[1]:
        pytest.skip("this machine has a sound card")
    assert device_names() == []
    assert device_names(timeout=0.001) == []
