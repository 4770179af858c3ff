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

from .. import BINS, FIELDS, LAGS, PLACES, sizes

INPUT, WIDTH, LAYERS, HEAD = 160, 224, 2, 112  # 3.6 MB, which stay in a core's cache
DROPOUT = 0.3
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
        last, weights = heard[..., : len(self.sizes)], []
        for field, weigh in enumerate(self.weigh):
            rules = self.rules(field, last, event)  # (b, t, size) or 0
            weights.append(weigh(self.dropout(F.relu(deep))) + rules)  # (b, t, size)
            if field < len(self.then):
                after = after + self.then[field](event[..., field])  # (b, t, left * HEAD)
                deep, after = after[..., :HEAD], after[..., HEAD:]  # (b, t, HEAD) (b, t, …)
        return weights, state

    def rules(self, field: int, last, event):
        """Rule out what would go back in time, or sound twice at once."""
        if FIELDS[field] == "offset":
            soonest = last[..., 1:2] % BINS * (event[..., :1] == 0)  # (b, t, 1): 0 after nothing
            return IMPOSSIBLE * (torch.arange(BINS) < soonest)  # (b, t, BINS)
        if FIELDS[field] == "sound":
            at_once = (event[..., :1] == 0) & (event[..., 1:2] == last[..., 1:2])  # (b, t, 1)
            lowest = (last[..., 2:3] + 1) * at_once  # (b, t, 1)
            return IMPOSSIBLE * (torch.arange(self.sizes[2]) < lowest)  # (b, t, sounds)
        return 0.0


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
        memory, state = net.memory(x[None], state.unsqueeze(1))  # (1, 1, WIDTH) (LAYERS, 1, WIDTH)
        deep = net.hear(torch.cat([memory[0], x], -1))  # (1, fields * HEAD)
        after, deep = deep[:, HEAD:], deep[:, :HEAD]  # (1, left * HEAD) (1, HEAD)
        biases, luck = bias.split(net.sizes), noise.split(net.sizes)  # fields of (size,)
        temperatures = dials.split(1)  # fields + 1 of (1,)
        weights, tokens = [], []
        for field in range(count):
            x = net.weigh[field](F.relu(deep))  # (1, size)
            if field in (1, 2):
                x = x + self.rules(field, heard, tokens)  # (1, size)
            weights.append(x)
            bent = x / temperatures[field] + biases[field]  # (1, size)
            floor = bent.amax(-1, keepdim=True) + temperatures[count]  # (1, 1)
            bent = torch.where(bent < floor, 10 * IMPOSSIBLE, bent)  # (1, size)
            tokens.append((bent + luck[field]).argmax(-1))  # (1,)
            if field < len(net.then):
                after = after + net.then[field](tokens[field])  # (1, left * HEAD)
                if field == 0:
                    bar = heard[count + 1 : count + 2].clamp(min=1)  # (1,)
                    place = (heard[count : count + 1] + tokens[0]) % bar  # (1,)
                    after = after + net.there(place)  # (1, left * HEAD)
                deep, after = after[:, :HEAD], after[:, HEAD:]  # (1, HEAD) (1, left * HEAD)
        return state.squeeze(1), torch.cat(tokens), torch.cat(weights, -1)[0]

    def rules(self, field, heard, tokens):
        return self.net.rules(field, heard[None, : len(self.net.sizes)], torch.stack(tokens, -1))
