"""Export of a network as one ONNX file that is checked against torch and carries a card."""

import copy
import json
import logging
import os
import platform
import subprocess
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..atomic_file import write_bytes
from ..errors import ModelError
from .workers import leads

# ONNX Runtime 1.20, the oldest that we allow, reads opset 21 and file version 10.
OPSET, IR_VERSION = 20, 10

Inputs = tuple[torch.Tensor, ...]


def export(
    net: nn.Module,
    inputs: Inputs,
    path: Path | str,
    *,
    input_names: list[str],
    output_names: list[str],
    card: Mapping[str, Any],
    tolerance: float | Mapping[str, float] = 1e-4,
    draw: Callable[[], Inputs] | None = None,
    trials: int = 8,
    half: bool = False,
    dynamic: Mapping[str, Mapping[int, Any]] | None = None,
    joined: tuple[str, Path] | None = None,
    dry_run: bool = False,
) -> float:
    """Write a network as an ONNX file, checked against torch; return the largest difference.

    The file is replaced only when all checks have passed; a difference that exceeds the tolerance
    raises ModelError.

    Args:
        net: any module without control flow that depends on values.
        inputs: examples, which set the shapes; `input_names` and `output_names` name them.
        card: metadata that JSON can hold; commit, machine, versions and differences are added.
        tolerance: for all outputs, or by the name of an output.
        draw: returns random inputs to compare with; by default normal floats, and integers within
            the range of the example's.
        trials: how many such inputs are compared.
        half: round and store the weights in half precision; it computes in single precision.
        dynamic: axes of inputs that may have any size: a `torch.export.Dim` by number, by name.
        joined: an output, and the path of another model that reads it as its first input; both
            leave as one graph, in which the other model's output has the place of that one, and
            its further inputs are zeros.
        dry_run: check everything and write nothing.
    """
    if not leads():  # of several workers one exports what all have trained
        raise SystemExit(0)
    path, net = Path(path), (_with_rounded_weights(net) if half else net).eval()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it warns that torchvision is missing
    draw = draw or (lambda: tuple(_random_like(example) for example in inputs))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's own, about torch's own code
        program: Any = torch.onnx.export(
            net,
            inputs,
            input_names=input_names,
            output_names=output_names,
            opset_version=OPSET,
            dynamic_shapes={name: dict(dynamic.get(name, {})) for name in input_names}
            if dynamic
            else None,
            dynamo=True,
            optimize=True,
            verbose=False,
        )
    model = program.model_proto
    _remove_sources(model.graph)
    if half:
        store_in_half(model.graph)
    model.ir_version = min(model.ir_version, IR_VERSION)
    compared = (draw() for _ in range(trials))
    differences = _differences(net, model.SerializeToString(), input_names, output_names, compared)
    for name, difference in differences.items():
        bound = tolerance[name] if isinstance(tolerance, Mapping) else tolerance
        if not difference <= bound:
            raise ModelError(
                f"output {name!r} of the exported graph differs from torch by {difference:.3g}, at "
                f"most {bound:g} is allowed; the file was not written"
            )
    if joined:
        model = _join(model, *joined)
    write_model(model, path, {**_circumstances(), "parity": differences, **card}, dry_run)
    largest = max(differences.values())
    print(
        f"{path.name}: {model.ByteSize() / 1e6:.2f} MB, {len(model.graph.node)} nodes, largest "
        f"difference from torch {largest:.3g}{' (dry run, not kept)' * dry_run}"
    )
    return largest


def join_models(
    first: Path, output: str, second: Path, out: Path, *, card: Mapping[str, Any], dry_run: bool
) -> None:
    """Write two models as one graph, in which the second reads an output of the first.

    Args:
        first: the path of a model, whose card the new one has, but for the entries of `card`.
        output: of the first, in whose place the output of the second comes.
        second: the path of a model that reads it as its first input; others are zeros.
        out: the file to write.
        card: what else the card holds.
        dry_run: check everything and write nothing.
    """
    import onnx

    model = onnx.load(str(first))
    known = card_of(model)
    write_model(_join(model, output, second), out, {**known, **card}, dry_run)


def write_model(model: Any, path: Path, card: Mapping[str, Any], dry_run: bool = False) -> None:
    """Check a model, an `onnx.ModelProto`, and write it with its card, but for a `dry_run`."""
    import onnx

    del model.metadata_props[:]
    for key, value in card.items():
        model.metadata_props.add(key=key, value=_as_text(value))
    onnx.checker.check_model(model, full_check=True)
    if not dry_run:
        write_bytes(path, model.SerializeToString())


def card_of(model: Any) -> dict[str, Any]:
    """Return the card of an `onnx.ModelProto`."""
    return {entry.key: _from_text(entry.value) for entry in model.metadata_props}


