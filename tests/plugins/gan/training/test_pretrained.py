"""A training may begin with the weights of a model: they are read back as they were."""

import numpy as np
import pytest
from capriccio import Model, generator

torch = pytest.importorskip("torch")

from capriccio_gan.generator import GAN  # noqa: E402
from capriccio_gan.training.flow_network import FLOW_INPUTS, FlowModel, FlowNetwork  # noqa: E402
from capriccio_gan.training.pretrained import begin_with, read_flow  # noqa: E402
from capriccio_gan.vocabulary import Vocabulary  # noqa: E402


@pytest.fixture(scope="module")
def salon():
    return read_flow("salon")


def test_the_weights_read_back_paint_the_same_picture(salon):
    net, _ = salon
    torch.manual_seed(1)
    model = FlowModel(net).eval()
    feeds = model.random_inputs()
    with torch.no_grad():
        latents, codes = model(*feeds)
    arrays = dict(zip(FLOW_INPUTS, (one.numpy() for one in feeds), strict=True))
    shipped = Model(GAN.models["salon"])(**arrays)
    assert np.abs(shipped["codes"] - codes.numpy()).max() < 1e-4
    picture = generator("vae", model="painterly").decode(latents[0].numpy())
    assert np.abs(shipped["image"][0].astype(float) - picture).mean() < 5  # 8 bits


def test_words_that_both_know_keep_their_meaning(salon):
    known, words = salon
    torch.manual_seed(0)
    vocabulary = Vocabulary(["quince", "red", "landscape"])
    net = FlowNetwork(len(vocabulary))
    assert "quince" not in words and begin_with(net, vocabulary, known, words) == 2
    for word in ("red", "landscape"):
        own, theirs = (one.encode(word)[0][1] for one in (vocabulary, words))
        assert torch.equal(net.words.weight[own], known.words.weight[theirs])
    new = net.words.weight[vocabulary.encode("quince")[0][1]].std()
    assert 0.5 < new / known.words.weight[2:].std() < 2
    assert torch.equal(net.down[0][0].conv.weight, known.down[0][0].conv.weight)


def test_a_model_of_another_kind_is_named(salon, tmp_path):
    with pytest.raises(ValueError, match=r"trained with --flow, got '.*painterly.onnx'"):
        read_flow(generator("vae").model_path("painterly"))


def test_weights_that_are_stored_in_8_bits_are_read_back_with_their_scales():
    net, _ = read_flow("pomona")
    layer = net.down[0][0].modulation.weight
    words = torch.randint(2, 300, (4, 24))
    with torch.no_grad():
        again = FlowModel(net).net.down[0][0].modulation
    assert torch.allclose(again.weight.float() * again.scale, layer, atol=1e-3)
    assert 0.001 < layer.std() < 1  # and no whole numbers of -127 to 127
    assert net.encode(words).isfinite().all()
