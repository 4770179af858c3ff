"""The network of the chorale player, and the same network as it is played, step by step.

Music is cut into steps of a sixteenth note. At every step each of four voices (soprano, alto,
tenor, bass) does one of three things, one token of 48: it falls silent (0), it strikes a pitch
(1..46 for the MIDI pitches 36..81), or it holds what it has (47). A GRU (Cho et al., arXiv
1406.1078) remembers the past; a small head decides the voices of a step one after another, each
knowing those decided before it, so that a chord is chosen as a chord and not as four notes. The
head is trained on many orders of deciding (orderless NADE, Uria et al., arXiv 1310.1757), which
is what lets it write any voice to any given others.
"""

import math
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import nn

LOWEST, HIGHEST = 36, 81  # the pitches of the training set, bass to soprano
RANGES = ((60, 81), (52, 74), (46, 69), (36, 66))  # of each voice in the training set
SILENT, START = 0, HIGHEST - LOWEST + 2  # what a voice may sound beside a pitch (1..46)
SOUNDS = START + 1
HOLD, TOKENS = START, SOUNDS  # a token is a sound that is struck, or HOLD
PLACES = 16  # sixteenths in a bar of four beats
ORDER = (0, 3, 2, 1)  # the outer voices first, as harmony is taught
IMPOSSIBLE, FAR = -1e9, 1e6
APART = HIGHEST - LOWEST + 1  # intervals between two voices are numbered from here, down and up
SPAN = 2 * APART  # how many there are, and none (0)
MOVES = 26  # steps of one voice, up to an octave down or up, and none (0)
STILL = MOVES // 2

PITCH = 32  # size of a pitch's embedding: small, since there are 48 sounds
SCENE, WIDTH, LAYERS, HEAD = 128, 192, 2, 128  # half a million weights are read in every step
FADES = torch.tensor([0.9, 0.985])  # how much of what sounded is remembered a step later
FADED = 12 * len(FADES)
DROPOUT = 0.35  # 229 chorales are soon known by heart

PAIRS = torch.arange(16).view(4, 4)  # (v, u)
UPPER, LOWER = torch.tensor(list(combinations(range(4), 2))).T  # (6,) (6,)
# The rows that describe a step: a sound of each voice, struck or not; the place; six intervals.
VOICE_ROWS = torch.arange(4) * 2 * SOUNDS  # (4,)
PLACE_ROW = 4 * 2 * SOUNDS
PAIR_ROWS = PLACE_ROW + PLACES + torch.arange(6) * SPAN  # (6,)
ROWS = PLACE_ROW + PLACES + 6 * SPAN


