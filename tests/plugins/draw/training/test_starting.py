"""A training begins with the weights of another one, or of a shipped model."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from capriccio import Model, generator_class  # noqa: E402
from capriccio_draw.generator import Draw  # noqa: E402
from capriccio_draw.training.main import WIDTH, example_inputs, origin_of  # noqa: E402
from capriccio_draw.training.network import PenNetwork, PenStep  # noqa: E402
from capriccio_draw.training.starting import begin_with  # noqa: E402


def test_a_network_that_begins_with_a_model_does_what_the_model_does():
    model = Model(Draw.models["quickdraw"])
    words, latents = model.card["words"], model.card["latents"]
    net = PenNetwork(len(words), WIDTH, latents=latents)
    taken = begin_with(net, Draw.models["quickdraw"], words)
    assert {"memory.weight_hh_l0", "encoder.read.weight"} <= taken
    inputs = example_inputs(WIDTH, len(words) + latents)
    wanted = model(**dict(zip(model.inputs, (one.numpy() for one in inputs), strict=True)))
    with torch.no_grad():
        next_state, made = PenStep(net.eval())(*inputs)
    assert np.allclose(wanted["next_state"], next_state, atol=1e-4)
    assert np.allclose(wanted["made"], made, atol=1e-3)


def test_words_go_on_in_a_network_without_an_encoder():
    path = Draw.models["quickdraw"]
    words = Model(path).card["words"][:20][::-1]
    net, whole = PenNetwork(20, WIDTH), PenNetwork(344, WIDTH, latents=48)
    begin_with(net, path, words)
    begin_with(whole, path, Model(path).card["words"])
    assert torch.equal(net.words, whole.words[:20].flip(0))


def test_the_licence_of_a_model_goes_on_with_its_weights(tmp_path):
    told = origin_of(Draw.models["omniglot"])
    assert told["licence"] == "CC BY-SA 3.0"
    assert told["begun_with"]["name"] == "omniglot"
    assert "KanjiVG" in told["begun_with"]["begun_with"]["credit"]
    assert origin_of(None) == origin_of(tmp_path / "a.safetensors") == {}


def test_weights_of_another_size_are_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"ema.see.weight": torch.zeros(1)}, str(tmp_path / "a.safetensors"))
    with pytest.raises(ValueError, match="has no weights of a network of this size"):
        begin_with(PenNetwork(0, 16), tmp_path / "a.safetensors", [])
    with pytest.raises(ValueError, match="has no weights of a network of this size"):
        begin_with(PenNetwork(0, 16), generator_class("rnn").models["groove"], [])
