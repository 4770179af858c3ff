"""The network that writes: steps equal the whole, and its filter knows what it was told."""

import pytest

torch = pytest.importorskip("torch")

from capriccio_write.text import ABOUT, KEYS, keys_of  # noqa: E402
from capriccio_write.training.main import bloom_filter  # noqa: E402
from capriccio_write.training.network import (  # noqa: E402
    TextNetwork,
    TextStep,
    example_inputs,
)


def test_steps_equal_the_whole():
    torch.manual_seed(0)
    net = TextNetwork(9, 4, 16).eval()
    before, about = torch.randint(9, (1, 6)), torch.tensor([[2, 0, 4]])
    whole, _ = net(before, about)
    step, state = TextStep(net, bloom_filter([])), torch.zeros(2, 16)
    for at in range(6):
        state, logits, _ = step(state, before[:, at], about[0], torch.zeros(KEYS, dtype=torch.long))
        assert torch.allclose(logits[0], whole[0, at], atol=1e-5)


def test_no_word_adds_nothing():
    net = TextNetwork(9, 4, 16).eval()
    assert not net.about(torch.zeros(1, ABOUT, dtype=torch.long)).any()


def test_the_filter_knows_what_it_was_told():
    known = [f"title {number}" for number in range(300)]
    step = TextStep(TextNetwork(9, 4, 16).eval(), bloom_filter(known))
    inputs = example_inputs(9, 4, 16)[:3]

    def is_known(text):
        return step(*inputs, torch.tensor(keys_of(text)))[2].item()

    assert all(is_known(text) for text in known)
    assert sum(is_known(f"other {number}") for number in range(300)) == 0


def test_recurrent_weights_are_left_out_in_training_alone():
    torch.manual_seed(0)
    net = TextNetwork(9, 0, 16, dropout=0.0, weight_dropout=1.0)
    about = torch.zeros(1, ABOUT, dtype=torch.long)
    one, other = (torch.tensor([[0, first, 5]]) for first in (3, 4))

    def last(before):
        with torch.no_grad():
            return net(before, about)[0][0, -1]

    # Without recurrent weights the gates see the last character alone, and no earlier output.
    net.train()
    trained = net.memory.all_weights[0][1].clone()
    dropped = last(one)
    assert torch.equal(net.memory.all_weights[0][1], trained)
    net.eval()
    assert not torch.allclose(dropped, last(one), atol=1e-3)
    whole = TextNetwork(9, 0, 16, dropout=0.0, weight_dropout=0.0).train()
    whole.load_state_dict(net.state_dict())
    with torch.no_grad():
        kept = whole(one, about)[0][0, -1]
    assert torch.allclose(kept, last(one), atol=2e-2)  # bfloat16 in training
    assert not torch.allclose(last(one), last(other), atol=1e-3)
