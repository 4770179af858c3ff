"""The network that draws: a likelihood that is one, and a step that equals the whole."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from capriccio_draw.latents import PIXELS  # noqa: E402
from capriccio_draw.training.network import (  # noqa: E402
    MIXTURE,
    PENS,
    EncoderMean,
    Mixture,
    PenNetwork,
    PenStep,
    move_nats,
)


def one_gaussian(x=0.0, y=0.0, sigma=1.0, rho=0.0):
    weights = torch.full((MIXTURE,), -1e9)
    weights[3] = 0
    full = [torch.full((MIXTURE,), value) for value in (x, y)]
    logs = [torch.full((MIXTURE,), math.log(sigma))] * 2
    return Mixture(weights, *full, *logs, torch.full((MIXTURE,), rho))


def test_the_likelihood_is_that_of_a_gaussian():
    from scipy.stats import multivariate_normal

    covariance = 4 * np.array([[1, 0.6], [0.6, 1]])
    wanted = -multivariate_normal([1, -1], covariance).logpdf([0.5, 2])
    got = move_nats(one_gaussian(1.0, -1.0, 2.0, 0.6), torch.tensor([0.5, 2.0]))
    assert got.item() == pytest.approx(wanted, abs=1e-4)


def test_the_likelihood_of_a_mixture_integrates_to_one():
    torch.manual_seed(0)
    net = PenNetwork(0, 8).eval()
    mixture = net.mixture(torch.randn(1, 8 + 128))
    at = torch.linspace(-12, 12, 400)
    grid = torch.stack(torch.meshgrid(at, at, indexing="ij"), -1).reshape(-1, 2)
    expanded = Mixture(*(part.expand(len(grid), -1) for part in mixture))
    mass = torch.exp(-move_nats(expanded, grid)).sum() * float(at[1] - at[0]) ** 2
    assert mass.item() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("kind", ["full", "plain", "memoryless"])
def test_a_network_of_every_kind_learns(kind):
    torch.manual_seed(0)
    net = PenNetwork(2, 16, kind=kind)
    features, word = torch.randn(4, 6, 10), torch.tensor([[1.0, 0.0]]).expand(4, 2)
    moves = torch.randn(4, 6, 2)
    mixture, pens, _ = net(features, word, moves)
    assert pens.shape == (4, 6, PENS)
    (move_nats(mixture, moves).mean() + pens.square().mean()).backward()
    assert all(weights.grad is not None for weights in net.parameters() if weights.numel() > 64)


def test_a_plain_network_knows_the_last_move_alone():
    net = PenNetwork(0, 8, kind="plain").eval()
    features = torch.randn(1, 3, 10)
    other = features.clone()
    other[..., [0, 1, 4, 5, 7, 8, 9]] += 1
    moves, word = torch.zeros(1, 3, 2), torch.zeros(1, 1)
    assert torch.equal(net(features, word, moves)[1], net(other, word, moves)[1])


def test_steps_equal_the_whole():
    """A step without luck or spread moves to the mean of the likeliest, as the whole says."""
    torch.manual_seed(1)
    net = PenNetwork(3, 24).eval()
    step, state = PenStep(net), torch.zeros(2, 24)
    features, word = torch.randn(1, 5, 10), torch.tensor([[0.0, 1.0, 0.0]])
    made = []
    heat, luck = torch.tensor([1.0, 0.0]), torch.zeros(MIXTURE + 2 + PENS)
    for at in range(5):
        state, move = step(state, features[:, at], word, heat, luck)
        made.append(move)
    made = torch.stack(made)
    mixture, pens, _ = net(features, word, made[None, :, :2])
    best = mixture.weights.argmax(-1, keepdim=True)
    assert torch.allclose(mixture.x.gather(-1, best)[0, :, 0], made[:, 0], atol=1e-5)
    assert torch.allclose(mixture.y.gather(-1, best)[0, :, 0], made[:, 1], atol=1e-5)
    assert torch.equal(pens[0].argmax(-1).float(), made[:, 2])


def test_luck_samples_the_mixture():
    torch.manual_seed(2)
    net = PenNetwork(0, 8).eval()
    step, random = PenStep(net), np.random.default_rng(0)
    state, seen, word = torch.zeros(2, 8), torch.randn(1, 10), torch.zeros(1, 1)
    moves = []
    for _ in range(1500):
        luck = random.gumbel(size=MIXTURE + 2 + PENS)
        luck[MIXTURE : MIXTURE + 2] = random.standard_normal(2)
        luck = torch.tensor(luck, dtype=torch.float32)
        moves.append(step(state, seen, word, torch.ones(2), luck)[1][:2])
    with torch.no_grad():
        deep = net.memory(net.inputs(seen, word)[None])[0][0]
        mixture = net.mixture(torch.cat([deep, net.inputs(seen, word)], -1))
        shares = mixture.weights.softmax(-1)
    mean = torch.stack([(shares * mixture.x).sum(), (shares * mixture.y).sum()])
    drawn = torch.stack(moves)
    assert torch.allclose(drawn.mean(0), mean, atol=0.1)


def test_latents_are_read_from_a_picture_and_from_no_blank_one():
    torch.manual_seed(3)
    net = PenNetwork(2, 8, latents=5).eval()
    pictures = torch.rand(3, 1, PIXELS, PIXELS)
    pictures[1] = 0
    words = torch.eye(2)[[0, 1, 0]]
    told, costs = net.told(words, pictures)
    assert told.shape == (3, 7) and torch.equal(told[:, :2], words)
    assert torch.equal(told[1, 2:], torch.zeros(5)) and costs[1] == 0
    assert (costs[[0, 2]] > 0).all()
    assert torch.allclose(told[:1, 2:], EncoderMean(net.encoder)(pictures[:1]), atol=1e-5)
    net.train()
    assert not torch.equal(net.told(words, pictures)[0], told)  # noise that keeps latents close


def test_a_network_without_an_encoder_is_told_words_alone():
    words = torch.eye(2)
    told, costs = PenNetwork(2, 8).told(words, torch.rand(2, 1, PIXELS, PIXELS))
    assert torch.equal(told, words) and not costs.any()
