"""The network of a player of events, and the same network as it is played, event by event.

Every note is one event, one step of a GRU (Cho et al., arXiv 1406.1078). A step decides the fields
of the next event one after another, each knowing those before it: when it comes (steps and a fine
place within the step), what sounds, how hard, how long. So chords, flams and accents are chosen as
such. Beside the last event the network hears where in the bar it is, the style and the tempo, and
what followed here a bar, two and four bars ago (see `Echo`), since music repeats itself.
"""

import torch
import torch.nn.functional as F
from torch import nn

from ..encoding import BINS, FIELDS, LAGS, PLACES, sizes

INPUT, WIDTH, LAYERS, HEAD = 160, 224, 2, 112  # 3.6 MB, which stay in a core's cache
DROPOUT = 0.2
IMPOSSIBLE = -1e6


class Events(nn.Module):
    """Hear events up to now and weigh the fields of the next one."""

    def __init__(self, sounds: int, tags: int, fields: int):
        super().__init__()
        self.sizes = sizes(sounds, fields)
        # Everything that is heard is a row of one table: the last event, the place, the echoes.
        self.rows = [size + 1 for size in self.sizes]  # one more each, for nothing
        self.rows += [PLACES, PLACES + 1] + self.rows * len(LAGS)
        self.told = nn.Embedding(sum(self.rows), INPUT)
        first = torch.tensor([0, *self.rows[:-1]]).cumsum(0)  # (heard,)
        self.register_buffer("first", first, persistent=False)
        nn.init.normal_(self.told.weight, std=0.3)  # about ten of them are summed up
        self.mood = nn.Linear(tags + 1, INPUT)
        self.memory = nn.GRU(INPUT, WIDTH, LAYERS, batch_first=True, dropout=DROPOUT)
        self.hear = nn.Linear(WIDTH + INPUT, fields * HEAD)
        # What a decided field tells those after it, and the place it has led to.
        self.then = nn.ModuleList(
            nn.Embedding(size, (fields - number - 1) * HEAD)
            for number, size in enumerate(self.sizes[:-1])
        )
        self.there = nn.Embedding(PLACES, (fields - 1) * HEAD)
        for table in (*self.then, self.there):
            nn.init.normal_(table.weight, std=0.3)
        self.weigh = nn.ModuleList(nn.Linear(HEAD, size) for size in self.sizes)
        self.dropout = nn.Dropout(DROPOUT)
        self.sooner: torch.Tensor
        self.lower: torch.Tensor
        sooner = below(BINS + 1, BINS)  # (BINS + 1, BINS)
        sooner[BINS] = 0  # after nothing
        self.register_buffer("sooner", sooner, persistent=False)
        self.register_buffer("lower", below(sounds + 2, sounds), persistent=False)

    def forward(self, heard, mood, place, event, state=None):
        """Weigh every field of the events (b, t, fields), each knowing the fields before it.

        `heard` (b, t, rows) is what is known before, `mood` (b, tags + 1), and `place` (b, t)
        where in the bar the event is. Gives a list of weights (b, t, size), and the state.
        """
        rows = (heard + self.first).flatten(0, 1)  # (b * t, rows)
        x = F.embedding_bag(rows, self.told.weight, mode="sum")  # (b * t, INPUT)
        x = x.view(*heard.shape[:2], INPUT) + self.mood(mood).unsqueeze(1)  # (b, t, INPUT)
        x = self.dropout(x)  # (b, t, INPUT)
        memory, state = self.memory(x, state)  # (b, t, WIDTH) (LAYERS, b, WIDTH)
        deep = self.hear(torch.cat([self.dropout(memory), x], -1))  # (b, t, fields * HEAD)
        after = deep[..., HEAD:] + self.there(place)  # (b, t, (fields - 1) * HEAD)
        deep = deep[..., :HEAD]  # (b, t, HEAD)
        last, tokens, weights = heard.unbind(-1), event.unbind(-1), []  # all (b, t)
        for field, weigh in enumerate(self.weigh):
            rules = self.rules(field, last, tokens)  # (b, t, size) or 0
            weights.append(weigh(self.dropout(F.relu(deep))) + rules)  # (b, t, size)
            if field < len(self.then):
                after = after + self.then[field](tokens[field])  # (b, t, left * HEAD)
                deep, after = after[..., :HEAD], after[..., HEAD:]  # (b, t, HEAD) (b, t, …)
        return weights, state

    def rules(self, field: int, last, tokens):
        """Rule out what would go back in time, or sound twice at once."""
        if FIELDS[field] == "offset":
            return self.sooner[last[1] * (tokens[0] == 0)]  # (..., BINS)
        if FIELDS[field] == "sound":
            at_once = (tokens[0] == 0) & (tokens[1] == last[1])  # (...,)
            return self.lower[(last[2] + 1) * at_once]  # (..., sounds)
        return 0.0


