"""A stranger's model is run once in a process with limits before it is opened; ours are not."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from capriccio import Model, ModelError
from capriccio.models import trial
from helpers.onnx_models import FLOAT, tiny
from onnx import TensorProto, helper, numpy_helper

ENDLESS = 2**62


@pytest.fixture(autouse=True)
def no_verdicts(tmp_path, monkeypatch):
    """No verdict is known yet, and none is kept beyond the test."""
    monkeypatch.setattr(trial, "_verdicts", {})
    monkeypatch.setattr(trial, "cache_file", lambda: tmp_path / "state" / "models.json")


@pytest.fixture
def trials(monkeypatch):
    """The files that were tried."""
    tried, real = [], trial._try

    def attempt(path):
        tried.append(path.name)
        return real(path)

    monkeypatch.setattr(trial, "_try", attempt)
    return tried


def model_of(node, constants, output=None):
    """Return a model x (1,) -> y of one node."""
    takes = [helper.make_tensor_value_info("x", FLOAT, [1])]
    gives = [helper.make_tensor_value_info("y", FLOAT, output)]
    arrays = [numpy_helper.from_array(np.array(value), name) for name, value in constants.items()]
    graph = helper.make_graph([node], "bomb", takes, gives, arrays)
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)])


def huge():
    """Return a model of 80 bytes whose output has 8 GB."""
    return model_of(helper.make_node("Expand", ["x", "shape"], ["y"]), {"shape": [2**31]})


def endless():
    """Return a model of 220 bytes that never ends."""
    values = {"i": (TensorProto.INT64, []), "go": (TensorProto.BOOL, []), "v": (FLOAT, [1])}
    takes = [helper.make_tensor_value_info(name, *what) for name, what in values.items()]
    gives = [helper.make_tensor_value_info(f"{name}2", *values[name]) for name in ("go", "v")]
    nodes = [
        helper.make_node("Identity", ["go"], ["go2"]),
        helper.make_node("Add", ["v", "v"], ["v2"]),
    ]
    body = helper.make_graph(nodes, "body", takes, gives)
    loop = helper.make_node("Loop", ["times", "go", "x"], ["y"], body=body)
    return model_of(loop, {"times": ENDLESS, "go": True}, [1])


@pytest.mark.parametrize(
    ("bomb", "message"),
    [
        (huge, r"model '.*tiny\.onnx' takes more than 176 MB to open and run once; if it is your"),
        (endless, r"model '.*tiny\.onnx' takes more than 0\.8 s to open and run once; if it is"),
    ],
)
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs the limits of Linux")
def test_a_model_that_takes_too_much_is_not_opened(save, bomb, message):
    model = Model(save(bomb()))
    with pytest.raises(ModelError, match=message):
        model(x=np.ones(1, np.float32))
    assert model.opened_on == ""


def test_an_honest_model_is_tried_once_and_remembered_by_its_content(save, trials, monkeypatch):
    content = tiny(weights=(2, 5)).SerializeToString()
    for name in ("one.onnx", "two.onnx", "one.onnx"):
        assert Model(save(content, name))(x=np.ones((1, 2), np.float32)).shape == (1, 5)
    assert trials == ["one.onnx"]
    monkeypatch.setattr(trial, "_verdicts", {})  # as in another process
    Model(save(content, "three.onnx")).open()
    assert trials == ["one.onnx"]
    Model(save(tiny(weights=(2, 7)), "one.onnx")).open()
    assert trials == ["one.onnx", "one.onnx"]


def test_verdicts_are_kept_for_their_owner_alone_and_bad_ones_are_ignored(save, trials, tmp_path):
    Model(save(tiny())).open()
    file = trial.cache_file()
    assert list(json.loads(file.read_text()).values()) == [""]
    if sys.platform != "win32":
        assert file.stat().st_mode & 0o777 == 0o600
    for content in ("{", "[1]", "[" * 100_000):
        file.write_text(content)
        trial._verdicts.clear()
        Model(save(tiny())).open()
    assert len(trials) == 4


def test_a_model_in_the_package_of_code_that_runs_is_not_tried(trials, tmp_path, monkeypatch):
    package = tmp_path / "package_with_model"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "a.onnx").write_bytes(tiny().SerializeToString())
    monkeypatch.syspath_prepend(tmp_path)
    __import__(package.name)
    Model(package / "a.onnx").open()
    assert trials == []
    del sys.modules[package.name]
    Model(package / "a.onnx").open()
    assert trials == ["a.onnx"]


def test_the_models_of_our_plugins_are_not_tried(trials):
    from capriccio import generator_class

    Model(generator_class("rnn").models["groove"]).open()
    assert trials == []


def test_models_in_trusted_folders_are_not_tried(save, trials, tmp_path, monkeypatch):
    monkeypatch.setenv(trial.TRUSTED_FOLDERS, f"/nowhere{trial.os.pathsep}{tmp_path}")
    Model(save(tiny())).open()
    assert trials == []


def test_a_trial_that_the_machine_is_too_busy_for_is_not_remembered(save, monkeypatch):
    monkeypatch.setattr(trial, "WALL_SECONDS", 0.001)
    with pytest.raises(ModelError, match=r"did not open and run once within 0\.001 s"):
        Model(save(tiny())).open()
    monkeypatch.setattr(trial, "WALL_SECONDS", 60.0)
    Model(save(tiny())).open()


def test_a_model_that_ends_the_process_is_refused(save, monkeypatch, tmp_path):
    crash = tmp_path / "crash.py"
    crash.write_text("import os\nos.abort()\n")
    monkeypatch.setattr(trial, "__file__", str(crash))
    with pytest.raises(ModelError, match=r"ends ONNX Runtime when it is opened \(code -?\d+\)"):
        Model(save(tiny())).open()


def test_larger_files_may_take_more():
    small, large = trial.limits(1000), trial.limits(20 * 2**20)
    assert small[0] < 200 < 400 < large[0] and small[1] < 1 < 5 < large[1]
    assert trial.limits(2**30) == (trial.MAX_MEGABYTES, trial.WALL_SECONDS)


def test_the_script_imports_nothing_of_the_engine(save):
    """It must start within a second, and have little of its own in memory."""
    path = save(tiny(rows="batch"))
    script = (
        "import runpy, sys\nsys.modules['capriccio'] = None\n"
        f"sys.argv = ['trial.py', {str(path)!r}, '200', '5']\n"
        f"runpy.run_path({trial.__file__!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert json.loads(done.stdout) == {"memory": False}, done.stderr
