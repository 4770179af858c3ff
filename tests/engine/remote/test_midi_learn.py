"""MIDI learn: which control was meant, and what can be learned."""

import pytest
from capriccio.devices.midi.controller_events import ControllerEvent
from capriccio.parameters import Parameter
from capriccio.remote.midi_learn import MidiLearn, learnable_addresses
from capriccio.remote.midi_map import Binding
from helpers.controllers import field_sketch


def learned(*moves):
    learn = MidiLearn("/a")
    bindings = [
        found
        for kind, *rest in moves
        if (found := learn.receive("nano", ControllerEvent(kind, *rest)))
    ]
    return bindings[0] if bindings else None


@pytest.mark.parametrize(
    ("moves", "binding"),
    [
        ([("cc", 7, 1, 0.0), ("cc", 7, 1, 0.05), ("cc", 7, 1, 0.2)], Binding("/a", "cc", 7, 1)),
        ([("cc", 7, 1, 1.0)], None),  # a button, until it is released
        ([("cc", 7, 1, 1.0), ("cc", 7, 1, 0.0)], Binding("/a", "cc", 7, 1)),
        ([("cc", 8, 1, 0.5), ("cc", 8, 1, 0.51)] * 50, None),  # it trembles
        ([("note", 60, 10, 0.7)], Binding("/a", "note", 60, 10)),
        ([("note", 60, 10, 0.0)], None),
        ([("program", 3, 1, 1.0)], Binding("/a", "program", 3, 1)),
        ([("bend", 0, 2, 0.5), ("bend", 0, 2, 0.7)], Binding("/a", "bend", 0, 2)),
        ([("pressure", 0, 1, 0.0), ("pressure", 0, 1, 0.3)], Binding("/a", "pressure", 0, 1)),
        ([("nrpn", 300, 1, 0.0), ("nrpn", 300, 1, 0.3)], Binding("/a", "nrpn", 300, 1)),
    ],
)
def test_a_control_is_learned_once_it_was_clearly_moved(moves, binding):
    assert learned(*moves) == binding


def test_a_14_bit_fader_is_learned_as_one_control():
    moves = []
    for level in range(0, 3000, 37):
        coarse, fine = level >> 7, level & 127
        moves += [("cc", 7, 1, coarse / 127), ("cc", 39, 1, fine / 127), ("cc14", 7, 1, 0.5)]
    assert learned(*moves) == Binding("/a", "cc14", 7, 1)


def test_knobs_of_parts_come_before_those_of_the_show_and_words_are_not_learnable():
    sketch, _ = field_sketch()
    parameters = sketch.stage().performance.parameters
    parameters.by_address = {
        "/show/x": Parameter("/show/x", "press", "x", apply=print),
        **parameters.by_address,
    }
    assert learnable_addresses(parameters)[:3] == ["/field/light", "/field/warmth", "/field/sky"]
    assert learnable_addresses(parameters)[-1].startswith("/show/")
    assert "/field/words" not in learnable_addresses(parameters)