class Chorale(nn.Module):
    """Hear four voices up to now and weigh what each of them may do next.

    Pitches are heard as they are and as intervals. The intervals are what makes harmony the same
    in every key: what two voices are to each other, how far a voice moves, and what both become.
    Parallel fifths, octaves and unisons weigh `strict` nats less than what was learned of them.
    """

    strict = 0.0

    def __init__(self):
        super().__init__()
        self.scene = nn.Parameter(torch.randn(ROWS, SCENE) / math.sqrt(11))  # 11 rows a step
        self.memory = nn.GRU(SCENE, WIDTH, LAYERS, batch_first=True, dropout=DROPOUT)
        self.hear = nn.Linear(WIDTH + SCENE, 4 * HEAD)
        # What voice v makes of what voice u does.
        self.sound = nn.Embedding(SOUNDS, PITCH)
        self.blend = nn.Parameter(torch.randn(4, 4, PITCH + 2, HEAD) / math.sqrt(4 * PITCH))
        self.deepen = nn.Parameter(torch.randn(4, HEAD, HEAD) / math.sqrt(HEAD))
        self.weigh = nn.Parameter(torch.randn(4, HEAD, TOKENS + MOVES) / math.sqrt(HEAD) / 4)
        self.lean = nn.Parameter(torch.zeros(4, TOKENS))
        # How two voices lead each other: from an interval, by similar, oblique or contrary motion,
        # to an interval, whichever they are; and how each pair likes intervals.
        self.lead = nn.Parameter(torch.zeros(SPAN * 3 * SPAN))
        self.harmony = nn.Parameter(torch.zeros(16, SPAN))
        # How the pitch classes of the last beats and bars, which are the key, are heard; and how
        # each draws others to itself, the same in every key.
        self.tonal = nn.Parameter(torch.randn(FADED, SCENE))
        self.draw = nn.Parameter(torch.zeros(len(FADES), 4, 12))
        self.dropout = nn.Dropout(DROPOUT)
        allowed = torch.full((4, TOKENS), IMPOSSIBLE)  # (voice, token)
        allowed[:, [SILENT, HOLD]] = 0
        for voice, (low, high) in enumerate(RANGES):
            allowed[voice, low - LOWEST + 1 : high - LOWEST + 2] = 0
        self.register_buffer("allowed", allowed, persistent=False)
        leads, intervals = ways()
        self.register_buffer("leads", leads, persistent=False)  # (SPAN, MOVES, MOVES)
        self.register_buffer("intervals", intervals, persistent=False)  # (SPAN, MOVES, MOVES)

    def forward(self, sounding, struck, place, now, token, known):
        """Weigh the tokens of all voices; `known[..., v, u]` says whether v knows what u does.

        `sounding` and `struck` are those of the step before, `now` and `token` of this step.
        Shapes are (b, t, …) for batch and time; v is the voice that chooses, u the one it knows.
        """
        trace = faded(sounding)  # (b, t, FADED)
        x = bag(self.scene, rows(sounding, struck, place))  # (b, t, SCENE)
        x = self.dropout(x + trace @ self.tonal)  # (b, t, SCENE)
        heard, _ = self.memory(x)  # (b, t, WIDTH)
        deep = self.hear(torch.cat([self.dropout(heard), x], -1)).unflatten(-1, (4, HEAD))
        slots = self.slots(now, token)  # (b, t, u, PITCH + 2)
        seen = slots.unsqueeze(-3) * known.unsqueeze(-1)  # (b, t, v, u, PITCH + 2)
        deep = F.relu(deep + torch.einsum("btvui,vuih->btvh", seen, self.blend))  # (b, t, v, HEAD)
        more = torch.einsum("btvh,vhk->btvk", self.dropout(deep), self.deepen)  # (b, t, v, HEAD)
        deep = self.dropout(deep + F.relu(more))  # (b, t, v, HEAD)
        weights = torch.einsum("btvh,vhk->btvk", deep, self.weigh)  # (b, t, v, TOKENS + MOVES)
        moved = step(now, sounding)  # (b, t, u)
        apart = interval(sounding.unsqueeze(-1), sounding.unsqueeze(-2))  # (b, t, v, u)
        where = (PAIRS * SPAN + apart) * MOVES + moved.unsqueeze(-2)  # (b, t, v, u)
        moves = weights[..., TOKENS:] + bag(self.leading(), where, known)  # (b, t, v, MOVES)
        steps = step(candidates(sounding), sounding.unsqueeze(-1))  # (b, t, v, TOKENS)
        weights = weights[..., :TOKENS] + moves.gather(-1, steps)  # (b, t, v, TOKENS)
        weights = weights + (trace @ self.drawing()).unflatten(-1, (4, TOKENS))
        return weights + self.lean + self.rules(sounding)  # (b, t, v, TOKENS)

    def slots(self, now, token):
        """Describe what voices do in this step: the pitch, whether struck, and that it is known."""
        struck = (token != HOLD).to(self.blend.dtype)  # (..., 4)
        flags = torch.stack([struck, torch.ones_like(struck)], -1)  # (..., 4, 2)
        return torch.cat([self.sound(now), flags], -1)  # (..., 4, PITCH + 2)

    def leading(self):
        """Weigh the moves of v, by pair of voices, their interval, and the move of u."""
        leads = self.lead[self.leads] + self.harmony[:, self.intervals]  # (16, SPAN, MOVES, MOVES)
        leads = leads - self.strict * parallels()  # (16, SPAN, MOVES, MOVES)
        return (leads * (self.intervals > 0)).flatten(0, 2)  # (16 * SPAN * MOVES, MOVES)

    def drawing(self):
        """Weigh each token of each voice by the pitch classes that sounded: (FADED, 4 * TOKENS)."""
        sounds = torch.arange(TOKENS)  # (TOKENS,)
        above = (sounds - 1 + LOWEST - torch.arange(12)[:, None]) % 12  # (12, TOKENS)
        drawing = self.draw[..., above] * pitched(sounds)  # (fades, v, 12, TOKENS)
        return drawing.transpose(1, 2).flatten(2).flatten(0, 1)  # (FADED, 4 * TOKENS)

    def rules(self, sounding):
        """Rule out what has no meaning: striking what sounds already, holding before the start."""
        # START and HOLD have one number, so that both rules are one.
        return self.allowed + IMPOSSIBLE * F.one_hot(sounding, TOKENS)  # (..., 4, TOKENS)


