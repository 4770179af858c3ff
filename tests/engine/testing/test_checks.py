"""The conformance kit catches each kind of bad part, and says which and what."""

import random
import threading
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pytest
from capriccio import Analyzer, Generator, Note, Output, Stroke
from capriccio.testing import (
    Memory,
    OfflineClock,
    check_analyzer,
    check_generator,
    check_output,
    drawings,
    images,
    moments,
    phrases,
)


class Grey(Generator):
    """Paint it grey."""

    def generate(self, now, *, light=0.5, style: Literal["flat", "ramp"] = "flat"):
        grey = np.full((8, 8, 3), light)
        return grey if style == "flat" else grey * np.linspace(0, 1, 8)[:, None]


class Dice(Generator):
    """Throw a note."""

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
    """Read the level."""

    def analyze(self, image):
        return Level(float(image.mean() / 255))


def test_good_parts_pass():
    check_generator(Grey)
    check_generator(Dice)
    check_generator(Dice, seed=1)
    check_analyzer(Meter)
    check_output(Memory)


def test_an_installed_part_is_checked_by_its_name(monkeypatch):
    from capriccio import registry

    class Installed:
        def find(self, role, name):
            assert (role, name) == (Generator, "grey")
            return Grey

    monkeypatch.setattr(registry, "installed", Installed)
    check_generator("grey")


# -- every part -------------------------------------------------------------------------------


def test_what_is_no_class_of_the_role_is_told():
    with pytest.raises(AssertionError, match="is no class that extends Generator"):
        check_generator(Grey())
    with pytest.raises(AssertionError, match=r"Grey'> is no class that extends Analyzer"):
        check_analyzer(Grey)


def test_a_part_without_a_docstring_is_told():
    class Mute(Generator):
        def generate(self, now):
            return []

    with pytest.raises(AssertionError, match="generator 'mute' has no docstring; say in one"):
        check_generator(Mute)


def test_a_name_that_cannot_be_typed_is_told():
    class Odd(Grey):
        """Paint."""

        name = "two words"

    with pytest.raises(AssertionError, match="'two words' has a name that cannot be typed"):
        check_generator(Odd)


def test_a_listed_model_that_is_not_there_is_told():
    class Lost(Grey):
        """Paint."""

        models = {"gone": Path("/nowhere/gone.onnx")}  # noqa: RUF012

    with pytest.raises(AssertionError, match=r"lists a model 'gone', but there is no '/nowhere"):
        check_generator(Lost)


@pytest.mark.parametrize("name", ["onnxruntime", "torch", "pygame", "av", "rtmidi"])
def test_a_heavy_import_at_building_is_told(name):
    class Heavy(Grey):
        """Paint."""

        def __init__(self):
            __import__(name)

    with pytest.raises(AssertionError, match=f"generator 'heavy', being built, imports {name}; "):
        check_generator(Heavy)


def test_torch_is_out_of_reach_while_playing():
    class Torch(Grey):
        """Paint."""

        def generate(self, now):
            import torch

            return torch.zeros((8, 8, 3)).numpy()

    with pytest.raises(AssertionError, match=r"imports torch; only a train\.py may"):
        check_generator(Torch)


def test_a_missing_module_is_told_by_its_name():
    class Lost(Grey):
        """Paint."""

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


def test_a_heavy_import_at_the_import_of_the_module_is_told(monkeypatch, tmp_path):
    part = part_of("heavy_at_import", monkeypatch, tmp_path, "import pygame, av\n" + PART)
    with pytest.raises(AssertionError, match="importing heavy_at_import imports pygame and av; "):
        check_generator(part)


def test_a_light_import_passes(monkeypatch, tmp_path):
    check_generator(part_of("light_at_import", monkeypatch, tmp_path, PART))


def test_a_module_that_cannot_be_imported_alone_is_told(monkeypatch, tmp_path):
    part = part_of("not_alone", monkeypatch, tmp_path, PART)
    (tmp_path / "not_alone.py").write_text("raise OSError('no device')")
    with pytest.raises(AssertionError, match="module not_alone raised OSError: no device"):
        check_generator(part)


