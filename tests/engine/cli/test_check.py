"""`capriccio check` prints a report card for a plugin, installed or in a folder."""

import json
import sys

import pytest
from capriccio import generator_class, registry
from capriccio.cli import check
from capriccio.cli.check import report
from capriccio.registry import Registry
from helpers.command import capriccio, error

PLUGIN = '''
import numpy as np
from typing import NamedTuple
from capriccio import Analyzer, Generator, Input, Instrument, Output, hookimpl

KEPT = []

class Dunes(Generator):
    """Paint dunes."""
    def generate(self, now, *, wind=0.0, sun=0.5):
        """Paint.

        Args:
            wind: how far the dunes have moved.
            sun: the light.
        """
        return np.full((8, 8, 3), sun * wind)

class Hoard(Generator):
    """Keep every picture."""
    def generate(self, now, *, light=0.5):
        KEPT.append(np.full((128, 128, 3), light))
        return KEPT[-1][:8, :8].copy()

class Chance(Generator):
    """Paint what comes."""
    def generate(self, now):
        return np.random.default_rng().random((8, 8, 3))

class Fails(Generator):
    """Paint nothing."""
    def generate(self, now):
        raise OSError("a string broke")

class Fullness(NamedTuple):
    fullness: float

class Ear(Analyzer):
    """Count the notes of a phrase."""
    def analyze(self, phrase):
        return Fullness(min(1.0, sum(note.length for note in phrase) / 100))

class Lamp(Output):
    """Light a lamp."""
    def note_on(self, note, now): pass

class Far(Output):
    """Light a lamp that is not here."""
    @classmethod
    def missing(cls): return "there is no lamp"

class Hand(Input):
    """Turn a knob."""

class Fork(Instrument):
    """Strike a fork."""
    def sample(self, pitch):
        return np.exp(-np.arange(9000) / 3000)

@hookimpl
def generators(): return [PARTS]
'''


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module with these parts, and give its path."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.setattr(check, "CALLS", 5)
    written = []

    def write(hook, part, text=PLUGIN):
        file = tmp_path / f"carded_{part.lower()}.py"
        text = text.replace("PARTS", part).replace("def generators", f"def {hook}")
        file.write_text(text, encoding="utf-8")
        written.append(file.stem)
        return file

    yield write
    for name in written:
        sys.modules.pop(name, None)


def states(lines):
    return {name: line.state for name, line in lines.items()}


def lines_of(path):
    return {line.name: line for line in report(str(path))}


def parts_of(path):
    return {name: line for name, line in lines_of(path).items() if name != "written for"}


def test_the_contract_that_a_plugin_is_written_for_is_told(module, monkeypatch):
    assert lines_of(module("outputs", "Lamp"))["written for"][2:] == (
        "missing", "no contract; write CONTRACT = 1 in its module"
    )  # fmt: skip
    path = module("inputs", "Hand", f"CONTRACT = 1\n{PLUGIN}")
    assert lines_of(path)["written for"][2:] == ("ok", "contract 1")
    monkeypatch.setattr("capriccio.hookspecs.CONTRACT", 2)
    state, words = lines_of(path)["written for"][2:]
    assert state == "missing"
    assert words.startswith("is written for contract 1, and this Capriccio has 2; it plays")


def test_a_generator_that_keeps_the_contract_has_a_line_for_everything(module):
    lines = lines_of(module("generators", "Dunes"))
    assert lines.pop("written for").part == "carded_dunes"
    wanted = ("contract", "determinism", "bad input", "speed", "memory", "docs")
    assert states(lines) == dict.fromkeys(wanted, "ok")
    assert {line.part for line in lines.values()} == {"generator dunes"}
    assert "95 % of 5 at most" in lines["speed"].found
    assert lines["docs"].found == "Paint dunes."


def test_what_breaks_the_contract_is_told_in_one_sentence(module):
    lines = lines_of(module("generators", "Chance"))
    assert lines["contract"].state == "broken"
    assert "returned different results for the same" in lines["contract"].found
    lines = parts_of(module("generators", "Fails"))
    assert states(lines) == {"contract": "broken", "speed": "broken", "docs": "ok"}
    assert lines["speed"].found == "OSError: a string broke"


def test_memory_that_calls_keep_and_knobs_without_a_sentence_are_told(module):
    lines = lines_of(module("generators", "Hoard"))
    assert lines["memory"].state == "broken"
    assert "expected at most 64; a show lasts hours" in lines["memory"].found
    assert lines["docs"][2:] == ("missing", "no sentence under Args: for light")