def log_chances(weights):
    """Turn weights into log-probabilities: first whether a voice holds, then what it strikes."""
    strike, hold = F.log_softmax(weights[..., :HOLD], -1), weights[..., HOLD:]  # (..., 47) (..., 1)
    return torch.cat([F.logsigmoid(-hold) + strike, F.logsigmoid(hold)], -1)  # (..., TOKENS)


def rows(sounding, struck, place):
    """Number the rows that describe a step."""
    voices = VOICE_ROWS + 2 * sounding + struck  # (..., 4)
    pairs = PAIR_ROWS + interval(sounding[..., UPPER], sounding[..., LOWER])  # (..., 6)
    return torch.cat([voices, PLACE_ROW + place.unsqueeze(-1), pairs], -1)  # (..., 11)


def classes(sounding):
    """Give the share of the voices in each pitch class."""
    found = F.one_hot((sounding - 1 + LOWEST) % 12, 12) * pitched(sounding).unsqueeze(-1)
    return found.sum(-2) / 4  # (..., 12)


def faded(sounding):
    """Remember which pitch classes sounded, as much as each of FADES lets: (b, t, FADED)."""
    ago = torch.arange(sounding.shape[1])[:, None] - torch.arange(sounding.shape[1])  # (t, t)
    fades = FADES[:, None, None]  # (fades, 1, 1)
    memory = ((1 - fades) * fades ** ago.clamp(min=0)).tril()  # (fades, t, t)
    return torch.einsum("fts,bsp->btfp", memory, classes(sounding)).flatten(2)  # (b, t, FADED)


def candidates(sounding):
    """Give the sound that each token would bring."""
    others = torch.arange(HOLD).expand(*sounding.shape, HOLD)  # (..., 47)
    return torch.cat([others, sounding.unsqueeze(-1)], -1)  # (..., TOKENS)


def pitched(sound):
    return (sound > SILENT) & (sound < START)


def interval(upper, lower):
    """Number the intervals between sounds, 1 to SPAN - 1; 0 where one of them is no pitch."""
    return (upper - lower + APART) * (pitched(upper) & pitched(lower))  # as broadcast


def step(now, before):
    """Number the steps of a voice, up to an octave, 1 to MOVES - 1; 0 where it does not sing."""
    hop = (now - before).clamp(1 - STILL, STILL - 1) + STILL  # as broadcast
    return hop * (pitched(now) & pitched(before))  # as broadcast


def ways():
    """Say where two moves from an interval lead: the entry of `lead`, and the new interval."""
    apart = torch.arange(SPAN)[:, None, None]  # (SPAN, 1, 1)
    theirs, mine = torch.arange(MOVES)[:, None], torch.arange(MOVES)  # (MOVES, 1) (MOVES,)
    way = torch.sign(theirs - STILL) * torch.sign(mine - STILL) + 1  # (MOVES, MOVES)
    after = (apart + mine - theirs).clamp(1, SPAN - 1)  # (SPAN, MOVES, MOVES)
    after = after * ((apart > 0) & (theirs > 0) & (mine > 0))  # (SPAN, MOVES, MOVES)
    return (apart * 3 + way) * SPAN + after, after