def test_a_thread_started_at_building_is_told():
    ended = threading.Event()

    class Busy(Grey):
        """Paint."""

        def __init__(self):
            threading.Thread(target=ended.wait, daemon=True).start()

    with pytest.raises(AssertionError, match="'busy' starts a thread when it is built"):
        check_generator(Busy)
    ended.set()


def test_a_close_that_raises_the_second_time_is_told():
    class Once(Grey):
        """Paint."""

        def __init__(self):
            self.held = ["something"]

        def close(self):
            self.held.pop()

    with pytest.raises(AssertionError, match="'once', closed twice, raised IndexError: pop from"):
        check_generator(Once)


# -- generators -------------------------------------------------------------------------------


def bad(generate, **others):
    """Make a generator class called Bad of a function `generate`."""
    return type("Bad", (Generator,), {"__doc__": "Be bad.", "generate": generate, **others})


def seeded(self, *, seed=0):
    self.seed = seed


def test_a_generator_without_generate_is_told():
    with pytest.raises(AssertionError, match=r"'bad' has no generate\(self, now, \*, knob=0.5\)"):
        check_generator(type("Bad", (Generator,), {"__doc__": "Be bad."}))


def test_a_reset_without_a_seed_is_told():
    part = bad(lambda self, now: [], reset=lambda self, seed: None)
    with pytest.raises(AssertionError, match=r"has reset\(seed\) but takes no seed="):
        check_generator(part)


@pytest.mark.parametrize(
    ("thing", "complaint"),
    [
        (np.zeros((256, 256)), r"at beat 0, raised ValueError: .* shape \(256, 256\); an image"),
        (np.full((8, 8, 3), np.nan), "an image with NaN or infinity"),
        ([Note(300)], "a note of pitch 300"),
        (None, "made nothing"),
        (np.full((8, 8, 3), 255.0), "made an image from 255 to 255; floats are 0..1"),
        (np.full((8, 8, 3), -1.0), "made an image from -1 to -1; floats are 0..1"),
    ],
)
def test_what_is_no_medium_is_told(thing, complaint):
    with pytest.raises(AssertionError, match=complaint):
        check_generator(bad(lambda self, now: thing))


def test_chance_from_elsewhere_is_told():
    part = bad(lambda self, now: [Note(60, velocity=random.random())])
    with pytest.raises(AssertionError, match="made other things of the same moments; draw chance"):
        check_generator(part)
    part = bad(lambda self, now: [Note(60, velocity=random.random())], __init__=seeded)
    with pytest.raises(AssertionError, match="made other things of the same seed"):
        check_generator(part)


def test_a_seed_that_is_not_used_is_told():
    with pytest.raises(AssertionError, match="makes the same of every seed"):
        check_generator(bad(lambda self, now: [Note(60)], __init__=seeded))


def count(self, now):
    self.seed += 1
    return [Note(self.seed % 128)]


def test_state_without_a_reset_is_told():
    with pytest.raises(AssertionError, match=r"keeps state but has no reset\(seed\)"):
        check_generator(bad(count, __init__=seeded))


def test_a_reset_that_forgets_something_is_told():
    part = bad(count, __init__=seeded, reset=lambda self, seed: None)
    with pytest.raises(AssertionError, match=r"does not play after reset\(7\) as if built"):
        check_generator(part)


def test_a_reset_that_raises_is_told():
    def reset(self, seed):
        raise KeyError("lost")

    with pytest.raises(AssertionError, match="'bad', being reset, raised KeyError: 'lost'"):
        check_generator(bad(count, __init__=seeded, reset=reset))


def test_a_knob_that_is_refused_at_its_end_is_told():
    def generate(self, now, *, heat=0.5, other=0.5):
        return [Note(60, length=1 - heat)]

    with pytest.raises(AssertionError, match=r"at beat 0 with heat=1.0.* a note of length 0"):
        check_generator(bad(generate))


