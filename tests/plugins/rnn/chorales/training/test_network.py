"""Tests of the chorale network."""

import pytest

torch = pytest.importorskip("torch")

from capriccio_rnn.chorales.training import network as net  # noqa: E402
from helpers.chorales import logits, usual_order  # noqa: E402


def test_the_probabilities_of_all_tokens_add_up_to_one(network, piece):
    found = net.log_probabilities(logits(network, piece, usual_order())).exp()

    assert torch.allclose(found.sum(-1), torch.ones(40, 4), atol=1e-5)
    assert (found >= 0).all()


def test_no_voice_depends_on_what_is_decided_after_it_or_later(network, piece):
    found = logits(network, piece, usual_order())
    changed = piece.clone()
    changed[20, 1] += 1  # the alto, which is decided last
    other = logits(network, changed, usual_order())

    assert torch.equal(found[:20], other[:20])
    assert torch.equal(found[20], other[20])
    assert not torch.equal(found[21], other[21])
    changed[20, 0] += 1  # the soprano is decided first
    other = logits(network, changed, usual_order())
    assert torch.equal(found[20, 0], other[20, 0])
    assert all(not torch.equal(found[20, voice], other[20, voice]) for voice in (1, 2, 3))


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
