"""Playing models: what is checked at a call, what is timed, and which device runs."""

import os
import subprocess
import sys

import numpy as np
import onnx
import pytest
from capriccio import Model, ModelError, ProviderError
from capriccio.log import summarize
from capriccio.models import model as model_module
from capriccio.models.model import MAX_CALLS, has_nvidia_gpu, latencies, read_card, use_device
from helpers.onnx_models import FLOAT, tiny
from onnx import TensorProto, helper, numpy_helper


@pytest.fixture(autouse=True)
def automatic():
    yield
    use_device("auto")


def x(rows=1):
    return np.ones((rows, 2), np.float32)


# -- calls ----------------------------------------------------------------------------------


def test_one_output_is_an_array_and_several_are_a_dictionary(save):
    assert Model(save(tiny()))(x=x()).tolist() == [[3, 5, 7]]
    both = Model(save(tiny(outputs=("y", "z"))))(x=x())
    assert {name: array.tolist() for name, array in both.items()} == {
        "y": [[3, 5, 7]],
        "z": [[2, 2]],
    }


def test_a_model_has_its_inputs_outputs_and_card(save):
    path = save(tiny(card={"licence": "MIT", "metrics": '{"mse": 0.5}', "commit": '"123"'}))
    model = Model(path)
    assert model.inputs == {"x": ("float32", (1, 2))}
    assert model.outputs == {"y": ("float32", (1, 3))}
    assert model.card == {"licence": "MIT", "metrics": {"mse": 0.5}, "commit": "123"}
    assert read_card(path) == model.card


def test_variable_dimensions_take_any_size(save):
    model = Model(save(tiny(rows="batch")))
    assert model.inputs["x"].shape == (None, 2)
    assert model(x=x(rows=4)).shape == (4, 3)
    with pytest.raises(ModelError, match=r"must have shape \(any, 2\), got \(4, 3\)"):
        model(x=np.ones((4, 3), np.float32))


def test_a_closed_model_opens_again(save):
    model = Model(save(tiny()))
    first = model(x=x())
    model.close()
    assert (model(x=x()) == first).all()


def test_latencies_report_the_95th_percentile_of_the_last_calls(save):
    model = Model(save(tiny(), "swift.onnx"))
    assert model.provider == "cpu"
    assert "swift" not in latencies()  # warming up does not count
    for _ in range(MAX_CALLS + 5):
        model(x=x())
    device, seconds = latencies()["swift"]
    took = sorted(model.call_seconds)
    assert device == "cpu" and len(took) == MAX_CALLS
    assert sum(one <= seconds for one in took) == 243  # 95 in 100
    model.close()
    assert "swift" not in latencies()


def test_the_call_adds_little_to_the_bare_session(save):
    """The bound is 0.2 ms; a call adds a few microseconds."""
    from time import perf_counter

    model = Model(save(tiny()), threads=1)
    feeds = {"x": x()}
    model(**feeds)
    times = {"bare": [], "ours": []}
    for _ in range(300):
        for name, call in (
            ("bare", lambda: model.session.run(["y"], feeds)),
            ("ours", lambda: model(**feeds)),
        ):
            begin = perf_counter()
            call()
            times[name].append(perf_counter() - begin)
    assert np.median(times["ours"]) - np.median(times["bare"]) < 0.0002


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="a process has all cores here")
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="there is one core")
def test_a_network_has_as_many_threads_as_the_process_has_cores(save):
    cores = os.sched_getaffinity(0)
    path = save(tiny())

    def threads(**settings):
        model = Model(path, **settings)
        model.open()
        return model.session.get_session_options().intra_op_num_threads

    try:
        os.sched_setaffinity(0, {min(cores)})
        assert threads() == 1
        assert threads(threads=2) == 2
    finally:
        os.sched_setaffinity(0, cores)


def test_idle_threads_of_a_network_soon_stop_spinning(save):
    model = Model(save(tiny()))
    model.open()
    options = model.session.get_session_options()
    assert int(options.get_session_config_entry("session.intra_op.spin_duration_us")) <= 100


# -- errors ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": x()}, r"model 'tiny' has no input 'X'; did you mean|there are 'x'"),
        ({"x": x(), "heat": x()}, r"model 'tiny' has no input 'heat'; there are 'x'"),
        ({}, r"model 'tiny' needs its input 'x', float32 \(1, 2\)"),
        ({"x": x().astype(np.float64)}, r"input 'x' of model 'tiny' must be float32, got float64"),
        ({"x": np.ones((2, 2), np.float32)}, r"must have shape \(1, 2\), got \(2, 2\)"),
        ({"x": np.ones(2, np.float32)}, r"must have shape \(1, 2\), got \(2,\)"),
        ({"x": [[1.0, 2.0]]}, r"input 'x' of model 'tiny' must be a numpy array, got list"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(save, arrays, message):
    with pytest.raises(ModelError, match=message):
        Model(save(tiny()))(**arrays)


def test_a_graph_that_fails_while_it_runs_is_named(save):
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "i"], ["y"])],
        "g",
        [helper.make_tensor_value_info("i", TensorProto.INT64, [1])],
        [helper.make_tensor_value_info("y", FLOAT, [1])],
        [numpy_helper.from_array(np.zeros(3, np.float32), "table")],
    )
    model = Model(
        save(helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)]))
    )
    with pytest.raises(ModelError, match=r"model 'tiny' failed in ONNX Runtime: .*out of"):
        model(i=np.array([7]))


def test_a_graph_that_onnx_runtime_refuses_is_named(save):
    model = tiny()
    model.graph.node[0].op_type = "Nonsense"
    with pytest.raises(ModelError, match=r"tiny\.onnx' cannot be opened: .*Nonsense"):
        Model(save(model)).open()


# -- devices ----------------------------------------------------------------------------------


def test_the_provider_is_the_device_that_really_runs(save):
    use_device("cpu")
    model = Model(save(tiny()))
    assert model.provider == "cpu" == model.session.get_providers()[0][:3].lower()


def test_auto_logs_the_device_it_took_once(save, capsys, monkeypatch):
    summarize()
    monkeypatch.setattr(model_module, "announced_devices", set())
    capsys.readouterr()
    for _ in range(2):
        provider = Model(save(tiny())).provider
    assert capsys.readouterr().err.count(f"networks run on {provider}") == 1
    assert has_nvidia_gpu() or not summarize()  # without a GPU this is no warning


def test_a_missing_device_is_an_error_not_the_cpu(save):
    if has_nvidia_gpu():
        pytest.skip("this machine has an NVIDIA GPU")
    use_device_error = r"device 'cuda' is not available.*there are 'cpu'.*pip install .*\[cuda\]"
    with pytest.raises(ProviderError, match=use_device_error):
        use_device("cuda")
        Model(save(tiny())).open()


def test_a_misspelt_device_gets_a_suggestion():
    with pytest.raises(ProviderError, match="no device is called 'cudo'; did you mean 'cuda'"):
        use_device("cudo")


def test_a_device_of_another_build_names_what_to_install():
    with pytest.raises(ProviderError, match=r"'openvino' is not available.*onnxruntime-openvino"):
        use_device("openvino")


def test_a_card_is_read_without_onnx_runtime(save):
    path = save(tiny(card={"licence": "MIT"}))
    script = (
        "import sys\nfor name in ('onnxruntime', 'torch', 'onnx'): sys.modules[name] = None\n"
        f"from capriccio.models.model import read_card\nprint(read_card({str(path)!r})['licence'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "MIT\n", done.stderr


def test_the_test_models_are_valid_for_onnx():
    onnx.checker.check_model(tiny(outputs=("y", "z")))
