"""Scaling: the position of a control and the value of a parameter."""

from capriccio.parameters import Parameter
from capriccio.remote.scaling import from_unit, to_unit

TEMPO = Parameter("/tempo", "number", "tempo", apply=print, span=(20.0, 220.0))
STYLE = Parameter("/style", "choice", "style", apply=print, choices=("a", "b", "c"))


def test_a_position_covers_the_range_of_a_number_and_all_choices():
    assert [from_unit(TEMPO, at) for at in (0, 0.5, 1, 7)] == [20, 120, 220, 220]
    assert [from_unit(STYLE, at) for at in (0.0, 0.33, 0.34, 0.66, 0.67, 1.0)] == list("aabbcc")


def test_a_value_has_a_position():
    assert to_unit(TEMPO, 120) == to_unit(STYLE, "b") == 0.5
    assert to_unit(STYLE, None) == 0.0
    assert to_unit(TEMPO, None) == 0.5
