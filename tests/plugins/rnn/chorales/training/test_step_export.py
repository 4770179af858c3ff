"""Tests of the chorale network as it is exported."""

import numpy as np
import pytest
from capriccio_rnn.chorales import model

torch = pytest.importorskip("torch")

from capriccio_rnn.chorales.training import main as chorales  # noqa: E402
from capriccio_rnn.chorales.training import network as net  # noqa: E402
from capriccio_rnn.chorales.training import step_export  # noqa: E402
from helpers.chorales import logits  # noqa: E402


@pytest.mark.parametrize("seen", [(), (0,), (2,), (0, 3), (1, 2, 3)])
def test_the_exported_step_weighs_as_the_network_whatever_is_given(network, piece, seen):
    step = step_export.ChoraleStep(network)
    is_seen = torch.tensor([voice in seen for voice in range(4)])
    rank = torch.where(is_seen, -1, chorales.voice_ranks())
    wanted = logits(network, piece, (rank[None] < rank[:, None]).float())
    before, struck, position, _, token = (column[0] for column in chorales.examples([piece], [0]))

    state, trace = torch.zeros(net.LAYERS, net.WIDTH), torch.zeros(1, net.TRACE)
    for time in range(40):
        luck = torch.zeros(4, net.TOKENS)
        luck[torch.arange(4), token[time]] = 1e12
        known = torch.where(is_seen, token[time], step_export.UNKNOWN)
        heard = torch.cat([before[time], struck[time], position[time : time + 1], known])
        state, trace, tokens, found = step(state, trace, heard, luck.view(1, -1))

        assert torch.equal(tokens, token[time])
        found, sought = (some[~is_seen] for some in (found.view(4, -1), wanted[time]))
        possible = sought > net.IMPOSSIBLE / 2
        assert torch.allclose(found[possible], sought[possible], atol=5e-3)
        assert (found[~possible] < -1000).all()


def test_the_penalty_affects_parallels_alone(network):
    before = torch.tensor([30, 26, 23, 11])  # the soprano a fifth and an octave above the bass
    luck = torch.zeros(1, 4 * net.TOKENS)
    luck[0, 32] = 1e12
    known = torch.tensor(
        [32, *[step_export.UNKNOWN] * 3]
    )  # it rises by a tone, which the others know
    heard = torch.cat([before, torch.ones(5, dtype=torch.long), known])
    state, trace = torch.zeros(net.LAYERS, net.WIDTH), torch.zeros(1, net.TRACE)

    found = []
    for network.strict in (5.0, 0.0):
        found.append(step_export.ChoraleStep(network)(state, trace, heard, luck)[3].view(4, -1))
    strict, loose = found

    lost = (loose - strict)[3]
    assert lost.nonzero().flatten().tolist() == [13]
    assert lost[13].item() == pytest.approx(5, abs=1e-4)


def test_noise_samples_from_the_probabilities_of_the_network(network):
    step = step_export.ChoraleStep(network)
    state, trace, heard, _ = chorales.example_inputs()
    heard[9:] = step_export.UNKNOWN
    drawn, holds = torch.zeros(net.TOKENS), 0
    for _ in range(2000):
        luck = -torch.log(-torch.log(torch.rand(1, 4 * net.TOKENS)))
        odds = torch.rand(4)
        luck[0, net.HOLD :: net.TOKENS] = net.HOLD_SCALE * (odds.log() - (1 - odds).log())
        _, _, tokens, found = step(state, trace, heard, luck)
        drawn[tokens[0]] += 1 / 2000  # the soprano is decided first, by these chances
    wanted = net.log_probabilities(found.view(4, -1)[0]).exp()
    holds = wanted[net.HOLD].item()

    assert drawn[net.HOLD].item() == pytest.approx(holds, abs=0.04)
    assert (drawn - wanted).abs().sum() / 2 < 0.1


def test_playing_and_training_agree_on_constants_and_probabilities():
    assert model.RANGES == net.RANGES
    for name in (
        *("LOWEST", "SILENT", "START", "HOLD", "TOKENS"),
        *("STEPS_PER_BAR", "HOLD_SCALE"),
    ):
        assert getattr(model, name) == getattr(net, name), name
    assert model.UNKNOWN == step_export.UNKNOWN
    some = np.random.default_rng(0).normal(size=(4, net.TOKENS)).astype(np.float32)
    theirs = net.log_probabilities(torch.tensor(some)).numpy()
    assert np.allclose(model.log_probabilities(some), theirs, atol=1e-5)
