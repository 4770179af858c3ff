"""The export: one ONNX file that is checked against torch and signed with its card."""

import copy
import json
import logging
import os
import platform
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..atomic_file import write_bytes
from ..errors import ModelError

# ONNX Runtime 1.20, the oldest we install with, reads opset 21 and file version 10.
OPSET, IR_VERSION = 20, 10


def export(
    net: nn.Module,
    inputs: tuple[torch.Tensor, ...],
    path: Path | str,
    *,
    input_names: list[str],
    output_names: list[str],
    card: dict,
    tolerance: float | dict[str, float] = 1e-4,
    draw: Callable[[], tuple[torch.Tensor, ...]] | None = None,
    trials: int = 8,
    half: bool = False,
    dry_run: bool = False,
) -> float:
    """Write a network as one ONNX file that does what torch does, with its card; give the error.

    Shapes are those of the example `inputs`. The file is put into place only when ONNX Runtime,
    on `trials` inputs made by `draw` (by default: normal floats, integers within the range of the
    example's), stays within `tolerance` of torch in every output, at most (a dictionary bounds
    each output by name). The card, a dictionary of whatever JSON can say, goes into the metadata,
    with commit, machine, versions and the error found. With `half` weights are rounded to half
    precision and stored so, in a file half as large; it computes in single precision all the same.
    A dry run checks all and keeps nothing.
    """
    import onnx

    path, net = Path(path), (_rounded(net) if half else net).eval()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision, we do not
    draw = draw or (lambda: tuple(_random_like(example) for example in inputs))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's own, about torch's own code
        program: Any = torch.onnx.export(
            net,
            inputs,
            input_names=input_names,
            output_names=output_names,
            opset_version=OPSET,
            dynamo=True,
            optimize=True,
            verbose=False,
        )
    model = program.model_proto
    _forget_sources(model.graph)
    if half:
        _halve(model.graph)
    model.ir_version = min(model.ir_version, IR_VERSION)
    error = _parity(net, model.SerializeToString(), input_names, output_names, draw, trials,
                    tolerance)  # fmt: skip
    signed = {**_circumstances(), "parity": error, **card}
    del model.metadata_props[:]
    for key, value in signed.items():
        model.metadata_props.add(key=key, value=_plain(value))
    onnx.checker.check_model(model, full_check=True)
    if not dry_run:
        write_bytes(path, model.SerializeToString())
    print(
        f"{path.name}: {model.ByteSize() / 1e6:.2f} MB, {len(model.graph.node)} nodes, largest "
        f"difference from torch {max(error.values()):.3g}{' (dry run, not kept)' * dry_run}"
    )
    return max(error.values())


def _parity(net, model: bytes, input_names, output_names, draw, trials, tolerance) -> dict:
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    error = dict.fromkeys(output_names, 0.0)
    for _ in range(trials):
        arrays = draw()
        with torch.no_grad():
            wanted = net(*arrays)
        wanted = (wanted,) if isinstance(wanted, torch.Tensor) else wanted
        feeds = {n: a.numpy() for n, a in zip(input_names, arrays, strict=True)}
        given = session.run(output_names, feeds)
        for name, want, give in zip(output_names, wanted, given, strict=True):
            gap = np.abs(want.numpy().astype(np.float64) - give.astype(np.float64)).max()
            error[name] = max(error[name], float(gap)) if gap == gap else float("inf")
    for name, gap in error.items():
        bound = tolerance[name] if isinstance(tolerance, dict) else tolerance
        if not gap <= bound:
            raise ModelError(
                f"output {name!r} of the exported graph is {gap:.3g} away from torch; at most "
                f"{bound:g} is allowed, so the file was not written"
            )
    return error


def _rounded(net: nn.Module) -> nn.Module:
    """Give the network with weights that half precision can hold."""
    net = copy.deepcopy(net)
    with torch.no_grad():
        for weights in (*net.parameters(), *net.buffers()):
            if weights.dtype == torch.float32:
                weights.copy_(weights.half())
    return net


def _halve(graph) -> None:
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


def _forget_sources(graph) -> None:
    """Drop where on this machine each node's source stood: that is nobody's business."""
    del graph.value_info[:]
    for thing in (graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del thing.metadata_props[:]
        thing.doc_string = ""
    for node in graph.node:
        for attribute in node.attribute:
            for inner in [attribute.g] * attribute.HasField("g") + list(attribute.graphs):
                _forget_sources(inner)


def _random_like(example: torch.Tensor) -> torch.Tensor:
    if example.dtype.is_floating_point:
        return torch.randn_like(example)
    low, high = int(example.min()), int(example.max())
    return torch.randint(low, high + 1, example.shape).to(example.dtype)


def _circumstances() -> dict:
    """Say where and with what this was made; a card may overrule any of it."""
    from .. import __version__

    git = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        commit = subprocess.run(git, capture_output=True, text=True).stdout.strip()
    except OSError:  # no git on this machine
        commit = ""
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


def _plain(value) -> str:
    """Write text as it is and the rest as JSON; text that looks like JSON is quoted as JSON."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except ValueError:
            return value
    return json.dumps(value, default=str)
