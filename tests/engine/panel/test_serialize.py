"""Serialization: parameters and gauges as JSON, whatever they hold."""

import json

import numpy as np
import pytest
from capriccio.panel.serialize import gauge_state, parameter_facts, parameter_state
from capriccio.parameters import Gauge, Parameter


def test_a_parameter_or_a_gauge_that_raises_has_no_value():
    broken = Parameter("/a/b", "number", "b", print, value=lambda: 1 / 0, is_held=lambda: 1 / 0)
    assert parameter_state(broken) == (None, False)
    assert gauge_state(Gauge("m", "says", lambda: 1 / 0, lambda: 1 / 0))["text"] == ""


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (np.float32(0.5), 0.5),
        (float("nan"), None),
        (np.True_, 1.0),
        ("x" * 5000, "x" * 1000),
        ([1, 2], "[1, 2]"),
        (10**400, str(10**400)),
    ],
)
def test_any_value_becomes_json(value, sent):
    control = Parameter("/a/b", "thing", "b", print, value=lambda: value)
    assert json.loads(json.dumps(parameter_state(control), allow_nan=False))[0] == sent


def test_addresses_of_one_and_of_three_words_have_names():
    assert parameter_facts(Parameter("/stop", "press", "", print))["name"] == "stop"
    deep = parameter_facts(Parameter("/show/preset/my_best", "press", "", print))
    assert (deep["group"], deep["series"], deep["name"]) == ("show", "preset", "preset my best")