def test_a_part_without_a_docstring_is_broken(module):
    text = PLUGIN.replace('"""Light a lamp."""', "")
    lines = lines_of(module("outputs", "Lamp", text))
    wanted = "the class has no docstring; describe it in one sentence"
    assert lines["docs"][2:] == ("broken", wanted)


def test_an_analyzer_is_given_what_it_reads(module):
    lines = parts_of(module("analyzers", "Ear"))
    assert states(lines) == dict.fromkeys(("contract", "speed", "memory", "docs"), "ok")
    assert lines["contract"].found == "kept; it reads phrases"


@pytest.mark.parametrize(
    ("hook", "part"), [("outputs", "Lamp"), ("inputs", "Hand"), ("instruments", "Fork")]
)
def test_outputs_and_inputs_are_opened_and_instruments_sampled(module, hook, part):
    assert states(parts_of(module(hook, part))) == {"contract": "ok", "docs": "ok"}


def test_what_cannot_be_tried_here_is_not_broken(module):
    lines = parts_of(module("outputs", "Far"))
    assert states(lines) == {"contract": "missing", "docs": "ok"}
    assert "there is no lamp" in lines["contract"].found


def test_a_model_is_checked_with_its_card():
    state, words = check.card_of(generator_class("vae").models["watercolors"])
    assert state == "ok"
    assert "MB; data: watercolors-usda-pomological; licence: public domain" in words


@pytest.mark.parametrize(
    ("card", "state", "words"),
    [
        ({"data": "apples", "license": "MIT"}, "ok", "data: apples; licence: MIT"),
        ({"data": "apples", "licence": "not stated"}, "missing", "does not name licence"),
        ({}, "missing", "its card does not name data and licence"),
    ],
)
def test_the_card_of_a_model_names_data_and_licence(tmp_path, monkeypatch, card, state, words):
    file = tmp_path / "tiny.onnx"
    file.write_bytes(b"0")
    spec = type("Spec", (), {"card": card})
    monkeypatch.setattr("capriccio.models.onnx_reader.read_spec", lambda path: spec)
    assert check.card_of(file)[0] == state
    assert words in check.card_of(file)[1]


def test_a_file_that_is_no_model_is_broken(tmp_path):
    (tmp_path / "tiny.onnx").write_bytes(b"\xff")
    assert check.card_of(tmp_path / "tiny.onnx")[0] == "broken"


@pytest.mark.parametrize("place", ["", "src"])
def test_a_folder_that_is_not_installed_is_checked(module, tmp_path, place):
    file = module("inputs", "Hand")
    (tmp_path / "package" / place).mkdir(parents=True)
    file.rename(tmp_path / "package" / place / file.name)
    (tmp_path / "package" / "pyproject.toml").write_text(
        "[project.entry-points.capriccio]\nhands = 'carded_hand'\n"
    )
    result = capriccio("check", tmp_path / "package", "--json")
    lines = json.loads(result.stdout)
    assert result.exit_code == 0, lines
    assert {(line["part"], line["name"], line["state"]) for line in lines} == {
        ("hands", "written for", "missing"),
        ("input hand", "contract", "ok"),
        ("input hand", "docs", "ok"),
    }


def test_an_installed_plugin_and_one_of_its_parts_are_checked(module, monkeypatch):
    made = Registry(registry.entry_points(group="capriccio"), "devices")
    monkeypatch.setattr(registry, "installed", lambda: made)
    assert {line.part for line in report("midifile")} == {"output midifile"}
    assert {line.part for line in report("devices/midifile")} == {"output midifile"}


def test_a_plugin_that_does_not_load_is_reported(module):
    file = module("generators", "Dunes", "import os; os._exit(3)")
    result = capriccio("check", file)
    assert result.exit_code == 1
    assert "ended the process with exit code 3 at import" in result.stdout


def test_what_cannot_be_checked_is_one_sentence(module, tmp_path):
    assert error("check", "nonsense").startswith("no plugin or part is named 'nonsense'; there are")
    assert error("check", tmp_path).startswith(f"cannot read '{tmp_path}/pyproject.toml': No such")
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    wanted = "names no plugin: expected [project.entry-points.capriccio] in it"
    assert wanted in error("check", tmp_path)
    (tmp_path / "pyproject.toml").write_text("[")
    assert "cannot be read as TOML" in error("check", tmp_path)
    file = module("generators", "Dunes", "")
    assert error("check", file) == f"plugin '{file}' has no parts to check"
