"""Models: what is refused before anything runs, what is checked at a call, which device runs."""

import numpy as np
import onnx
import pytest
from capriccio import Model, ModelError, ProviderError
from capriccio.models.model import MOST_CALLS, read_card, tempo_changes, use_device
from capriccio.models.onnx_reader import read_outside
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

FLOAT, BYTE = TensorProto.FLOAT, TensorProto.UINT8


def tiny(*, rows=1, weights=(2, 3), outputs=("y",), card=None):
    """Build x (rows, 2) -> y = x @ w, and z = x + x where it is asked for."""
    w = numpy_helper.from_array(np.arange(np.prod(weights), dtype=np.float32).reshape(weights), "w")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    gives = [helper.make_tensor_value_info("y", FLOAT, [rows, weights[1]])]
    if "z" in outputs:
        nodes.append(helper.make_node("Add", ["x", "x"], ["z"]))
        gives.append(helper.make_tensor_value_info("z", FLOAT, [rows, 2]))
    takes = [helper.make_tensor_value_info("x", FLOAT, [rows, weights[0]])]
    graph = helper.make_graph(nodes, "tiny", takes, gives, [w])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    for key, value in (card or {}).items():
        model.metadata_props.add(key=key, value=value)
    return model


@pytest.fixture
def save(tmp_path):
    def write(model, name="tiny.onnx"):
        path = tmp_path / name
        path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
        return path

    return write


@pytest.fixture(autouse=True)
def automatic():
    yield
    use_device("auto")


def x(rows=1):
    return np.ones((rows, 2), np.float32)


# -- playing ----------------------------------------------------------------------------------


def test_one_output_comes_as_an_array_and_several_by_name(save):
    assert Model(save(tiny()))(x=x()).tolist() == [[3, 5, 7]]
    both = Model(save(tiny(outputs=("y", "z"))))(x=x())
    assert {name: array.tolist() for name, array in both.items()} == {
        "y": [[3, 5, 7]],
        "z": [[2, 2]],
    }


def test_a_model_tells_its_inputs_outputs_and_card(save):
    path = save(tiny(card={"licence": "MIT", "metrics": '{"mse": 0.5}', "commit": '"123"'}))
    model = Model(path)
    assert model.inputs == {"x": ("float32", (1, 2))}
    assert model.outputs == {"y": ("float32", (1, 3))}
    assert model.card == {"licence": "MIT", "metrics": {"mse": 0.5}, "commit": "123"}
    assert read_card(path) == model.card


def test_dimensions_that_may_vary_do(save):
    model = Model(save(tiny(rows="batch")))
    assert model.inputs["x"].shape == (None, 2)
    assert model(x=x(rows=4)).shape == (4, 3)
    with pytest.raises(ModelError, match=r"shape \(4, 3\); give \(any, 2\)"):
        model(x=np.ones((4, 3), np.float32))


def test_a_closed_model_opens_again(save):
    model = Model(save(tiny()))
    first = model(x=x())
    model.close()
    assert (model(x=x()) == first).all()


def test_how_long_the_last_calls_took_is_known(save):
    model = Model(save(tiny(), "swift.onnx"))
    assert model.provider == "cpu"
    assert "swift" not in tempo_changes()  # warming up does not count
    for _ in range(MOST_CALLS + 5):
        model(x=x())
    device, seconds = tempo_changes()["swift"]
    took = sorted(model._took)
    assert device == "cpu" and len(took) == MOST_CALLS
    assert sum(one <= seconds for one in took) == 243  # 95 in 100
    model.close()
    assert "swift" not in tempo_changes()


def test_the_call_adds_little_to_the_bare_session(save):
    """The house's bound is 0.2 ms; the call's own share is a few microseconds."""
    from time import perf_counter

    model = Model(save(tiny()), threads=1)
    feeds = {"x": x()}
    model(**feeds)
    times = {"bare": [], "ours": []}
    for _ in range(300):
        for name, call in (
            ("bare", lambda: model._session.run(["y"], feeds)),
            ("ours", lambda: model(**feeds)),
        ):
            begin = perf_counter()
            call()
            times[name].append(perf_counter() - begin)
    assert np.median(times["ours"]) - np.median(times["bare"]) < 0.0002


# -- what does not fit ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": x()}, r"model 'tiny' has no input 'X'; did you mean|there are 'x'"),
        ({"x": x(), "heat": x()}, r"model 'tiny' has no input 'heat'; there are 'x'"),
        ({}, r"model 'tiny' needs its input 'x', float32 \(1, 2\)"),
        ({"x": x().astype(np.float64)}, r"input 'x' of model 'tiny' is float64; give float32"),
        ({"x": np.ones((2, 2), np.float32)}, r"has shape \(2, 2\); give \(1, 2\)"),
        ({"x": np.ones(2, np.float32)}, r"has shape \(2,\); give \(1, 2\)"),
        ({"x": [[1.0, 2.0]]}, r"was given 'list'; give a numpy array"),
    ],
)
def test_arrays_that_do_not_fit_are_explained_in_our_words(save, arrays, message):
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