def parallels():
    """Say which moves of two voices are parallel fifths, octaves or unisons."""
    apart = torch.arange(SPAN)[:, None, None] - APART  # (SPAN, 1, 1)
    theirs, mine = torch.arange(MOVES)[:, None] - STILL, torch.arange(MOVES) - STILL
    after = ways()[1]  # (SPAN, MOVES, MOVES)
    same = (after > 0) & ((after - APART) % 12 == apart % 12)  # (SPAN, MOVES, MOVES)
    perfect = (apart % 12 == 0) | (apart.abs() % 12 == 7)  # (SPAN, 1, 1)
    return (same & perfect & (theirs * mine > 0)).float()  # (SPAN, MOVES, MOVES)


def bag(table, where, scale=None):
    """Sum the rows (..., n) of a table over n, each scaled."""
    if scale is not None:
        scale = scale.expand(where.shape).flatten(0, -2)  # (bags, n)
    found = F.embedding_bag(where.flatten(0, -2), table, mode="sum", per_sample_weights=scale)
    return found.unflatten(0, where.shape[:-1])  # (..., size of a row)


# -- as it is played --------------------------------------------------------------------------


class Step(nn.Module):
    """One sixteenth: state in and out, the choice included.

    `trace` is what is remembered of the pitch classes that sounded, zeros at the start, as those of
    `state` are. `heard` are the four sounds of the step before, whether each was struck then, and
    the place. A voice does the token of the largest score: its weight plus `luck`, which is what
    chance and the knobs add. Gumbel noise draws from the softmax (Maddison et al., arXiv
    1411.0030), and from one tempered by T where it is multiplied by T. Holding is decided apart, so
    that heat leaves the rhythm alone: its weight counts a million times, and so should its luck,
    logistic noise; then it is either far above all strikes or far below. A voice that is `seen` is
    forced by its luck to do the token `given`, and the others know so from the start. `weights` are
    those of the network.

    Sounds, places and tokens are few, so whatever is made of them alone, up to the first product
    with the state, is worked out here once and looked up by row. A node of the graph costs half a
    microsecond whatever it does, so the rest is written with few.
    """

    def __init__(self, net: Chorale):
        super().__init__()
        memory = net.memory
        others = (1 - torch.eye(4)).view(4, 4, 1, 1)  # (v, u, 1, 1): nobody is told of himself
        with torch.no_grad():
            # What a step adds to the gates of the first layer and to the head, by rows.
            into = torch.cat([memory.weight_ih_l0, net.hear.weight[:, WIDTH:]])
            scene = net.scene @ into.T  # (ROWS, 3 * WIDTH + 4 * HEAD)
            scene[PLACE_ROW : PLACE_ROW + PLACES] += torch.cat([memory.bias_ih_l0, net.hear.bias])
            # And which pitch classes it adds to those that are remembered.
            sound = torch.arange(SOUNDS).repeat_interleave(2).repeat(4)  # (4 * 2 * SOUNDS,)
            fresh = ((1 - FADES)[:, None] * classes(sound[:, None])[:, None]).flatten(1)
            scene = torch.cat([scene, F.pad(fresh, (0, 0, 0, ROWS - len(fresh)))], -1)
            # What each sound of a voice tells the others, held or struck; the last row is nothing.
            sounds = torch.arange(SOUNDS).repeat(2)  # (2 * SOUNDS,)
            slots = net.slots(sounds, torch.tensor([HOLD, SILENT]).repeat_interleave(SOUNDS))
            told = torch.einsum("si,vuih->vush", slots, net.blend)  # (v, u, 2 * SOUNDS, HEAD)
            told = (told * others).permute(1, 2, 0, 3).reshape(-1, 4 * HEAD)
            leading = net.leading().view(4, 4, -1, MOVES) * others  # (v, u, SPAN * MOVES, MOVES)
            every = torch.arange(SOUNDS)[:, None].expand(SOUNDS, 4)  # (SOUNDS, 4)
            rules = (net.rules(every) + net.lean).transpose(0, 1)  # (v, SOUNDS, TOKENS)
        tables = {
            "scene": scene.half(),  # half precision, since it is large
            "leading": leading.reshape(-1, MOVES),  # (16 * SPAN * MOVES, MOVES)
            "fades": FADES.repeat_interleave(12),  # (FADED,)
            "tonal": net.tonal @ into.T,  # (FADED, 3 * WIDTH + 4 * HEAD)
            "drawing": net.drawing(),  # (FADED, 4 * TOKENS)
            "ones": torch.ones(1, 11),
            "scale": torch.where(torch.arange(TOKENS) == HOLD, FAR, 1.0),  # (TOKENS,)
            "told": F.pad(told, (0, 0, 0, 1)),  # (4 * 2 * SOUNDS + 1, 4 * HEAD)
            "rules": rules.reshape(-1, TOKENS),  # (4 * SOUNDS, TOKENS)
            "inward": memory.weight_ih_l1.T.contiguous(),
            "recur_0": memory.weight_hh_l0.T.contiguous(),
            "recur_1": memory.weight_hh_l1.T.contiguous(),
            "inward_bias": memory.bias_ih_l1,
            "recur_0_bias": memory.bias_hh_l0,
            "recur_1_bias": memory.bias_hh_l1,
            "hear": net.hear.weight[:, :WIDTH].T.contiguous(),
            "deepen": net.deepen,
            "weigh": net.weigh,
        }
        for name, table in tables.items():
            self.register_buffer(name, table.detach())
        factors, firsts, numbers = lookups()
        self.register_buffer("factors", factors)  # (31, 9)
        self.register_buffer("firsts", firsts)  # (31,)
        self.register_buffer("numbers", numbers[:, None])
        self.register_buffer("deeds", deeds())  # (4 * SOUNDS, 2 * TOKENS)

    def forward(self, state, trace, heard, given, seen, luck):
        found = F.embedding(self.factors @ heard + self.firsts, self.numbers)  # (31, 1)
        scene, leads, voice = found.split([11, 16, 4])  # (11, 1) (16, 1) (4, 1)
        scene = F.embedding(scene.flatten(), self.scene).float()  # (11, …)
        scene = self.ones @ scene  # (1, …): summed faster than by a sum
        scene, fresh = scene.split([3 * WIDTH + 4 * HEAD, FADED], -1)  # (1, …) (1, FADED)
        trace = trace * self.fades + fresh  # (1, FADED)
        scene = trace @ self.tonal + scene  # (1, 3 * WIDTH + 4 * HEAD)
        gates, new, deep = scene.split([2 * WIDTH, WIDTH, 4 * HEAD], -1)  # (1, …) each
        states = state.split(1)  # 2 of (1, WIDTH)
        recur = states[0] @ self.recur_0 + self.recur_0_bias  # (1, 3 * WIDTH)
        first = cell(gates, new, recur, states[0])  # (1, WIDTH)
        gates, new = (first @ self.inward + self.inward_bias).split([2 * WIDTH, WIDTH], -1)
        recur = states[1] @ self.recur_1 + self.recur_1_bias  # (1, 3 * WIDTH)
        second = cell(gates, new, recur, states[1])  # (1, WIDTH)
        deep = deep + second @ self.hear  # (1, 4 * HEAD)
        # Of each voice and token: the step, and the row that the others are told by.
        deeds = F.embedding(voice, self.deeds)  # (4, 1, 2 * TOKENS)
        steps, tells = deeds.split(TOKENS, -1)  # (4, 1, TOKENS) twice
        # What is known from the start need not be told again.
        nothing = len(self.told) - 1
        told = torch.where(seen, tells.gather(-1, given), nothing).view(1, 4)  # (1, u)
        deep = (deep + F.embedding(told, self.told).sum(1)).unsqueeze(0)  # (1, 1, 4 * HEAD)
        leads = leads.view(4, 1, 4)  # (u, 1, v)
        hops = leads + torch.where(seen, steps.gather(-1, given), 0)  # (u, 1, v)
        pull = F.embedding(hops, self.leading).sum(0)  # (1, v, MOVES)
        tells = torch.where(seen, nothing, tells).squeeze(1).split(1)  # 4 of (1, TOKENS)
        hops = torch.where(seen, 0, steps).squeeze(1).split(1)  # 4 of (1, TOKENS)
        # Then one voice after another.
        rules = F.embedding(voice, self.rules)  # (4, 1, TOKENS)
        rules = rules + (trace @ self.drawing).view(4, 1, TOKENS)  # (4, 1, TOKENS)
        luck = luck + rules * self.scale  # (4, 1, TOKENS)
        weights, tokens = [None] * 4, [None] * 4
        for v in ORDER:
            x = F.relu(deep[..., v * HEAD : (v + 1) * HEAD])  # (1, 1, HEAD)
            x = x + F.relu(x @ self.deepen[v])  # (1, 1, HEAD)
            x, moves = (x @ self.weigh[v]).split([TOKENS, MOVES], -1)  # (1, 1, …)
            moves = moves + pull[:, v : v + 1]  # (1, 1, MOVES)
            weights[v] = x + moves.gather(-1, steps[v : v + 1])  # (1, 1, TOKENS)
            tokens[v] = (weights[v] * self.scale + luck[v : v + 1]).argmax(-1)  # (1, 1)
            if v != ORDER[-1]:
                deep = deep + F.embedding(tells[v].gather(-1, tokens[v]), self.told)
                where = leads[v] + hops[v].gather(-1, tokens[v])  # (1, v)
                pull = pull + F.embedding(where, self.leading)  # (1, v, MOVES)
        weights = torch.cat(weights) + rules  # (4, 1, TOKENS)
        return torch.cat([first, second]), trace, torch.cat(tokens), weights


