"""The desk: what hands do from outside, taken in between frames."""

import numpy as np
import pytest
from capriccio import Generator, Sketch
from capriccio.desk import MOST_WAITING, Control, Desk, Turn
from capriccio.testing import Memory


class Grey(Generator):
    """Paint one grey, in words of any length."""

    def generate(self, now, *, level=0.5, words="", ground=None):
        return np.full((4, 4, 3), float(level))


grey = Grey()
sketch = Sketch(bpm=60, fps=10, size=(16, 16))


@sketch.draw
def picture(now):
    if now.seconds == 0.25 and sketch.hand:
        sketch.hand()
    return grey(now, level=0.2)


def levels(hand=None, fps=4):
    """Perform for a second with a hand that reaches in during the second frame."""
    sketch.hand, sketch.fps = hand, fps
    memory = Memory()
    sketch.perform([memory], seconds=1)
    return [round(image[0, 0, 0] / 255, 1) for image in memory.images]


def desk():
    return sketch._stage.performance.desk


@pytest.fixture(autouse=True)
def let_go():
    yield
    for name in list(grey._held):
        grey.hold(name, None)


def test_a_hand_holds_a_knob_from_the_next_frame_on():
    assert levels(lambda: desk().turn("/grey/level", 0.8)) == [0.2, 0.2, 0.8, 0.8]


def test_a_hand_that_lets_go_gives_the_knob_back_to_the_sketch():
    grey.hold("level", 0.8)
    assert levels(lambda: desk().turn("/grey/level")) == [0.8, 0.8, 0.2, 0.2]


def test_every_knob_of_every_part_has_its_address_but_those_that_take_things():
    levels()
    controls = [address for address in desk().controls if not address.startswith("/show/")]
    assert sorted(controls) == ["/grey/level", "/grey/words"]
    assert desk().controls["/grey/level"].value() == 0.2


def test_a_knob_says_whether_it_is_held():
    levels()
    control = desk().controls["/grey/level"]
    assert not control.held()
    desk().turn("/grey/level", 0.8)
    desk().take_in(1.0)
    assert control.held() and control.value() == 0.8


def test_a_turn_is_told_with_the_time_of_the_frame_that_took_it_in():
    heard = []

    def hand():
        desk().listeners.append(heard.append)
        desk().turn("/grey/level", 7)
        desk().turn("/grey/words", "a pear")

    levels(hand)
    assert heard == [Turn(0.5, "/grey/level", 1.0), Turn(0.5, "/grey/words", "a pear")]


def test_an_unknown_address_names_a_near_one():
    levels()
    with pytest.raises(LookupError, match="no control '/grey/levl'; did you mean '/grey/level'"):
        desk().turn("/grey/levl", 0.5)


def test_a_value_that_does_not_fit_is_refused_at_once():
    levels()
    with pytest.raises(TypeError, match="was given 'much'"):
        desk().turn("/grey/level", "much")
    with pytest.raises(ValueError, match="is nan"):
        desk().turn("/grey/level", float("nan"))
    with pytest.raises(TypeError, match=r"give a number 0\.\.1"):
        desk().turn("/grey/level", 10**400)
    with pytest.raises(TypeError, match="was given 7; give words"):
        desk().turn("/grey/words", 7)


def test_a_flood_does_not_grow_without_end():
    taken = []
    desk = Desk()
    desk.place(Control("/a", "number", "a", act=taken.append))
    for number in range(3 * MOST_WAITING):
        desk.turn("/a", number)
    desk.take_in(1.0)
    assert len(taken) == MOST_WAITING
    assert taken[-1] == 3 * MOST_WAITING - 1


def test_a_key_of_the_window_presses_what_it_is_for():
    pressed, desk = [], Desk()
    desk.place(Control("/show/black", "press", "black", act=pressed.append, key="b"))
    assert desk.strike("b") and not desk.strike("x")
    desk.take_in(0.0)
    assert pressed == [None]


def test_what_only_turns_others_is_not_told_but_they_are():
    heard, desk = [], Desk()
    desk.listeners.append(heard.append)
    desk.place(Control("/a", "number", "a", act=lambda at: None))
    desk.place(Control("/all", "press", "all", act=lambda at: desk.turn("/a", 1.0), relays=True))
    desk.turn("/all")
    desk.take_in(0.5)
    assert heard == [Turn(0.5, "/a", 1.0)]


def test_a_mover_turns_at_the_very_frame_it_is_called_for():
    taken, desk = [], Desk()
    desk.place(Control("/a", "number", "a", act=taken.append))
    desk.movers.append(lambda seconds: desk.turn("/a", seconds))
    desk.take_in(0.25)
    assert taken == [0.25]
