"""The parameters: what hands do from outside, taken in between frames."""

import numpy as np
import pytest
from capriccio import Generator, Sketch
from capriccio.parameters import MOST_WAITING, Parameter, Parameters, Turn
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


def parameters():
    return sketch._stage.performance.parameters


@pytest.fixture(autouse=True)
def let_go():
    yield
    for name in list(grey.knob_state.held):
        grey.hold(name, None)


def test_a_hand_holds_a_knob_from_the_next_frame_on():
    assert levels(lambda: parameters().turn("/grey/level", 0.8)) == [0.2, 0.2, 0.8, 0.8]


def test_a_hand_that_lets_go_gives_the_knob_back_to_the_sketch():
    grey.hold("level", 0.8)
    assert levels(lambda: parameters().turn("/grey/level")) == [0.8, 0.8, 0.2, 0.2]


def test_every_knob_of_every_part_has_its_address_but_those_that_take_things():
    levels()
    controls = [address for address in parameters().controls if not address.startswith("/show/")]
    assert sorted(controls) == ["/grey/level", "/grey/words"]
    assert parameters().controls["/grey/level"].value() == 0.2


def test_a_knob_says_whether_it_is_held():
    levels()
    control = parameters().controls["/grey/level"]
    assert not control.is_held()
    parameters().turn("/grey/level", 0.8)
    parameters().take_in(1.0)
    assert control.is_held() and control.value() == 0.8


def test_a_turn_is_told_with_the_time_of_the_frame_that_took_it_in():
    heard = []

    def hand():
        parameters().listeners.append(heard.append)
        parameters().turn("/grey/level", 7)
        parameters().turn("/grey/words", "a pear")

    levels(hand)
    assert heard == [Turn(0.5, "/grey/level", 1.0), Turn(0.5, "/grey/words", "a pear")]


def test_an_unknown_address_names_a_near_one():
    levels()
    with pytest.raises(LookupError, match="no control '/grey/levl'; did you mean '/grey/level'"):
        parameters().turn("/grey/levl", 0.5)


def test_a_value_that_does_not_fit_is_refused_at_once():
    levels()
    with pytest.raises(TypeError, match="was given 'much'"):
        parameters().turn("/grey/level", "much")
    with pytest.raises(ValueError, match="is nan"):
        parameters().turn("/grey/level", float("nan"))
    with pytest.raises(TypeError, match=r"give a number 0\.\.1"):
        parameters().turn("/grey/level", 10**400)
    with pytest.raises(TypeError, match="was given 7; give words"):
        parameters().turn("/grey/words", 7)


def test_a_flood_does_not_grow_without_end():
    taken = []
    parameters = Parameters()
    parameters.add(Parameter("/a", "number", "a", apply=taken.append))
    for number in range(3 * MOST_WAITING):
        parameters.set("/a", number)
    parameters.apply_pending(1.0)
    assert len(taken) == MOST_WAITING
    assert taken[-1] == 3 * MOST_WAITING - 1


def test_a_key_of_the_window_presses_what_it_is_for():
    pressed, parameters = [], Parameters()
    parameters.add(Parameter("/show/black", "press", "black", apply=pressed.append, key="b"))
    assert parameters.press_key("b") and not parameters.press_key("x")
    parameters.apply_pending(0.0)
    assert pressed == [None]


def test_what_only_turns_others_is_not_told_but_they_are():
    heard, parameters = [], Parameters()
    parameters.subscribe(heard.append)
    parameters.add(Parameter("/a", "number", "a", apply=lambda at: None))
    parameters.add(
        Parameter("/all", "press", "all", apply=lambda at: parameters.set("/a", 1.0), relays=True)
    )
    parameters.set("/all")
    parameters.apply_pending(0.5)
    assert heard == [Turn(0.5, "/a", 1.0)]


def test_a_mover_turns_at_the_very_frame_it_is_called_for():
    taken, parameters = [], Parameters()
    parameters.add(Parameter("/a", "number", "a", apply=taken.append))
    parameters.add_automation(lambda seconds: parameters.set("/a", seconds))
    parameters.apply_pending(0.25)
    assert taken == [0.25]
