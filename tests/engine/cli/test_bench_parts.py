"""The bench compares like with like: one session, in turn, and the numbers say what is slow."""

import json
import sys
from importlib.metadata import EntryPoint
from itertools import count

import pytest
from capriccio import Model, PartError, ShowError, registry
from capriccio.cli import bench
from capriccio.cli.bench import measure, table
from capriccio.cli.main import main
from capriccio.registry import GROUP, Registry
from click.testing import CliRunner

onnx = pytest.importorskip("onnx")
NUMBER = count()

PLUGIN = """
from pathlib import Path
from time import perf_counter
import numpy as np
from capriccio import Generator, Model, Note, Stroke, hookimpl

MOMENTS = []

class Small(Generator):
    models = {"tiny": Path(__file__).with_name("tiny.onnx")}
    def __init__(self, *, model="tiny"):
        self._model = Model(self.model_path(model))
        self.numbers = np.zeros((16, 16), np.float32)
    def work(self, now, calls=1):
        MOMENTS.append(now)
        for _ in range(calls):
            made = self._model(x=self.numbers)
        return made

class Picture(Small):
    def generate(self, now, *, light=0.5, style=""):
        made = self.work(now)
        self.numbers += 1  # the array that was handed over is written into again
        return np.clip(made, 0, 1)[..., None].repeat(3, 2)

class Slow(Picture):
    def generate(self, now, *, light=0.5):
        end = perf_counter() + 0.01
        while perf_counter() < end:
            pass
        return super().generate(now)

class Tune(Small):
    def generate(self, now, *, heat=0.5):
        self.work(now, 3)
        return [Note(60, 0.0, 1.0), Note(64, 1.0, 1.0)]

class Pen(Small):
    def generate(self, now):
        self.work(now)
        return [Stroke([(0.1, 0.1), (0.9, 0.9)])]

class Idle(Small):
    def generate(self, now):
        return np.zeros((8, 8, 3), np.uint8)

class Broken(Small):
    def generate(self, now):
        self.work(now)
        if len(MOMENTS) > 30:
            raise OSError("a string broke")
        return np.zeros((8, 8, 3), np.uint8)

class Bare(Generator):
    def generate(self, now):
        return []

@hookimpl
def generators():
    return [Picture, Slow, Tune, Pen, Idle, Broken, Bare]
"""


