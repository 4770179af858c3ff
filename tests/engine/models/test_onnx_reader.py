"""Reading model files: what is refused before anything runs."""

import pytest
from capriccio import Model, ModelError
from capriccio.models.onnx_reader import read_card, read_spec
from helpers.onnx_models import field, tiny, varint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper


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
    with pytest.raises(
        ModelError, match=r"is cut off or damaged: a field declares \d+ bytes where"
    ):
        Model(save(whole[: len(whole) // 2]))
    with pytest.raises(ModelError, match="is cut off or damaged"):
        read_card(save(whole[: len(whole) // 2]))


def test_a_file_that_is_too_large_is_refused(save):
    path = save(tiny())
    with open(path, "r+b") as file:
        file.truncate((1 << 30) + 1)  # sparse: it takes no room on the disk
    with pytest.raises(ModelError, match=r"has 1\.0 GB; at most 1 GB is allowed"):
        Model(path)


def test_a_field_that_declares_two_gigabytes_is_refused(save):
    whole = tiny().SerializeToString()
    claim = b"\x3a" + varint(2**31 - 1)  # field 7, the graph, 2 GB long
    with pytest.raises(ModelError, match="a field declares 2147483647 bytes where"):
        Model(save(whole[:2] + claim + whole[2:]))


def test_a_tensor_that_declares_more_than_it_holds_is_refused(save):
    model = tiny()
    model.graph.initializer[0].dims[0] = 1 << 29
    with pytest.raises(ModelError, match="declares 1610612736 numbers in tensor 'w' but holds"):
        Model(save(model))


def test_an_input_of_absurd_size_is_refused(save):
    with pytest.raises(ModelError, match=r"declares 'x' with shape \(2147483648, 2\); that is too"):
        Model(save(tiny(rows=1 << 31)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda x: x.tensor_type.shape.dim[0].__setattr__("dim_value", -1),
            r"\(-1, 2\); expected no",
        ),
        (lambda x: x.tensor_type.shape.dim[0].__setattr__("dim_value", 2**25), "MB are allowed"),
        (
            lambda x: x.tensor_type.__setattr__("elem_type", 16),
            "'x', a tensor of bfloat16; expected",
        ),
        (
            lambda x: x.tensor_type.__setattr__("elem_type", 99),
            "'x', a tensor of type 99; expected",
        ),
        (
            lambda x: x.sequence_type.elem_type.tensor_type.__setattr__("elem_type", 1),
            "a sequence; exp",
        ),
        (
            lambda x: x.optional_type.elem_type.tensor_type.__setattr__("elem_type", 1),
            "an? optional;",
        ),
        (
            lambda x: x.Clear(),
            "has the input 'x', a value of no type; expected a tensor of numbers",
        ),
    ],
)
def test_an_input_that_no_array_can_be_is_refused(save, change, message):
    model = tiny()
    change(model.graph.input[0].type)
    with pytest.raises(ModelError, match=message):
        Model(save(model))


def test_inputs_that_are_too_large_together_are_refused(save):
    model = tiny(rows=2**22)
    for number in range(9):
        model.graph.input.add().CopyFrom(model.graph.input[0])
        model.graph.input[-1].name = f"x{number}"
    with pytest.raises(ModelError, match="that is too large: at most 128 MB are allowed"):
        Model(save(model))


def make_external(tensor):
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")


def test_external_data_is_refused_everywhere_in_a_graph(save):
    plain = tiny()
    make_external(plain.graph.initializer[0])

    constant = tiny()
    attribute = constant.graph.node.add(op_type="Constant", output=["c"]).attribute.add(
        name="value"
    )
    attribute.t.CopyFrom(tiny().graph.initializer[0])
    make_external(attribute.t)

    branch = tiny()
    attribute = branch.graph.node.add(op_type="If", output=["i"]).attribute.add(name="then_branch")
    attribute.g.CopyFrom(tiny().graph)
    make_external(attribute.g.initializer[0])

    function = tiny()
    attribute = function.functions.add(name="f").node.add(op_type="Constant").attribute.add()
    attribute.t.CopyFrom(tiny().graph.initializer[0])
    make_external(attribute.t)

    sparse = tiny()
    sparse.graph.sparse_initializer.add().values.CopyFrom(tiny().graph.initializer[0])
    make_external(sparse.graph.sparse_initializer[0].values)

    for model in (plain, constant, branch, function, sparse):
        with pytest.raises(ModelError, match=r"tiny\.onnx' keeps data in another file"):
            Model(save(model))


def test_custom_operators_are_refused(save):
    node = tiny()
    node.graph.node[0].domain = "com.evil"
    opset = tiny()
    opset.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    function = tiny()
    function.functions.add(name="f", domain="local")
    for model, domain in ((node, "com.evil"), (opset, "com.microsoft"), (function, "local")):
        with pytest.raises(ModelError, match=rf"custom operators \(domain '{domain}'\)"):
            Model(save(model))


def test_deeply_nested_graphs_are_refused(save):
    inner = b""
    for _ in range(50):  # a graph of a node of an attribute of a graph
        inner = field(1, field(5, field(6, inner)))
    with pytest.raises(ModelError, match="nested more than 40 deep"):
        Model(save(tiny().SerializeToString() + field(7, inner)))


def test_a_file_of_nothing_but_headers_is_refused_early(save):
    with pytest.raises(ModelError, match="more than 300000 fields"):
        Model(save(b"\x08\x0a" * 300_001))


BEGIN = field(1, 10)  # the version of the format, with which every file begins


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        (field(7, 5), "field 7 is not a graph"),
        (field(7, field(11, field(1, b"x") + field(2, 5))), "a type is not a message"),
        (field(7, field(1, field(7, 5))), "a name is not text"),
        (field(7, field(1, field(7, b"\xff\xfe"))), "a name is not text"),
        (field(7, field(5, b"\x0d\0\0\0\0")), "a size is not a whole number"),
        (field(7, field(5, field(1, b"\x01" * 65))), "an array has more than 64 dimensions"),
        (b"\x10" + b"\xff" * 10 + b"\x01", "a number is longer than 64 bits"),
        (b"\x10\xff", "it ends within a number"),
        (b"\x15\0\0", "it ends within a number"),
        (b"\x13", "unknown wire type 3"),
        (field(0, 5), "field number 0 is not allowed"),
    ],
)
def test_each_kind_of_damage_is_named(save, rest, message):
    with pytest.raises(ModelError, match=f"is cut off or damaged: {message}"):
        Model(save(BEGIN + rest))


def test_a_file_without_a_graph_is_refused(save):
    with pytest.raises(ModelError, match="is not an ONNX file: it has no graph"):
        Model(save(BEGIN + field(2, b"somebody")))
    with pytest.raises(ModelError, match="is not an ONNX file"):
        read_card(save(BEGIN + field(2, b"somebody")))


WHOLE = tiny(outputs=("y", "z"), card={"licence": "MIT"}).SerializeToString()


@settings(max_examples=500, deadline=1000, suppress_health_check=list(HealthCheck))
@given(
    cut=st.integers(0, len(WHOLE)),
    flips=st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(1, 255)), max_size=6),
)
def test_a_damaged_file_is_read_or_refused_with_its_name(tmp_path, cut, flips):
    content = bytearray(WHOLE)
    for place, change in flips:
        content[place] ^= change
    path = tmp_path / "damaged.onnx"
    path.write_bytes(content[:cut])
    for read in (read_spec, read_card):
        try:
            read(path)
        except ModelError as error:
            assert "damaged.onnx" in str(error)


@settings(max_examples=200, deadline=1000, suppress_health_check=list(HealthCheck))
@given(content=st.binary(min_size=1, max_size=200))
def test_random_bytes_are_refused_with_the_name_of_the_file(tmp_path, content):
    path = tmp_path / "noise.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"noise\.onnx"):
        read_spec(path)
