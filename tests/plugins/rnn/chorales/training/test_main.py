"""Tests of the chorale network, its exported step, and its training."""

import json

import numpy as np
import pytest
from capriccio_rnn.chorales import model

torch = pytest.importorskip("torch")

from capriccio_rnn.chorales.training import main as chorales  # noqa: E402
from capriccio_rnn.chorales.training import network as net  # noqa: E402
from capriccio_rnn.chorales.training import step_export  # noqa: E402
from capriccio_rnn.training import main as trainer  # noqa: E402


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    made = net.ChoraleNetwork().eval()
    with torch.no_grad():  # tables that begin at zero would hide mistakes
        for table in (made.lead, made.harmony, made.lean, made.draw):
            table.normal_(0, 0.3)
    return made.requires_grad_(False)


@pytest.fixture(scope="module")
def piece():
    """Forty steps in which voices hold, strike, leap, cross and fall silent."""
    torch.manual_seed(1)
    wander = torch.tensor([36, 29, 22, 14]) + torch.randint(-9, 10, (40, 4))
    for time in range(1, 40):
        wander[time] = torch.where(torch.rand(4) < 0.5, wander[time - 1], wander[time])
    wander[5:8, 2] = net.SILENT
    return wander


def weights(network, piece, known):
    before, struck, position, now, token = chorales.examples([piece], [0])
    return network(before, struck, position, now, token, known.expand(1, len(piece), 4, 4))[0]


def usual():
    rank = chorales.voice_ranks()
    return (rank[None] < rank[:, None]).float()


def test_the_probabilities_of_all_tokens_add_up_to_one(network, piece):
    found = net.log_probabilities(weights(network, piece, usual())).exp()

    assert torch.allclose(found.sum(-1), torch.ones(40, 4), atol=1e-5)
    assert (found >= 0).all()


def test_no_voice_depends_on_what_is_decided_after_it_or_later(network, piece):
    found = weights(network, piece, usual())
    changed = piece.clone()
    changed[20, 1] += 1  # the alto, which is decided last
    other = weights(network, changed, usual())

    assert torch.equal(found[:20], other[:20])
    assert torch.equal(found[20], other[20])
    assert not torch.equal(found[21], other[21])
    changed[20, 0] += 1  # the soprano is decided first
    other = weights(network, changed, usual())
    assert torch.equal(found[20, 0], other[20, 0])
    assert all(not torch.equal(found[20, voice], other[20, voice]) for voice in (1, 2, 3))


@pytest.mark.parametrize("seen", [(), (0,), (2,), (0, 3), (1, 2, 3)])
def test_the_exported_step_weighs_as_the_network_whatever_is_given(network, piece, seen):
    step = step_export.ChoraleStep(network)
    is_seen = torch.tensor([voice in seen for voice in range(4)])
    rank = torch.where(is_seen, -1, chorales.voice_ranks())
    wanted = weights(network, piece, (rank[None] < rank[:, None]).float())
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


def test_parallels_are_fifths_octaves_and_unisons_in_the_same_direction():
    found = net.parallels()
    still, up, down = net.NO_MOVE, net.NO_MOVE + 2, net.NO_MOVE - 3

    def counts(apart, theirs, mine):
        return bool(found[apart + net.UNISON, theirs, mine])

    assert counts(7, up, up) and counts(12, down, down) and counts(0, up, up) and counts(19, up, up)
    assert counts(-12, up, up) and counts(-7, down, down)
    assert not counts(7, still, still)
    assert not counts(5, up, up) and not counts(4, up, up)
    assert not counts(12, up, still) and not counts(7, up, down)
    assert not counts(7, up, up + 5)  # a fifth to an octave
    assert not counts(7, 0, 0) and not counts(-net.UNISON, up, up)  # silence


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


def test_a_transposed_piece_keeps_its_intervals_and_every_voice_its_range():
    torch.manual_seed(2)
    piece = torch.tensor([[72, 65, 57, 48], [74, 67, 59, 43]]) - net.LOWEST + 1
    piece[0, 1] = net.SILENT
    shifts = set()
    for _ in range(50):
        moved = chorales.transpose_randomly(piece)
        shifts.add(int((moved - piece)[0, 0]))
        assert moved[0, 1] == net.SILENT
        assert len(set((moved - piece)[piece != net.SILENT].tolist())) == 1
        for voice, (low, high) in enumerate(net.RANGES):
            sung = moved[:, voice][moved[:, voice] != net.SILENT] - 1 + net.LOWEST
            assert low <= sung.min() and sung.max() <= high
    assert shifts == set(range(-6, 7))


def test_a_repeated_pitch_counts_as_held():
    piece = torch.tensor([[30, 25, 20, 10], [30, 26, 20, 10]])

    before, struck, position, now, token = chorales.examples([piece], [12])

    assert before[0].tolist() == [[net.START] * 4, [30, 25, 20, 10]]
    assert token[0].tolist() == [[30, 25, 20, 10], [net.HOLD, 26, net.HOLD, net.HOLD]]
    assert struck[0].tolist() == [[0] * 4, [1] * 4]
    assert position[0].tolist() == [12, 13]
    assert torch.equal(now[0], piece)


def test_a_folder_of_chorales_trains_the_chorale_model(tmp_path):
    tune = np.tile([[72, 67, 60, 48]] * 4 + [[74, 67, 59, 43]] * 4, (4, 1)).tolist()
    splits = {"train": [tune] * 3, "valid": [tune], "test": [tune]}
    (tmp_path / "Jsb16thSeparated.json").write_text(json.dumps(splits))

    trainer.train(tmp_path, tmp_path / "mine.onnx", dry_run=True)

    assert not (tmp_path / "mine.onnx").exists()  # a dry run keeps nothing
    with pytest.raises(FileNotFoundError, match=r"no Jsb16thSeparated\.json in"):
        chorales.train(tmp_path / "elsewhere", tmp_path / "mine.onnx")


def test_plain_torch_takes_a_step():
    state, _, tokens, weights = trainer.plain()()

    assert state.shape == (net.LAYERS, net.WIDTH)
    assert tokens.shape == (4,)
    assert weights.shape == (1, 4 * net.TOKENS)
