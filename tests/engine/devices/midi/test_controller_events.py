"""Controller messages as events with values from 0 to 1."""

from capriccio.devices.midi.controller_events import (
    KINDS,
    MAX_PARAMETERS,
    ControllerEvent,
    ControllerParser,
)
from capriccio.devices.midi.parser import MessageParser
from helpers.controllers import cc
from hypothesis import given, settings
from hypothesis import strategies as st


def events(*messages):
    parser = ControllerParser()
    return [event for message in messages for event in parser.parse(bytes(message))]


def test_controllers_keys_pressures_wheel_and_programs_are_floats():
    assert events(cc(7, 127, channel=16)) == [ControllerEvent("cc", 7, 16, 1.0)]
    assert events((0x90, 60, 127), (0x80, 60, 64), (0x90, 60, 0)) == [
        ControllerEvent("note", 60, 1, 1.0),
        ControllerEvent("note", 60, 1, 0.0),
        ControllerEvent("note", 60, 1, 0.0),
    ]
    assert events((0xA1, 60, 127), (0xD1, 127)) == [
        ControllerEvent("poly", 60, 2, 1.0),
        ControllerEvent("pressure", 0, 2, 1.0),
    ]
    assert events((0xC0, 4)) == [ControllerEvent("program", 4, 1, 1.0)]
    assert [event.value for event in events((0xE0, 0, 0), (0xE0, 0, 64), (0xE0, 127, 127))] == [
        0.0,
        0.5,
        1.0,
    ]


def test_two_controllers_32_apart_are_one_of_14_bits_as_well():
    assert events(cc(1, 64), cc(33, 1)) == [
        ControllerEvent("cc", 1, 1, 64 / 127),
        ControllerEvent("cc", 33, 1, 1 / 127),
        ControllerEvent("cc14", 1, 1, (64 * 128 + 1) / 16383),
    ]


def test_a_controller_at_0_needs_no_lower_bits():
    assert events(cc(1, 0))[-1] == ControllerEvent("cc14", 1, 1, 0.0)


def test_lower_bits_alone_are_only_a_controller():
    assert events(cc(33, 1)) == [ControllerEvent("cc", 33, 1, 1 / 127)]


def test_a_parameter_has_7_bits_until_14_are_received():
    chosen = cc(99, 2), cc(98, 44)
    assert events(*chosen, cc(6, 127)) == [ControllerEvent("nrpn", 300, 1, 1.0)]
    assert events(*chosen, cc(6, 127), cc(38, 127))[-1].value == 1.0
    fine = events(*chosen, cc(6, 1), cc(38, 1), cc(6, 2), cc(38, 2), cc(6, 0))
    assert [event.value for event in fine] == [1 / 127, 129 / 16383, 258 / 16383, 0.0]


def test_a_parameter_goes_up_and_down_by_steps_between_its_ends():
    steps = events(cc(99, 0), cc(98, 1), cc(97, 0), cc(96, 0), cc(96, 0), cc(97, 0))
    assert [event.value * 16383 for event in steps] == [0, 1, 2, 1]


def test_data_entry_belongs_to_a_parameter_only_while_one_is_selected():
    assert events(cc(6, 127))[0] == ControllerEvent("cc", 6, 1, 1.0)
    registered = events(cc(99, 2), cc(98, 44), cc(101, 0), cc(100, 0), cc(6, 127))
    assert registered[0] == ControllerEvent("cc", 6, 1, 1.0)
    assert events(cc(99, 2), cc(98, 44), cc(6, 127, channel=2))[0].kind == "cc"


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_events_of_any_bytes_have_known_numbers_and_values_from_0_to_1(data):
    stream, parser = MessageParser(), ControllerParser()
    for message in stream.feed(data):
        for kind, number, channel, value in parser.parse(message):
            assert 0 <= number < (KINDS[kind] or 1)
            assert 1 <= channel <= 16
            assert 0.0 <= value <= 1.0


def test_a_device_that_invents_parameters_does_not_fill_the_memory():
    parser = ControllerParser()
    for number in range(16384):
        for message in (cc(99, number >> 7), cc(98, number & 127), cc(38, 1)):
            parser.parse(bytes(message))
    assert len(parser._values.keys() | parser._is_fine) <= MAX_PARAMETERS + 1
