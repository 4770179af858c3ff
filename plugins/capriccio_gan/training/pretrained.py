"""Begin a training of a flow with what a shipped model has learned.

A student that was trained with `--flow` is a flow network, and knows what masses, light and touch
are. Its weights are read back from the graph: convolutions from 8 bits, norms by their place.
"""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from capriccio import Model
from torch import nn

from ..generator import GAN
from ..vocabulary import START, Vocabulary
from .flow_network import FlowNetwork
from .refinement import strengthen_words

BASE = "salon"
HALF = " in half"  # what the names of weights end with that are stored so
CODES = 0.5  # in a student, codes lie about twice as far from that of no words as in a flow


def begin_with(
    net: FlowNetwork, vocabulary: Vocabulary, known: FlowNetwork, words: Vocabulary
) -> int:
    """Load a new network with the weights of a student, and of the words that both know.

    Args:
        net: of the student's widths; changed in place.
        vocabulary: of `net`.
        known: the student.
        words: that it knows.

    Returns:
        How many words both know.
    """
    known = copy.deepcopy(known)
    strengthen_words(known, CODES)
    weights = known.state_dict()
    theirs, ours = weights.pop("words.weight"), net.words.weight.detach()
    net.load_state_dict(weights, strict=False)
    ours *= theirs[START + 1 :].std() / ours[START + 1 :].std()  # new words are as strong
    ours[: START + 1] = theirs[: START + 1]
    shared = [word for word in vocabulary.words if word in words]
    for word in shared:
        ours[vocabulary.encode(word)[0][1]] = theirs[words.encode(word)[0][1]]
    return len(shared)


def origin_of(model: str | Path) -> dict[str, Any]:
    """Return what the card of a training that began with a model says of it."""
    path = GAN().model_path(model)
    card = Model(path).card
    said = {key: card[key] for key in ("data", "licence", "credit", "begun_with") if key in card}
    return {"begun_with": {"name": path.stem, **said}}


def read_flow(model: str | Path) -> tuple[FlowNetwork, Vocabulary]:
    """Return the network and the words of a model of the part `gan`.

    Args:
        model: its name, or the path of its `.onnx` file.

    Raises:
        ValueError: it was not trained with `--flow`.
    """
    import onnx

    path = GAN().model_path(model)
    graph = onnx.load(str(path)).graph
    vocabulary = Vocabulary(Model(path).card.get("vocabulary", []))
    net = FlowNetwork(len(vocabulary))
    found = _floats(read_constants(graph))
    readers = {name: node for node in graph.node for name in node.input}
    moments = (node for node in graph.node if node.op_type == "InstanceNormalization")
    names = {module: name for name, module in net.named_modules()}
    for norm, node in zip(_norms(net), moments, strict=False):
        scaled = readers[readers[node.output[0]].output[0]]  # behind the shape of the picture
        for kind, one in (("weight", scaled), ("bias", readers[scaled.output[0]])):
            found[f"net.{names[norm]}.{kind}"] = found[one.input[1]].reshape(-1)
    state = net.state_dict()
    if missing := [name for name in state if f"net.{name}" not in found]:
        raise ValueError(
            f"expected a model that was trained with --flow, got {str(path)!r} "
            f"without {missing[0]!r}"
        )
    net.load_state_dict({name: torch.from_numpy(found[f"net.{name}"]) for name in state})
    return net, vocabulary


def read_constants(graph: Any) -> dict[str, np.ndarray]:
    """Return the constants of a graph by name, floats in single precision."""
    from onnx import numpy_helper

    found = {one.name.removesuffix(HALF): numpy_helper.to_array(one) for one in graph.initializer}
    return {
        name: value.astype(np.float32) if value.dtype == np.float16 else value
        for name, value in found.items()
    }


def _floats(stored: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return constants as float32, by the names that they had before they were quantized."""
    found = {name: value.astype(np.float32) for name, value in stored.items()}
    for name, value in stored.items():
        base = name.removesuffix("_quantized")
        if base != name:  # (channels, …), with a scale for each channel
            scale = found[f"{base}_scale" if f"{base}_scale" in stored else f"{name}_scale"]
            found[base] = found[name] * scale.reshape(-1, *[1] * (value.ndim - 1))
        rows = f"{name.removesuffix('weight')}scale"
        if rows in stored and value.dtype == np.int8:
            found[name] = found[name] * found[rows]  # of a StoredLinear
    return found


def _norms(net: FlowNetwork) -> Iterator[nn.Module]:
    """Yield the norms of a network in the order in which it computes them."""
    for level in net.down:
        yield from _of_blocks(level)
    yield net.attention[0].norm  # type: ignore[misc]
    for number, level in enumerate(net.up):
        yield from _of_blocks(level)
        if not number:
            yield net.attention[1].norm  # type: ignore[misc]
    yield net.norm


def _of_blocks(level: Any) -> Iterator[nn.Module]:
    for block in level:
        yield from (block.norm, block.norm_out)