def _join(model: Any, output: str, path: Path) -> Any:
    """Return a graph whose `output` is read by the model at `path`, which takes its place."""
    import onnx
    from onnx import compose, shape_inference

    other = compose.add_prefix(onnx.load(str(path)), "joined/")
    names = [value.name for value in model.graph.output]
    del model.metadata_props[:], other.metadata_props[:]
    (read, *further), (made,) = other.graph.input, other.graph.output
    for value in further:
        other.graph.initializer.append(_zeros_of(value))
        other.graph.input.remove(value)
    other.ir_version = model.ir_version
    kept = [made.name if name == output else name for name in names]
    whole = compose.merge_models(model, other, io_map=[(output, read.name)], outputs=kept)
    for node in whole.graph.node:  # the name that it had, though another output bears it inside
        for names_of in (node.input, node.output):
            for at, name in enumerate(names_of):
                names_of[at] = {output: f"{output}/read", made.name: output}.get(name, name)
    for value in (*whole.graph.output, *whole.graph.value_info):
        value.name = {output: f"{output}/read", made.name: output}.get(value.name, value.name)
    by_name = {value.name: value for value in whole.graph.output}
    by_name[output].type.tensor_type.ClearField("shape")  # now it may be known
    del whole.opset_import[1:]  # once for each of the two
    del whole.graph.output[:]
    whole.graph.output.extend(by_name[name] for name in names)
    return shape_inference.infer_shapes(whole, data_prop=True)


def _zeros_of(value: Any) -> Any:
    """Return zeros with the name, the type and the static shape of an input."""
    from onnx import helper, numpy_helper

    kind = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
    shape = [size.dim_value for size in value.type.tensor_type.shape.dim]
    return numpy_helper.from_array(np.zeros(shape, kind), value.name)


def _differences(
    net: nn.Module,
    model: bytes,
    input_names: list[str],
    output_names: list[str],
    trials: Iterable[Inputs],
) -> dict[str, float]:
    """Return the largest difference between ONNX Runtime and torch for each output."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    largest = dict.fromkeys(output_names, 0.0)
    for arrays in trials:
        with torch.no_grad():
            expected = net(*arrays)
        expected = (expected,) if isinstance(expected, torch.Tensor) else expected
        feeds = {name: a.numpy() for name, a in zip(input_names, arrays, strict=True)}
        outputs = session.run(output_names, feeds)
        for name, want, got in zip(output_names, expected, outputs, strict=True):
            gap = float(np.abs(want.numpy().astype(np.float64) - got.astype(np.float64)).max())
            largest[name] = max(largest[name], gap) if gap == gap else float("inf")
    return largest


def _with_rounded_weights(net: nn.Module) -> nn.Module:
    """Return a copy of a network whose weights are representable in half precision."""
    net = copy.deepcopy(net)
    with torch.no_grad():
        for weights in (*net.parameters(), *net.buffers()):
            if weights.dtype == torch.float32:
                weights.copy_(weights.half())
    return net


def store_in_half(graph: Any) -> None:
    """Store large weights in half precision; a session casts them once, when it is opened."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for weights in graph.initializer:
        if weights.data_type == TensorProto.FLOAT and np.prod(weights.dims) >= 256:
            name, small = weights.name, numpy_helper.to_array(weights).astype(np.float16)
            weights.CopyFrom(numpy_helper.from_array(small, f"{name} in half"))
            casts.append(helper.make_node("Cast", [weights.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _remove_sources(graph: Any) -> None:
    """Remove where on this machine the source of each node is."""
    del graph.value_info[:]
    for thing in (graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del thing.metadata_props[:]
        thing.doc_string = ""
    for node in graph.node:
        for attribute in node.attribute:
            for inner in [attribute.g] * attribute.HasField("g") + list(attribute.graphs):
                _remove_sources(inner)


def _random_like(example: torch.Tensor) -> torch.Tensor:
    if example.dtype.is_floating_point:
        return torch.randn_like(example)
    low, high = int(example.min()), int(example.max())
    return torch.randint(low, high + 1, example.shape).to(example.dtype)


def _circumstances() -> dict[str, str]:
    """Return versions, commit and machine; entries of a card override them."""
    from .. import __version__

    git, commit = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"], ""
    with suppress(OSError):  # no git on this machine
        commit = subprocess.run(git, capture_output=True, text=True).stdout.strip()
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((line.split(":")[1].strip() for line in lines if "model name" in line), cpu)
    machine = f"{cpu}, {os.cpu_count()} cores"
    if torch.cuda.is_available():
        machine += f", {torch.cuda.get_device_name()}"
    return {
        "capriccio": __version__,
        "torch": torch.__version__,
        "commit": commit or "not known",
        "machine": machine,
    }


def _as_text(value: object) -> str:
    """Return text unchanged and the rest as JSON; text that looks like JSON is quoted as JSON."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except ValueError:
            return value
    return json.dumps(value, default=str)


def _from_text(text: str) -> Any:
    """Return what `_as_text` made text of."""
    try:
        return json.loads(text)
    except ValueError:
        return text
