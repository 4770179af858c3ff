"""The flow of latents: directions, guidance, and one graph with the inputs of the part."""

import pytest

torch = pytest.importorskip("torch")

from capriccio_gan.training.flow_network import (  # noqa: E402
    CODE,
    GRAIN,
    FlowModel,
    FlowNetwork,
    sample,
    waves,
)
from capriccio_gan.training.networks import INPUTS  # noqa: E402
from capriccio_gan.vocabulary import PADDING, START  # noqa: E402


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    net = FlowNetwork(12, widths=(16, 16, 24)).eval()
    for weights in net.parameters():  # those that begin with zeros say nothing yet
        if weights.dim() > 1 and not weights.any():
            torch.nn.init.normal_(weights, std=0.05)
    return net


def told(*words):
    return torch.tensor([[START, *words] + [PADDING] * (23 - len(words))])


def test_it_begins_with_no_direction():
    x = torch.randn(2, 8, 32, 32)
    assert not FlowNetwork(12)(x, torch.rand(2), torch.randn(2, CODE)).any()


def test_time_and_words_turn_the_direction(net):
    x = torch.randn(1, 8, 32, 32)
    early, late = (net(x, torch.tensor([t]), net.encode(told(3))) for t in (0.1, 0.9))
    other = net(x, torch.tensor([0.1]), net.encode(told(4)))
    assert early.shape == x.shape
    assert not torch.allclose(early, late, atol=1e-3)
    assert not torch.allclose(early, other, atol=1e-3)


def test_the_order_of_words_does_not_count(net):
    assert torch.allclose(net.encode(told(3, 4)), net.encode(told(4, 3)), atol=1e-6)


def test_times_are_told_apart():
    found = waves(torch.tensor([0.0, 0.001, 0.5, 1.0]))
    assert torch.cdist(found, found)[~torch.eye(4, dtype=torch.bool)].min() > 0.5


def test_a_perfect_direction_leads_to_the_picture_in_any_number_of_steps(net, monkeypatch):
    picture, noise = torch.randn(1, 8, 32, 32), torch.randn(1, 8, 32, 32)
    monkeypatch.setattr(net, "forward", lambda x, t, code: (picture - noise).expand_as(x))
    for steps in (1, 7):
        for guidance in (1.0, 3.0):
            code = net.encode(told(3))
            found = sample(net, noise, code, steps=steps, guidance=guidance)
            assert torch.allclose(found, picture, atol=1e-4)


def test_guidance_goes_further_than_the_words_say(net):
    noise, code = torch.randn(1, 8, 32, 32), net.encode(told(3))
    free, plain, guided = (
        sample(net, noise, net.encode(told()) if g == 0 else code, steps=1, guidance=max(g, 1.0))
        for g in (0.0, 1.0, 3.0)
    )
    assert torch.allclose(guided - free, 3 * (plain - free), atol=1e-3)


def test_the_graph_paints_as_sampling_does(net):
    model = FlowModel(net, steps=4, guided=4, guidance=2.0).eval()
    z, words, shares, code, turn, grain = model.random_inputs()
    words = torch.cat([told(3), told()])
    with torch.no_grad():
        image, codes = model(z, words, shares, code, turn, grain)
        strength = z.square().mean()
        noise = 0.8**0.5 * (z @ model.fields) / strength.clamp(min=1).sqrt()
        noise = noise + (1 - 0.8 * strength.clamp(max=1)).sqrt() * grain
        wanted = sample(
            net, noise.view(1, 8, 32, 32), net.encode(told(3)), steps=4, guided=4, guidance=2.0
        )
    assert torch.allclose(image, wanted, atol=1e-3)
    assert torch.allclose(codes, net.encode(words), atol=1e-5)
    assert len(INPUTS) == 6 and grain.shape == (1, GRAIN)


def test_noise_is_as_strong_as_it_was_learned_from_wherever_a_walk_is(net):
    seen = []

    def remember(x, t, code):
        seen.append(x[:1].std().item())
        return torch.zeros_like(x)

    model = FlowModel(net, steps=1, guided=0)
    model.net.forward, before = remember, model.net.forward
    try:
        for length in (0.0, 0.5, 1.0, 1.4):
            z, *rest = model.random_inputs()
            model(z / z.square().mean().sqrt() * length, *rest)
    finally:
        model.net.forward = before
    assert all(0.9 < deviation < 1.1 for deviation in seen)
