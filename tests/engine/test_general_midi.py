"""Instruments by their General MIDI names and numbers."""

import pytest
from capriccio.general_midi import NUMBERS, PROGRAMS, SHORT_NAMES, check_instruments, program_of


def test_there_are_128_programs():
    assert len(PROGRAMS) == len(NUMBERS) == 128
    assert [program_of(name) for name in ("Acoustic Grand Piano", "church organ", "Gunshot")] == [
        1, 20, 128
    ]  # fmt: skip
    assert (program_of("choir"), program_of(53), program_of("Choir Aahs")) == (53, 53, 53)
    assert program_of("kit") is None


def test_short_names_stay_and_others_become_numbers():
    found = check_instruments({1: "Choir", 2: "Violin", 3: 20, 10: "kit"})
    assert found == {1: "choir", 2: 41, 3: 20, 10: "kit"}
    assert "choir" in SHORT_NAMES


@pytest.mark.parametrize("instrument", ["chior", 0, 129, None])
def test_an_unknown_instrument_is_told_with_those_there_are(instrument):
    with pytest.raises(ValueError, match=f"no instrument is called {instrument!r}.*give piano"):
        program_of(instrument)


def test_a_near_name_is_suggested():
    with pytest.raises(ValueError, match="did you mean 'choir'"):
        program_of("chior")


def test_a_wrong_channel_or_no_dict_is_refused():
    with pytest.raises(ValueError, match=r"needs a channel 1\.\.16, got 17"):
        check_instruments({17: "choir"})
    with pytest.raises(TypeError, match="instruments are a dict such as"):
        check_instruments("choir")
