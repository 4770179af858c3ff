"""Quantize what `quantize_model` leaves in floats: the ends of a joined decoder.

The first convolution of a decoder reads few channels and the last one writes colours, in which
rounding shows. But a picture has 256 levels, and the last convolution can write just these: then
rounding loses nothing, and what lies behind moves bytes. Without a convolution in floats the whole
decoder keeps one order of channels, which no transposition interrupts.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from capriccio import Model
from capriccio.training import write_model

from .pretrained import read_constants

Array = np.ndarray[Any, Any]

DECODER = "joined/"  # what the names of its nodes begin with
LEVELS = 255
# Of weights, on either side of zero: with more, the sum of two products would overflow 16 bits on
# processors without VNNI.
MAX_WEIGHT = 64


def quantize_ends(path: Path, examples: Iterable[Mapping[str, Array]]) -> float:
    """Quantize the first and the last convolution of the decoder, and write the file again.

    Args:
        path: a model that `quantize_model` wrote, with a decoder that `export` joined to it.
        examples: inputs by name, with which ranges are measured; forty suffice.

    Returns:
        The root mean square difference between pictures before and after, in levels of 255.
    """
    import onnx

    model, examples = onnx.load(str(path)), list(examples)
    card = Model(path).card
    graph, image = model.graph, model.graph.output[0].name
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    first = next(node for node in convolutions if node.name.startswith(DECODER))
    behind = _behind(graph, convolutions[-1])
    last, cut = behind[0], next(node for node in behind if node.op_type == "Slice")
    before, read, made, seen = _run(
        model, examples, [image, first.input[0], first.output[0], last.input[0]]
    )
    editor = _Editor(graph)
    begin = editor.convolution(first, first.input[0], read, _range_of(made), pads=[1] * 4)
    begin[-1].output[0] = first.output[0]
    margin = int(editor.stored[cut.input[1]][0]) // 2  # places, of two pixels
    crop = editor.cropped(last.input[0], margin - 1)
    # Of a value v, from -0.5 to 0.5, the level is v * 255 + 127.5.
    end = editor.convolution(
        last, crop.output[0], seen, (1 / LEVELS, 128), pads=[0] * 4,
        order=_by_rows(len(editor.stored[last.input[2]])), shift=-0.5 / LEVELS,
    )  # fmt: skip
    rows, columns = (side - 2 * margin for side in seen.shape[2:])
    end[-1:] = editor.picture(end[-1].input[0], rows, columns, image)
    kept = [node for node in graph.node if not any(node is one for one in behind)]
    at = next(at for at, node in enumerate(kept) if node is first)
    editor.replace([*kept[:at], *begin, *kept[at + 1 :], crop, *end])
    (after,) = _run(model, examples, [image])
    error = float(np.sqrt(np.square(before.astype(float) - after).mean()))
    said = f"{card['convolutions']}, the ends of the decoder by {error:.2f} more"
    write_model(model, path, {**card, "convolutions": said})
    print(f"{path.name}: the ends of the decoder in 8 bits, pictures differ by {error:.2f} levels")
    return error


class _Editor:
    """Make nodes and constants of a graph, whose names begin with `bytes/`."""

    def __init__(self, graph: Any):
        self.graph, self.count = graph, 0
        self.stored = read_constants(graph)

    def constant(self, value: Any) -> str:
        """Add a constant; return its name."""
        from onnx import numpy_helper

        self.count += 1
        name = f"bytes/constant {self.count}"
        self.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> Any:
        """Return a node with one output."""
        from onnx import helper

        self.count += 1
        name = f"bytes/{kind} {self.count}"
        return helper.make_node(kind, inputs, [name], name, **attributes)

    def convolution(
        self, conv: Any, source: str, read: Array, made: tuple[float, int], *, pads: list[int],
        order: list[int] | None = None, shift: float = 0.0,
    ) -> list[Any]:  # fmt: skip
        """Return the nodes of a convolution in 8 bits; the last makes floats of what it writes.

        Args:
            conv: the node in floats.
            source: the name of what it is to read.
            read: examples of that, (pictures, channels, rows, columns).
            made: scale and zero point of what it writes.
            pads: zeros that are added at the borders.
            order: of its channels; as they are by default.
            shift: what is added to its bias.
        """
        weight, bias = (self.stored[name] for name in conv.input[1:])
        if order is not None:
            weight, bias = weight[order], bias[order]
        scale, zero = _range_of(read)
        scales = np.abs(weight).max((1, 2, 3)) / MAX_WEIGHT  # (channels,)
        rounded = round_kernels(weight / scales.reshape(-1, 1, 1, 1))
        lost = (weight - rounded * scales.reshape(-1, 1, 1, 1)).sum((2, 3))  # (channels, inputs)
        # Rounding moves the mean, which would show as a pattern of the places of a pixel.
        bias = (bias + shift + lost @ read.mean((0, 2, 3))) / (scale * scales)
        constants = [
            [self.constant(one) for one in (value.astype(kind), spread, np.zeros(len(bias), kind))]
            for value, spread, kind in (
                (rounded, scales.astype(np.float32), np.int8),
                (bias.round(), (scale * scales).astype(np.float32), np.int32),
            )
        ]
        stored = [self.node("DequantizeLinear", *one, axis=0) for one in constants]
        nodes = [*self._rounded(source, scale, zero), *stored]
        inputs = [node.output[0] for node in nodes[1:]]
        nodes.append(self.node("Conv", *inputs, kernel_shape=list(weight.shape[2:]), pads=pads))
        return [*nodes, *self._rounded(nodes[-1].output[0], *made)]

    def _rounded(self, name: str, scale: float, zero: int) -> list[Any]:
        """Return the nodes that round to 8 bits and make floats again."""
        how = [self.constant(np.float32(scale)), self.constant(np.uint8(zero))]
        down = self.node("QuantizeLinear", name, *how)
        return [down, self.node("DequantizeLinear", down.output[0], *how)]

    def cropped(self, name: str, by: int) -> Any:
        """Return the node that cuts a border of `by` places off a map."""
        ends = [self.constant(np.array(one)) for one in ([by, by], [-by, -by], [2, 3])]
        return self.node("Slice", name, *ends)

    def picture(self, name: str, rows: int, columns: int, image: str) -> list[Any]:
        """Return the nodes that make a picture of bytes, with channels in the order of rows.

        Args:
            name: of the bytes, (1, 4 colours, rows, columns).
            rows: of places, two pixels each.
            columns: the same.
            image: the name of the picture, (1, 2 rows, 2 columns, colours).
        """
        places = self.constant(np.array([rows, columns, 2, -1]))
        pixels = self.constant(np.array([1, 2 * rows, 2 * columns, -1]))
        nodes = [self.node("Transpose", name, perm=[0, 2, 3, 1])]
        for kind, *more in (("Reshape", places), ("Transpose",), ("Reshape", pixels)):
            known = {"perm": [0, 2, 1, 3]} if kind == "Transpose" else {}
            nodes.append(self.node(kind, nodes[-1].output[0], *more, **known))
        nodes[-1].output[0] = image
        return nodes

    def replace(self, nodes: list[Any]) -> None:
        """Let the graph have these nodes, and of its constants those that they read."""
        read = {name for node in nodes for name in node.input}
        kept = [one for one in self.graph.initializer if one.name in read]
        for field, values in (("node", nodes), ("initializer", kept), ("value_info", [])):
            del getattr(self.graph, field)[:]
            getattr(self.graph, field).extend(values)


def _behind(graph: Any, node: Any) -> list[Any]:
    """Return a node and all that depend on it, in their order."""
    names, found = set(node.output), [node]
    for one in graph.node:
        if names.intersection(one.input):
            names.update(one.output)
            found.append(one)
    return found


def _run(model: Any, examples: list[Mapping[str, Array]], names: list[str]) -> list[Array]:
    """Return values that a model computes from examples, (pictures, …) each."""
    import onnx
    import onnxruntime

    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    known = {value.name for value in shown.graph.output}
    shown.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        shown.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    found = zip(*(session.run(names, dict(feeds)) for feeds in examples), strict=True)
    return [np.concatenate(values) for values in found]


def _range_of(values: Array) -> tuple[float, int]:
    """Return the scale and the zero point of values in 8 bits."""
    least, most = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    scale = max(most - least, 1e-6) / LEVELS
    return scale, round(-least / scale)


def round_kernels(weight: Array) -> Array:
    """Return weights, (channels, inputs, rows, columns), as integers.

    What rounding takes from one place of a kernel its next place gets: so smooth maps, on which the
    sum of a kernel acts, are hardly changed, and the four pixels of a place stay alike.
    """
    flat = weight.reshape(*weight.shape[:2], -1)  # (channels, inputs, places)
    rounded = np.diff(flat.cumsum(2).round(), axis=2, prepend=0.0)
    return rounded.clip(-MAX_WEIGHT, MAX_WEIGHT).reshape(weight.shape)


def _by_rows(channels: int) -> list[int]:
    """Return the channels of four pixels, colour by colour, in the order of rows of pixels."""
    return [4 * colour + pixel for pixel in range(4) for colour in range(channels // 4)]
