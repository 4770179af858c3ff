"""Knobs, roles and the live listener: the whole contract."""

import math
import threading
from typing import Literal, NamedTuple

import numpy as np
import pytest
from capriccio import Analyzer, Generator, Knob, Moment, Note, Output, Performance, errors
from capriccio.clock import LiveClock, OfflineClock
from capriccio.parts import Part, knobs_of
from capriccio.performance import current_performance
from capriccio.stage import background_analysis
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


def test_a_class_that_does_not_write_generate_anew_keeps_the_knobs():
    class Louder(Echo):
        pass

    assert Louder.knobs == Echo.knobs
    assert Louder.name == "louder"


def test_a_knob_without_a_default_is_told():
    with pytest.raises(TypeError, match=r"^knob 'heat' of generator 'bad' has no default; write"):

        class Bad(Generator):
            def generate(self, now, *, heat):
                pass


@pytest.mark.parametrize("default", [2, -0.1, math.nan, math.inf])
def test_a_number_beyond_0_to_1_by_default_is_told(default):
    def generate(now, *, heat=default):
        pass

    with pytest.raises(TypeError, match=r"^knob 'heat' of it is .* by default; use 0\.\.1$"):
        knobs_of(generate, "it")


@given(st.floats(allow_nan=False))
def test_numbers_are_clipped(value):
    fitted = Echo.knobs["heat"].fit(value, "it")
    assert isinstance(fitted, float)
    assert fitted == min(max(value, 0.0), 1.0)


@pytest.mark.parametrize("value", [np.float32(0.25), np.array(0.25), np.array([0.25]), "0.25"])
def test_whatever_can_be_a_number_is_one(value):
    if isinstance(value, np.ndarray) and value.ndim:
        value = value[0]
    assert Echo.knobs["heat"].fit(value, "it") == 0.25


def test_numbers_that_are_none_are_told():
    part = Echo()
    for value in (math.nan, np.float32("nan")):
        with pytest.raises(
            ValueError, match=r"^knob 'heat' of generator 'echo' is nan; give a num"
        ):
            part(NOW, heat=value)
    for value in (None, "hot", [1, 2], 1j):
        with pytest.raises(TypeError, match=r"^knob 'heat' of generator 'echo' was given .*; give"):
            part(NOW, heat=value)


def test_a_choice_that_is_none_is_told():
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


def test_an_unknown_knob_is_pythons_own_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'hea'"):
        Echo()(NOW, hea=0.5)


# -- roles ------------------------------------------------------------------------------------


def test_a_part_is_called_by_its_class_unless_it_says_otherwise():
    class Named(Echo):
        name = "other"

    assert (Echo.name, Named.name) == ("echo", "other")
    assert (str(Echo()), str(Named()), str(Output())) == (
        "generator 'echo'",
        "generator 'other'",
        "output 'output'",
    )


def test_a_role_without_its_work_is_told():
    with pytest.raises(TypeError, match=r"^generator 'generator' has no generate\(self, now"):
        Generator()(NOW)
    with pytest.raises(TypeError, match=r"^analyzer 'analyzer' has no analyze\(self, thing\)$"):
        Analyzer()(None)


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (np.zeros((256, 256)), r"^generator 'maker' made an array of shape \(256, 256\); an image"),
        (np.full((2, 2, 3), np.nan), "^generator 'maker' made an image with NaN or infinity"),
        ([Note(300)], "^generator 'maker' made a note of pitch 300; a pitch is a whole number"),
    ],
)
def test_what_a_generator_makes_is_checked(thing, message):
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


def test_an_output_does_nothing_unless_it_says_so():
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
def test_readings_beyond_0_to_1_are_told(level):
    with pytest.raises(ValueError, match=r"^analyzer 'eye' read level = .*; readings are 0\.\.1$"):
        reading(Level(level))(None)


@pytest.mark.parametrize("value", [0.5, None, (0.5,), {"level": 0.5}])
def test_readings_that_are_no_named_tuple_are_told(value):
    with pytest.raises(TypeError, match=r"^analyzer 'eye' gave '\w+'; readings are a NamedTuple$"):
        reading(value)(None)