def tiny() -> bytes:
    """Build y = x @ x, of 16 by 16 numbers."""
    values = [onnx.helper.make_tensor_value_info(name, 1, [16, 16]) for name in "xy"]
    node = onnx.helper.make_node("MatMul", ["x", "x"], ["y"])
    graph = onnx.helper.make_graph([node], "tiny", values[:1], values[1:])
    opset = onnx.helper.make_opsetid("", 20)
    made = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10)
    return made.SerializeToString()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Install a plugin whose parts play a tiny network; give its module."""
    monkeypatch.syspath_prepend(tmp_path)
    name = f"capriccio_tiny_{next(NUMBER)}"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text(PLUGIN)
    (folder / "tiny.onnx").write_bytes(tiny())
    made = Registry([EntryPoint("tiny", name, GROUP)])
    assert made.broken == []
    for module in (registry, bench):
        monkeypatch.setattr(module, "installed", lambda: made)
    return folder, sys.modules[name]


def rows(part, frames=20):
    report = measure(part, frames)
    assert len(report["parts"]) == 1
    return {row["what"]: row for row in report["parts"][0]["rows"]}


def test_a_picture_is_timed_as_network_as_part_and_as_whole_frame(package):
    found = rows("picture")
    assert list(found) == ["bare network", "part", "whole frame"]
    for row in found.values():
        assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
    bare, part = found["bare network"], found["part"]
    assert (bare["ratio"], bare["over_ms"]) == (1.0, 0.0)
    assert part["ratio"] == pytest.approx(part["p50_ms"] / bare["p50_ms"], rel=1e-2)
    assert part["over_ms"] == pytest.approx(part["p50_ms"] - bare["p50_ms"], abs=1e-3)


def test_a_part_that_adds_much_to_its_network_is_found_out(package):
    report = measure("slow", 10)["parts"][0]
    _, part, whole = report["rows"]
    assert part["over_ms"] > 9
    assert whole["over_ms"] > 9
    assert not report["kept"]


def test_a_phrase_is_timed_a_step_and_a_bar(package):
    found = rows("tune")
    assert list(found) == [
        "bare network, a step",
        "part, a step",
        "whole bar, a step",
        "part, a bar",
        "whole bar",
    ]
    assert found["part, a bar"]["p50_ms"] == pytest.approx(
        3 * found["part, a step"]["p50_ms"], abs=1e-3
    )
    assert "ratio" not in found["whole bar"]


def test_music_is_composed_bar_by_bar_without_a_gap(package):
    _, module = package
    measure("tune", 10)
    beats = [now.beats for now in module.MOMENTS]
    bars = list(dict.fromkeys(beats))
    assert bars == [4 * bar for bar in range(len(bars))]
    assert {now.span for now in module.MOMENTS} == {4}
    # Opened, overheard, and then two a turn, of which the first twenty are not timed.
    assert len(bars) == 2 + 2 * (10 + bench.WARM)


def test_a_drawing_is_made_a_picture(package):
    assert list(rows("pen")) == ["bare network", "part", "whole frame"]


def test_the_bare_network_is_the_same_session_with_the_very_arrays(package):
    """What a part writes into an array afterwards does not change what was handed over."""
    _, module = package
    part = module.Picture()
    part._model.open()
    with bench._Heard() as heard:
        part(None)
        part(None)
    (first, one), (second, two) = heard.calls
    assert first is second is part._model
    assert one["x"].tolist() == [[0] * 16] * 16
    assert two["x"].tolist() == [[1] * 16] * 16
    turns = bench._Turns(heard, lambda: None, None)
    assert [run.__self__ for run, _, _ in turns._bare] == [part._model.session] * 2


def test_nobody_listens_any_more_when_it_is_over(package):
    call = Model.__call__
    measure("picture", 1)
    assert Model.__call__ is call
    with pytest.raises(OSError, match="a string broke"):
        measure("broken", 50)
    assert Model.__call__ is call


def test_without_a_part_every_generator_with_a_model_is_timed(package, monkeypatch):
    made = registry.installed()
    made.found[:] = [
        found for found in made.found if found.part.__name__ in ("Picture", "Tune", "Bare")
    ]
    said = []
    report = measure(None, 2, said.append)
    assert [part["part"] for part in report["parts"]] == ["picture", "tune"]
    assert [line.partition(",")[0] for line in said] == ["picture:tiny", "tune:tiny"]


def test_the_report_names_machine_versions_and_provider(package):
    report = measure("picture", 2)
    assert report["machine"]["cores"] >= 1
    assert report["machine"]["cpu"]
    assert {"python", "capriccio", "numpy"} < set(report["versions"])
    assert "torch" not in report["versions"]
    part = report["parts"][0]
    assert part["provider"] == registry.installed().found[0].part()._model.provider
    assert (part["part"], part["model"], part["timed"]) == ("picture", "tiny", 2)


def test_a_plain_step_of_the_trainer_is_timed_beside(package):
    pytest.importorskip("torch")
    folder, _ = package
    (folder / "train.py").write_text(
        "from time import perf_counter\n"
        "def train(data, out): pass\n"
        "def plain(model):\n"
        "    def step():\n"
        "        end = perf_counter() + 0.005 * (model == 'tiny')\n"
        "        while perf_counter() < end: pass\n"
        "    return step\n"
    )
    report = measure("picture", 10)
    plain = {row["what"]: row for row in report["parts"][0]["rows"]}["plain torch"]
    assert 5 <= plain["p50_ms"] < 50
    assert "torch" in report["versions"]
    assert 5 <= rows("tune", 5)["plain torch, a step"]["p50_ms"] < 50


@pytest.mark.parametrize(
    ("words", "error", "complaint"),
    [
        ("pikture", PartError, "no generator is named 'pikture'; did you mean 'picture'"),
        ("bare", PartError, "generator 'bare' has no model; those that have one are timed"),
        ("picture:tini", ValueError, "has no model 'tini'; did you mean 'tiny'"),
        ("picture:no.onnx", ValueError, "finds no file 'no.onnx'"),
        ("idle", ShowError, "generator 'idle' does not call its network; there is nothing to"),
    ],
)
def test_what_cannot_be_timed_is_told(package, words, error, complaint):
    with pytest.raises(error, match=complaint):
        measure(words, 2)


def test_where_no_part_has_a_model_there_is_nothing_to_time(monkeypatch):
    monkeypatch.setattr(bench, "installed", lambda: Registry([]))
    with pytest.raises(ShowError, match="no generator has a model; capriccio doctor may know why"):
        measure(None, 2)


def test_the_command_prints_a_table_or_json(package):
    runner = CliRunner(env={"COLUMNS": "200"})
    shown = runner.invoke(main, ["bench", "picture:tiny", "--frames", "3"])
    assert shown.exit_code == 0
    for words in ("picture:tiny on ", "bare network", "whole frame", "p99 ms", "kept"):
        assert words in shown.stdout
    report = json.loads(runner.invoke(main, ["bench", "picture", "--frames=3", "--json"]).stdout)
    assert report["parts"][0]["timed"] == 3
    assert runner.invoke(main, ["bench", "--frames", "0"]).exit_code == 2
    refused = runner.invoke(main, ["bench", "pikture"])
    assert refused.stderr == "Error: no generator is named 'pikture'; did you mean 'picture'?\n"


def test_a_promise_that_is_not_kept_is_shown(package):
    from rich.console import Console

    console = Console(width=200)
    with console.capture() as shown:
        console.print(table(measure("slow", 3)))
    assert "0.2 ms more: not kept" in shown.get()