# -- what is refused --------------------------------------------------------------------------


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no model file '.*gone\.onnx'"):
        Model(tmp_path / "gone.onnx")
    with pytest.raises(FileNotFoundError, match="there is no model file"):
        read_card(tmp_path)


def test_an_empty_file_is_refused(save):
    with pytest.raises(ModelError, match=r"model '.*tiny\.onnx' is an empty file"):
        Model(save(b""))


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04 a zip, as torch writes",
        b"hello, I am a text\n" * 9,
        b"\x89PNG\r\n\x1a\n",
        b"\0" * 64,
        b"\x08\x0a\x12\x05hello",
    ],
)
def test_a_file_of_another_kind_is_refused(save, content):
    path = save(content)
    with pytest.raises(ModelError, match=r"tiny\.onnx' is (not an ONNX file|cut off or damaged)"):
        Model(path)
    with pytest.raises(ModelError, match=r"tiny\.onnx' is (not an ONNX file|cut off or damaged)"):
        read_card(path)


def test_a_truncated_file_is_refused(save):
    whole = tiny(weights=(2, 300)).SerializeToString()
    with pytest.raises(ModelError, match=r"is cut off or damaged: a piece of \d+ bytes is announ"):
        Model(save(whole[: len(whole) // 2]))
    with pytest.raises(ModelError, match="is cut off or damaged"):
        read_card(save(whole[: len(whole) // 2]))


def test_a_file_that_is_too_large_is_refused(save):
    path = save(tiny())
    with open(path, "r+b") as file:
        file.truncate((1 << 30) + 1)  # sparse: it takes no room on the disk
    with pytest.raises(ModelError, match=r"is 1\.0 GB large; at most 1 GB is opened"):
        Model(path)


def test_a_claim_of_two_gigabytes_in_the_header_is_refused(save):
    whole = tiny().SerializeToString()
    claim = b"\x3a" + varint(2**31 - 1)  # field 7, the graph, 2 GB long
    with pytest.raises(ModelError, match="a piece of 2147483647 bytes is announced where"):
        Model(save(whole[:2] + claim + whole[2:]))


def test_a_tensor_that_claims_more_than_it_holds_is_refused(save):
    model = tiny()
    model.graph.initializer[0].dims[0] = 1 << 29
    with pytest.raises(ModelError, match="claims 1610612736 numbers for 'w' but holds"):
        Model(save(model))


def test_an_input_of_absurd_size_is_refused(save):
    with pytest.raises(ModelError, match=r"claims an array 'x' of shape \(2147483648, 2\)"):
        Model(save(tiny(rows=1 << 31)))


def _outside_its_folder(tensor):
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")


def test_external_data_is_refused_wherever_it_hides(save):
    plain = tiny()
    _outside_its_folder(plain.graph.initializer[0])

    constant = tiny()
    attribute = constant.graph.node.add(op_type="Constant", output=["c"]).attribute.add(
        name="value"
    )
    attribute.t.CopyFrom(tiny().graph.initializer[0])
    _outside_its_folder(attribute.t)

    branch = tiny()
    attribute = branch.graph.node.add(op_type="If", output=["i"]).attribute.add(name="then_branch")
    attribute.g.CopyFrom(tiny().graph)
    _outside_its_folder(attribute.g.initializer[0])

    function = tiny()
    attribute = function.functions.add(name="f").node.add(op_type="Constant").attribute.add()
    attribute.t.CopyFrom(tiny().graph.initializer[0])
    _outside_its_folder(attribute.t)

    sparse = tiny()
    sparse.graph.sparse_initializer.add().values.CopyFrom(tiny().graph.initializer[0])
    _outside_its_folder(sparse.graph.sparse_initializer[0].values)

    for model in (plain, constant, branch, function, sparse):
        with pytest.raises(ModelError, match=r"tiny\.onnx' keeps its data in another file"):
            Model(save(model))


def test_operators_of_its_own_are_refused(save):
    node = tiny()
    node.graph.node[0].domain = "com.evil"
    opset = tiny()
    opset.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    function = tiny()
    function.functions.add(name="f", domain="local")
    for model, domain in ((node, "com.evil"), (opset, "com.microsoft"), (function, "local")):
        with pytest.raises(ModelError, match=rf"operators of its own \(domain '{domain}'\)"):
            Model(save(model))


def test_graphs_nested_without_end_are_refused(save):
    inner = b""
    for _ in range(50):  # a graph of a node of an attribute of a graph
        inner = field(1, field(5, field(6, inner)))
    with pytest.raises(ModelError, match="nested more than 40 deep"):
        Model(save(tiny().SerializeToString() + field(7, inner)))


def test_a_file_of_nothing_but_headers_is_refused_in_time(save):
    with pytest.raises(ModelError, match="more than 1000000 pieces"):
        Model(save(b"\x08\x0a" * 1_000_001))


def test_a_graph_that_onnx_runtime_refuses_is_named(save):
    model = tiny()
    model.graph.node[0].op_type = "Nonsense"
    with pytest.raises(ModelError, match=r"tiny\.onnx' cannot be opened: .*Nonsense"):
        Model(save(model)).open()


def varint(number):
    out = b""
    while True:
        number, low = number >> 7, number & 127
        out += bytes([low | (128 if number else 0)])
        if not number:
            return out


def field(number, value):
    """Write a protobuf field: a number, or whatever is given as bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


BEGIN = field(1, 10)  # the version of the format, with which every file begins


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        (field(7, 5), "a graph is not where it should be"),
        (field(7, field(11, field(1, b"x") + field(2, 5))), "a type is not where it should be"),
        (field(7, field(1, field(7, 5))), "a name is not a text"),
        (field(7, field(1, field(7, b"\xff\xfe"))), "a name is not a text"),
        (field(7, field(5, b"\x0d\0\0\0\0")), "a size is not a whole number"),
        (field(7, field(5, field(1, b"\x01" * 65))), "an array has more than 64 dimensions"),
        (b"\x10" + b"\xff" * 10 + b"\x01", "a number is longer than 64 bits"),
        (b"\x10\xff", "it ends within a number"),
        (b"\x15\0\0", "it ends within a number"),
        (b"\x13", "there is no field of kind 3"),
        (field(0, 5), "there is no field 0"),
    ],
)
def test_each_kind_of_damage_is_told(save, rest, message):
    with pytest.raises(ModelError, match=f"is cut off or damaged: {message}"):
        Model(save(BEGIN + rest))


def test_a_file_without_a_graph_is_refused(save):
    with pytest.raises(ModelError, match="is not an ONNX file: there is no graph in it"):
        Model(save(BEGIN + field(2, b"somebody")))
    with pytest.raises(ModelError, match="is not an ONNX file"):
        read_card(save(BEGIN + field(2, b"somebody")))


WHOLE = tiny(outputs=("y", "z"), card={"licence": "MIT"}).SerializeToString()


@settings(max_examples=500, deadline=1000, suppress_health_check=list(HealthCheck))
@given(
    cut=st.integers(0, len(WHOLE)),
    flips=st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(1, 255)), max_size=6),
)
def test_no_damage_gives_anything_but_a_model_or_a_clear_refusal(tmp_path, cut, flips):
    content = bytearray(WHOLE)
    for place, change in flips:
        content[place] ^= change
    path = tmp_path / "damaged.onnx"
    path.write_bytes(content[:cut])
    for read in (read_outside, read_card):
        try:
            read(path)
        except ModelError as error:
            assert "damaged.onnx" in str(error)


@settings(max_examples=200, deadline=1000, suppress_health_check=list(HealthCheck))
@given(content=st.binary(min_size=1, max_size=200))
def test_noise_is_refused_clearly(tmp_path, content):
    path = tmp_path / "noise.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"noise\.onnx"):
        read_outside(path)


# -- devices ----------------------------------------------------------------------------------


def test_the_device_that_really_runs_is_known(save):
    use_device("cpu")
    model = Model(save(tiny()))
    assert model.provider == "cpu" == model._session.get_providers()[0][:3].lower()


def test_auto_says_once_what_it_took(save, capsys):
    from capriccio.log import summarize
    from capriccio.models import model

    summarize()
    model._announced.clear()
    capsys.readouterr()
    for _ in range(2):
        provider = Model(save(tiny())).provider
    assert capsys.readouterr().err.count(f"networks run on {provider}") == 1


def test_a_device_that_is_not_there_is_an_error_not_the_cpu(save):
    from capriccio.models.model import _nvidia

    if _nvidia():
        pytest.skip("this machine has an NVIDIA GPU")
    use_device_error = r"device 'cuda' is not available.*there are 'cpu'.*capriccio\[cuda\]"
    with pytest.raises(ProviderError, match=use_device_error):
        use_device("cuda")
        Model(save(tiny())).open()


def test_a_misspelt_device_is_told():
    with pytest.raises(ProviderError, match="no device is called 'cudo'; did you mean 'cuda'"):
        use_device("cudo")


def test_a_device_of_another_build_says_what_to_install():
    with pytest.raises(ProviderError, match=r"'openvino' is not available.*onnxruntime-openvino"):
        use_device("openvino")


def test_a_card_is_read_without_onnx_runtime(save):
    import subprocess
    import sys

    path = save(tiny(card={"licence": "MIT"}))
    script = (
        "import sys\nfor name in ('onnxruntime', 'torch', 'onnx'): sys.modules[name] = None\n"
        f"from capriccio.inference import read_card\nprint(read_card({str(path)!r})['licence'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "MIT\n", done.stderr


def test_onnx_itself_agrees_that_the_test_models_are_sound():
    onnx.checker.check_model(tiny(outputs=("y", "z")))
