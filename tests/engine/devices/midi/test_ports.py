"""MIDI systems and ports, real ones on JACK."""

import pytest
from capriccio import ShowError
from capriccio.devices.midi import ports


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("IAC", "no MIDI output is called 'IAC'; connected: 'nanoKEY2 A', 'nanoKEY2 B', 'Viola'"),
        ("nano", "2 MIDI outputs match 'nano': 'nanoKEY2 A', 'nanoKEY2 B'"),
    ],
)
def test_a_name_that_matches_no_port_or_several_lists_them(name, words):
    with pytest.raises(ShowError, match=words):
        ports.match_port(name, ["nanoKEY2 A", "nanoKEY2 B", "Viola"], "output")


def test_a_whole_name_wins_over_those_it_is_part_of():
    assert ports.match_port("Viola", ["Viola", "Viola 2"], "output") == "Viola"


def test_where_no_virtual_port_can_be_made_the_first_one_is_used(synth, monkeypatch):
    monkeypatch.setattr(ports, "WINDOWS", ports.find_api())  # which can make none
    api, name = ports.find_output("")
    assert name in ports.list_ports("output", api)
    synth.close()
    monkeypatch.setattr(synth, "close", lambda: None)
    monkeypatch.setattr(ports, "list_ports", lambda kind, api: [])
    with pytest.raises(ShowError, match="no MIDI output is connected"):
        ports.find_output("")


def test_our_own_ports_are_not_listed_where_no_port_matches():
    with pytest.raises(ShowError, match=r"no MIDI input is called 'x'; connected: 'nanoKEY2'$"):
        ports.match_port("x", ["capriccio:capriccio", "nanoKEY2"], "input")
    with pytest.raises(ShowError, match="no MIDI input is called 'x'; connected: none"):
        ports.match_port("x", ["capriccio:capriccio"], "input")


def test_the_system_that_answers_has_a_name_and_a_constant(jack):
    assert ports.api_constant().startswith(("UNIX_", "LINUX_"))
    assert ports.api_name()
