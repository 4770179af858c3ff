"""A record says how a sketch is performed, and how two performances differ."""

import hashlib
import json
import platform

import numpy as np
import pytest
from capriccio import Generator, Sketch, __version__, sketch_provenance
from capriccio.loader import load_sketch
from capriccio.registry import Found, Registry
from capriccio.sketch_provenance import (
    command_of,
    differences,
    for_take,
    provenance_of,
    sketches_folder,
)
from helpers.command import PIECE
from helpers.devices import ROOT


class Light(Generator):
    def generate(self, now):
        return np.zeros((8, 8, 3), np.uint8)


@pytest.fixture
def piece(tmp_path):
    """The file of a small sketch."""
    (tmp_path / "piece.py").write_text(PIECE)
    return tmp_path / "piece.py"


# -- records ----------------------------------------------------------------------------------


def test_a_record_names_the_sketch_its_settings_and_the_versions(piece):
    record = provenance_of(load_sketch(piece), seed=7, seconds=None)()
    assert {name: record[name] for name in ("sketch", "bpm", "meter", "fps", "size", "seed")} == {
        "sketch": "piece.py",
        "bpm": 120,
        "meter": 4,
        "fps": 10,
        "size": (32, 16),
        "seed": 7,
    }
    assert record["sha256"] == hashlib.sha256(piece.read_bytes()).hexdigest()
    assert "seconds" not in record
    assert record["capriccio"] == __version__
    assert record["versions"]["python"] == platform.python_version()
    assert record["versions"]["numpy"] == np.__version__
    assert json.loads(json.dumps(record))["size"] == [32, 16]


def test_a_record_has_no_folder_so_that_files_are_the_same_everywhere(piece, tmp_path):
    assert str(tmp_path) not in json.dumps(provenance_of(load_sketch(piece))())


def test_a_record_has_the_modules_beside_the_sketch_that_it_imports(piece, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "shared_shapes.py").write_text("SIDES = 5\n")
    piece.write_text("import json\nimport shared_shapes\n" + piece.read_text())
    sketch = load_sketch(piece)
    record = provenance_of(sketch)()
    digest = hashlib.sha256(b"SIDES = 5\n").hexdigest()
    assert record["imports"] == {"shared_shapes.py": digest}
    (tmp_path / "shared_shapes.py").write_text("SIDES = 6\n")
    assert list(differences(record, provenance_of(sketch)())) == [
        "import shared_shapes.py has changed"
    ]


def test_a_sketch_without_a_file_is_named_by_its_title():
    sketch = Sketch()
    sketch.names = {"__name__": "__main__", "__file__": "<stdin>"}
    record = provenance_of(sketch)()
    assert record["sketch"] == "sketch"
    assert "sha256" not in record


def test_a_record_names_the_plugins_that_the_sketch_uses(monkeypatch):
    made = Registry([])
    made.found.append(Found(Light, "lamps", "capriccio-lamps", "1.5"))
    made.found.append(Found(Generator, "other", "capriccio-other", "2.0"))
    monkeypatch.setattr(sketch_provenance, "installed", lambda: made)
    sketch = Sketch()
    sketch.names = {"light": Light(), "number": 3}
    assert provenance_of(sketch)()["plugins"] == {"lamps": "capriccio-lamps 1.5"}


def test_models_are_recorded_once_they_are_open(monkeypatch):
    models: dict[str, dict[str, str]] = {}
    monkeypatch.setattr(sketch_provenance, "open_models", lambda: models)
    provenance = provenance_of(Sketch())
    assert "models" not in provenance()
    models["m.onnx"] = {"sha256": "ab", "provider": "cpu"}
    assert provenance()["models"] == models


def test_a_take_knows_where_its_sketch_is(piece, tmp_path):
    take = tmp_path / "takes" / "one.jsonl"
    assert for_take(lambda: {"bpm": 90}, piece, take)() == {"bpm": 90, "path": "../piece.py"}


def test_the_take_of_a_sketch_that_comes_with_capriccio_has_no_path(tmp_path):
    assert sketches_folder() == ROOT / "sketches"
    first = ROOT / "sketches" / "first.py"
    assert for_take(lambda: {"bpm": 90}, first, tmp_path / "one.jsonl")() == {"bpm": 90}


# -- differences ------------------------------------------------------------------------------

THEN = {
    "capriccio": "0.1.0",
    "machine": "Linux x86_64",
    "plugins": {"gan": "capriccio 0.1.0"},
    "versions": {"numpy": "2.0"},
    "models": {"m.onnx": {"sha256": "ab", "provider": "cpu"}},
}


@pytest.mark.parametrize(
    ("changed", "sentences"),
    [
        ({}, []),
        ({"capriccio": "0.2.0"}, ["capriccio was 0.1.0 and is 0.2.0"]),
        ({"machine": "Linux arm64"}, ["machine was Linux x86_64 and is Linux arm64"]),
        ({"plugins": {}}, ["plugin gan was capriccio 0.1.0 and is not installed"]),
        ({"versions": {"numpy": "2.1"}}, ["version numpy was 2.0 and is 2.1"]),
        ({"models": {}}, []),
        (
            {"models": {"m.onnx": {"sha256": "cd", "provider": "cpu"}}},
            ["model m.onnx has changed"],
        ),
        (
            {"models": {"m.onnx": {"sha256": "ab", "provider": "cuda"}}},
            ["model m.onnx ran on cpu and runs on cuda"],
        ),
    ],
)
def test_what_differs_is_one_sentence_each(changed, sentences):
    assert list(differences(THEN, {**THEN, **changed})) == sentences


def test_a_record_of_a_stranger_is_compared_without_harm():
    strange = {"machine": "\x1b[31m", "plugins": 3, "versions": ["numpy"], "models": {"m": "x"}}
    assert list(differences(strange, THEN)) == [
        r"machine was \x1b[31m and is Linux x86_64",
        "model m was x and is not installed",
    ]


# -- the command ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "command"),
    [
        ({"sketch": "a.py"}, "capriccio run a.py --offline"),
        (
            {
                "sketch": "a b.py",
                "seconds": 2.0,
                "seed": 7,
                "bpm": 84.5,
                "fps": 30,
                "size": [64, 32],
            },
            "capriccio run 'a b.py' --offline --seconds 2 --seed 7 --bpm 84.5 --fps 30 "
            "--size 64x32",
        ),
        ({"sketch": "a.py", "simulate": True}, "capriccio run a.py --offline --simulate"),
        ({"sketch": "a.py", "simulate": "m.mid"}, "capriccio run a.py --offline --simulate m.mid"),
        (
            {"sketch": "a.py", "soundfont": "a.sf2"},
            "capriccio run a.py --offline --soundfont a.sf2",
        ),
        ({"sketch": "a.py", "seed": "; rm"}, "capriccio run a.py --offline"),
    ],
)
def test_the_command_that_makes_a_file_again_follows_from_its_record(record, command):
    assert command_of(record) == command