def test_a_choice_that_is_refused_is_told():
    def generate(self, now, *, style: Literal["flat", "steep"] = "flat"):
        return {"flat": []}[style]

    with pytest.raises(AssertionError, match="with style='steep', raised KeyError"):
        check_generator(bad(generate))


def test_any_knob_is_too_many():
    with pytest.raises(AssertionError, match=r"takes a knob it does not have; .*\*\*knobs"):
        check_generator(bad(lambda self, now, **knobs: []))


def test_a_call_that_does_not_clip_is_told():
    def generate(self, now, *, heat=0.5):
        return [Note(60, velocity=min(max(0.0, 0.5 + heat / 100), 1.0))]

    part = bad(generate, __call__=lambda self, now, **knobs: self.generate(now, **knobs))
    with pytest.raises(AssertionError, match="differently with knobs at -5 and at 0; leave __call"):
        check_generator(part)


def test_a_call_that_lets_nan_through_is_told():
    def call(self, now, **knobs):
        return self.generate(now, **{name: min(max(0, knobs[name]), 1) for name in knobs})

    def generate(self, now, *, heat=0.5):
        return [Note(60 if heat < 0.5 else 61)]

    with pytest.raises(AssertionError, match="plays on with knob 'heat' at nan"):
        check_generator(bad(generate, __call__=call))


def test_two_kinds_of_thing_are_told():
    def generate(self, now):
        return [Note(60)] if now.beats else [Stroke(np.zeros((2, 2)))]

    with pytest.raises(AssertionError, match="makes now a drawing now a phrase; make one of them"):
        check_generator(bad(generate))


def test_an_image_that_changes_afterwards_is_told():
    canvas = np.zeros((4, 4, 3), np.uint8)

    def generate(self, now):
        canvas[:] = int(now.beats) % 256
        return canvas

    with pytest.raises(AssertionError, match="changes things it has already given"):
        check_generator(bad(generate))


def test_an_ear_that_cannot_bear_a_rest_is_told():
    class Deaf(Dice):
        """Throw a note."""

        def feed(self, notes):
            self.last = notes[-1]

    with pytest.raises(AssertionError, match="generator 'deaf', fed 0 notes, raised IndexError"):
        check_generator(Deaf)


# -- analyzers --------------------------------------------------------------------------------


def reader(analyze):
    """Make an analyzer class called Eye of a function `analyze`."""
    return type("Eye", (Analyzer,), {"__doc__": "See.", "analyze": analyze})


class Words(NamedTuple):
    word: str


@pytest.mark.parametrize(
    ("analyze", "complaint"),
    [
        (Analyzer.analyze, r"analyzer 'eye' has no analyze\(self, thing\)"),
        (lambda self, image: 0.5, "reading thing 0, raised TypeError: .* readings are a Named"),
        (lambda self, image: Level(float(image.mean())), "read level = 127.*; readings are 0..1"),
        (lambda self, image: Level(float("nan")), "level = nan"),
        (lambda self, image: Level(1 / (image.size - 3)), "reading thing 5, raised ZeroDivision"),
        (lambda self, image: Words("grey"), "reads no number; give at least one float"),
        (lambda self, image: Level(random.random()), "read other things in the same an image"),
        (
            lambda self, image: Level(0.5) if image.size > 3 else Words("small"),
            "gives now these fields, now those",
        ),
    ],
)
def test_a_bad_analyzer_is_told(analyze, complaint):
    with pytest.raises(AssertionError, match=complaint):
        check_analyzer(reader(analyze))


def test_an_analyzer_that_writes_is_told():
    def analyze(self, phrase):
        phrase.sort(reverse=True)
        return Level(0.5)

    with pytest.raises(AssertionError, match=r"analyzer 'eye' changes what it reads; work on a"):
        check_analyzer(reader(analyze), phrases())
    with pytest.raises(AssertionError, match=r"raised ValueError: .*read-only"):
        check_analyzer(reader(lambda self, image: image.sort()))


