"""The network that writes, and the same network as a module that takes one step, for export.

An LSTM (Graves, arXiv 1308.0850) reads characters and weighs the next. What a text is to be about
is the sum of the embeddings of some of its own words, of which most are kept from it in training.
"""

from contextlib import nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from capriccio.training import mixed_precision
from torch import nn

from ..text import ABOUT, FILTER_BITS, KEYS

INPUT = 128


class TextNetwork(nn.Module):
    """Return logits of the next character.

    Args:
        characters: how many it knows; the first is the end of a text.
        words: how many it can be about; number 0 is none.
        width: of the LSTM.
        dropout: share of its outputs that are left out in training; of its inputs, half of it.
        weight_dropout: share of the recurrent weights that are left out, others for each batch, as
            in AWD-LSTM (Merity et al., arXiv 1708.02182).
    """

    def __init__(
        self,
        characters: int,
        words: int,
        width: int,
        dropout: float = 0.3,
        weight_dropout: float = 0.3,
    ):
        super().__init__()
        self.width, self.weight_dropout = width, weight_dropout
        self.read = nn.Embedding(characters, INPUT)
        self.about = nn.Embedding(words + 1, INPUT, padding_idx=0)
        nn.init.normal_(self.about.weight, std=0.5)
        with torch.no_grad():
            self.about.weight[0] = 0
        self.memory: Any = nn.LSTM(INPUT, width, batch_first=True)
        self.weigh = nn.Linear(width, characters)
        self.dropout_in, self.dropout_out = nn.Dropout(dropout / 2), nn.Dropout(dropout)

    def forward(self, before, about, state=None):
        """Return logits (b, t, characters), and the state.

        Args:
            before: (b, t) characters, each before the one to be weighed.
            about: (b, ABOUT) numbers of words, 0 for none.
            state: of the LSTM, zeros if None.
        """
        x = self.read(before) + self.about(about).sum(1, keepdim=True)  # (b, t, INPUT)
        with mixed_precision("cpu") if self.training else nullcontext():
            deep, state = self._remember(self.dropout_in(x), state)  # (b, t, width)
        deep = deep.float()  # (b, t, width)
        return self.weigh(self.dropout_out(deep)), state

    def _remember(self, x, state):
        """Return what the LSTM makes of inputs (b, t, INPUT), (b, t, width), and its state."""
        if not self.training:
            return self.memory(x, state)
        if state is None:
            state = (x.new_zeros(1, len(x), self.width),) * 2
        of_input, recurrent, *biases = self.memory.all_weights[0]
        weights = [of_input, F.dropout(recurrent, self.weight_dropout), *biases]
        deep, *state = torch.lstm(x, state, weights, True, 1, 0.0, True, False, True)
        return deep, tuple(state)


class TextStep(nn.Module):
    """Take one step of one character: state in and out, and the logits of the next.

    Inputs:
        state: (2, width), hidden and cell; zeros at the start.
        before: (1,) the last character, 0 at the start.
        about: (ABOUT,) numbers of words, 0 for none.
        keys: (KEYS,) of a text.

    Outputs are the next state, the logits (1, characters), and `known` (1,): 1 where the text of
    these keys is one of training, by a Bloom filter.
    """

    def __init__(self, net: TextNetwork, known: torch.Tensor):
        super().__init__()
        self.net = net
        memory, width = net.memory, net.width
        with torch.no_grad():
            # The gates in one product, those that are squashed alike beside each other.
            weights = torch.cat([memory.weight_ih_l0, memory.weight_hh_l0], 1)
            bias = memory.bias_ih_l0 + memory.bias_hh_l0  # (4 * width,)
            order = [0, 1, 3, 2]
            self.register_buffer("gates", weights.view(4, width, -1)[order].flatten(0, 1))
            self.register_buffer("gate_bias", bias.view(4, width)[order].flatten())
        self.register_buffer("bits", known)  # (FILTER_BITS / 8,) uint8

    def forward(self, state, before, about, keys):
        net, width = self.net, self.net.width
        x = net.read(before) + net.about(about).sum(0, keepdim=True)  # (1, INPUT)
        hidden, cell = state.split(1)  # (1, width) both
        gates = F.linear(torch.cat([x, hidden], -1), self.gates, self.gate_bias)
        gates, new = gates.split([3 * width, width], -1)  # (1, 3 * width) (1, width)
        enter, forget, out = torch.sigmoid(gates).split(width, -1)  # (1, width) each
        cell = forget * cell + enter * torch.tanh(new)  # (1, width)
        hidden = out * torch.tanh(cell)  # (1, width)
        # Eight bits of the filter in a byte.
        bytes_of = self.bits[torch.div(keys, 8, rounding_mode="floor")].long()  # (KEYS,)
        weight = torch.pow(2.0, (keys % 8).float()).long()  # (KEYS,)
        found = torch.div(bytes_of, weight, rounding_mode="floor") % 2  # (KEYS,)
        return torch.cat([hidden, cell]), net.weigh(hidden), found.min().float().view(1)


def example_inputs(characters: int, words: int, width: int) -> tuple[torch.Tensor, ...]:
    """Return random inputs for checking the exported graph."""
    return (
        torch.rand(2, width) * 2 - 1,  # (2, width)
        torch.randint(characters, (1,)),
        torch.randint(words + 1, (ABOUT,)),
        torch.randint(FILTER_BITS, (KEYS,)),
    )
