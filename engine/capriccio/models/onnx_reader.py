"""Reads an `.onnx` file's outside without running anything in it: what it takes, gives and claims.

An ONNX file is a protobuf message. Its wire format is walked here by hand, because what would be
dangerous or absurd must be seen before ONNX Runtime is handed the file, and because the listing of
parts needs the card in milliseconds, not a runtime.
"""

import json
import mmap
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ModelError

# The operators of the standard. Others need code from elsewhere, which a model must not bring.
DOMAINS = {"", "ai.onnx", "ai.onnx.ml"}
LARGEST_FILE = 1 << 30  # bytes; our own models are below 20 MB
MOST_FIELDS = 1_000_000  # a file of nothing but headers would keep us reading for minutes
DEEPEST = 40  # messages within messages; a graph in a graph adds three

DTYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64",
    8: "str", 9: "bool", 10: "float16", 11: "float64", 12: "uint32", 13: "uint64",
}  # fmt: skip

# Where messages lie within messages (onnx.proto): field number -> kind of the message there.
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
# Fields that hold the text of a domain.
DOMAIN_FIELD = {"opset": 1, "node": 7, "function": 10}


class Slot(NamedTuple):
    """What one input or output holds: a numpy dtype's name and a shape; None where it may vary."""

    dtype: str
    shape: tuple[int | None, ...]


class Outside(NamedTuple):
    """What a model file says of itself."""

    inputs: dict[str, Slot]
    outputs: dict[str, Slot]
    card: dict[str, Any]


class _Damaged(Exception):
    pass


def read_card(path: Path | str) -> dict[str, Any]:
    """Give the card in an `.onnx` file's metadata: licence, data, metrics; a dictionary.

    Raises FileNotFoundError, or ModelError where the file cannot be a model.
    """
    path = Path(path)
    with _opened(path) as data:
        try:
            known = False
            entries = []
            for number, value in _fields(data, 0, len(data), [0]):
                known = known or number == 7
                if number == 14 and isinstance(value, tuple):
                    entries.append(_entry(data, *value))
        except _Damaged as error:
            raise ModelError(f"model {str(path)!r} is {_what(data)}: {error}") from None
        if not known:
            raise ModelError(f"model {str(path)!r} is not an ONNX file")
    return dict(entries)


def read_outside(path: Path | str) -> Outside:
    """Walk a whole `.onnx` file and give what it takes, gives and says of itself.

    Raises ModelError, in one sentence, where the file is no model, is cut off or damaged, keeps
    data in other files, needs operators of its own, or claims to be absurdly large.
    """
    path = Path(path)
    with _opened(path) as data:
        walk = _Walk(data)
        try:
            walk.message("model", 0, len(data), 0)
        except _Damaged as error:
            raise ModelError(f"model {str(path)!r} is {_what(data)}: {error}") from None
        except ModelError as error:
            raise ModelError(f"model {str(path)!r} {error}") from None
    if not walk.graphs or not walk.outputs:
        raise ModelError(f"model {str(path)!r} is not an ONNX file: there is no graph in it")
    inputs = {name: slot for name, slot in walk.inputs.items() if name not in walk.constants}
    for name, slot in (*inputs.items(), *walk.outputs.items()):
        if prod(size or 1 for size in slot.shape) > LARGEST_FILE:
            raise ModelError(
                f"model {str(path)!r} claims an array {name!r} of shape {slot.shape}; "
                "that is more than a machine holds"
            )
    return Outside(inputs, walk.outputs, dict(walk.entries))


def _what(data) -> str:
    # Every writer begins with the format's version: field 1, a number, which makes a byte 8.
    return "cut off or damaged" if data[0] == 8 else "not an ONNX file"


class _opened:
    """Lend a file's bytes without reading them into memory."""

    def __init__(self, path: Path):
        self.path = path

    def __enter__(self) -> mmap.mmap:
        if not self.path.is_file():
            raise FileNotFoundError(f"there is no model file {str(self.path)!r}")
        size = self.path.stat().st_size
        if not size:
            raise ModelError(f"model {str(self.path)!r} is an empty file")
        if size > LARGEST_FILE:
            raise ModelError(
                f"model {str(self.path)!r} is {size / 2**30:.1f} GB large; at most 1 GB is opened"
            )
        self.file = open(self.path, "rb")
        self.data = mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_READ)
        return self.data

    def __exit__(self, *failure):
        self.data.close()
        self.file.close()


