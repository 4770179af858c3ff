"""The chorale network.

Music is cut into steps of a sixteenth note. At every step each of four voices (soprano, alto,
tenor, bass) does one of 48 tokens: fall silent (0), strike a pitch (1..46 for the MIDI pitches
36..81), or hold its sound (47). A GRU (Cho et al., arXiv 1406.1078) encodes the past; a small head
decides the voices of a step one after another, each conditioned on those decided before it, so
that a chord is chosen as a chord and not as four notes. The head is trained on many orders of the
voices (orderless NADE, Uria et al., arXiv 1310.1757), so it can write any voice to any others.
"""

import math
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import nn

LOWEST, HIGHEST = 36, 81  # pitches of the training set, bass to soprano
RANGES = ((60, 81), (52, 74), (46, 69), (36, 66))  # of each voice in the training set
SILENT, START = 0, HIGHEST - LOWEST + 2  # sounds that are no pitch (1..46)
SOUNDS = START + 1
HOLD, TOKENS = START, SOUNDS  # a token is a sound that is struck, or HOLD
STEPS_PER_BAR = 16  # sixteenths in a bar of four beats
ORDER = (0, 3, 2, 1)  # the outer voices first, as harmony is taught
IMPOSSIBLE, HOLD_SCALE = -1e9, 1e6
UNISON = HIGHEST - LOWEST + 1  # number of the unison among intervals; others are up or down
INTERVALS = 2 * UNISON  # numbers of intervals between two voices, 0 for none
MOVES = 26  # melodic intervals of one voice, up to an octave down or up, 0 for none
NO_MOVE = MOVES // 2

SOUND_WIDTH = 32  # of a sound's embedding: small, since there are 48 sounds
SCENE, WIDTH, LAYERS, HEAD = 128, 192, 2, 128  # a step reads half a million weights
DECAYS = torch.tensor([0.9, 0.985])  # a step, of the traces of pitch classes
TRACE = 12 * len(DECAYS)
DROPOUT = 0.35  # 229 chorales are soon overfitted

PAIRS = torch.arange(16).view(4, 4)  # (v, u)
UPPER, LOWER = torch.tensor(list(combinations(range(4), 2))).T  # (6,) (6,)
# The rows that describe a step: a sound of each voice, struck or not; position; six intervals.
VOICE_ROWS = torch.arange(4) * 2 * SOUNDS  # (4,)
POSITION_ROW = 4 * 2 * SOUNDS
PAIR_ROWS = POSITION_ROW + STEPS_PER_BAR + torch.arange(6) * INTERVALS  # (6,)
ROWS = POSITION_ROW + STEPS_PER_BAR + 6 * INTERVALS