# -- the live listener ------------------------------------------------------------------------


@pytest.fixture
def live():
    """Be within a live performance."""
    token = current_performance.set(Performance(LiveClock()))
    errors.tell_again()
    yield
    current_performance.reset(token)
    errors.tell_again()


class Slow(Analyzer):
    """Read numbers, each only when it is let; the number is the reading."""

    def __init__(self):
        self.let = threading.Semaphore(0)
        self.begun = threading.Semaphore(0)
        self.read_things = []

    def analyze(self, thing):
        self.begun.release()
        assert self.let.acquire(timeout=10)
        self.read_things.append(thing)
        if isinstance(thing, Exception):
            raise thing
        return Level(thing)


def settle(analyzer):
    """Wait until the listener has nothing more to read."""
    listener = analyzer._listener
    with listener._changed:
        idle = listener._changed.wait_for(lambda: not listener._waiting, 10)
        assert idle
    for _ in range(10_000):
        if not listener._busy:
            return
        threading.Event().wait(0.001)
    raise TimeoutError("the listener did not settle")


def test_offline_every_reading_is_of_the_thing_itself():
    slow = Slow()
    token = current_performance.set(Performance(OfflineClock()))
    slow.let.release(2)
    assert [slow(0.1).level, slow(0.2).level] == [0.1, 0.2]
    current_performance.reset(token)
    assert slow._listener is None


def test_live_the_newest_thing_wins_and_nobody_waits(live):
    slow = Slow()
    slow.let.release()
    assert slow(0.1).level == 0.1  # the very first reading is waited for
    settle(slow)
    assert slow.begun.acquire(timeout=10)

    assert slow(0.2).level == 0.1
    assert slow.begun.acquire(timeout=10)  # it reads 0.2 now
    assert slow(0.3).level == 0.1
    assert slow(0.4).level == 0.1
    slow.let.release(2)
    settle(slow)
    assert slow.read_things == [0.1, 0.2, 0.4]  # 0.3 was overtaken
    slow.let.release()
    assert slow(0.5).level == 0.4
    settle(slow)


def test_live_read_waits_for_the_thing_itself(live):
    slow = Slow()
    slow.let.release()
    assert slow.read(0.7).level == 0.7


def test_live_a_first_reading_that_does_not_come_is_told(live, monkeypatch):
    monkeypatch.setattr(background_analysis, "FIRST_READING_SECONDS", 0.01)
    slow = Slow()
    with pytest.raises(TimeoutError, match=r"^analyzer 'slow' gave no reading within 0\.01 s$"):
        slow(0.1)
    slow.let.release()


def test_live_a_first_reading_that_raises_is_raised(live):
    slow = Slow()
    slow.let.release()
    with pytest.raises(OSError, match="no device"):
        slow(OSError("no device"))


def test_live_an_analyzer_that_hangs_is_told_and_its_readings_stay(live, monkeypatch, capsys):
    slow = Slow()
    slow.let.release()
    slow(0.1)
    settle(slow)
    slow.begun.acquire(timeout=10)
    slow(0.2)
    assert slow.begun.acquire(timeout=10)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(background_analysis, "HANGING_SECONDS", 0.0)
    assert slow(0.3).level == 0.1
    assert slow(0.4).level == 0.1
    told = "capriccio: analyzer 'slow' does not answer; its last readings stay\n"
    assert capsys.readouterr().err == told  # once
    slow.let.release(2)
    settle(slow)


def test_live_an_analyzer_that_raises_is_told_and_its_readings_stay(live, capsys):
    slow = Slow()
    slow.let.release(2)
    assert slow(0.1).level == 0.1
    settle(slow)
    assert slow(OSError("no device")).level == 0.1
    settle(slow)
    slow.let.release(2)
    assert slow(0.2).level == 0.1
    told = "capriccio: analyzer 'slow' raised OSError('no device'); its last readings stay\n"
    assert capsys.readouterr().err == told
    settle(slow)
    assert slow(0.3).level == 0.2
    settle(slow)
