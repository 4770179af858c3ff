"""The decoder of the part `vae` as a torch module, read from its `.onnx` file.

A student's latents become pictures by it, so what pictures lack can be taught to both. Plugins do
not import each other: the graph itself is executed, node by node, and its weights written back.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .pretrained import HALF, read_constants

Operator = Callable[..., Any]


def _convolve(x: Tensor, weight: Tensor, bias: Tensor, *, pads: list[int], **_: Any) -> Tensor:
    return F.conv2d(x, weight, bias, padding=(pads[0], pads[1]))


def _pad(x: Tensor, sizes: Tensor, *_: Any, mode: bytes) -> Tensor:
    top, left, bottom, right = (int(sizes[at]) for at in (2, 3, 6, 7))
    return F.pad(x, (left, right, top, bottom), mode="replicate")


def _slice(x: Tensor, starts: Tensor, ends: Tensor, axes: Tensor, *_: Any) -> Tensor:
    for start, end, axis in zip(starts.tolist(), ends.tolist(), axes.tolist(), strict=True):
        x = x[(slice(None),) * axis + (slice(start, end),)]
    return x


OPERATORS: dict[str, Operator] = {
    "Add": lambda a, b: a + b,
    "Conv": _convolve,
    "DepthToSpace": lambda x, *, blocksize, **_: F.pixel_shuffle(x, blocksize),
    "GatherND": lambda x, index, **_: x[index[:, 0]],
    "LeakyRelu": lambda x, *, alpha: F.leaky_relu(x, alpha),
    "Mod": lambda a, b, **_: a % b,
    "Mul": lambda a, b: a * b,
    "Pad": _pad,
    "Range": lambda *ends: torch.arange(*(int(end) for end in ends)),
    "Resize": lambda x, _, scales, **__: F.interpolate(
        x, scale_factor=float(scales[-1]), mode="bilinear"
    ),
    "Shape": lambda x, *, start, end: torch.tensor(x.shape[start:end]),
    "Slice": _slice,
    "Squeeze": lambda x, *_: x.squeeze(),
    "Transpose": lambda x, *, perm: x.permute(*perm),
    "Unsqueeze": lambda x, axes: x.unsqueeze(int(axes)),
}


class GraphDecoder(nn.Module):
    """Return the pictures, (batch, 3, 8 rows, 8 columns) in about 0..1, of latents.

    Args:
        path: of the decoder: a graph of `OPERATORS` up to the node that clips its pictures.
    """

    def __init__(self, path: Path):
        import onnx
        from onnx import helper

        super().__init__()
        self.path, graph = path, onnx.load(str(path)).graph
        self.read = graph.input[0].name
        values = {name: torch.tensor(one) for name, one in read_constants(graph).items()}
        learned = {name: value for name, value in values.items() if name.startswith("decoder.")}
        self.weights = nn.ParameterList(learned.values())
        self.names = list(learned)
        self.constants = {name: values[name] for name in values.keys() - learned.keys()}
        self.nodes: list[tuple[Operator, dict[str, Any], list[str], str]] = []
        for node in graph.node:
            if node.op_type == "Clip":
                self.made = node.input[0]
                break
            if node.output[0] not in values:  # made from half precision
                known = {one.name: helper.get_attribute_value(one) for one in node.attribute}
                how = OPERATORS[node.op_type], known, list(node.input), node.output[0]
                self.nodes.append(how)

    def forward(self, z: Tensor) -> Tensor:
        weights = dict(zip(self.names, self.weights, strict=True))
        # Numbers that are computed with follow the latents; shapes stay where they are read.
        constants = {
            name: one.to(z.device) if one.is_floating_point() else one
            for name, one in self.constants.items()
        }
        values = {**constants, **weights, self.read: z, "": None}
        for operator, attributes, inputs, output in self.nodes:
            values[output] = operator(*(values[name] for name in inputs), **attributes)
        return values[self.made].float()

    def write(self, path: Path) -> None:
        """Write the decoder as it is now, with the card that it had."""
        import onnx
        from onnx import numpy_helper

        model = onnx.load(str(self.path))
        weights = dict(zip(self.names, self.weights, strict=True))
        for one in model.graph.initializer:
            known = weights.get(one.name.removesuffix(HALF))
            if known is not None:
                value = known.detach().cpu().numpy().astype(numpy_helper.to_array(one).dtype)
                one.CopyFrom(numpy_helper.from_array(value, one.name))
        onnx.save(model, str(path))
