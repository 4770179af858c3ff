"""The conformance checks pass good parts, and name each kind of fault with its part."""

import random
import threading
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pytest
from capriccio import Analyzer, Generator, Input, Instrument, Note, Output, Parameter, Stroke
from capriccio.testing import (
    Memory,
    check_analyzer,
    check_generator,
    check_input,
    check_instrument,
    check_output,
    checks,
    drawings,
    images,
    phrases,
)


class Grey(Generator):
    """Return a grey image."""

    def generate(self, now, *, light=0.5, style: Literal["flat", "ramp"] = "flat"):
        grey = np.full((8, 8, 3), light)
        return grey if style == "flat" else grey * np.linspace(0, 1, 8)[:, None]


class Dice(Generator):
    """Return a random note."""

    def __init__(self, *, seed=0):
        self.reset(seed)

    def reset(self, seed):
        self.chance = np.random.default_rng(seed)

    def feed(self, notes):
        pass

    def generate(self, now, *, high=0.5):
        return [Note(int(self.chance.integers(36, 37 + round(90 * high))))]


class Level(NamedTuple):
    level: float
    word: str = "grey"


class Meter(Analyzer):
    """Measure the brightness."""

    def analyze(self, image):
        return Level(float(image.mean() / 255))


class Fader(Input):
    """Set a parameter from a thread."""

    thread = None

    def start(self, performance):
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.ended.wait, daemon=True)
        performance.parameters.add(Parameter("/fader", "number", "Fader", apply=lambda _: None))
        self.thread.start()

    def close(self):
        if self.thread:
            self.ended.set()


def test_good_parts_pass():
    check_generator(Grey)
    check_generator(Dice)
    check_generator(Dice, seed=1)
    check_analyzer(Meter)
    check_output(Memory)
    check_input(Fader)


def test_an_installed_part_is_checked_by_its_name(monkeypatch):
    from capriccio import registry

    class Installed:
        def find(self, role, name):
            assert (role, name) == (Generator, "grey")
            return Grey

    monkeypatch.setattr(registry, "installed", Installed)
    check_generator("grey")


# -- every part -------------------------------------------------------------------------------


def test_other_things_than_a_class_of_the_role_are_refused():
    with pytest.raises(AssertionError, match="is not a class that extends Generator; pass"):
        check_generator(Grey())
    with pytest.raises(AssertionError, match=r"Grey'> is not a class that extends Analyzer"):
        check_analyzer(Grey)


def test_a_part_without_a_docstring_fails():
    class Mute(Generator):
        def generate(self, now):
            return []

    with pytest.raises(AssertionError, match="generator 'mute' has no docstring; describe it"):
        check_generator(Mute)


def test_a_name_that_cannot_be_typed_fails():
    class Odd(Grey):
        """Return a grey image."""

        name = "two words"

    with pytest.raises(AssertionError, match="'two words' has a name that cannot be typed"):
        check_generator(Odd)


def test_a_listed_model_that_is_missing_fails():
    class Lost(Grey):
        """Return a grey image."""

        models = {"gone": Path("/nowhere/gone.onnx")}  # noqa: RUF012

    with pytest.raises(AssertionError, match=r"lists a model 'gone', but there is no '/nowhere"):
        check_generator(Lost)


@pytest.mark.parametrize("name", ["onnxruntime", "torch", "pygame", "av", "supriya_midi"])
def test_a_heavy_import_in_the_constructor_fails(name):
    class Heavy(Grey):
        """Return a grey image."""

        def __init__(self):
            __import__(name)

    with pytest.raises(AssertionError, match=f"generator 'heavy', when built, imports {name}; "):
        check_generator(Heavy)


def test_torch_cannot_be_imported_during_a_show():
    class Torch(Grey):
        """Return a grey image."""

        def generate(self, now):
            import torch

            return torch.zeros((8, 8, 3)).numpy()

    with pytest.raises(AssertionError, match=r"at beat 0, imports torch; only training code may"):
        check_generator(Torch)


def test_a_missing_module_is_named():
    class Lost(Grey):
        """Return a grey image."""

        def generate(self, now):
            import no_such_module  # noqa: F401

    with pytest.raises(AssertionError, match="ModuleNotFoundError: No module named 'no_such"):
        check_generator(Lost)


