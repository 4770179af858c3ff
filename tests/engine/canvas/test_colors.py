import numpy as np
import pytest
from capriccio.canvas.colors import argb


@pytest.mark.parametrize(
    ("color", "expected"),
    [
        (("tomato",), 0xFFFF6347),
        (("#ff8800",), 0xFFFF8800),
        (("#ff880080",), 0x80FF8800),
        (("hsl(120, 100%, 50%)",), 0xFF00FF00),
        (("red", 0.5), 0x80FF0000),
        ((0.5,), 0xFF808080),
        ((1, 0.0), 0x00FFFFFF),
        ((1.0, 0.5, 0.0), 0xFFFF8000),
        ((1.0, 0.5, 0.0, 0.5), 0x80FF8000),
        (((1.0, 0.5, 0.0),), 0xFFFF8000),
        (([1.0, 0.5, 0.0], 0.5), 0x80FF8000),
        ((np.array([1.0, 0.5, 0.0]),), 0xFFFF8000),
        ((2.0, -1.0, 0.0), 0xFFFF0000),
    ],
)
def test_a_colour_is_read_in_every_form(color, expected):
    assert argb(color) == expected


def test_hue_goes_round():
    assert argb((1 / 3, 1.0, 1.0), hsb=True) == 0xFF00FF00
    assert argb((4 / 3, 1.0, 1.0, 0.5), hsb=True) == 0x8000FF00


@pytest.mark.parametrize(
    "color", [(), (0.1, 0.2, 0.3, 0.4, 0.5), (float("nan"),), (0.5, "red"), (None,)]
)
def test_what_is_no_colour_is_told(color):
    with pytest.raises(ValueError, match="; give a name, grey, or"):
        argb(color)


def test_an_unknown_name_is_told():
    with pytest.raises(ValueError, match="no colour is called 'tomatoe'; give a name of CSS"):
        argb(("tomatoe",))


def test_levels_of_255_are_told_once(capfd):
    assert argb((255, 128, 0)) == argb((200,)) - 0xFF == 0xFFFFFF00
    assert argb((1.01, 0.0, 0.0)) == 0xFFFF0000  # a knob may be a little beyond
    told = capfd.readouterr().err
    assert told.count("colours are numbers 0..1, got (255.0, 128.0, 0.0); divide levels of") == 1
    assert told.count("colours are") == 1