class _Walk:
    """One walk through a model, which remembers what a caller needs and stops at what is wrong."""

    def __init__(self, data: mmap.mmap):
        self.data = data
        self.fields = [0]
        self.graphs = 0
        self.inputs: dict[str, Slot] = {}
        self.outputs: dict[str, Slot] = {}
        self.constants: set[str] = set()
        self.entries: list[tuple[str, Any]] = []

    def message(self, kind: str, start: int, end: int, depth: int) -> None:
        if depth > DEEPEST:
            raise _Damaged(f"messages are nested more than {DEEPEST} deep")
        if kind == "entry":
            self.entries.append(_entry(self.data, start, end))
            return
        if kind in ("input", "output"):
            # Only the outermost graph's are the model's; those of loops and branches are private.
            if self.graphs == 1 and depth == 2:
                name, slot = self.slot(start, end)
                (self.inputs if kind == "input" else self.outputs)[name] = slot
            return
        if kind == "tensor":
            self.tensor(start, end, depth)
            return
        self.graphs += kind == "graph" and depth == 1
        inside, domain_field = INSIDE.get(kind, {}), DOMAIN_FIELD.get(kind)
        for number, value in _fields(self.data, start, end, self.fields):
            if number == domain_field:
                domain = _text(self.data, value)
                if domain not in DOMAINS:
                    raise ModelError(
                        f"needs operators of its own (domain {domain!r}); only those of the ONNX "
                        "standard are played"
                    )
            elif number in inside:
                if not isinstance(value, tuple):
                    raise _Damaged(f"a {inside[number]} is not where it should be")
                self.message(inside[number], value[0], value[1], depth + 1)

    def tensor(self, start: int, end: int, depth: int) -> None:
        sizes, held, name = [], 0, ""
        for number, value in _fields(self.data, start, end, self.fields):
            if number == 1:
                sizes += _varints(self.data, value)
            elif number == 8:
                name = _text(self.data, value)
            elif number == 13 or (number == 14 and value == 1):
                raise ModelError(
                    "keeps its data in another file; only models that are one file are opened"
                )
            elif isinstance(value, tuple):
                held += value[1] - value[0]
            else:
                held += 8
        # Two 4-bit numbers to a byte are the densest there is; nothing at all is held by a claim.
        claimed = prod(sizes)
        if any(size < 0 for size in sizes) or claimed > 2 * held + 16:
            raise ModelError(
                f"claims {claimed} numbers for {name!r} but holds {held} bytes of them; it is "
                "damaged or was made to do harm"
            )
        if depth == 2:
            self.constants.add(name)

    def slot(self, start: int, end: int) -> tuple[str, Slot]:
        name, dtype, shape = "", 0, []
        for number, value in _fields(self.data, start, end, self.fields):
            if number == 1:
                name = _text(self.data, value)
            elif number == 2:
                for array in self.inner(value, 1):
                    for number_, value_ in _fields(self.data, array[0], array[1], self.fields):
                        if number_ == 1 and isinstance(value_, int):
                            dtype = value_
                        elif number_ == 2:
                            shape = [self.size(one) for one in self.inner(value_, 1)]
        return name, Slot(DTYPES.get(dtype, "unknown"), tuple(shape))

    def size(self, dimension: tuple[int, int]) -> int | None:
        for number, value in _fields(self.data, dimension[0], dimension[1], self.fields):
            if number == 1 and isinstance(value, int):
                return value
        return None

    def inner(self, value, wanted: int) -> Iterator[tuple[int, int]]:
        if not isinstance(value, tuple):
            raise _Damaged("a type is not where it should be")
        for number, part in _fields(self.data, value[0], value[1], self.fields):
            if number == wanted and isinstance(part, tuple):
                yield part


def _fields(data, start: int, end: int, count: list[int]) -> Iterator[tuple[int, Any]]:
    """Go through a message: each field's number, and its number or its (start, end)."""
    at = start
    while at < end:
        count[0] += 1
        if count[0] > MOST_FIELDS:
            raise _Damaged(f"it consists of more than {MOST_FIELDS} pieces")
        tag, at = _varint(data, at, end)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(data, at, end)
            yield number, value
        elif wire == 2:
            length, at = _varint(data, at, end)
            if length > end - at:
                raise _Damaged(f"a piece of {length} bytes is announced where {end - at} are left")
            yield number, (at, at + length)
            at += length
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
            if at > end:
                raise _Damaged("it ends within a number")
            yield number, None
        else:
            raise _Damaged(f"there is no field of kind {wire}")
        if not number:
            raise _Damaged("there is no field 0")


def _varint(data, at: int, end: int) -> tuple[int, int]:
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


def _varints(data, value) -> list[int]:
    if isinstance(value, int):
        return [value]
    if value is None:
        raise _Damaged("a size is not a whole number")
    numbers, (at, end) = [], value
    while at < end:
        number, at = _varint(data, at, end)
        numbers.append(number)
        if len(numbers) > 64:
            raise _Damaged("an array has more than 64 dimensions")
    return numbers


def _text(data, value) -> str:
    if not isinstance(value, tuple):
        raise _Damaged("a name is not a text")
    try:
        return data[value[0] : value[1]].decode()
    except UnicodeDecodeError:
        raise _Damaged("a name is not a text") from None


def _entry(data, start: int, end: int) -> tuple[str, Any]:
    """Read one line of the card; whatever is JSON is read as such, the rest is text."""
    texts = {1: "", 2: ""}
    for number, value in _fields(data, start, end, [0]):
        if number in texts:
            texts[number] = _text(data, value)
    try:
        return texts[1], json.loads(texts[2])
    except (ValueError, RecursionError):
        return texts[1], texts[2]