def part_of(module: str, monkeypatch, tmp_path, text: str):
    (tmp_path / f"{module}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    return __import__(module).Part


PART = '''
from capriccio import Generator

class Part(Generator):
    """Rest."""
    def generate(self, now):
        return []
'''


def test_a_heavy_import_at_the_top_of_the_module_fails(monkeypatch, tmp_path):
    part = part_of("heavy_at_import", monkeypatch, tmp_path, "import pygame, av\n" + PART)
    with pytest.raises(AssertionError, match="importing heavy_at_import imports pygame and av; "):
        check_generator(part)


def test_a_light_import_passes(monkeypatch, tmp_path):
    check_generator(part_of("light_at_import", monkeypatch, tmp_path, PART))


def test_a_module_that_cannot_be_imported_alone_fails(monkeypatch, tmp_path):
    part = part_of("not_alone", monkeypatch, tmp_path, PART)
    (tmp_path / "not_alone.py").write_text("raise OSError('no device')")
    with pytest.raises(AssertionError, match="importing not_alone raised OSError: no device"):
        check_generator(part)


def test_a_thread_started_in_the_constructor_fails():
    ended = threading.Event()

    class Busy(Grey):
        """Return a grey image."""

        def __init__(self):
            threading.Thread(target=ended.wait, daemon=True).start()

    with pytest.raises(AssertionError, match="'busy' starts a thread when it is built"):
        check_generator(Busy)
    ended.set()


def test_a_close_that_raises_the_second_time_fails():
    class Once(Grey):
        """Return a grey image."""

        def __init__(self):
            self.held = ["something"]

        def close(self):
            self.held.pop()

    with pytest.raises(AssertionError, match="'once', closed twice, raised IndexError: pop from"):
        check_generator(Once)


# -- generators -------------------------------------------------------------------------------


def bad(generate, **others):
    """Return a generator class called Bad with a function `generate`."""
    return type("Bad", (Generator,), {"__doc__": "Fail.", "generate": generate, **others})


def seeded(self, *, seed=0):
    self.seed = seed


def test_a_generator_without_generate_fails():
    with pytest.raises(AssertionError, match=r"'bad' has no method generate\(self, now, "):
        check_generator(type("Bad", (Generator,), {"__doc__": "Fail."}))


def test_a_reset_without_a_seed_fails():
    part = bad(lambda self, now: [], reset=lambda self, seed: None)
    with pytest.raises(AssertionError, match=r"has reset\(seed\) but its constructor takes no"):
        check_generator(part)


@pytest.mark.parametrize(
    ("thing", "complaint"),
    [
        (np.zeros((256, 256)), r"at beat 0, raised ValueError: .* shape \(256, 256\), expected"),
        (np.full((8, 8, 3), np.nan), "an image with NaN or infinity"),
        ([Note(300)], "a note of pitch 300"),
        (None, "returned None"),
        (np.full((8, 8, 3), 255.0), "returned an image with values 255 to 255, expected floats"),
        (np.full((8, 8, 3), -1.0), "returned an image with values -1 to -1, expected floats"),
    ],
)
def test_other_things_than_a_medium_fail(thing, complaint):
    with pytest.raises(AssertionError, match=complaint):
        check_generator(bad(lambda self, now: thing))


def test_random_numbers_without_the_seed_fail():
    part = bad(lambda self, now: [Note(60, velocity=random.random())])
    with pytest.raises(AssertionError, match="different results for the same moments; draw"):
        check_generator(part)
    part = bad(lambda self, now: [Note(60, velocity=random.random())], __init__=seeded)
    with pytest.raises(AssertionError, match="returned different results for the same seed"):
        check_generator(part)


def test_a_seed_that_is_not_used_fails():
    with pytest.raises(AssertionError, match="gave the same for seeds 7 and 8; use the seed"):
        check_generator(bad(lambda self, now: [Note(60)], __init__=seeded))


def count(self, now):
    self.seed += 1
    return [Note(self.seed % 128)]


def test_state_without_a_reset_fails():
    with pytest.raises(AssertionError, match=r"keeps state but has no reset\(seed\)"):
        check_generator(bad(count, __init__=seeded))


def test_an_incomplete_reset_fails():
    part = bad(count, __init__=seeded, reset=lambda self, seed: None)
    with pytest.raises(AssertionError, match=r"after reset\(7\) differs from one built with see"):
        check_generator(part)


def test_a_reset_that_raises_fails():
    def reset(self, seed):
        raise KeyError("lost")

    with pytest.raises(AssertionError, match="'bad', when reset, raised KeyError: 'lost'"):
        check_generator(bad(count, __init__=seeded, reset=reset))


def test_an_error_at_the_end_of_a_knob_fails():
    def generate(self, now, *, heat=0.5, other=0.5):
        return [Note(60, length=1 - heat)]

    with pytest.raises(AssertionError, match=r"at beat 0 with heat=1.0.* a note of length 0"):
        check_generator(bad(generate))


def test_a_choice_that_raises_fails():
    def generate(self, now, *, style: Literal["flat", "steep"] = "flat"):
        return {"flat": []}[style]

    with pytest.raises(AssertionError, match="with style='steep', raised KeyError"):
        check_generator(bad(generate))


def test_accepting_any_knob_fails():
    with pytest.raises(AssertionError, match=r"accepts a knob that it does not have; .*\*\*knobs"):
        check_generator(bad(lambda self, now, **knobs: []))


def test_a_call_that_does_not_clip_fails():
    def generate(self, now, *, heat=0.5):
        return [Note(60, velocity=min(max(0.0, 0.5 + heat / 100), 1.0))]

    part = bad(generate, __call__=lambda self, now, **knobs: self.generate(now, **knobs))
    with pytest.raises(AssertionError, match="for knobs at -5 and at 0; do not override __call"):
        check_generator(part)


def test_a_call_that_accepts_nan_fails():
    def call(self, now, **knobs):
        return self.generate(now, **{name: min(max(0, knobs[name]), 1) for name in knobs})

    def generate(self, now, *, heat=0.5):
        return [Note(60 if heat < 0.5 else 61)]

    with pytest.raises(AssertionError, match="accepts nan for its knob 'heat'"):
        check_generator(bad(generate, __call__=call))


def test_a_part_may_write_text():
    def generate(self, now, *, loud=0.5):
        line = f"line {self.seed + int(now.beats)}"
        return line.upper() if loud > 0.5 else line

    check_generator(bad(generate, __init__=seeded))


def test_text_and_a_phrase_in_one_show_fail():
    def generate(self, now):
        return "rest" if now.beats else [Note(60)]

    with pytest.raises(AssertionError, match="returned a phrase and text in one show; "):
        check_generator(bad(generate))


def test_two_kinds_of_medium_fail():
    def generate(self, now):
        return [Note(60)] if now.beats else [Stroke(np.zeros((2, 2)))]

    with pytest.raises(AssertionError, match="returned a drawing and a phrase in one show; "):
        check_generator(bad(generate))


def test_an_image_that_changes_afterwards_fails():
    canvas = np.zeros((4, 4, 3), np.uint8)

    def generate(self, now):
        canvas[:] = int(now.beats) % 256
        return canvas

    with pytest.raises(AssertionError, match="changed a result that it had returned before"):
        check_generator(bad(generate))


def test_a_feed_that_cannot_take_a_rest_fails():
    class Deaf(Dice):
        """Return a random note."""

        def feed(self, notes):
            self.last = notes[-1]

    with pytest.raises(AssertionError, match="generator 'deaf', fed 0 notes, raised IndexError"):
        check_generator(Deaf)


# -- analyzers --------------------------------------------------------------------------------


def eye(analyze):
    """Return an analyzer class called Eye with a function `analyze`."""
    return type("Eye", (Analyzer,), {"__doc__": "Look.", "analyze": analyze})


class Words(NamedTuple):
    word: str


@pytest.mark.parametrize(
    ("analyze", "complaint"),
    [
        (Analyzer.analyze, r"analyzer 'eye' has no method analyze\(self, thing\)"),
        (lambda self, image: 0.5, "reading thing 0, raised TypeError: .* expected a NamedTuple"),
        (lambda self, image: Level(float(image.mean())), "read level = 127.*; readings are 0..1"),
        (lambda self, image: Level(float("nan")), "level = nan"),
        (lambda self, image: Level(1 / (image.size - 3)), "reading thing 5, raised ZeroDivision"),
        (lambda self, image: Words("grey"), "returned no number, only word; at least one reading"),
        (
            lambda self, image: Level(random.random()),
            "read the same things twice and returned",
        ),
        (
            lambda self, image: Level(0.5) if image.size > 3 else Words("small"),
            "returned different fields for different things",
        ),
    ],
)
def test_a_faulty_analyzer_fails(analyze, complaint):
    with pytest.raises(AssertionError, match=complaint):
        check_analyzer(eye(analyze))


def test_an_analyzer_that_changes_what_it_reads_fails():
    def analyze(self, phrase):
        phrase.sort(reverse=True)
        return Level(0.5)

    with pytest.raises(AssertionError, match=r"analyzer 'eye' changed what it read; work on"):
        check_analyzer(eye(analyze), phrases())
    with pytest.raises(AssertionError, match=r"raised ValueError: .*read-only"):
        check_analyzer(eye(lambda self, image: image.sort()))


def test_an_analyzer_is_given_the_things_to_read():
    seen = []
    part = eye(lambda self, thing: seen.append(thing) or Level(0.5))
    check_analyzer(part, drawings())
    assert all(isinstance(stroke, Stroke) for drawing in seen for stroke in drawing)
    with pytest.raises(AssertionError, match="analyzer 'eye' was given nothing to read; pass at"):
        check_analyzer(part, [])


# -- outputs ----------------------------------------------------------------------------------


def test_an_output_that_is_missing_something_fails():
    class Laser(Output):
        """Draw with a laser."""

        @classmethod
        def missing(cls):
            return "there is no laser"

    with pytest.raises(AssertionError, match="'laser' cannot be checked on this machine: there is"):
        check_output(Laser)
    Laser.missing = lambda: None
    with pytest.raises(AssertionError, match=r"returned None from missing\(\), expected a str"):
        check_output(Laser)


def test_an_output_that_cannot_be_closed_without_a_start_fails():
    class File(Output):
        """Write a file."""

        def start(self, performance):
            self.file = open(self.target, "w")  # noqa: SIM115

        def close(self):
            self.file.close()

    with pytest.raises(AssertionError, match="'file', closed once without a start, raised Attrib"):
        check_output(File)


@pytest.mark.parametrize(
    ("method", "complaint"),
    [
        ("start", "output 'bad', when started, raised OSError: no device"),
        ("show", r"output 'bad', shown an image of shape \(48, 64, 3\), raised OSError"),
        ("note_on", r"output 'bad', at note_on of Note\(pitch=0, .*\), raised OSError"),
        ("note_off", r"output 'bad', at note_off of Note\(pitch=0, .*\), raised OSError"),
        ("control", "output 'bad', at a control, raised OSError"),
    ],
)
def test_an_output_that_raises_fails(method, complaint):
    def raises(self, *arguments):
        raise OSError("no device")

    part = type("Bad", (Output,), {"__doc__": "Fail.", method: raises})
    with pytest.raises(AssertionError, match=complaint):
        check_output(part)


def test_an_output_that_writes_into_the_image_fails():
    class Stamp(Output):
        """Write into the image."""

        def show(self, image, now):
            image[0, 0] = 255

    with pytest.raises(AssertionError, match=r"raised ValueError: .*read-only"):
        check_output(Stamp)


def test_an_output_is_closed_while_a_note_sounds(tmp_path):
    made = []

    class Recorder(Memory):
        """Record calls."""

        def __init__(self, target):
            super().__init__(target)
            made.append(self)

    check_output(Recorder, target=tmp_path / "take")
    unused, used = made
    assert [call.method for call in unused.calls] == ["close", "close"]
    assert used.target == str(tmp_path / "take")
    assert used.calls[0].method == "start"
    assert [call.method for call in used.calls[-2:]] == ["close", "close"]
    assert used.sounding == [Note(0, velocity=0.0)]
    assert len(used.images) == len(images())


# -- inputs -----------------------------------------------------------------------------------


def test_an_input_that_is_missing_something_fails():
    class Theremin(Input):
        """Read a theremin."""

        @classmethod
        def missing(cls):
            return "there is no antenna"

    with pytest.raises(AssertionError, match="'theremin' cannot be checked on this machine: there"):
        check_input(Theremin)


@pytest.mark.parametrize(
    ("method", "complaint"),
    [
        ("start", "input 'bad', when started, raised OSError: no device"),
        ("close", "input 'bad', closed once without a start, raised OSError: no device"),
    ],
)
def test_an_input_that_raises_fails(method, complaint):
    def raises(self, *arguments):
        raise OSError("no device")

    part = type("Bad", (Input,), {"__doc__": "Fail.", method: raises})
    with pytest.raises(AssertionError, match=complaint):
        check_input(part)


def test_an_input_that_cannot_be_closed_twice_fails():
    class Once(Input):
        """Close once."""

        is_closed = False

        def close(self):
            if self.is_closed:
                raise OSError("no device")
            self.is_closed = True

    with pytest.raises(AssertionError, match="'once', closed twice without a start, raised"):
        check_input(Once)


def test_an_input_that_leaves_a_thread_running_fails(monkeypatch):
    monkeypatch.setattr(checks, "THREAD_SECONDS", 0.05)
    ended = threading.Event()

    class Endless(Input):
        """Never end."""

        def start(self, performance):
            threading.Thread(target=ended.wait, name="reader", daemon=True).start()

    with pytest.raises(AssertionError, match=r"'endless' left its thread 'reader' running after"):
        check_input(Endless)
    ended.set()


def test_an_input_is_given_its_target(tmp_path):
    targets = []

    class Tape(Input):
        """Read a file."""

        def __init__(self, target=""):
            super().__init__(target)
            targets.append(target)

    check_input(Tape, target=tmp_path / "tape")
    assert targets == [str(tmp_path / "tape")] * 2
    with pytest.raises(AssertionError, match="is not a class that extends Input"):
        check_input(Memory)


# -- instruments ------------------------------------------------------------------------------


class Sine(Instrument):
    """Sound a sine."""

    pitches = (57, 69)
    loop = (0.25, 0.5)

    def sample(self, pitch):
        turns = 440 * 2 ** ((pitch - 69) / 12) * np.arange(24_000) / 48_000
        return np.sin(2 * np.pi * turns)


def test_a_good_instrument_passes():
    check_instrument(Sine)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"pitches": ()}, r"has the pitches \[\], expected some of 0\.\.127"),
        ({"pitches": (60, 128)}, r"has the pitches \[60, 128\], expected"),
        ({"program": 0}, r"has the program 0, expected one of General MIDI, 1\.\.128"),
        ({"loop": (0.4, 0.6)}, r"has the loop \(0\.4, 0\.6\) in 0\.5 s of pitch 57"),
        ({"sample": lambda self, pitch: "la"}, r"for pitch 57, expected \(frames,\) floats"),
        ({"sample": lambda self, pitch: np.zeros((2, 9))}, r"expected \(frames,\) floats"),
        ({"sample": lambda self, pitch: np.zeros(9)}, r"has a peak of 0 at pitch 57, expected"),
        ({"sample": lambda self, pitch: np.full(9, 1.1)}, r"has a peak of 1\.1 at pitch 57"),
        ({"sample": lambda self, pitch: np.full(9, np.nan)}, "has a peak of inf at pitch 57"),
        ({"sample": lambda self, pitch: np.random.rand(99)}, "different sounds for pitch 57; draw"),
        ({"sample": lambda self, pitch: 1 / 0}, "sampled at 57, raised ZeroDivisionError"),
    ],
)
def test_an_instrument_with_a_fault_fails(fields, complaint):
    part = type("Bad", (Sine,), {"__doc__": "Fail.", **fields})
    with pytest.raises(AssertionError, match=f"^instrument 'bad'.*{complaint}"):
        check_instrument(part)
