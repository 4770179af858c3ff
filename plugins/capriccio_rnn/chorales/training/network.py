"""The network of the chorale player.

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
