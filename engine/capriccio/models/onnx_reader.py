"""Read the inputs, outputs and metadata of an `.onnx` file without running anything in it.

An ONNX file is a protobuf message. It is parsed here, without a library, because dangerous content
must be found before ONNX Runtime is handed the file, and because listing parts needs the model
cards within milliseconds.
"""

import json
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ModelError

# The operators of the standard. Others need code from elsewhere, which a model must not bring.
DOMAINS = {"", "ai.onnx", "ai.onnx.ml"}
MAX_FILE_BYTES = 1 << 30  # our own models are below 20 MB
MAX_FIELDS = 300_000  # a file of nothing but headers would take minutes
MAX_DEPTH = 40  # messages within messages; a graph in a graph adds three

# What the arrays for the inputs, and those from the outputs, may have together.
MAX_ARRAY_BYTES = 1 << 27

DTYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64",
    8: "object", 9: "bool", 10: "float16", 11: "float64", 12: "uint32", 13: "uint64",
}  # fmt: skip

SIZES = {"float32": 4, "uint8": 1, "int8": 1, "uint16": 2, "int16": 2, "int32": 4, "bool": 1,
         "float16": 2, "uint32": 4}  # fmt: skip  # bytes; others have 8

# The messages within messages (onnx.proto): field number -> kind of the inner message.
INSIDE = {
    "model": {7: "graph", 8: "opset", 14: "entry", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 11: "input", 12: "output", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "function": {7: "node", 9: "opset", 11: "attribute"},
    "input": {2: "type"},
    "output": {2: "type"},
    "type": {1: "array"},
    "array": {2: "shape"},
    "shape": {1: "dimension"},
}
# The types that are no tensors, and those of numbers that numpy does not have.
OTHER_TYPES = {4: "sequence", 5: "map", 7: "opaque type", 8: "sparse tensor", 9: "optional"}
OTHER_DTYPES = {14: "complex64", 15: "complex128", 16: "bfloat16"}
# The fields that hold the name of an operator domain.
DOMAIN_FIELD = {"opset": 1, "node": 7, "function": 10}

# The value of a field: a number, the (start, end) of its bytes, or None for a fixed-size number.
Value = int | tuple[int, int] | None


class TensorSpec(NamedTuple):
    """The numpy dtype name and the shape of an input or output; None is a variable dimension."""

    dtype: str
    shape: tuple[int | None, ...]


class ModelSpec(NamedTuple):
    """The inputs and outputs of a model by name, and its card (metadata)."""

    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]
    card: dict[str, Any]


class _Damaged(Exception):
    pass


def read_card(path: Path | str) -> dict[str, Any]:
    """Return the card in an `.onnx` file's metadata: licence, data, metrics and so on."""
    path = Path(path)
    with _mapped(path) as data:
        has_graph = False
        entries = []
        for number, value in _fields(data, 0, len(data), [0]):
            has_graph = has_graph or number == 7
            if number == 14 and isinstance(value, tuple):
                entries.append(_entry(data, *value))
        if not has_graph:
            raise ModelError(f"model {str(path)!r} is not an ONNX file")
    return dict(entries)