class ChoraleNetwork(nn.Module):
    """Return logits for the next token of each of four voices.

    Inputs are pitches and intervals. The intervals between voices, before and after their moves,
    make harmony the same in every key. `strict` nats are taken from the logits of parallel fifths,
    octaves and unisons.

    Attributes are named as the tensors in checkpoints.
    """

    strict = 0.0

    def __init__(self):
        super().__init__()
        self.scene = nn.Parameter(torch.randn(ROWS, SCENE) / math.sqrt(11))  # 11 rows a step
        self.memory = nn.GRU(SCENE, WIDTH, LAYERS, batch_first=True, dropout=DROPOUT)
        self.hear = nn.Linear(WIDTH + SCENE, 4 * HEAD)
        # The effect of voice u's action on voice v.
        self.sound = nn.Embedding(SOUNDS, SOUND_WIDTH)
        self.blend = nn.Parameter(
            torch.randn(4, 4, SOUND_WIDTH + 2, HEAD) / math.sqrt(4 * SOUND_WIDTH)
        )
        self.deepen = nn.Parameter(torch.randn(4, HEAD, HEAD) / math.sqrt(HEAD))
        self.weigh = nn.Parameter(torch.randn(4, HEAD, TOKENS + MOVES) / math.sqrt(HEAD) / 4)
        self.lean = nn.Parameter(torch.zeros(4, TOKENS))
        # Voice leading: from an interval, by similar, oblique or contrary motion, to an interval,
        # shared by all pairs; and each pair's preference for intervals.
        self.lead = nn.Parameter(torch.zeros(INTERVALS * 3 * INTERVALS))
        self.harmony = nn.Parameter(torch.zeros(16, INTERVALS))
        # Traces of the pitch classes of the last beats and bars, which make the key, as input; and
        # how much each favours others, the same in every key.
        self.tonal = nn.Parameter(torch.randn(TRACE, SCENE))
        self.draw = nn.Parameter(torch.zeros(len(DECAYS), 4, 12))
        self.dropout = nn.Dropout(DROPOUT)
        allowed = torch.full((4, TOKENS), IMPOSSIBLE)  # (voice, token)
        allowed[:, [SILENT, HOLD]] = 0
        for voice, (low, high) in enumerate(RANGES):
            allowed[voice, low - LOWEST + 1 : high - LOWEST + 2] = 0
        self.register_buffer("allowed", allowed, persistent=False)
        self.leads: torch.Tensor
        self.intervals: torch.Tensor
        self.allowed: torch.Tensor
        leads, intervals = lead_tables()
        self.register_buffer("leads", leads, persistent=False)  # (INTERVALS, MOVES, MOVES)
        self.register_buffer("intervals", intervals, persistent=False)  # (INTERVALS, MOVES, MOVES)

    def forward(self, sounding, struck, position, now, token, known):
        """Return logits (b, t, v, TOKENS) for batch, time and voice.

        Args:
            sounding: (b, t, 4) sounds of the step before.
            struck: (b, t, 4) whether they were struck then.
            position: (b, t) in the bar.
            now: (b, t, 4) sounds of this step.
            token: (b, t, 4) tokens of this step.
            known: (b, t, v, u) 1 where voice v is conditioned on the action of voice u.
        """
        trace = pitch_class_trace(sounding)  # (b, t, TRACE)
        x = sum_rows(self.scene, scene_rows(sounding, struck, position))  # (b, t, SCENE)
        x = self.dropout(x + trace @ self.tonal)  # (b, t, SCENE)
        context, _ = self.memory(x)  # (b, t, WIDTH)
        deep = self.hear(torch.cat([self.dropout(context), x], -1)).unflatten(-1, (4, HEAD))
        actions = self.action_features(now, token)  # (b, t, u, SOUND_WIDTH + 2)
        seen = actions.unsqueeze(-3) * known.unsqueeze(-1)  # (b, t, v, u, SOUND_WIDTH + 2)
        deep = F.relu(deep + torch.einsum("btvui,vuih->btvh", seen, self.blend))  # (b, t, v, HEAD)
        more = torch.einsum("btvh,vhk->btvk", self.dropout(deep), self.deepen)  # (b, t, v, HEAD)
        deep = self.dropout(deep + F.relu(more))  # (b, t, v, HEAD)
        weights = torch.einsum("btvh,vhk->btvk", deep, self.weigh)  # (b, t, v, TOKENS + MOVES)
        moved = melodic_interval(now, sounding)  # (b, t, u)
        intervals = interval(sounding.unsqueeze(-1), sounding.unsqueeze(-2))  # (b, t, v, u)
        where = (PAIRS * INTERVALS + intervals) * MOVES + moved.unsqueeze(-2)  # (b, t, v, u)
        moves = weights[..., TOKENS:] + sum_rows(self.leading(), where, known)  # (b, t, v, MOVES)
        bring = candidates(sounding)  # (b, t, v, TOKENS)
        token_moves = melodic_interval(bring, sounding.unsqueeze(-1))  # (b, t, v, TOKENS)
        weights = weights[..., :TOKENS] + moves.gather(-1, token_moves)  # (b, t, v, TOKENS)
        weights = weights + (trace @ self.trace_logits()).unflatten(-1, (4, TOKENS))
        return weights + self.lean + self.rules(sounding)  # (b, t, v, TOKENS)

    def action_features(self, now: torch.Tensor, token: torch.Tensor) -> torch.Tensor:
        """Return what voices do: the sound, whether it is struck, and 1 for known."""
        struck = (token != HOLD).to(self.blend.dtype)  # (..., 4)
        flags = torch.stack([struck, torch.ones_like(struck)], -1)  # (..., 4, 2)
        return torch.cat([self.sound(now), flags], -1)  # (..., 4, SOUND_WIDTH + 2)

    def leading(self) -> torch.Tensor:
        """Return logits for the moves of v, by pair of voices, their interval, and u's move."""
        # (16, INTERVALS, MOVES, MOVES)
        leads = self.lead[self.leads] + self.harmony[:, self.intervals]
        leads = leads - self.strict * parallels()  # (16, INTERVALS, MOVES, MOVES)
        return (leads * (self.intervals > 0)).flatten(0, 2)  # (16 * INTERVALS * MOVES, MOVES)

    def trace_logits(self) -> torch.Tensor:
        """Return logits for the tokens of each voice by traced pitch class, (TRACE, 4 * TOKENS)."""
        sounds = torch.arange(TOKENS)  # (TOKENS,)
        above = (sounds - 1 + LOWEST - torch.arange(12)[:, None]) % 12  # (12, TOKENS)
        logits = self.draw[..., above] * is_pitch(sounds)  # (decays, v, 12, TOKENS)
        return logits.transpose(1, 2).flatten(2).flatten(0, 1)  # (TRACE, 4 * TOKENS)

    def rules(self, sounding: torch.Tensor) -> torch.Tensor:
        """Return IMPOSSIBLE for striking what sounds already and for holding before the start."""
        # START and HOLD are the same number, so both rules are one.
        return self.allowed + IMPOSSIBLE * F.one_hot(sounding, TOKENS)  # (..., 4, TOKENS)


