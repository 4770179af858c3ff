"""The ends of a decoder in 8 bits: nearly the same pictures, and nothing of it in floats."""

import json
import shutil

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch")

from capriccio_gan.generator import GAN  # noqa: E402
from capriccio_gan.training import networks  # noqa: E402
from capriccio_gan.training.flow_network import FLOW_INPUTS, FlowModel, FlowNetwork  # noqa: E402
from capriccio_gan.training.networks import example_feeds  # noqa: E402
from capriccio_gan.training.quantization import quantize_ends, round_kernels  # noqa: E402


@pytest.fixture(scope="module")
def quantized(tmp_path_factory):
    """A model whose ends were quantized, and how much its pictures differ."""
    path = tmp_path_factory.mktemp("model") / "salon.onnx"
    shutil.copy(GAN().model_path("salon"), path)
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "EXAMPLES", 6)
        words = json.loads(card_of(path)["vocabulary"])
        feeds = example_feeds(FlowModel(FlowNetwork(len(words) + 2)), FLOW_INPUTS)
    return path, quantize_ends(path, feeds)


def card_of(path):
    return {entry.key: entry.value for entry in onnx.load(str(path)).metadata_props}


def test_pictures_are_nearly_the_same(quantized):
    path, error = quantized
    z = np.random.default_rng(1).standard_normal((2, 64))
    one, other = (
        GAN(model=model, seed=3).paint(z, ["a portrait", "the sea at night"]).astype(float)
        for model in (path, "salon")
    )
    assert 0 < np.sqrt(np.square(one - other).mean()) < 4
    assert 0 < error < 4
    assert np.abs((one - other).mean((0, 1, 2))).max() < 1  # no colour is lighter
    # No place of the four pixels that one place makes is lighter than another.
    places = [(one - other)[:, y::2, x::2].mean() for y in range(2) for x in range(2)]
    assert max(places) - min(places) < 0.3


def test_the_decoder_computes_no_convolution_in_floats(quantized):
    graph = onnx.load(str(quantized[0])).graph
    makers = {name: node.op_type for node in graph.node for name in node.output}
    decoder = [
        node
        for node in graph.node
        if node.op_type == "Conv" and node.name.startswith(("joined/", "bytes/"))
    ]
    assert len(decoder) > 8
    assert all(makers[node.input[0]] == "DequantizeLinear" for node in decoder)


def test_the_card_stays_and_says_how_much_they_differ(quantized):
    path, error = quantized
    before, after = card_of(GAN().model_path("salon")), card_of(path)
    assert after.pop("convolutions") == (
        f"{before.pop('convolutions')}, the ends of the decoder by {error:.2f} more"
    )
    assert after == before


def test_rounding_keeps_the_sums_of_kernels():
    weight = np.random.default_rng(2).uniform(-60, 60, (4, 8, 3, 3))
    rounded = round_kernels(weight)
    assert (rounded == rounded.round()).all() and np.abs(rounded - weight).max() <= 1
    assert np.abs((rounded - weight).sum((2, 3))).max() <= 0.5
