"""MIDI inputs: what was moved, whatever the bytes are, and devices that come and go."""

import gc
import threading
import time

import pytest
from capriccio import Performance, ShowError, controls, midi_ports
from capriccio.clock import LiveClock
from capriccio.devices.midi import inputs
from capriccio.devices.midi.controller_events import (
    KINDS,
    MOST_PARAMETERS,
    ControllerEvent,
    ControllerParser,
)
from capriccio.devices.midi.parser import MessageParser
from capriccio.performance import current_performance
from helpers.controllers import Device, cc, plugged, until
from helpers.devices import wait_for
from hypothesis import given, settings
from hypothesis import strategies as st


def moved(*messages):
    moves = ControllerParser()
    return [move for message in messages for move in moves.take(bytes(message))]


# -- what was moved ---------------------------------------------------------------------------


def test_dials_keys_pressures_wheel_and_programs_are_floats():
    assert moved(cc(7, 127, channel=16)) == [ControllerEvent("cc", 7, 16, 1.0)]
    assert moved((0x90, 60, 127), (0x80, 60, 64), (0x90, 60, 0)) == [
        ControllerEvent("note", 60, 1, 1.0),
        ControllerEvent("note", 60, 1, 0.0),
        ControllerEvent("note", 60, 1, 0.0),
    ]
    assert moved((0xA1, 60, 127), (0xD1, 127)) == [
        ControllerEvent("poly", 60, 2, 1.0),
        ControllerEvent("pressure", 0, 2, 1.0),
    ]
    assert moved((0xC0, 4)) == [ControllerEvent("program", 4, 1, 1.0)]
    assert [move.value for move in moved((0xE0, 0, 0), (0xE0, 0, 64), (0xE0, 127, 127))] == [
        0.0,
        0.5,
        1.0,
    ]


def test_two_dials_32_apart_are_one_of_14_bits_as_well():
    assert moved(cc(1, 64), cc(33, 1)) == [
        ControllerEvent("cc", 1, 1, 64 / 127),
        ControllerEvent("cc", 33, 1, 1 / 127),
        ControllerEvent("cc14", 1, 1, (64 * 128 + 1) / 16383),
    ]


def test_a_dial_that_comes_down_to_nothing_needs_no_second_half():
    assert moved(cc(1, 0))[-1] == ControllerEvent("cc14", 1, 1, 0.0)


def test_the_upper_of_two_dials_alone_is_only_itself():
    assert moved(cc(33, 1)) == [ControllerEvent("cc", 33, 1, 1 / 127)]


def test_a_parameter_is_read_in_7_bits_until_it_is_seen_to_come_in_14():
    chosen = cc(99, 2), cc(98, 44)
    assert moved(*chosen, cc(6, 127)) == [ControllerEvent("nrpn", 300, 1, 1.0)]
    assert moved(*chosen, cc(6, 127), cc(38, 127))[-1].value == 1.0
    fine = moved(*chosen, cc(6, 1), cc(38, 1), cc(6, 2), cc(38, 2), cc(6, 0))
    assert [move.value for move in fine] == [1 / 127, 129 / 16383, 258 / 16383, 0.0]


def test_a_parameter_goes_up_and_down_by_steps_between_its_ends():
    steps = moved(cc(99, 0), cc(98, 1), cc(97, 0), cc(96, 0), cc(96, 0), cc(97, 0))
    assert [move.value * 16383 for move in steps] == [0, 1, 2, 1]


def test_data_belong_to_a_parameter_only_while_one_is_chosen():
    assert moved(cc(6, 127))[0] == ControllerEvent("cc", 6, 1, 1.0)
    registered = moved(cc(99, 2), cc(98, 44), cc(101, 0), cc(100, 0), cc(6, 127))
    assert registered[0] == ControllerEvent("cc", 6, 1, 1.0)
    assert moved(cc(99, 2), cc(98, 44), cc(6, 127, channel=2))[0].kind == "cc"


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_whatever_the_bytes_are_what_is_moved_exists_and_lies_between_0_and_1(data):
    stream, moves = MessageParser(), ControllerParser()
    for message in stream.take(data):
        for kind, number, channel, value in moves.take(message):
            assert 0 <= number < (KINDS[kind] or 1)
            assert 1 <= channel <= 16
            assert 0.0 <= value <= 1.0


def test_a_device_that_invents_parameters_does_not_fill_the_memory():
    moves = ControllerParser()
    for number in range(16384):
        for message in (cc(99, number >> 7), cc(98, number & 127), cc(38, 1)):
            moves.take(bytes(message))
    assert len(moves._parameters) <= MOST_PARAMETERS + 1
    assert len(moves._fine) <= MOST_PARAMETERS + 1


@pytest.mark.parametrize(
    ("port", "device"),
    [
        ("nanoKONTROL2:nanoKONTROL2 MIDI 1 20:0", "nanoKONTROL2:nanoKONTROL2 MIDI"),
        ("nanoKONTROL2 0", "nanoKONTROL2"),
        ("celesta:celesta", "celesta:celesta"),
        ("16", "16"),
    ],
)
def test_a_device_is_called_the_same_wherever_it_is_plugged_in(port, device):
    assert inputs.device_of(port) == device


# -- controls() -------------------------------------------------------------------------------


