"""Knobs and roles: what a plugin author writes."""

import math
from typing import Literal, NamedTuple

import numpy as np
import pytest
from capriccio import Analyzer, Generator, Knob, Moment, Note, Output, Performance
from capriccio.clock import OfflineClock
from capriccio.parts import Part, knobs_of
from hypothesis import given
from hypothesis import strategies as st

NOW = Moment()


class Echo(Generator):
    """Remember the knobs it was given."""

    def generate(
        self,
        now,
        *,
        heat=0.5,
        steps=1,
        prompt="two apples",
        style: Literal["wash", "ink"] = "wash",
        over=None,
        loop=True,
    ):
        self.given = dict(heat=heat, steps=steps, prompt=prompt, style=style, over=over, loop=loop)
        return []


# -- knobs ------------------------------------------------------------------------------------


def test_knobs_are_read_from_the_signature():
    assert Echo.knobs == {
        "heat": Knob("heat", "number", 0.5),
        "steps": Knob("steps", "number", 1),
        "prompt": Knob("prompt", "words", "two apples"),
        "style": Knob("style", "choice", "wash", ("wash", "ink")),
        "over": Knob("over", "thing", None),
        "loop": Knob("loop", "thing", True),
    }


def test_a_subclass_without_generate_keeps_the_knobs():
    class Louder(Echo):
        pass

    assert Louder.knobs == Echo.knobs
    assert Louder.name == "louder"


def test_a_knob_without_a_default_is_refused():
    with pytest.raises(TypeError, match=r"^knob 'heat' of generator 'bad' has no default; write"):

        class Bad(Generator):
            def generate(self, now, *, heat):
                pass


@pytest.mark.parametrize("default", [2, -0.1, math.nan, math.inf])
def test_a_default_outside_0_to_1_is_refused(default):
    def generate(now, *, heat=default):
        pass

    with pytest.raises(TypeError, match=r"^knob 'heat' of it must be 0\.\.1 by default, got "):
        knobs_of(generate, "it")


@given(st.floats(allow_nan=False))
def test_numbers_are_clipped(value):
    fitted = Echo.knobs["heat"].fit(value, "it")
    assert isinstance(fitted, float)
    assert fitted == min(max(value, 0.0), 1.0)


@pytest.mark.parametrize("value", [np.float32(0.25), np.array(0.25), np.array([0.25]), "0.25"])
def test_anything_that_float_takes_is_a_number(value):
    if isinstance(value, np.ndarray) and value.ndim:
        value = value[0]
    assert Echo.knobs["heat"].fit(value, "it") == 0.25


def test_a_number_must_be_a_number():
    part = Echo()
    for value in (math.nan, np.float32("nan")):
        with pytest.raises(
            ValueError, match=r"^knob 'heat' of generator 'echo' must be a number 0\.\.1, got nan$"
        ):
            part(NOW, heat=value)
    for value in (None, "hot", [1, 2], 1j):
        message = r"^knob 'heat' of generator 'echo' must be a number 0\.\.1, got "
        with pytest.raises(TypeError, match=message):
            part(NOW, heat=value)


def test_an_unknown_choice_names_the_near_one():
    with pytest.raises(
        ValueError, match=r"'style' of generator 'echo' has no choice 'inc'; did you"
    ):
        Echo()(NOW, style="inc")


def test_knobs_reach_generate():
    part = Echo()
    image = np.zeros((2, 2, 3))
    part(NOW, heat=7, steps=-3, prompt="a pear", style="ink", over=image, loop=False)
    assert part.given.pop("over") is image
    assert part.given == dict(heat=1, steps=0, prompt="a pear", style="ink", loop=False)


def test_an_unknown_knob_names_the_near_one_and_lists_all():
    message = r"^generator 'echo' has no knob 'hea'; did you mean 'heat'; its knobs are heat, steps"
    with pytest.raises(TypeError, match=message):
        Echo()(NOW, hea=0.5)


# -- roles ------------------------------------------------------------------------------------


def test_a_part_is_named_after_its_class_by_default():
    class Named(Echo):
        name = "other"

    assert (Echo.name, Named.name) == ("echo", "other")
    assert (str(Echo()), str(Named()), str(Output())) == (
        "generator 'echo'",
        "generator 'other'",
        "output 'output'",
    )


