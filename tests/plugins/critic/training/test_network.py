"""The network: its attribution is exact, its heads are calibrated."""

import pytest

torch = pytest.importorskip("torch")

from capriccio_critic.training.network import (  # noqa: E402
    ClassificationHead,
    CriticNetwork,
    Gallery,
    Readout,
    fit_distribution,
    fit_readout,
    fused,
)


def trained_network() -> CriticNetwork:
    """Return a network as if trained: residual branches have an effect, statistics no bias."""
    torch.manual_seed(0)
    net = CriticNetwork([3, 4]).eval()
    for part in net.modules():
        if isinstance(part, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
            torch.nn.init.uniform_(part.running_var, 0.5, 1.5)
    torch.nn.init.zeros_(net.told[2].bias)
    return net


def test_the_mean_of_an_attribution_map_is_the_score():
    net = trained_network()
    maps, statistics, codes = net.encode(torch.rand(2, 3, 128, 128))
    # The small number added under roots belongs to no place.
    gradient = torch.randn_like(statistics) * (statistics.abs() > 0.1)
    heat = net.trunk.attribute(maps, statistics, gradient)
    assert heat.shape == (2, 8, 8)
    assert heat.mean((1, 2)).tolist() == pytest.approx(
        (gradient * statistics).sum(1).tolist(), rel=0.02
    )
    read = torch.cat([statistics, codes.mean((2, 3))], 1)
    gradient = torch.cat([gradient, torch.rand(2, codes.shape[1])], 1)
    heat = net.attribute(maps, statistics, codes, gradient)
    assert heat.mean((1, 2)).tolist() == pytest.approx((gradient * read).sum(1).tolist(), rel=0.02)


@torch.no_grad()
def test_statistics_are_attributed_to_the_places_they_come_from():
    net = trained_network()
    torch.nn.init.zeros_(net.places.weight)  # only the statistics have an effect
    x = torch.rand(2, 3, 128, 128)
    x[:, :, :, :64] = 0.5
    maps, statistics, codes = net.encode(x)
    assert (codes == codes[:, :, :1, :1]).all()
    code = codes.mean((2, 3))
    gradient = torch.cat([torch.zeros_like(statistics), code], 1)
    heat = net.attribute(maps, statistics, codes, gradient)
    assert heat.mean((1, 2)).tolist() == pytest.approx(code.square().sum(1).tolist(), rel=0.02)
    assert (heat[:, :, :3].amax((1, 2)) < heat[:, :, 5:].amin((1, 2))).all()


@torch.no_grad()
def test_taking_in_the_normalisation_changes_no_output():
    net, x = trained_network(), torch.rand(2, 3, 128, 128)
    for one, other in zip(net.encode(x)[0], fused(net).encode(x)[0], strict=True):
        assert torch.allclose(one, other, atol=1e-4, rtol=1e-4)
    kinds = [type(part).__name__ for part in fused(net).trunk.modules()]
    assert "BatchNorm2d" not in kinds


def test_a_readout_classifies_linearly_separable_features():
    torch.manual_seed(0)
    truth = torch.arange(300) % 3
    features = torch.randn(300, 20) + 4 * torch.nn.functional.one_hot(truth, 20)
    weights = torch.full((200,), 1 / 200)
    readout = fit_readout(features[:200], truth[:200], 3, 0.01, weights)
    assert (readout(features[200:]).argmax(1) == truth[200:]).float().mean() > 0.95


def test_what_counts_more_is_classified_rather():
    torch.manual_seed(0)
    features, truth = torch.randn(200, 5), torch.arange(200) % 2  # nothing to be learned
    for rare in (0, 1):
        weights = torch.where(truth == rare, 0.001, 0.009)
        readout = fit_readout(features, truth, 2, 0.1, weights)
        assert (readout(features).argmax(1) == 1 - rare).float().mean() > 0.9


def head(share: float, seed: int = 0) -> ClassificationHead:
    """Return a head of three movements and five artists, two of them of two movements."""
    torch.manual_seed(seed)
    belong = torch.tensor([[1, 0, 0], [1, 0, 0], [0.5, 0.5, 0], [0, 1, 0], [0, 0.2, 0.8]])
    readouts = [Readout(torch.zeros(20), torch.ones(20), torch.randn(n, 20), torch.randn(n))
                for n in (3, 5, 4)]  # fmt: skip
    return ClassificationHead(readouts, [1.2, 0.8, 1.0], 1.2, belong, share)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_artists_share_in_the_probability_of_a_movement(share):
    network, features = head(share), torch.randn(6, 20)
    (movement, artist, genre), (own, *_) = network(features)
    for probabilities in (movement, artist, genre):
        assert probabilities.sum(1).tolist() == pytest.approx([1] * 6)
    share = share * artist.amax(1)  # the less, the less certain the artist is
    theirs = artist[:, 0] + artist[:, 1] + 0.5 * artist[:, 2]
    assert torch.allclose(movement[:, 0], (1 - share) * own[:, 0] + share * theirs, atol=1e-6)


def test_movements_of_unknown_artists_have_a_temperature_of_their_own():
    network, features = head(0.0), torch.randn(6, 20)
    sharp = network(features)[0][0]
    network.unseen_heat = 6.0
    (soft, artist, _), _ = network(features)
    lost = sharp.amax(1) - soft.amax(1)
    assert (lost > 0).all()
    assert lost[artist.amax(1).argmin()] > lost[artist.amax(1).argmax()]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_gradient_equals_that_of_autograd(share):
    network, features = head(share), torch.randn(6, 20, requires_grad=True)
    (movement, artist, _), (own, shares, heat) = network(features)
    state = own, shares.detach(), heat
    held = (1 - state[1]) * own + state[1] * artist @ network.belong
    (gradient,) = torch.autograd.grad(held.amax(1).log().sum(), features)
    assert torch.allclose(network.gradient(movement, artist, state), gradient, atol=1e-4)


def test_a_picture_is_most_like_itself_and_the_mean_of_its_artist():
    torch.manual_seed(0)
    codes = torch.randn(60, 256)
    codes[:30] += 2 * torch.randn(256)
    owners = [torch.arange(30).numpy(), torch.arange(30, 60).numpy()]
    artists, pictures = Gallery(codes, owners, torch.arange(10, 50).numpy())(codes[[12, 44]])
    assert (artists.shape, pictures.shape) == ((2, 2), (2, 40))
    assert artists.argmax(1).tolist() == [0, 1]
    assert pictures.argmax(1).tolist() == [2, 34]
    assert pictures.amax(1).tolist() == pytest.approx([1, 1])


def test_training_data_has_distance_1_and_other_data_is_farther():
    torch.manual_seed(0)
    statistics = torch.randn(400, 30) * torch.linspace(0.1, 2, 30)
    distribution = fit_distribution(statistics, axes=20)
    far = [((x - distribution["mean"]) @ distribution["axes"]).square().mean(1).sqrt().mean()
           for x in (statistics, statistics + 3)]  # fmt: skip
    assert far[0] == pytest.approx(1, abs=0.1)
    assert far[1] > 1.5 * far[0]
