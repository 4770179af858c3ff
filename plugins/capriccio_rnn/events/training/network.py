"""The network of events, and the same network as a module that takes one step, for export.

Every note is one event, one step of a GRU (Cho et al., arXiv 1406.1078). A step decides the fields
of the next event one after another, each conditioned on those before it: shift, offset, sound,
velocity, length. So chords, flams and accents are chosen as such. Inputs beside the last event are
the position in the bar, style and tempo, and what followed one, two and four bars ago (see
`EventHistory`), since music repeats itself.
"""

import torch
import torch.nn.functional as F
from torch import nn

from ..encoding import FIELDS, LAGS, MAX_BAR_STEPS, TICKS_PER_STEP, field_sizes

INPUT, WIDTH, LAYERS, HEAD = 160, 224, 2, 112  # 3.6 MB, which fit a core's cache
DROPOUT = 0.2
IMPOSSIBLE = -1e6


class EventNetwork(nn.Module):
    """Return logits for the fields of the next event.

    Attributes are named as the tensors in checkpoints and exported graphs.
    """

    def __init__(self, sounds: int, tags: int, fields: int):
        super().__init__()
        self.sizes = field_sizes(sounds, fields)
        # Every input is a row of one table: the last event, position and bar, past events.
        self.rows = [size + 1 for size in self.sizes]  # one more each, for no event
        self.rows += [MAX_BAR_STEPS, MAX_BAR_STEPS + 1] + self.rows * len(LAGS)
        self.told = nn.Embedding(sum(self.rows), INPUT)
        first = torch.tensor([0, *self.rows[:-1]]).cumsum(0)  # (inputs,)
        self.register_buffer("first", first, persistent=False)
        nn.init.normal_(self.told.weight, std=0.3)  # about ten of them are summed
        self.mood = nn.Linear(tags + 1, INPUT)
        self.memory = nn.GRU(INPUT, WIDTH, LAYERS, batch_first=True, dropout=DROPOUT)
        self.hear = nn.Linear(WIDTH + INPUT, fields * HEAD)
        # The effect of a decided field on those after it, and of the position it leads to.
        self.then = nn.ModuleList(
            nn.Embedding(size, (fields - number - 1) * HEAD)
            for number, size in enumerate(self.sizes[:-1])
        )
        self.there = nn.Embedding(MAX_BAR_STEPS, (fields - 1) * HEAD)
        for table in (*self.then, self.there):
            nn.init.normal_(table.weight, std=0.3)
        self.weigh = nn.ModuleList(nn.Linear(HEAD, size) for size in self.sizes)
        self.dropout = nn.Dropout(DROPOUT)
        self.sooner: torch.Tensor
        self.lower: torch.Tensor
        sooner = rule_out_below(
            TICKS_PER_STEP + 1, TICKS_PER_STEP
        )  # (TICKS_PER_STEP + 1, TICKS_PER_STEP)
        sooner[TICKS_PER_STEP] = 0  # after no event
        self.register_buffer("sooner", sooner, persistent=False)
        self.register_buffer("lower", rule_out_below(sounds + 2, sounds), persistent=False)

    def forward(self, inputs, mood, position, event, state=None):
        """Return logits (b, t, size) of each field, conditioned on those before it, and the state.

        Args:
            inputs: (b, t, rows) last event, position, bar and past events.
            mood: (b, tags + 1) weights of the tags, and log2(bpm / 120).
            position: (b, t) of the event in its bar.
            event: (b, t, fields) tokens.
            state: (LAYERS, b, WIDTH), zeros if None.
        """
        rows = (inputs + self.first).flatten(0, 1)  # (b * t, rows)
        x = F.embedding_bag(rows, self.told.weight, mode="sum")  # (b * t, INPUT)
        x = x.view(*inputs.shape[:2], INPUT) + self.mood(mood).unsqueeze(1)  # (b, t, INPUT)
        x = self.dropout(x)  # (b, t, INPUT)
        memory, state = self.memory(x, state)  # (b, t, WIDTH) (LAYERS, b, WIDTH)
        deep = self.hear(torch.cat([self.dropout(memory), x], -1))  # (b, t, fields * HEAD)
        after = deep[..., HEAD:] + self.there(position)  # (b, t, (fields - 1) * HEAD)
        deep = deep[..., :HEAD]  # (b, t, HEAD)
        last, tokens, weights = inputs.unbind(-1), event.unbind(-1), []  # all (b, t)
        for field, weigh in enumerate(self.weigh):
            rules = self.rules(field, last, tokens)  # (b, t, size) or 0
            weights.append(weigh(self.dropout(F.relu(deep))) + rules)  # (b, t, size)
            if field < len(self.then):
                after = after + self.then[field](tokens[field])  # (b, t, left * HEAD)
                deep, after = after[..., :HEAD], after[..., HEAD:]  # (b, t, HEAD) (b, t, …)
        return weights, state

    def rules(self, field: int, last, tokens):
        """Return IMPOSSIBLE for tokens that go back in time or repeat a sound at the same tick."""
        if FIELDS[field] == "offset":
            return self.sooner[last[1] * (tokens[0] == 0)]  # (..., TICKS_PER_STEP)
        if FIELDS[field] == "sound":
            at_once = (tokens[0] == 0) & (tokens[1] == last[1])  # (...,)
            return self.lower[(last[2] + 1) * at_once]  # (..., sounds)
        return 0.0


