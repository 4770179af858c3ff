"""Knob automation: each knob is turned in its turn, and released."""

import numpy as np
from capriccio import Generator, Performance
from capriccio.clock import OfflineClock
from capriccio.parameters import Parameter
from capriccio.parts import knob_parameter
from capriccio.registry import input_device
from capriccio.remote.automation import KnobAutomation


class Sea(Generator):
    def generate(self, now, *, wave=0.5, foam=0.2, words="calm"):
        return np.full((8, 8, 3), wave * 0.5 + foam * 0.5)


def held_values(seed=None, beats=64, held_knob=None):
    """Return what is held at each quarter of a beat while the knobs of a sea are turned."""
    sea, performance = Sea(), Performance(OfflineClock(60))
    for knob in sea.knobs.values():
        performance.parameters.add(knob_parameter("sea", sea, knob))
    performance.parameters.add(
        Parameter("/show/dim", "number", "Not of the sketch", apply=lambda value: None)
    )
    KnobAutomation(seed=seed).start(performance)
    if held_knob:
        performance.parameters.set(held_knob, 0.9)
    held = []
    for step in range(beats * 4):
        performance.parameters.apply_pending(step / 4)
        held.append(dict(sea.knob_state.held))
    return held


def test_each_knob_is_turned_slowly_in_its_turn_and_released():
    held = held_values()
    assert {name for knobs in held for name in knobs} == {"wave", "foam"}
    assert all(len(knobs) <= 1 for knobs in held)
    assert any(not knobs for knobs in held[24:32])
    for name, rest in (("wave", 0.5), ("foam", 0.2)):
        values = [knobs.get(name, rest) for knobs in held]
        assert max(values) - min(values) > 0.2
        assert max(abs(np.diff(values))) < 0.13


def test_the_same_seed_turns_knobs_the_same_way():
    assert held_values(7) == held_values(7) != held_values(8)


def test_a_knob_that_is_held_already_is_left_alone():
    assert all(knobs["wave"] == 0.9 for knobs in held_values(held_knob="/sea/wave"))


def test_automation_is_found_by_its_name():
    assert isinstance(input_device("rehearsal"), KnobAutomation)
