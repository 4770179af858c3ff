"""Begin with the weights of another training: those of a checkpoint, or of an exported model."""

from pathlib import Path

import numpy as np
import torch
from capriccio import Model

from ..latents import encoder_path
from .network import GATES, INPUT, MIXTURE, PenNetwork


def begin_with(net: PenNetwork, start: Path, words: list[str]) -> set[str]:
    """Take over the weights of a checkpoint (averaged) or model, where their shapes are the same.

    Returns:
        The names of the weights that were taken over.

    Args:
        words: of the network; it takes those over by name, from a model alone.

    Raises:
        ValueError: no weights have the shape of the network's.
    """
    own = net.state_dict()
    before = weights_of(Path(start))
    rows = before.pop("words", None)
    known: list[str] = Model(start).card["words"] if start.suffix == ".onnx" else []
    taken = {
        name: weights
        for name, weights in before.items()
        if name in own and weights.shape == own[name].shape
    }
    if "memory.weight_hh_l0" not in taken:
        raise ValueError(f"{str(start)!r} has no weights of a network of this size")
    if rows is not None:
        told = own["words"].clone()  # (words + latents, INPUT)
        for number, word in enumerate(words):
            if word in known:
                told[number] = rows[known.index(word)]
        latents = net.encoder.latents if net.encoder and "encoder.read.weight" in taken else 0
        told[len(told) - latents :] = rows[len(rows) - latents :]
        taken["words"] = told
    net.load_state_dict({**own, **taken})
    print(f"begins with {len(taken)} of {len(own)} tensors of {start.name}")
    return set(taken)


def weights_of(start: Path) -> dict[str, torch.Tensor]:
    """Return the weights of a checkpoint, or of a model and its encoder, by the network's names.

    Raises:
        ValueError: the model is not one that draws.
    """
    if start.suffix != ".onnx":
        from safetensors.torch import load_file

        stored = load_file(str(start))
        return {name[4:]: weights for name, weights in stored.items() if name.startswith("ema.")}
    found = initializers(start)
    if encoder_path(start).is_file():
        found |= initializers(encoder_path(start))
    if not {"gates", "gate_bias", "heads", "head_bias"} <= set(found):
        raise ValueError(f"{str(start)!r} has no weights of a network of this size")
    # What PenStep has joined.
    gates, bias = (found.pop(name).chunk(4) for name in ("gates", "gate_bias"))
    whole = torch.cat([gates[at] for at in GATES])  # (4 * width, INPUT + width)
    found["memory.weight_ih_l0"], found["memory.weight_hh_l0"] = whole.tensor_split([INPUT], 1)
    found["memory.bias_ih_l0"] = torch.cat([bias[at] for at in GATES])  # (4 * width,)
    found["memory.bias_hh_l0"] = torch.zeros_like(found["memory.bias_ih_l0"])  # (4 * width,)
    for kind in ("weight", "bias"):
        joined = found.pop("heads" if kind == "weight" else "head_bias")
        found[f"hear.{kind}"], found[f"lift.{kind}"] = joined.tensor_split([6 * MIXTURE])
    return found


def initializers(path: Path) -> dict[str, torch.Tensor]:
    """Return the weights that a file of ONNX holds, by the names that they had in torch."""
    import onnx
    from onnx import numpy_helper

    return {
        stored.name.removesuffix(" in half").removeprefix("net."): torch.from_numpy(
            numpy_helper.to_array(stored).astype(np.float32)
        )
        for stored in onnx.load(str(path)).graph.initializer
    }