def below(rows: int, columns: int) -> torch.Tensor:
    """Give a table whose row r makes the first r of the columns impossible."""
    return IMPOSSIBLE * (torch.arange(columns) < torch.arange(rows)[:, None])  # (rows, columns)


class Step(nn.Module):
    """The same network as it is played: one event, state in and out, the choice included.

    A field is weighed at a temperature of its own, `dials[field]`, and bent by `bias`; tokens that
    are less probable, relative to the likeliest, than the last dial says (its logarithm) are out
    (min-p, arXiv 2407.01082). The choice is the largest of weight plus Gumbel noise, which draws
    from the softmax (arXiv 1411.0030); noise comes from outside, so a seed there decides all, and
    a token with noise of a billion is forced. `weights` are those before they were bent.
    """

    def __init__(self, net: Events):
        super().__init__()
        self.net = net

    def forward(self, state, heard, mood, bias, dials, noise):
        net, count = self.net, len(self.net.sizes)
        x = net.told(heard + net.first).sum(0, keepdim=True) + net.mood(mood)  # (1, INPUT)
        memory, states = x, []
        for layer, before in enumerate(state.split(1)):  # before (1, WIDTH)
            memory = cell(net.memory, layer, memory, before)  # (1, WIDTH)
            states.append(memory)
        deep = net.hear(torch.cat([memory, x], -1))  # (1, fields * HEAD)
        deep, after = deep.split([HEAD, (count - 1) * HEAD], -1)  # (1, HEAD) (1, left * HEAD)
        last = heard.split(1)  # rows of (1,)
        biases, luck = bias.split(net.sizes), noise.split(net.sizes)  # fields of (size,)
        *temperatures, floor = dials.split(1)  # all (1,)
        weights, tokens = [], []
        for field in range(count):
            x = net.weigh[field](F.relu(deep)) + net.rules(field, last, tokens)  # (1, size)
            weights.append(x)
            bent = x / temperatures[field] + biases[field]  # (1, size)
            unlikely = bent < bent.amax(-1, keepdim=True) + floor  # (1, size)
            bent = torch.where(unlikely, 10 * IMPOSSIBLE, bent)  # (1, size)
            tokens.append((bent + luck[field]).argmax(-1))  # (1,)
            if field < len(net.then):
                after = after + net.then[field](tokens[field])  # (1, left * HEAD)
                if field == 0:
                    place = (last[count] + tokens[0]) % last[count + 1].clamp(min=1)  # (1,)
                    after = after + net.there(place)  # (1, left * HEAD)
                deep, after = after.split([HEAD, (count - field - 2) * HEAD], -1)
        return torch.cat(states), torch.cat(tokens), torch.cat(weights, -1)[0]


def cell(memory: nn.GRU, layer: int, x, before):
    """Go on by one step as a layer of the GRU does."""
    names = ("weight_ih", "bias_ih", "weight_hh", "bias_hh")
    weights = [getattr(memory, f"{name}_l{layer}") for name in names]
    gates, new = F.linear(x, *weights[:2]).split(
        [2 * WIDTH, WIDTH], -1
    )  # (1, 2 * WIDTH) (1, WIDTH)
    recur, old = F.linear(before, *weights[2:]).split([2 * WIDTH, WIDTH], -1)  # the same
    reset, keep = torch.sigmoid(gates + recur).chunk(2, -1)  # (1, WIDTH) (1, WIDTH)
    new = torch.tanh(new + reset * old)  # (1, WIDTH)
    return new + keep * (before - new)  # (1, WIDTH)
