"""Parts are timed in turn with their bare network; one that fails does not lose the others."""

import sys
from importlib.metadata import EntryPoint
from itertools import count, pairwise

import pytest
from capriccio import Model, PartError, ShowError, registry
from capriccio.cli import bench_parts
from capriccio.cli.bench_parts import CallRecorder, Timer, measure, moving_picture, table
from capriccio.registry import GROUP, Registry
from helpers.command import capriccio

onnx = pytest.importorskip("onnx")
NUMBER = count()

PLUGIN = """
from pathlib import Path
from time import perf_counter
from typing import NamedTuple
import numpy as np
from capriccio import Analyzer, Generator, Model, Note, Stroke, hookimpl

MOMENTS = []
TARGETS = []

class Small(Generator):
    models = {"tiny": Path(__file__).with_name("tiny.onnx")}
    def __init__(self, *, model="tiny"):
        self.model = Model(self.model_path(model))
        self.numbers = np.zeros((16, 16), np.float32)
    def work(self, now, calls=1):
        MOMENTS.append(now)
        for _ in range(calls):
            made = self.model(x=self.numbers)
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

class Melody(Small):
    def generate(self, now, *, heat=0.5):
        self.work(now, 3)
        return [Note(60, 0.0, 1.0), Note(64, 1.0, 1.0)]

class Pen(Small):
    def generate(self, now):
        self.work(now)
        return [Stroke([(0.1, 0.1), (0.9, 0.9)])]

class Copyist(Small):
    "Calls its network where its target has changed."
    def generate(self, now, *, target=None):
        if TARGETS == [] or target is not TARGETS[-1]:
            TARGETS.append(target)
            self.work(now, 1 + len(TARGETS) % 2)
        return np.zeros((8, 8, 3), np.uint8)

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

class Teller(Generator):
    def generate(self, now):
        return "once"

class Readings(NamedTuple):
    share: float = 0.5

class Eye(Analyzer):
    models = Small.models
    def __init__(self, *, model="tiny"):
        self.model = Model(self.model_path(model))
    def analyze(self, thing):
        self.model(x=np.full((16, 16), thing.mean(), np.float32))
        return Readings()

class Hearing(Analyzer):
    def analyze(self, thing):
        return Readings(len([note.pitch for note in thing]) / 100)

class Grapher(Analyzer):
    def analyze(self, thing):
        return Readings(len([stroke.points for stroke in thing]) / 100)

class Deaf(Analyzer):
    def analyze(self, thing):
        raise OSError("no ears")

@hookimpl
def generators():
    return [Picture, Slow, Melody, Pen, Copyist, Idle, Broken, Bare, Teller]

@hookimpl
def analyzers():
    return [Eye, Hearing, Grapher, Deaf]
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
    """Install a plugin whose parts use a tiny network; return its folder and its module."""
    monkeypatch.syspath_prepend(tmp_path)
    name = f"capriccio_tiny_{next(NUMBER)}"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text(PLUGIN)
    (folder / "tiny.onnx").write_bytes(tiny())
    made = Registry([EntryPoint("tiny", name, GROUP)])
    assert made.broken == []
    for module in (registry, bench_parts):
        monkeypatch.setattr(module, "installed", lambda: made)
    return folder, sys.modules[name]


def report_on(part, frames=20):
    report = measure(part, frames)
    assert len(report["parts"]) == 1
    return report["parts"][0]


def rows(part, frames=20):
    return {row["what"]: row for row in report_on(part, frames)["rows"]}


def test_a_picture_is_timed_as_network_as_part_and_as_whole_frame(package):
    found = rows("picture")
    assert list(found) == ["bare network", "part", "whole frame"]
    for row in found.values():
        assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
    bare, part = found["bare network"], found["part"]
    assert (bare["ratio"], bare["over_ms"]) == (1.0, 0.0)
    assert part["ratio"] == pytest.approx(part["p50_ms"] / bare["p50_ms"], rel=1e-2)
    assert part["over_ms"] == pytest.approx(part["p50_ms"] - bare["p50_ms"], abs=1e-3)


def test_a_part_that_adds_much_to_its_network_breaks_the_promise(package):
    report = measure("slow", 10)["parts"][0]
    _, part, whole = report["rows"]
    assert part["over_ms"] > 9
    assert whole["over_ms"] > 9
    assert not report["kept"]


def test_a_phrase_is_timed_a_step_and_a_bar(package):
    found = rows("melody")
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
    measure("melody", 10)
    beats = [now.beats for now in module.MOMENTS]
    bars = list(dict.fromkeys(beats))
    assert bars == [4 * bar for bar in range(len(bars))]
    assert {now.span for now in module.MOMENTS} == {4}
    # One to open it, one to record its calls, then two a frame, with the warm-up.
    assert len(bars) == 2 + 2 * (10 + bench_parts.WARM_UP_FRAMES)


def test_a_drawing_is_rasterised(package):
    assert list(rows("pen")) == ["bare network", "part", "whole frame"]


def test_the_bare_network_is_the_same_session_with_the_same_arrays(package):
    """What a part writes into an array afterwards does not change what was passed."""
    _, module = package
    part = module.Picture()
    part.model.open()
    with CallRecorder() as recorder:
        part(None)
        part(None)
    (first, one), (second, two) = recorder.calls
    assert first is second is part.model
    assert one["x"].tolist() == [[0] * 16] * 16
    assert two["x"].tolist() == [[1] * 16] * 16
    timer = Timer(recorder, lambda: None, None)
    assert [run.__self__ for run, _, _ in timer.sessions] == [part.model.session] * 2


def test_calls_are_recorded_no_longer_than_needed(package):
    call = Model.__call__
    measure("picture", 1)
    assert Model.__call__ is call
    assert "OSError: a string broke" in report_on("broken", 50)["error"]
    assert Model.__call__ is call


# -- parts that do not call a network in every frame -------------------------------------------


def test_a_part_that_waits_for_another_target_is_given_a_moving_picture(package):
    _, module = package
    report = report_on("copyist")
    assert report["note"] == "knob 'target' was given a moving test picture"
    assert [row["what"] for row in report["rows"]] == [
        "bare network, a call",
        "part, a call",
        "whole frame, a call",
        "part, a frame",
        "whole frame",
    ]
    assert report["kept"] is None
    assert module.TARGETS[0] is None
    assert {target.shape for target in module.TARGETS[1:]} == {(256, 256, 3)}


def test_the_moving_picture_moves():
    frames = moving_picture()
    assert {frame.dtype.name for frame in frames} == {"uint8"}
    assert all((one != two).any() for one, two in pairwise(frames))


@pytest.mark.parametrize(
    ("name", "whole"), [("idle", "whole frame"), ("bare", "whole bar"), ("teller", "whole frame")]
)
def test_a_part_that_calls_no_network_is_timed_without_one(package, name, whole):
    report = report_on(name, 3)
    assert [row["what"] for row in report["rows"]] == ["part", whole]
    assert all("ratio" not in row for row in report["rows"])
    assert (report["provider"], report["kept"]) == ("", None)


# -- analyzers --------------------------------------------------------------------------------


def test_an_analyzer_is_timed_as_network_and_as_part(package):
    report = report_on("eye", 3)
    assert [row["what"] for row in report["rows"]] == ["bare network", "part"]
    assert report["note"] == "it was given a picture of 256 x 256"
    assert report["kept"] is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [("hearing", "a phrase of four voices"), ("grapher", "a drawing of 32 strokes")],
)
def test_an_analyzer_is_given_what_it_accepts(package, name, kind):
    report = report_on(name, 3)
    assert report["note"] == f"it was given {kind}"
    assert [row["what"] for row in report["rows"]] == ["part"]


def test_an_analyzer_that_reads_nothing_is_reported(package):
    assert report_on("deaf", 3)["error"].startswith(
        "ShowError: analyzer 'deaf' reads none of a picture of 256 x 256 (OSError: no ears), "
    )


# -- all parts --------------------------------------------------------------------------------


def test_without_a_part_everything_is_timed_and_one_that_fails_does_not_lose_the_others(package):
    messages = []
    report = measure(None, 12, messages.append)
    found = {part["part"]: part for part in report["parts"]}
    assert list(found) == ["picture", "slow", "melody", "pen", "copyist", "idle", "broken", "bare",
                           "teller", "eye", "hearing", "grapher", "deaf"]  # fmt: skip
    assert [name for name, part in found.items() if "error" in part] == ["broken", "deaf"]
    assert found["broken"]["rows"] == []
    assert all(part["rows"] for part in found.values() if "error" not in part)
    assert messages[0] == "picture:tiny: 12 times, in turn with its bare network"
    assert "broken:tiny failed: OSError: a string broke" in messages


@pytest.mark.slow
def test_everything_that_is_installed_can_be_timed(monkeypatch):
    monkeypatch.setattr(bench_parts, "WARM_UP_FRAMES", 2)
    found = registry.installed().found
    expected = {
        (one.part.name, model)
        for one in found
        if one.part.role in ("generator", "analyzer")
        for model in one.part.models or [""]
    }
    report = measure(None, 1)
    assert {(part["part"], part["model"]) for part in report["parts"]} == expected
    assert [part for part in report["parts"] if "error" in part] == []
    notes = {part["part"]: part.get("note") for part in report["parts"]}
    assert notes["painter"] == "knob 'target' was given a moving test picture"
    assert notes["critic"] == "it was given a picture of 256 x 256"
    assert notes["ear"] == "it was given a phrase of four voices"
    assert {row["what"] for part in report["parts"] if part["part"] == "wall"
            for row in part["rows"]} == {"part", "whole frame"}  # fmt: skip


def test_the_report_names_machine_versions_and_provider(package):
    report = measure("picture", 2)
    assert report["machine"]["cores"] >= 1
    assert report["machine"]["cpu"]
    assert {"python", "capriccio", "numpy"} < set(report["versions"])
    assert "torch" not in report["versions"]
    part = report["parts"][0]
    assert part["provider"] == registry.installed().found[0].part().model.provider
    assert (part["part"], part["model"], part["timed"]) == ("picture", "tiny", 2)


def test_a_plain_step_of_the_trainer_is_timed_as_well(package):
    pytest.importorskip("torch")
    folder, _ = package
    (folder / "training").mkdir()
    (folder / "training" / "__init__.py").touch()
    (folder / "training" / "main.py").write_text(
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
    assert 5 <= rows("melody", 5)["plain torch, a step"]["p50_ms"] < 50


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ("pikture", PartError, "no generator or analyzer is named 'pikture'; did you mean 'pict"),
        ("tiny/ey", PartError, "no generator or analyzer is named 'tiny/ey'"),
        ("picture:tini", ValueError, "has no model 'tini'; did you mean 'tiny'"),
        ("picture:no.onnx", ValueError, "finds no file 'no.onnx'"),
        ("wood/picture", PartError, "no generator is named 'wood/picture'"),
    ],
)
def test_a_part_that_is_not_there_is_reported(package, words, error, message):
    with pytest.raises(error, match=message):
        measure(words, 2)


def test_where_no_part_is_installed_there_is_nothing_to_time(monkeypatch):
    monkeypatch.setattr(bench_parts, "installed", lambda: Registry([]))
    with pytest.raises(ShowError, match="no generator or analyzer is installed; capriccio doctor"):
        measure(None, 2)


def printed(report) -> str:
    from rich.console import Console

    console = Console(width=200)
    with console.capture() as captured:
        console.print(table(report))
    return captured.get()


def test_a_broken_promise_is_shown(package):
    assert "0.2 ms more: not kept" in printed(measure("slow", 3))


def test_a_table_shows_what_failed_and_what_calls_no_network(package):
    shown = printed(measure("deaf", 3))
    assert "deaf failed: ShowError: analyzer 'deaf' reads none of" in shown
    shown = printed(measure("bare", 3))
    assert "bare, which called no network" in shown
    assert "kept" not in shown


def test_the_command_exits_with_1_where_a_part_failed(package):
    shown = capriccio("bench", "deaf", "--frames", "2")
    assert shown.exit_code == 1
    assert "deaf failed" in shown.stdout
    assert capriccio("bench", "bare", "--frames", "2").exit_code == 0