def log_probabilities(weights: torch.Tensor) -> torch.Tensor:
    """Return log-probabilities of weights: first whether a voice holds, then what it strikes."""
    strike, hold = F.log_softmax(weights[..., :HOLD], -1), weights[..., HOLD:]  # (..., 47) (..., 1)
    return torch.cat([F.logsigmoid(-hold) + strike, F.logsigmoid(hold)], -1)  # (..., TOKENS)


def scene_rows(
    sounding: torch.Tensor, struck: torch.Tensor, position: torch.Tensor
) -> torch.Tensor:
    """Return the rows of the table `scene` that describe a step, (..., 11)."""
    voices = VOICE_ROWS + 2 * sounding + struck  # (..., 4)
    pairs = PAIR_ROWS + interval(sounding[..., UPPER], sounding[..., LOWER])  # (..., 6)
    return torch.cat([voices, POSITION_ROW + position.unsqueeze(-1), pairs], -1)  # (..., 11)


def pitch_class_shares(sounding: torch.Tensor) -> torch.Tensor:
    """Return the share of the voices in each pitch class, (..., 12)."""
    found = F.one_hot((sounding - 1 + LOWEST) % 12, 12) * is_pitch(sounding).unsqueeze(-1)
    return found.sum(-2) / 4  # (..., 12)


def pitch_class_trace(sounding: torch.Tensor) -> torch.Tensor:
    """Return decaying averages of the pitch classes that sounded, (b, t, TRACE)."""
    ago = torch.arange(sounding.shape[1])[:, None] - torch.arange(sounding.shape[1])  # (t, t)
    decays = DECAYS[:, None, None]  # (decays, 1, 1)
    memory = ((1 - decays) * decays ** ago.clamp(min=0)).tril()  # (decays, t, t)
    shares = pitch_class_shares(sounding)  # (b, t, 12)
    return torch.einsum("fts,bsp->btfp", memory, shares).flatten(2)  # (b, t, TRACE)


def candidates(sounding: torch.Tensor) -> torch.Tensor:
    """Return the sound that each token would bring, (..., TOKENS)."""
    others = torch.arange(HOLD).expand(*sounding.shape, HOLD)  # (..., 47)
    return torch.cat([others, sounding.unsqueeze(-1)], -1)  # (..., TOKENS)


def is_pitch(sound: torch.Tensor) -> torch.Tensor:
    """Return where a sound is neither SILENT nor START."""
    return (sound > SILENT) & (sound < START)


def interval(upper: torch.Tensor, lower: torch.Tensor) -> torch.Tensor:
    """Return the intervals between sounds, 1 to INTERVALS - 1; 0 where one is no pitch."""
    return (upper - lower + UNISON) * (is_pitch(upper) & is_pitch(lower))  # as broadcast


def melodic_interval(now: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """Return the moves of a voice, up to an octave, 1 to MOVES - 1; 0 from or to silence."""
    move = (now - before).clamp(1 - NO_MOVE, NO_MOVE - 1) + NO_MOVE  # as broadcast
    return move * (is_pitch(now) & is_pitch(before))  # as broadcast


def lead_tables() -> tuple[torch.Tensor, torch.Tensor]:
    """Return the entry of `lead` and the new interval, by interval and two moves."""
    before = torch.arange(INTERVALS)[:, None, None]  # (INTERVALS, 1, 1)
    theirs, mine = torch.arange(MOVES)[:, None], torch.arange(MOVES)  # (MOVES, 1) (MOVES,)
    motion = torch.sign(theirs - NO_MOVE) * torch.sign(mine - NO_MOVE) + 1  # (MOVES, MOVES)
    after = (before + mine - theirs).clamp(1, INTERVALS - 1)  # (INTERVALS, MOVES, MOVES)
    after = after * ((before > 0) & (theirs > 0) & (mine > 0))  # (INTERVALS, MOVES, MOVES)
    return (before * 3 + motion) * INTERVALS + after, after


def parallels() -> torch.Tensor:
    """Return 1 where two moves from an interval are parallel fifths, octaves or unisons."""
    before = torch.arange(INTERVALS)[:, None, None] - UNISON  # (INTERVALS, 1, 1)
    theirs, mine = torch.arange(MOVES)[:, None] - NO_MOVE, torch.arange(MOVES) - NO_MOVE
    after = lead_tables()[1]  # (INTERVALS, MOVES, MOVES)
    same = (after > 0) & ((after - UNISON) % 12 == before % 12)  # (INTERVALS, MOVES, MOVES)
    perfect = (before % 12 == 0) | (before.abs() % 12 == 7)  # (INTERVALS, 1, 1)
    return (same & perfect & (theirs * mine > 0)).float()  # (INTERVALS, MOVES, MOVES)


def sum_rows(
    table: torch.Tensor, where: torch.Tensor, scale: torch.Tensor | None = None
) -> torch.Tensor:
    """Return the sum over n of the rows (..., n) of a table, each scaled."""
    if scale is not None:
        scale = scale.expand(where.shape).flatten(0, -2)  # (bags, n)
    found = F.embedding_bag(where.flatten(0, -2), table, mode="sum", per_sample_weights=scale)
    return found.unflatten(0, where.shape[:-1])  # (..., size of a row)
