"""Quantization to 8 bits: a model twice as fast on a CPU, whose pictures are nearly the same."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ..errors import ModelError
from .export import card_of, store_in_half, write_model

Array = np.ndarray[Any, Any]

MIN_CHANNELS = 16  # of a quantized convolution: latents and colours have fewer, and stay floats
LARGEST_ERROR = 8.0  # of 255 levels, root mean square, that is allowed
COMPARED = 4  # every fourth example measures the error and takes no part in the calibration


def quantize_model(
    path: Path, examples: Iterable[Mapping[str, Array]], *, output: str = "image"
) -> float:
    """Quantize the convolutions of a model to 8 bits, and write the file again.

    Weights have a scale for each channel; the ranges of inputs are calibrated with the examples.
    On a CPU such a network takes about half of the time; other devices compute it in floats.

    Args:
        path: a model that `export` wrote.
        examples: inputs by name, as the model will get them, each array in the shape of its
            input, such as (1, 64); forty suffice. Every fourth measures the error.
        output: the pictures, in levels of 0 to 255.

    Returns:
        The root mean square difference between pictures before and after, in levels of 255.

    Raises:
        ModelError: it is above 8 levels; the file is as it was.
        ValueError: there are fewer than four examples.
    """
    import onnx
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    known = list(examples)
    compared = known[::COMPARED]
    if len(known) < COMPARED:
        raise ValueError(f"at least {COMPARED} examples are needed, got {len(known)}")

    class Examples(CalibrationDataReader):  # type: ignore[misc]
        """The examples that ranges are measured with."""

        def __init__(self) -> None:
            self._left = iter([one for at, one in enumerate(known) if at % COMPARED])

        def get_next(self) -> dict[str, Array] | None:
            """Return the next, None at the end."""
            one = next(self._left, None)
            return None if one is None else dict(one)

    model = onnx.load(str(path))
    card = card_of(model)
    del model.metadata_props[:]
    _in_floats(model.graph)
    with TemporaryDirectory() as folder:
        before, after = Path(folder) / "before.onnx", Path(folder) / "after.onnx"
        onnx.save(model, str(before))
        with _without_advice():
            quantize_static(
                before,
                after,
                Examples(),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv"],
                nodes_to_exclude=_with_few_channels(model.graph),
                per_channel=True,
                # Seven bits: the sum of two products overflows 16 on processors without VNNI.
                reduce_range=True,
                weight_type=QuantType.QInt8,
                activation_type=QuantType.QUInt8,
            )
        made = onnx.load(str(after))
        error = _difference(before, after, compared, output)
    if not error <= LARGEST_ERROR:
        raise ModelError(
            f"with convolutions in 8 bits pictures of {path.name} differ by {error:.1f} of 255 "
            f"levels, at most {LARGEST_ERROR:g} are allowed; the file is as it was"
        )
    del made.metadata_props[:]
    store_in_half(made.graph)
    said = f"8 bits; pictures differ by {error:.2f} of 255 levels from those in floats"
    write_model(made, path, {**card, "convolutions": said})
    print(f"{path.name}: {made.ByteSize() / 1e6:.2f} MB, convolutions in {said}")
    return error


@contextmanager
def _without_advice() -> Iterator[None]:
    """Silence the advice to prepare the model first, which changes nothing here."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _in_floats(graph: Any) -> None:
    """Make floats of weights that are stored in half precision and cast."""
    from onnx import numpy_helper

    stored = {weights.name: weights for weights in graph.initializer}
    nodes = []
    for node in graph.node:
        weights = stored.get(node.input[0]) if node.op_type == "Cast" else None
        if weights is not None and weights.data_type == weights.FLOAT16:
            floats = numpy_helper.to_array(weights).astype(np.float32)
            weights.CopyFrom(numpy_helper.from_array(floats, node.output[0]))
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)


def _with_few_channels(graph: Any) -> list[str]:
    """Return the names of the convolutions that stay in floats."""
    shapes = {weights.name: list(weights.dims) for weights in graph.initializer}
    return [
        node.name
        for node in graph.node
        if node.op_type == "Conv"
        and (len(shapes[node.input[1]]) != 4 or min(shapes[node.input[1]][:2]) < MIN_CHANNELS)
    ]


def _difference(
    before: Path, after: Path, examples: list[Mapping[str, Array]], output: str
) -> float:
    """Return the root mean square difference of an output between two models."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    sessions = [
        onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        for path in (before, after)
    ]
    squares = []
    for feeds in examples:
        one, other = (session.run([output], feeds)[0].astype(np.float64) for session in sessions)
        squares.append(np.square(one - other).mean())
    return float(np.sqrt(np.mean(squares)))
