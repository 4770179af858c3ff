"""The flow of latents: directions, guidance, and one graph with the inputs of the part."""

import pytest

torch = pytest.importorskip("torch")

from capriccio_gan.training import flow_network  # noqa: E402
from capriccio_gan.training.flow_network import (  # noqa: E402
    CODE,
    FLOW_INPUTS,
    GRAIN,
    FlowModel,
    FlowNetwork,
    StoredLinear,
    integrate,
    sample,
    timestep_embedding,
)
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
    found = timestep_embedding(torch.tensor([0.0, 0.001, 0.5, 1.0]))
    assert torch.cdist(found, found)[~torch.eye(4, dtype=torch.bool)].min() > 0.5


def straight(picture, noise):
    """Return a network whose direction is always that from a noise to a picture."""
    return lambda x, t, code: (picture - noise).expand_as(x)


def test_a_perfect_direction_leads_to_the_picture_in_any_number_of_steps(net, monkeypatch):
    picture, noise = torch.randn(1, 8, 32, 32), torch.randn(1, 8, 32, 32)
    monkeypatch.setattr(net, "forward", straight(picture, noise))
    code = net.encode(told(3))
    for steps in (1, 7):
        for guidance in (1.0, 3.0):
            found = integrate(net, noise, code, steps=steps, guidance=guidance)
            assert torch.allclose(found, picture, atol=1e-4)
    assert torch.allclose(sample(net, noise, code), picture, atol=1e-4)
    half = (picture + noise) / 2
    found = integrate(net, half, code, start=torch.tensor([0.5]), steps=3)
    assert torch.allclose(found, picture, atol=1e-4)


def guided_ends(net):
    """Return where one step leads from a time 0 and a time 0.5: untold, told, and guided."""
    torch.manual_seed(1)
    x = torch.randn(2, 8, 32, 32)
    start, code = torch.tensor([0.0, 0.5]), net.encode(told(3)).expand(2, -1)
    nothing = net.encode(told()).expand(2, -1)
    return [
        integrate(net, x, one, start=start, steps=1, guidance=g)
        for one, g in ((nothing, 1.0), (code, 1.0), (code, 3.0))
    ]


def test_guidance_goes_further_than_the_words_say_but_for_the_first_step(net, monkeypatch):
    monkeypatch.setattr(flow_network, "RESCALED", 0.0)
    free, plain, guided = guided_ends(net)
    assert torch.equal(guided[0], plain[0])
    assert torch.allclose(guided[1] - free[1], 3 * (plain - free)[1], atol=1e-3)
    assert not torch.allclose(plain[1], free[1], atol=1e-3)


def test_guided_latents_keep_the_deviation_of_others(net, monkeypatch):
    monkeypatch.setattr(flow_network, "RESCALED", 1.0)
    _, plain, guided = guided_ends(net)
    assert guided[1].std().item() == pytest.approx(plain[1].std().item(), rel=1e-3)
    assert not torch.allclose(guided[1], plain[1], atol=1e-3)


def test_a_source_is_kept_as_far_as_it_is_said(net, monkeypatch):
    noise, source = torch.randn(1, 8, 32, 32), torch.randn(1, 8, 32, 32)
    seen = []

    def remember(x, t, code):
        seen.append((x, t.item()))
        return torch.zeros_like(x)

    monkeypatch.setattr(net, "forward", remember)
    sample(net, noise, net.encode(told(3)), source=source, start=torch.tensor([0.4]))
    ((first, t),) = seen
    assert t == pytest.approx(0.4)
    assert torch.allclose(first, 0.6 * noise + 0.4 * source, atol=1e-5)
    whole = sample(net, noise, net.encode(told(3)), source=source, start=torch.ones(1))
    assert torch.allclose(whole, source, atol=1e-5)


def test_the_graph_paints_as_sampling_does(net):
    model = FlowModel(net).eval()
    z, words, shares, code, turn, grain, source, start = model.random_inputs()
    words, start = torch.cat([told(3), told()]), torch.tensor([0.3])
    with torch.no_grad():
        image, codes = model(z, words, shares, code, turn, grain, source, start)
        strength = z.square().mean()
        noise = 0.8**0.5 * (z @ model.fields) / strength.clamp(min=1).sqrt()
        noise = noise + (1 - 0.8 * strength.clamp(max=1)).sqrt() * grain
        wanted = sample(
            model.net, noise.view(1, 8, 32, 32), net.encode(told(3)), source=source, start=start
        )
    assert torch.allclose(image, wanted, atol=1e-3)
    assert torch.allclose(codes, net.encode(words), atol=1e-5)
    assert len(FLOW_INPUTS) == 8 and grain.shape == (1, GRAIN)


def test_a_layer_in_8_bits_computes_nearly_the_same():
    torch.manual_seed(4)
    layer = torch.nn.Linear(64, 32)
    stored = StoredLinear(layer)
    x = torch.randn(5, 64)
    assert stored.weight.dtype == torch.int8
    assert (stored(x) - layer(x)).abs().max() < 0.02 * layer(x).abs().max()
    assert torch.equal(stored(torch.zeros(1, 64))[0], layer.bias)


def test_noise_is_as_strong_as_it_was_learned_from_wherever_a_walk_is(net):
    seen = []

    def remember(x, t, code):
        seen.append(x[:1].std().item())
        return torch.zeros_like(x)

    model = FlowModel(net)
    model.net.forward, before = remember, model.net.forward
    try:
        for length in (0.0, 0.5, 1.0, 1.4):
            z, *rest, _ = model.random_inputs()
            rest.append(torch.zeros(1))
            model(z / z.square().mean().sqrt() * length, *rest)
    finally:
        model.net.forward = before
    assert all(0.9 < deviation < 1.1 for deviation in seen)
