"""Parameters are set from outside, and applied between two frames."""

import numpy as np
import pytest
from capriccio import Generator, Sketch
from capriccio.events import ParameterSet
from capriccio.parameters import MAX_PENDING, Parameter, Parameters
from capriccio.testing import Memory


class Grey(Generator):
    """Paint one grey, in words of any length."""

    def generate(self, now, *, level=0.5, words="", ground=None):
        return np.full((4, 4, 3), float(level))


grey = Grey()
sketch = Sketch(bpm=60, fps=10, size=(16, 16))


@sketch.draw
def picture(now):
    if now.seconds == 0.25 and sketch.action:
        sketch.action()
    return grey(now, level=0.2)


def levels(action=None, fps=4):
    """Perform for a second, and call `action` during the second frame."""
    sketch.action, sketch.fps = action, fps
    memory = Memory()
    sketch.perform([memory], seconds=1)
    return [round(image[0, 0, 0] / 255, 1) for image in memory.images]


def parameters():
    return sketch.current_stage.performance.parameters


@pytest.fixture(autouse=True)
def release():
    yield
    for name in list(grey.knob_state.held):
        grey.hold(name, None)


def test_a_knob_is_held_from_the_next_frame_on():
    assert levels(lambda: parameters().set("/grey/level", 0.8)) == [0.2, 0.2, 0.8, 0.8]


def test_a_released_knob_follows_the_sketch_again():
    grey.hold("level", 0.8)
    assert levels(lambda: parameters().set("/grey/level")) == [0.8, 0.8, 0.2, 0.2]


def test_every_knob_has_an_address_but_those_of_kind_thing():
    levels()
    controls = [address for address in parameters().by_address if not address.startswith("/show/")]
    assert sorted(controls) == ["/grey/level", "/grey/words"]
    assert parameters().by_address["/grey/level"].value() == 0.2


def test_a_parameter_knows_whether_its_knob_is_held():
    levels()
    control = parameters().by_address["/grey/level"]
    assert not control.is_held()
    parameters().set("/grey/level", 0.8)
    parameters().apply_pending(1.0)
    assert control.is_held() and control.value() == 0.8


def test_an_event_has_the_time_of_the_frame_that_applied_it():
    heard = []

    def act():
        parameters().subscribe(heard.append)
        parameters().set("/grey/level", 7)
        parameters().set("/grey/words", "a pear")

    levels(act)
    expected = [("/grey/level", 1.0), ("/grey/words", "a pear")]
    assert heard == [ParameterSet(0.5, *one) for one in expected]


def test_an_unknown_address_names_a_near_one():
    levels()
    with pytest.raises(LookupError, match="no control '/grey/levl'; did you mean '/grey/level'"):
        parameters().set("/grey/levl", 0.5)


def test_a_value_that_cannot_be_converted_is_refused_at_once():
    levels()
    with pytest.raises(TypeError, match=r"must be a number 0\.\.1, got 'much'"):
        parameters().set("/grey/level", "much")
    with pytest.raises(ValueError, match="got nan"):
        parameters().set("/grey/level", float("nan"))
    with pytest.raises(TypeError, match=r"must be a number 0\.\.1, got 1000"):
        parameters().set("/grey/level", 10**400)
    with pytest.raises(TypeError, match="takes words, got 7"):
        parameters().set("/grey/words", 7)


def test_a_flood_of_changes_loses_the_oldest():
    taken = []
    parameters = Parameters()
    parameters.add(Parameter("/a", "number", "a", apply=taken.append))
    for number in range(3 * MAX_PENDING):
        parameters.set("/a", number)
    parameters.apply_pending(1.0)
    assert len(taken) == MAX_PENDING
    assert taken[-1] == 3 * MAX_PENDING - 1


def test_a_key_presses_its_parameter():
    pressed, parameters = [], Parameters()
    parameters.add(Parameter("/show/black", "press", "black", apply=pressed.append, key="b"))
    assert parameters.press_key("b") and not parameters.press_key("x")
    parameters.apply_pending(0.0)
    assert pressed == [None]


def test_a_parameter_that_relays_publishes_those_it_sets():
    heard, parameters = [], Parameters()
    parameters.subscribe(heard.append)
    parameters.add(Parameter("/a", "number", "a", apply=lambda at: None))
    parameters.add(
        Parameter("/all", "press", "all", apply=lambda at: parameters.set("/a", 1.0), relays=True)
    )
    parameters.set("/all")
    parameters.apply_pending(0.5)
    assert heard == [ParameterSet(0.5, "/a", 1.0)]


def test_an_automation_sets_parameters_at_the_same_frame():
    taken, parameters = [], Parameters()
    parameters.add(Parameter("/a", "number", "a", apply=taken.append))
    parameters.add_automation(lambda seconds: parameters.set("/a", seconds))
    parameters.apply_pending(0.25)
    assert taken == [0.25]


def test_a_knob_that_the_model_ignores_is_not_listed():
    class Plain(Grey):
        @property
        def unused_knobs(self):
            return frozenset({"words"})

    plain, piece = Plain(), Sketch(size=(16, 16))

    @piece.draw
    def draw(now):
        return plain(now, words="still accepted")

    parameters = piece.stage().performance.parameters
    listed = {one.address for one in parameters.listed}
    assert "/plain/level" in listed and "/plain/words" not in listed
    assert "/plain/words" in parameters.by_address  # takes and presets may still set it
