"""The state of controllers and keys after what was played."""

import math

import pytest
from capriccio.devices.midi.controller_state import MAX_NOTES, ControllerState
from helpers.controllers import cc


def state_after(*messages, device="nano"):
    state = ControllerState()
    for beats, message in enumerate(messages):
        state.apply(device, bytes(message), float(beats))
    return state


def test_controllers_wheel_and_pressures_are_kept():
    state = state_after(cc(7, 127), (0xE0, 0, 0), (0xD0, 127), (0xA0, 60, 0))
    assert state.values["cc", 7] == 1.0
    assert (state.bend, state.pressure) == (0.0, 0.0)
    assert state.values["poly", 60] == 0.0


def test_a_key_is_held_from_its_start_to_its_end():
    state = state_after((0x90, 60, 127), (0x91, 64, 127), (0x80, 60, 0))
    first, second = state.presses
    assert (first.pitch, first.start, first.end, first.channel) == (60, 0.0, 2.0, 1)
    assert (second.end, second.velocity) == (math.inf, 1.0)
    assert list(state.held) == [(2, 64)]
    assert state.press_count == 2


def test_a_key_that_is_played_again_ends_first():
    state = state_after((0x90, 60, 127), (0x90, 60, 64))
    assert [press.end for press in state.presses] == [1.0, math.inf]


@pytest.mark.parametrize("controller", [120, 123])
def test_all_notes_off_releases_the_keys_of_its_channel(controller):
    state = state_after((0x90, 60, 127), (0x91, 64, 127), cc(controller, 0))
    assert list(state.held) == [(2, 64)]


def test_the_pedal_sustains_what_was_released_on_its_channel():
    state = state_after(
        (0x90, 60, 127), cc(64, 64), (0x80, 60, 0), (0x91, 62, 127), (0x81, 62, 0), cc(64, 63)
    )
    assert [(press.end, press.silent) for press in state.presses] == [(2.0, 5.0), (4.0, 4.0)]


def test_all_notes_off_releases_the_pedal_as_well():
    state = state_after((0x90, 60, 127), cc(64, 127), (0x80, 60, 0), (0x90, 62, 127), cc(123, 0))
    assert [press.silent for press in state.presses] == [4.0, 4.0]
    assert not state.pedals


def test_14_bits_of_two_devices_are_kept_apart():
    state = state_after(cc(1, 64), device="a")
    state.apply("b", bytes(cc(33, 1)), 1.0)
    assert ("cc14", 1) not in state.values
    state.apply("a", bytes(cc(33, 1)), 2.0)
    assert state.values["cc14", 1] == (64 * 128 + 1) / 16383


def test_another_show_begins_without_notes_and_with_controllers_where_they_are():
    state = state_after((0x90, 60, 127), cc(1, 127))
    state.begin_show()
    assert (state.held, len(state.presses), state.press_count) == ({}, 0, 0)
    assert state.values["cc", 1] == 1.0


def test_only_the_latest_notes_are_remembered():
    state = state_after(*[(0x90, 60, 127)] * (MAX_NOTES + 1))
    assert len(state.presses) == MAX_NOTES and state.press_count == MAX_NOTES + 1