def test_an_analyzer_is_handed_what_it_reads():
    seen = []
    part = reader(lambda self, thing: seen.append(thing) or Level(0.5))
    check_analyzer(part, drawings())
    assert all(isinstance(stroke, Stroke) for drawing in seen for stroke in drawing)
    with pytest.raises(AssertionError, match="analyzer 'eye' was given no things to read"):
        check_analyzer(part, [])


# -- outputs ----------------------------------------------------------------------------------


def test_an_output_that_cannot_work_here_is_told():
    class Laser(Output):
        """Draw with a laser."""

        @classmethod
        def missing(cls):
            return "there is no laser"

    with pytest.raises(AssertionError, match="'laser' cannot be checked on this machine: there is"):
        check_output(Laser)
    Laser.missing = lambda: None
    with pytest.raises(AssertionError, match=r"gave None as missing\(\); give words"):
        check_output(Laser)


def test_an_output_that_cannot_be_closed_without_a_start_is_told():
    class File(Output):
        """Write."""

        def start(self, performance):
            self.file = open(self.target, "w")  # noqa: SIM115

        def close(self):
            self.file.close()

    with pytest.raises(AssertionError, match="'file', closed once without a start, raised Attrib"):
        check_output(File)


@pytest.mark.parametrize(
    ("method", "complaint"),
    [
        ("start", "output 'bad', being started, raised OSError: no device"),
        ("show", r"output 'bad', showing an image of shape \(48, 64, 3\), raised OSError"),
        ("note_on", r"output 'bad', beginning Note\(pitch=0, .*\), raised OSError"),
        ("note_off", r"output 'bad', ending Note\(pitch=0, .*\), raised OSError"),
        ("control", "output 'bad', following a control, raised OSError"),
    ],
)
def test_an_output_that_raises_is_told(method, complaint):
    def raises(self, *arguments):
        raise OSError("no device")

    part = type("Bad", (Output,), {"__doc__": "Be bad.", method: raises})
    with pytest.raises(AssertionError, match=complaint):
        check_output(part)


def test_an_output_that_writes_on_the_image_is_told():
    class Stamp(Output):
        """Stamp."""

        def show(self, image, now):
            image[0, 0] = 255

    with pytest.raises(AssertionError, match=r"raised ValueError: .*read-only"):
        check_output(Stamp)


def test_an_output_is_played_and_closed_while_a_note_sounds(tmp_path):
    made = []

    class Recorder(Memory):
        """Remember."""

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


# -- Memory and moments -----------------------------------------------------------------------


def test_memory_writes_a_score():
    memory, clock = Memory(), OfflineClock()
    memory.note_on(Note(61, velocity=0.5, channel=16), clock.moment(beats=0, span=0))
    memory.control((7, 0.25, 1), clock.moment(beats=0.5, span=0))
    assert memory.sounding == [Note(61, velocity=0.5, channel=16)]
    memory.note_off(Note(61, velocity=0.5, channel=16), clock.moment(beats=11.25, span=0))
    assert memory.sounding == []
    assert memory.score() == (
        "    0.000  on   16  C#4   0.50\n    0.500  turn  1  7     0.25\n   11.250  off  16  C#4\n"
    )


def test_memory_keeps_images_and_notes_in_order():
    memory, (now,) = Memory(), moments(beats=1)
    for image in images():
        memory.show(image, now)
    assert all(kept is not None for kept in memory.images)
    assert [kept.shape for kept in memory.images] == [image.shape for image in images()]


def test_moments_go_through_a_show():
    shown = list(moments(bpm=60, meter=3, beats=1.0, step=0.25))
    assert [now.beats for now in shown] == [0, 0.25, 0.5, 0.75]
    assert [now.seconds for now in shown] == [0, 0.25, 0.5, 0.75]
    assert {now.span for now in shown} == {0.25}
    assert {now.meter for now in shown} == {3}