def rule_out_below(rows: int, columns: int) -> torch.Tensor:
    """Return a table whose row r makes the first r of the columns impossible."""
    return IMPOSSIBLE * (torch.arange(columns) < torch.arange(rows)[:, None])  # (rows, columns)


class EventStep(nn.Module):
    """Take one step of one event: state in and out, and sample the tokens.

    The weights of a field are divided by its temperature, `dials[field]`, and `bias` is added.
    Tokens whose probability relative to the likeliest has a logarithm below the last of `dials`
    are ruled out (min-p, arXiv 2407.01082). The token with the largest sum of weight and Gumbel
    noise is taken, which samples from the softmax (arXiv 1411.0030); noise of a billion forces a
    token. The output `weights` are those before temperature and bias.
    """

    def __init__(self, net: EventNetwork):
        super().__init__()
        self.net = net

    def forward(self, state, heard, mood, bias, dials, noise):
        net, count = self.net, len(self.net.sizes)
        x = net.told(heard + net.first).sum(0, keepdim=True) + net.mood(mood)  # (1, INPUT)
        memory, states = x, []
        for layer, before in enumerate(state.split(1)):  # before (1, WIDTH)
            memory = gru_cell(net.memory, layer, memory, before)  # (1, WIDTH)
            states.append(memory)
        deep = net.hear(torch.cat([memory, x], -1))  # (1, fields * HEAD)
        deep, after = deep.split([HEAD, (count - 1) * HEAD], -1)  # (1, HEAD) (1, left * HEAD)
        last = heard.split(1)  # rows of (1,)
        biases, noises = bias.split(net.sizes), noise.split(net.sizes)  # fields of (size,)
        *temperatures, floor = dials.split(1)  # all (1,)
        weights, tokens = [], []
        for field in range(count):
            x = net.weigh[field](F.relu(deep)) + net.rules(field, last, tokens)  # (1, size)
            weights.append(x)
            tempered = x / temperatures[field] + biases[field]  # (1, size)
            unlikely = tempered < tempered.amax(-1, keepdim=True) + floor  # (1, size)
            tempered = torch.where(unlikely, 10 * IMPOSSIBLE, tempered)  # (1, size)
            tokens.append((tempered + noises[field]).argmax(-1))  # (1,)
            if field < len(net.then):
                after = after + net.then[field](tokens[field])  # (1, left * HEAD)
                if field == 0:
                    position = (last[count] + tokens[0]) % last[count + 1].clamp(min=1)  # (1,)
                    after = after + net.there(position)  # (1, left * HEAD)
                deep, after = after.split([HEAD, (count - field - 2) * HEAD], -1)
        return torch.cat(states), torch.cat(tokens), torch.cat(weights, -1)[0]


def gru_cell(memory: nn.GRU, layer: int, x: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """Return the output of one layer of the GRU after one step, (1, WIDTH)."""
    names = ("weight_ih", "bias_ih", "weight_hh", "bias_hh")
    weights = [getattr(memory, f"{name}_l{layer}") for name in names]
    parts = [2 * WIDTH, WIDTH]
    gates, new = F.linear(x, *weights[:2]).split(parts, -1)  # (1, 2 * WIDTH) (1, WIDTH)
    recur, old = F.linear(before, *weights[2:]).split(parts, -1)  # the same
    reset, keep = torch.sigmoid(gates + recur).chunk(2, -1)  # (1, WIDTH) (1, WIDTH)
    new = torch.tanh(new + reset * old)  # (1, WIDTH)
    return new + keep * (before - new)  # (1, WIDTH)
