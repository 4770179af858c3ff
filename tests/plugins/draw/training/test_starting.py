"""A training begins with the weights of another one, or of a shipped model."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from capriccio import Model, generator_class  # noqa: E402
from capriccio_draw.generator import Draw  # noqa: E402
from capriccio_draw.training.main import WIDTH, example_inputs  # noqa: E402
from capriccio_draw.training.network import PenNetwork, PenStep  # noqa: E402
from capriccio_draw.training.starting import begin_with  # noqa: E402


def test_a_network_that_begins_with_a_model_does_what_the_model_does():
    model = Model(Draw.models["quickdraw"])
    words = model.card["words"]
    net = PenNetwork(len(words), WIDTH)
    assert "memory.weight_hh_l0" in begin_with(net, Draw.models["quickdraw"], words)
    inputs = example_inputs(WIDTH, len(words))
    wanted = model(**dict(zip(model.inputs, (one.numpy() for one in inputs), strict=True)))
    with torch.no_grad():
        next_state, made = PenStep(net.eval())(*inputs)
    assert np.allclose(wanted["next_state"], next_state, atol=1e-4)
    assert np.allclose(wanted["made"], made, atol=1e-3)


def test_weights_of_another_size_are_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"ema.see.weight": torch.zeros(1)}, str(tmp_path / "a.safetensors"))
    with pytest.raises(ValueError, match="has no weights of a network of this size"):
        begin_with(PenNetwork(0, 16), tmp_path / "a.safetensors", [])
    with pytest.raises(ValueError, match="has no weights of a network of this size"):
        begin_with(PenNetwork(0, 16), generator_class("rnn").models["groove"], [])