def read_spec(path: Path | str) -> ModelSpec:
    """Check a whole `.onnx` file and return its inputs, outputs and card.

    ModelError is raised where it is not an ONNX file, is truncated or damaged, keeps data in other
    files, uses custom operators, or declares an absurd size.
    """
    path = Path(path)
    with _mapped(path) as data:
        parser = ModelParser(data)
        try:
            parser.parse_message("model", 0, len(data), 0)
        except ModelError as error:
            raise ModelError(f"model {str(path)!r} {error}") from None
    if not parser.graphs or not parser.outputs:
        raise ModelError(f"model {str(path)!r} is not an ONNX file: it has no graph")
    if parser.graphs > 1:  # a reader of protobuf would merge them
        raise ModelError(f"model {str(path)!r} holds {parser.graphs} graphs; expected one")
    inputs = {name: spec for name, spec in parser.inputs.items() if name not in parser.constants}
    for specs in (inputs, parser.outputs):
        total = 0
        for name, spec in specs.items():
            if any(size is not None and size < 0 for size in spec.shape):
                raise ModelError(
                    f"model {str(path)!r} declares {name!r} with shape {spec.shape}; expected no "
                    "negative size"
                )
            total += prod(size or 1 for size in spec.shape) * SIZES.get(spec.dtype, 8)
            if total > MAX_ARRAY_BYTES:
                raise ModelError(
                    f"model {str(path)!r} declares {name!r} with shape {spec.shape}; that is too "
                    f"large: at most {MAX_ARRAY_BYTES >> 20} MB are allowed"
                )
    return ModelSpec(inputs, parser.outputs, dict(parser.entries))


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    """Map a file's bytes without reading them into memory; word what is wrong with them."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no model file {str(path)!r}")
    size = path.stat().st_size
    if not size:
        raise ModelError(f"model {str(path)!r} is an empty file")
    if size > MAX_FILE_BYTES:
        raise ModelError(f"model {str(path)!r} has {size / 2**30:.1f} GB; at most 1 GB is allowed")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            yield data
        except _Damaged as error:
            # Every writer begins with the format's version: field 1, a number; that makes a byte 8.
            what = "cut off or damaged" if data[0] == 8 else "not an ONNX file"
            raise ModelError(f"model {str(path)!r} is {what}: {error}") from None


class ModelParser:
    """Parse an ONNX model: collect its inputs, outputs and card, and refuse dangerous content."""

    def __init__(self, data: mmap.mmap):
        self.data = data
        self.field_count = [0]  # a list, shared with `_fields`
        self.graphs = 0
        self.inputs: dict[str, TensorSpec] = {}
        self.outputs: dict[str, TensorSpec] = {}
        self.constants: set[str] = set()
        self.entries: list[tuple[str, Any]] = []

    def parse_message(self, kind: str, start: int, end: int, depth: int) -> None:
        """Parse the message of this `kind` at `start` to `end`, and all messages within."""
        if depth > MAX_DEPTH:
            raise _Damaged(f"messages are nested more than {MAX_DEPTH} deep")
        if kind == "entry":
            self.entries.append(_entry(self.data, start, end))
            return
        if kind in ("input", "output"):
            # Only the outermost graph's are the model's; those of loops and branches are private.
            if self.graphs == 1 and depth == 2:
                name, spec = self._tensor_spec(kind, start, end)
                (self.inputs if kind == "input" else self.outputs)[name] = spec
            return
        if kind == "tensor":
            self._check_tensor(start, end, depth)
            return
        self.graphs += kind == "graph" and depth == 1
        inside, domain_field = INSIDE.get(kind, {}), DOMAIN_FIELD.get(kind)
        for number, value in self._fields(start, end):
            if number == domain_field:
                domain = _text(self.data, value)
                if domain not in DOMAINS:
                    raise ModelError(
                        f"uses custom operators (domain {domain!r}); only those of the ONNX "
                        "standard are allowed"
                    )
            elif number in inside:
                if not isinstance(value, tuple):
                    raise _Damaged(f"field {number} is not a {inside[number]}")
                self.parse_message(inside[number], value[0], value[1], depth + 1)

    def _check_tensor(self, start: int, end: int, depth: int) -> None:
        sizes: list[int] = []
        held, name = 0, ""
        for number, value in self._fields(start, end):
            if number == 1:
                sizes += _varints(self.data, value)
            elif number == 8:
                name = _text(self.data, value)
            elif number == 13 or (number == 14 and value == 1):
                raise ModelError("keeps data in another file; a model must be a single file")
            elif isinstance(value, tuple):
                held += value[1] - value[0]
            else:
                held += 8
        # Two 4-bit numbers in a byte are the densest encoding there is.
        declared = prod(sizes)
        if any(size < 0 for size in sizes) or declared > 2 * held + 16:
            raise ModelError(
                f"declares {declared} numbers in tensor {name!r} but holds {held} bytes of them; "
                "it is damaged or malicious"
            )
        if depth == 2:
            self.constants.add(name)

    def _tensor_spec(self, kind: str, start: int, end: int) -> tuple[str, TensorSpec]:
        name, dtype, other = "", 0, ""
        shape: list[int | None] = []
        for number, value in self._fields(start, end):
            if number == 1:
                name = _text(self.data, value)
            elif number == 2:
                for type_number, array in self._messages(value):
                    if type_number != 1:
                        other = OTHER_TYPES.get(type_number, other)
                        continue
                    for inner_number, inner in self._fields(*array):
                        if inner_number == 1 and isinstance(inner, int):
                            dtype = inner
                        elif inner_number == 2:
                            shape = [
                                self._size(at) for which, at in self._messages(inner) if which == 1
                            ]
        if dtype and dtype not in DTYPES:
            other = f"tensor of {OTHER_DTYPES.get(dtype, f'type {dtype}')}"
        if not dtype and kind == "input":
            other = other or "value of no type"
        if other:
            raise ModelError(f"has the {kind} {name!r}, a {other}; expected a tensor of numbers")
        return name, TensorSpec(DTYPES.get(dtype, "unknown"), tuple(shape))

    def _size(self, dimension: tuple[int, int]) -> int | None:
        for number, value in self._fields(*dimension):
            if number == 1 and isinstance(value, int):
                return value
        return None

    def _messages(self, value: Value) -> Iterator[tuple[int, tuple[int, int]]]:
        """Yield the field numbers and the places of the messages in the message `value`."""
        if not isinstance(value, tuple):
            raise _Damaged("a type is not a message")
        for number, inner in self._fields(*value):
            if isinstance(inner, tuple):
                yield number, inner

    def _fields(self, start: int, end: int) -> Iterator[tuple[int, Value]]:
        return _fields(self.data, start, end, self.field_count)


def _fields(data: mmap.mmap, start: int, end: int, count: list[int]) -> Iterator[tuple[int, Value]]:
    """Yield each field of a message: its number and its value; count them in `count[0]`."""
    at = start
    while at < end:
        count[0] += 1
        if count[0] > MAX_FIELDS:
            raise _Damaged(f"it has more than {MAX_FIELDS} fields")
        tag, at = _varint(data, at, end)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(data, at, end)
            yield number, value
        elif wire == 2:
            length, at = _varint(data, at, end)
            if not 0 <= length <= end - at:
                raise _Damaged(f"a field declares {length} bytes where {end - at} are left")
            yield number, (at, at + length)
            at += length
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
            if at > end:
                raise _Damaged("it ends within a number")
            yield number, None
        else:
            raise _Damaged(f"unknown wire type {wire}")
        if not number:
            raise _Damaged("field number 0 is not allowed")


def _varint(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= end:
            raise _Damaged("it ends within a number")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            # Negative numbers are written as if they were 64 bits without a sign.
            return (value - (1 << 64) if value >> 63 == 1 else value), at
        shift += 7
        if shift > 63:
            raise _Damaged("a number is longer than 64 bits")


def _varints(data: mmap.mmap, value: Value) -> list[int]:
    if isinstance(value, int):
        return [value]
    if value is None:
        raise _Damaged("a size is not a whole number")
    numbers = []
    at, end = value
    while at < end:
        number, at = _varint(data, at, end)
        numbers.append(number)
        if len(numbers) > 64:
            raise _Damaged("an array has more than 64 dimensions")
    return numbers


def _text(data: mmap.mmap, value: Value) -> str:
    try:
        if isinstance(value, tuple):
            return data[value[0] : value[1]].decode()
    except UnicodeDecodeError:
        pass
    raise _Damaged("a name is not text")


def _entry(data: mmap.mmap, start: int, end: int) -> tuple[str, Any]:
    """Return one entry of the card: the key, and the value parsed as JSON where it is JSON."""
    texts = {1: "", 2: ""}
    for number, value in _fields(data, start, end, [0]):
        if number in texts:
            texts[number] = _text(data, value)
    try:
        return texts[1], json.loads(texts[2])
    except (ValueError, RecursionError):
        return texts[1], texts[2]