def cell(gates, new, recur, state):
    """Go on by one step as a layer of the GRU does."""
    recur, old = recur.split([2 * WIDTH, WIDTH], -1)  # (1, 2 * WIDTH) (1, WIDTH)
    reset, keep = torch.sigmoid(gates + recur).chunk(2, -1)  # (1, WIDTH) (1, WIDTH)
    new = torch.tanh(new + reset * old)  # (1, WIDTH)
    return new + keep * (state - new)  # (1, WIDTH)


def lookups():
    """Give factors (31, 9), firsts (31,) and numbers: how the rows of a step are looked up.

    The nine are four sounds, whether each was struck, and the place; the 31 are eleven rows that
    describe the step, sixteen where pairs begin in `leading`, and four of voice and sound.
    """
    sounds = torch.arange(SOUNDS)
    apart = interval(sounds[:, None], sounds).flatten()  # (SOUNDS * SOUNDS,)
    factors = torch.zeros(31, 9, dtype=torch.long)
    firsts, numbers, at = [], [torch.arange(PLACE_ROW + PLACES)], PLACE_ROW + PLACES
    for voice in range(4):
        factors[voice, voice], factors[voice, 4 + voice] = 2, 1
    factors[4, 8] = 1
    firsts += [*VOICE_ROWS.tolist(), PLACE_ROW]
    pairs = [(*pair, PAIR_ROWS[n] + apart) for n, pair in enumerate(combinations(range(4), 2))]
    pairs += [(v, u, (PAIRS[v, u] * SPAN + apart) * MOVES) for u in range(4) for v in range(4)]
    for row, (upper, lower, numbered) in enumerate(pairs, 5):
        factors[row, upper] += SOUNDS
        factors[row, lower] += 1
        firsts.append(at)
        numbers.append(numbered)
        at += SOUNDS * SOUNDS
    for voice in range(4):
        factors[27 + voice, voice] = 1
        firsts.append(at + voice * SOUNDS)
    numbers.append(torch.arange(4 * SOUNDS))
    return factors, torch.tensor(firsts), torch.cat(numbers)


def deeds():
    """List for each voice and sound, and each token: its step, and its row of `told`."""
    voice = torch.arange(4).repeat_interleave(SOUNDS)[:, None]  # (4 * SOUNDS, 1)
    before = torch.arange(SOUNDS).repeat(4)  # (4 * SOUNDS,)
    sounds = candidates(before)  # (4 * SOUNDS, TOKENS)
    steps = step(sounds, before[:, None])  # (4 * SOUNDS, TOKENS)
    struck = (torch.arange(TOKENS) != HOLD).long()  # (TOKENS,)
    told = (2 * voice + struck) * SOUNDS + sounds  # (4 * SOUNDS, TOKENS)
    return torch.cat([steps, told], -1)  # (4 * SOUNDS, 2 * TOKENS)