@pytest.fixture
def live():
    """A live show that goes on around the test."""
    clock = LiveClock()
    clock.start()
    token = current_performance.set(Performance(clock))
    yield clock
    current_performance.reset(token)


def test_controls_read_14_bits_parameters_and_the_pressure_of_a_key(jack, live):
    with plugged("nano") as nano:
        hands = controls()
        assert hands.fine(1) == hands.nrpn(300) == 0.5
        assert hands.touch(60) == 0.0
        chosen = cc(99, 2), cc(98, 44), cc(6, 127)
        until(lambda: hands.nrpn(300) == 1.0, nano, cc(1, 64), cc(33, 1), (0xA0, 60, 127), *chosen)
        assert hands.fine(1) == (64 * 128 + 1) / 16383
        assert hands[1] == 64 / 127
        assert hands.touch(60) == 1.0


def test_what_does_not_exist_is_told():
    hands = controls()
    with pytest.raises(ValueError, match=r"no controller 32 of 14 bits; MIDI has 0\.\.31"):
        hands.fine(32)
    with pytest.raises(ValueError, match=r"no parameter -1; MIDI has 0\.\.16383"):
        hands.nrpn(-1)
    with pytest.raises(ValueError, match="no key of pitch 128"):
        hands.touch(128)


def test_a_controller_that_is_plugged_in_later_is_heard(jack, live):
    hands = controls()
    assert hands[5] == 0.5
    with plugged("late") as late:
        until(lambda: hands[5] == 1.0, late, cc(5, 127))


def test_a_controller_that_goes_while_it_is_opened_is_sought_again(jack, live, capsys, monkeypatch):
    losses = []

    def plug(port, name, ours):
        if not losses:
            losses.append(name)
            raise ConnectionError(f"{name!r} has just gone")
        midi_ports.plug(port, name, ours)

    monkeypatch.setattr(inputs, "plug", plug)
    with plugged("nano") as nano:
        hands = controls()
        assert hands[5] == 0.5
        until(lambda: hands[5] == 1.0, nano, cc(5, 127))
    assert len(losses) == 1
    assert "does not open" not in capsys.readouterr().err


def test_an_unplugged_controller_leaves_no_key_held_and_is_heard_again(jack, live, capsys):
    with plugged("nano") as nano:
        hands = controls()
        assert hands[5] == 0.5
        until(lambda: hands.key(60) == 1.0, nano, (0x90, 60, 127), cc(5, 127))
    wait_for(lambda: hands.key(60) == 0.0, what="the key to be let go")
    assert hands[5] == 1.0
    said = capsys.readouterr().err
    assert "nano" in said and "is gone; it is heard again when it is back" in said
    with plugged("nano") as nano:
        until(lambda: hands[5] == 0.0, nano, cc(5, 0))


def test_one_port_is_heard_alone_and_again_when_it_is_back(jack, live):
    other = Device("other")
    with plugged("nano") as nano:
        hands = controls("nano")
        assert hands[5] == 0.5
        until(lambda: hands[5] == 1.0, nano, cc(5, 127))
    wait_for(lambda: not inputs._room._inputs)
    with plugged("nano") as nano:
        other.send(cc(6, 127))
        until(lambda: hands[5] == 0.0, nano, cc(5, 0))
        assert hands[6] == 0.5
    other.unplug()


def test_a_port_that_is_not_there_at_the_first_reading_is_told(jack, live):
    with pytest.raises(ShowError, match="no MIDI input is called 'nobody'"):
        controls("nobody")[1]
    assert inputs._room._looking is None


def test_two_who_listen_share_a_port_and_the_last_one_closes_it(jack):
    with plugged("nano") as nano:
        heard = [], []
        first, second = (
            inputs.listen(lambda port, when, message, mine=mine: mine.append(message))
            for mine in heard
        )
        until(lambda: heard[0] and heard[1], nano, cc(1, 1))
        assert len(inputs._room._inputs) == 1
        first.stop()
        count = len(heard[0])
        until(lambda: bytes(cc(2, 2)) in heard[1], nano, cc(2, 2))
        assert len(heard[0]) == count
        second.stop()
    assert not inputs._room._inputs and inputs._room._looking is None


def test_controls_that_nobody_keeps_close_their_ports(jack, live):
    with plugged("nano"):
        hands = controls()
        hands[1]
        assert inputs._room._inputs
        del hands
        gc.collect()
        wait_for(lambda: not inputs._room._inputs)


def test_when_it_was_played_is_told_on_the_clock_of_the_show(jack):
    heard = []
    with plugged("nano") as nano:
        listening = inputs.listen(lambda port, when, message: heard.append((port, when)))
        before = time.monotonic()
        until(lambda: heard, nano, cc(1, 1))
        listening.stop()
    assert "nano" in heard[0][0]
    assert before <= heard[0][1] <= time.monotonic()


def test_one_thread_looks_after_all_although_somebody_leaves_while_another_enters(jack):
    def looking():
        return [thread for thread in threading.enumerate() if thread.name == "inputs"]

    wait_for(lambda: not looking(), what="the threads of other tests")
    first = inputs.listen(lambda *message: None)
    first.closed = True  # as `forget` leaves it where somebody is just entering
    second = inputs.listen(lambda *message: None)
    assert len(looking()) == 1
    second.stop()
    wait_for(lambda: not looking(), what="the thread to end")
