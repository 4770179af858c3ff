"""Volume, reverb and mute as parameters."""

import pytest
from capriccio import Performance
from capriccio.clock import OfflineClock
from capriccio_audio.settings import as_share, settings_of


def test_every_channel_that_is_played_has_parameters():
    performance = Performance(OfflineClock(), instruments={1: "choir", 10: "kit"})
    settings_of(performance)
    assert sorted(performance.parameters.by_address) == [
        "/audio/1/reverb", "/audio/1/volume", "/audio/10/reverb", "/audio/10/volume",
        "/audio/mute", "/audio/reverb", "/audio/volume",
    ]  # fmt: skip
    assert performance.parameters.by_address["/audio/mute"].key == "m"


def test_all_that_sounds_in_a_performance_is_told():
    performance = Performance(OfflineClock(), instruments={1: "choir"})
    told = []
    settings_of(performance).listen(lambda *what: told.append(("film", *what)))
    settings_of(performance).listen(lambda *what: told.append(("card", *what)))
    performance.parameters.set("/audio/1/volume", 3)
    performance.parameters.set("/audio/mute")
    performance.parameters.set("/audio/reverb", None)
    performance.parameters.apply_pending(0.0)
    assert told == [
        (who, *what)
        for what in (("volume", 1, 1.0), ("mute", 0, 1.0), ("reverb", 0, 0.5))
        for who in ("film", "card")
    ]
    assert performance.parameters.by_address["/audio/1/volume"].value() == 1.0


def test_nan_is_refused():
    with pytest.raises(ValueError, match=r"is 0\.\.1, got nan"):
        as_share(float("nan"))
