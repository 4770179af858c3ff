"""Small ONNX models, and the protobuf encoding of broken ones."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


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
