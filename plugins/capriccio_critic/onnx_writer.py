"""Write a logistic model as an ONNX file with its card, without the package onnx.

The package is a part of what training needs; a taste is learned without it. The file holds what
`onnx.proto` calls ModelProto, in protobuf's encoding: fields are a number with a varint or bytes.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
OPSET, IR_VERSION = 20, 10
FLOAT = 1  # the number of the type float32


def write_logistic_model(
    path: Path, mean: Array, spread: Array, weight: Array, bias: float, card: Mapping[str, Any]
) -> None:
    """Write a model from `features`, (1, n), to `score`, (1, 1), both float32.

    The score is `sigmoid(clip((features - mean) / spread, -3, 3) @ weight + bias)`.

    Args:
        path: of the file; it is written whole or not at all.
        mean: (n,); `spread` and `weight` as well.
        card: metadata; values that are no text are stored as JSON.
    """
    count = len(weight)
    tensors = {
        "mean": mean[None],
        "spread": spread[None],
        "low": np.array(-3),
        "high": np.array(3),
        "weight": weight[:, None],
        "bias": np.array([[bias]]),
    }
    nodes = (
        ("Sub", ("features", "mean"), "centred"),
        ("Div", ("centred", "spread"), "scaled"),
        ("Clip", ("scaled", "low", "high"), "standardized"),
        ("MatMul", ("standardized", "weight"), "sum"),
        ("Add", ("sum", "bias"), "logit"),
        ("Sigmoid", ("logit",), "score"),
    )
    graph = b"".join([
        *(_field(1, _node(*node)) for node in nodes),
        _text(2, "taste"),
        *(_field(5, _tensor(name, array)) for name, array in tensors.items()),
        _field(11, _value("features", (1, count))),
        _field(12, _value("score", (1, 1))),
    ])  # fmt: skip
    model = b"".join([
        _number(1, IR_VERSION),
        _text(2, "capriccio"),
        _field(7, graph),
        _field(8, _number(2, OPSET)),
        *(_field(14, _text(1, key) + _text(2, _as_text(value))) for key, value in card.items()),
    ])  # fmt: skip
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(model)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _as_text(value: Any) -> str:
    """Return text unchanged and the rest as JSON; text that looks like JSON is quoted as JSON."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except ValueError:
            return value
    return json.dumps(value, ensure_ascii=False)


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _number(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number)


def _field(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _text(field: int, text: str) -> bytes:
    return _field(field, text.encode())


def _node(kind: str, inputs: tuple[str, ...], output: str) -> bytes:
    return b"".join([*(_text(1, name) for name in inputs), _text(2, output), _text(4, kind)])


def _tensor(name: str, array: Array) -> bytes:
    sizes = b"".join(_number(1, size) for size in array.shape)
    content = _field(9, array.astype("<f4").tobytes())
    return sizes + _number(2, FLOAT) + _text(8, name) + content


def _value(name: str, shape: tuple[int, ...]) -> bytes:
    sizes = b"".join(_field(1, _number(1, size)) for size in shape)
    return _text(1, name) + _field(2, _field(1, _number(1, FLOAT) + _field(2, sizes)))