def test_a_role_without_its_method_is_reported():
    with pytest.raises(TypeError, match=r"^generator 'generator' has no generate\(self, now"):
        Generator()(NOW)
    with pytest.raises(TypeError, match=r"^analyzer 'analyzer' has no analyze\(self, thing\)$"):
        Analyzer()(None)


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (np.zeros((256, 256)), r"^generator 'maker' returned an array of shape \(256, 256\), exp"),
        (np.full((2, 2, 3), np.nan), "^generator 'maker' returned an image with NaN or infinity"),
        ([Note(300)], "^generator 'maker' returned a note of pitch 300, expected a whole"),
    ],
)
def test_what_generate_returns_is_checked(thing, message):
    class Maker(Generator):
        def generate(self, now):
            return thing

    with pytest.raises(ValueError, match=message):
        Maker()(NOW)


def test_a_model_is_found_by_name_or_by_path(tmp_path):
    class Player(Part):
        models = {"own": tmp_path / "own.onnx"}  # noqa: RUF012

    file = tmp_path / "mine.onnx"
    file.touch()
    assert Player.model_path("own") == tmp_path / "own.onnx"
    assert Player.model_path(file) == file
    assert Player.model_path(str(file)) == file
    with pytest.raises(ValueError, match=r"^part 'player' finds no file '.*gone\.onnx'$"):
        Player.model_path(tmp_path / "gone.onnx")
    with pytest.raises(
        ValueError, match=r"^part 'player' has no model 'owl'; did you mean 'own'\?"
    ):
        Player.model_path("owl")


def test_an_output_does_nothing_by_default():
    output = Output("words")
    assert (output.target, output.missing(), output.closed) == ("words", "", False)
    output.start(Performance(OfflineClock()))
    output.show(np.zeros((2, 2, 3), np.uint8), NOW)
    output.note_on(Note(60), NOW)
    output.note_off(Note(60), NOW)
    output.control((1, 0.5, 1), NOW)
    output.close()


# -- readings ---------------------------------------------------------------------------------


class Level(NamedTuple):
    level: float
    label: str = ""
    picture: object = None


def reading(value):
    class Eye(Analyzer):
        def analyze(self, thing):
            return value

    return Eye()


def test_readings_are_numbers_0_to_1_with_labels_and_pictures_beside_them():
    for level in (0, 1, 0.5, np.float32(0.5), True):
        given = Level(level, "still life", np.full((2, 2), 7.0))
        assert reading(given)(None) is given


@pytest.mark.parametrize("level", [-0.01, 1.5, math.nan, np.float32("inf")])
def test_readings_outside_0_to_1_are_refused(level):
    with pytest.raises(ValueError, match=r"^analyzer 'eye' read level = .*; readings are 0\.\.1$"):
        reading(Level(level))(None)


@pytest.mark.parametrize("value", [0.5, None, (0.5,), {"level": 0.5}])
def test_readings_must_be_a_named_tuple(value):
    message = r"^analyzer 'eye' returned '\w+', expected a NamedTuple of readings$"
    with pytest.raises(TypeError, match=message):
        reading(value)(None)


# -- inputs and descriptions ------------------------------------------------------------------


def test_an_input_sets_parameters_while_a_show_lasts():
    from capriccio import Input, Sketch

    class Fader(Input):
        """Move one knob."""

        def start(self, performance):
            self.closed_times = 0
            performance.parameters.set("/echo/heat", 0.75)

        def close(self):
            self.closed_times += 1

    echo, fader, sketch = Echo(), Fader("usb"), Sketch(fps=10)

    @sketch.draw
    def draw(now):
        echo(now, heat=0.1)
        return np.zeros((4, 4, 3), np.uint8)

    sketch.perform([], inputs=[fader], seconds=0.2)
    assert (echo.given["heat"], fader.closed_times) == (0.75, 1)
    assert (fader.target, fader.role, fader.name) == ("usb", "input", "fader")
    with pytest.raises(TypeError, match=r"^outputs= takes outputs, got input 'fader'$"):
        sketch.perform([fader], seconds=0.1)


def test_knobs_are_described_by_the_docstring_of_generate():
    class Sea(Generator):
        def generate(self, now, *, swell=0.5, wind=0.5, foam=0.5):
            """Return an image.

            Args:
                now: the moment.
                swell: how high the waves are,
                    in the end.
                wind: how fast they come.

            Returns:
                an image.
            """

    described = {knob.name: knob.description for knob in Sea.knobs.values()}
    assert described == {
        "swell": "how high the waves are, in the end.",
        "wind": "how fast they come.",
        "foam": "",
    }
