"""The chorale network as a module that takes one step, for export.

A node of the graph costs nearly a microsecond whatever it does, as much as the product of a vector
with 70 kB of weights. So there are few nodes: everything that depends on sounds, positions and
tokens alone, up to the first product with the state, is tabulated once and looked up by row.
"""

from itertools import combinations

import torch
import torch.nn.functional as F
from torch import nn

from .network import (
    DECAYS,
    HEAD,
    HOLD,
    HOLD_SCALE,
    IMPOSSIBLE,
    INTERVALS,
    MOVES,
    ORDER,
    PAIR_ROWS,
    POSITION_ROW,
    ROWS,
    SILENT,
    SOUNDS,
    START,
    STEPS_PER_BAR,
    TOKENS,
    TRACE,
    VOICE_ROWS,
    WIDTH,
    ChoraleNetwork,
    candidates,
    interval,
    melodic_interval,
    pitch_class_shares,
)

UNKNOWN = TOKENS  # in place of a token that the others do not know from the start
# A voice's moves, and holding a pitch or a silence: HOLD_SCALE times those of not moving.
HELD, HELD_SILENCE, OPTIONS = MOVES, MOVES + 1, MOVES + 2
# Rows of `leading` after those of two voices: of a single voice, before and after the start.
SINGLE_ROW = 12 * INTERVALS * MOVES
NO_NEWS = 2 * SOUNDS  # the row of a voice that the others know from the start
NEVER = -2048.0  # acts as IMPOSSIBLE, without a loss of precision in float16
# Least trace of each pitch class: values that decay to zero pass through denormal numbers, with
# which a processor is slow.
MIN_TRACE = 1e-7
GATES = 3 * WIDTH
# Columns of a row of `scene`: gates of the first layer, heads, rules; the traces follow.
SCENE_COLUMNS = (2 * WIDTH, WIDTH, 4 * HEAD, 4 * TOKENS)
# Numbers of rows looked up: of `scene`; where a pair of voices begins in `leading`, and how far a
# voice known from the start moves there; the same pairs for voices decided later, by the voice
# decided before; rows of the effects of the first three voices; rows of `moves`.
LOOKED_UP = (15, 16, 16, 3, 2, 1, 1, 1, 1, 4)


class ChoraleStep(nn.Module):
    """Take one step of a sixteenth: state in and out, and sample the tokens.

    Each voice does the token with the largest sum of its weight and `luck`, the noise and bias from
    outside. Gumbel noise samples from the softmax (Maddison et al., arXiv 1411.0030), and with
    temperature T where it is multiplied by T. Holding is decided first, so that temperature leaves
    the rhythm alone: its weight counts HOLD_SCALE times, and so should its luck, logistic noise;
    then it is far above all strikes or far below.

    Inputs:
        state: (LAYERS, WIDTH), zeros at the start.
        trace: (1, TRACE) decaying averages of the pitch classes, zeros at the start.
        heard: (13,) the four sounds of the step before, whether each was struck then, the
            position, and for each voice the token that the others know from the start, or UNKNOWN.
            `luck` has to force such a token.
        luck: (1, 4 * TOKENS).

    Outputs are the next state and trace, the tokens (4,), and the weights (1, 4 * TOKENS).
    """

    def __init__(self, net: ChoraleNetwork):
        super().__init__()
        memory = net.memory
        inward, recur, (in_bias, recur_bias) = (
            memory.weight_ih_l1,
            (memory.weight_hh_l0, memory.weight_hh_l1),
            (memory.bias_ih_l1, memory.bias_hh_l1),
        )
        with torch.no_grad():
            tonal = net.tonal @ scene_weights(net).T  # (TRACE, GATES + 4 * HEAD)
            weigh = scale_column(net.weigh[..., :TOKENS], HOLD)  # (4, HEAD, TOKENS)
            tables = {
                "scene": scene_table(net).half(),  # half precision, since it is large
                "leading": leading_table(net),  # (SINGLE_ROW + 8 * MOVES, OPTIONS)
                "fades": DECAYS.repeat_interleave(12),  # (TRACE,)
                "tonal": torch.cat([tonal, net.trace_logits()], 1),  # (TRACE, …)
                "ones": torch.ones(1, 15),
                "voices": torch.eye(4).repeat(1, 4),  # (4, 16): sums over the voice decided before
                "scale": torch.where(torch.arange(TOKENS) == HOLD, 1 / HOLD_SCALE, 1.0).repeat(4),
                "recur_0": recur[0][: 2 * WIDTH].T,  # (WIDTH, 2 * WIDTH)
                "old_0": recur[0][2 * WIDTH :].T,  # (WIDTH, WIDTH)
                "old_0_bias": memory.bias_hh_l0[2 * WIDTH :],
                "inward": inward[: 2 * WIDTH].T,  # (WIDTH, 2 * WIDTH)
                "new": inward[2 * WIDTH :].T,  # (WIDTH, WIDTH)
                "new_bias": in_bias[2 * WIDTH :],
                "recur_1": recur[1].T,  # (WIDTH, 3 * WIDTH)
                "recur_1_bias": recur_bias + F.pad(in_bias[: 2 * WIDTH], (0, WIDTH)),
                "hear": in_order(net.hear.weight[:, :WIDTH].T),  # (WIDTH, 4 * HEAD)
                "deepen": net.deepen,
                "weigh": weigh,
                "weigh_moves": with_holds(net.weigh[..., TOKENS:]),  # (4, HEAD, OPTIONS)
                **{f"told_{turn}": table for turn, table in enumerate(effect_tables(net))},
            }
        # The names of the buffers are those of the initializers in the graph.
        for name, table in tables.items():
            self.register_buffer(name, table.detach().contiguous())
        factors, firsts, numbers = lookup_tables()
        self.register_buffer("factors", factors)  # (60, 13)
        self.register_buffer("firsts", firsts)  # (60,)
        self.register_buffer("numbers", numbers)
        moves, tells, hops = action_tables()
        self.register_buffer("moves", moves)  # (4 * SOUNDS, TOKENS)
        self.register_buffer("tells", tells)  # (4 * SOUNDS * 2 * TOKENS,)
        self.register_buffer("hops", hops)  # the same

    def forward(self, state, trace, heard, luck):
        found = self.numbers.gather(0, self.factors @ heard + self.firsts)  # (60,)
        rows, leads, seen, *leads_on, first, second, third, voices = found.split(LOOKED_UP)
        scene = self.ones @ F.embedding(rows, self.scene).float()  # (1, …): faster than a sum
        scene, fresh = scene.split([sum(SCENE_COLUMNS), TRACE], 1)  # (1, …) (1, TRACE)
        trace = trace * self.fades + fresh  # (1, TRACE)
        scene = torch.addmm(scene, trace, self.tonal)  # (1, …)
        gates, new, deep, rules = scene.split(SCENE_COLUMNS, 1)
        lucks = (luck + rules).split(TOKENS, 1)  # 4 of (1, TOKENS)
        before = state.split(1)  # 2 of (1, WIDTH)
        gates = torch.addmm(gates, before[0], self.recur_0)  # (1, 2 * WIDTH)
        reset, keep = torch.sigmoid(gates).split(WIDTH, 1)  # (1, WIDTH) (1, WIDTH)
        old = torch.addmm(self.old_0_bias, before[0], self.old_0)  # (1, WIDTH)
        new = torch.tanh(new + reset * old)  # (1, WIDTH)
        lower = new + keep * (before[0] - new)  # (1, WIDTH)
        recur = torch.addmm(self.recur_1_bias, before[1], self.recur_1)  # (1, 3 * WIDTH)
        gates, old = recur.split([2 * WIDTH, WIDTH], 1)
        gates = torch.addmm(gates, lower, self.inward)  # (1, 2 * WIDTH)
        reset, keep = torch.sigmoid(gates).split(WIDTH, 1)  # (1, WIDTH) (1, WIDTH)
        new = torch.addmm(self.new_bias, lower, self.new)  # (1, WIDTH)
        new = torch.tanh(new + reset * old)  # (1, WIDTH)
        upper = new + keep * (before[1] - new)  # (1, WIDTH)
        deep = torch.addmm(deep, upper, self.hear)  # (1, 4 * HEAD), in ORDER
        pull = self.voices @ F.embedding(leads + seen, self.leading)  # (4, OPTIONS), in ORDER
        moves = F.embedding(voices, self.moves).split(1)  # 4 of (1, TOKENS)
        # Then one voice after another.
        decided = (first, second, third)
        weights, tokens = [None] * 4, [None] * 4
        for turn, v in enumerate(ORDER):
            last = turn == len(ORDER) - 1
            own, others, pull_own, pulls = deep, None, pull, None
            if not last:
                own, others = deep.split([HEAD, (3 - turn) * HEAD], 1)  # (1, HEAD) (1, …)
                pull_own, pulls = pull.split([1, 3 - turn])  # (1, OPTIONS) (3 - turn, OPTIONS)
            x = F.relu(own)  # (1, HEAD)
            x = x + F.relu(x @ self.deepen[v])  # (1, HEAD)
            moved = torch.addmm(pull_own, x, self.weigh_moves[v])  # (1, OPTIONS)
            weights[v] = torch.addmm(moved.gather(1, moves[v]), x, self.weigh[v])  # (1, TOKENS)
            tokens[v] = (weights[v] + lucks[v]).argmax(1)  # (1,)
            if not last:
                action = decided[turn] + tokens[v]  # (1,)
                row, hop = self.tells.gather(0, action), self.hops.gather(0, action)
                effect = F.embedding(row, getattr(self, f"told_{turn}"))  # (1, …)
                deep = others + effect  # (1, (3 - turn) * HEAD)
                where = leads_on[turn] + hop  # (3 - turn,)
                pull = pulls + F.embedding(where, self.leading)  # (3 - turn, OPTIONS)
        weights = (torch.cat(weights, 1) + rules) * self.scale  # (1, 4 * TOKENS)
        return torch.cat([lower, upper]), trace, torch.cat(tokens), weights


# -- tables -----------------------------------------------------------------------------------


def scene_weights(net: ChoraleNetwork) -> torch.Tensor:
    """Return the weights from a scene to the gates of the first layer and the heads, (…, SCENE)."""
    return torch.cat([net.memory.weight_ih_l0, in_order(net.hear.weight[:, WIDTH:].T).T])


def in_order(columns: torch.Tensor) -> torch.Tensor:
    """Return the columns of four voices, sorted by ORDER."""
    return columns.unflatten(-1, (4, -1))[..., ORDER, :].flatten(-2)


def scene_table(net: ChoraleNetwork) -> torch.Tensor:
    """Return what each row of a step adds: those of the network, then effects of known voices."""
    memory = net.memory
    table = net.scene @ scene_weights(net).T  # (ROWS, GATES + 4 * HEAD)
    bias = memory.bias_ih_l0 + F.pad(memory.bias_hh_l0[: 2 * WIDTH], (0, WIDTH))  # (GATES,)
    table[POSITION_ROW : POSITION_ROW + STEPS_PER_BAR] += torch.cat([bias, in_order(net.hear.bias)])
    # The rules of a voice belong to the rows of its sounds, and so do the pitch classes.
    every = torch.arange(SOUNDS)[:, None].expand(SOUNDS, 4)  # (SOUNDS, 4)
    rules = (net.rules(every) + net.lean).clamp(min=NEVER)  # (SOUNDS, 4, TOKENS)
    rules[..., HOLD] = 0  # in `leading_table`
    rules = (rules.unsqueeze(2) * torch.eye(4)[..., None]).flatten(2)  # (SOUNDS, 4, 4 * TOKENS)
    rules = rules.transpose(0, 1).flatten(0, 1).repeat_interleave(2, 0)  # (POSITION_ROW, …)
    sound = torch.arange(SOUNDS).repeat_interleave(2).repeat(4)  # (POSITION_ROW,)
    fresh = ((1 - DECAYS)[:, None] * pitch_class_shares(sound[:, None])[:, None]).flatten(
        1
    )  # (…, TRACE)
    side = F.pad(torch.cat([rules, fresh], 1), (0, 0, 0, ROWS - POSITION_ROW))  # (ROWS, …)
    side[POSITION_ROW : POSITION_ROW + STEPS_PER_BAR, -TRACE:] = MIN_TRACE
    effects = F.pad(voice_effects(net), (0, 0, 0, 1))  # (4 * 2 * SOUNDS + 1, 4 * HEAD)
    effects = F.pad(effects, (GATES, 4 * TOKENS + TRACE))
    return torch.cat([torch.cat([table, side], 1), effects])  # (ROWS + 4 * 2 * SOUNDS + 1, …)


def voice_effects(net: ChoraleNetwork) -> torch.Tensor:
    """Return the effect of each sound of a voice, held or struck, on the others, in ORDER."""
    sounds = torch.arange(SOUNDS).repeat(2)  # (2 * SOUNDS,)
    features = net.action_features(sounds, torch.tensor([HOLD, SILENT]).repeat_interleave(SOUNDS))
    found = torch.einsum("si,vuih->vush", features, net.blend)  # (v, u, 2 * SOUNDS, HEAD)
    found = found * (1 - torch.eye(4)).view(4, 4, 1, 1)  # no voice affects itself
    return found[list(ORDER)].permute(1, 2, 0, 3).reshape(-1, 4 * HEAD)


def effect_tables(net: ChoraleNetwork) -> list[torch.Tensor]:
    """Return the effects of each of the first three voices on those decided after it."""
    every = voice_effects(net).view(4, 2 * SOUNDS, 4 * HEAD)
    every = F.pad(every, (0, 0, 0, 1))  # (u, 2 * SOUNDS + 1, 4 * HEAD); the last row is zero
    return [every[u][:, (turn + 1) * HEAD :] for turn, u in enumerate(ORDER[:-1])]


def leading_table(net: ChoraleNetwork) -> torch.Tensor:
    """Return logits of voice leading by pair, interval and move, (SINGLE_ROW + …, OPTIONS).

    The rows of single voices hold the bias to hold, and rule it out before the start.
    """
    found = net.leading().view(4, 4, -1, MOVES)  # (v, u, INTERVALS * MOVES, MOVES)
    pairs = [found[v, u] for v in range(4) for u in range(4) if v != u]
    single = torch.zeros(4, 2, MOVES, OPTIONS)
    single[..., HELD:] = HOLD_SCALE * net.lean[:, HOLD].view(4, 1, 1, 1)
    single[:, 1, :, HELD:] += HOLD_SCALE * IMPOSSIBLE
    return torch.cat([with_holds(torch.cat(pairs)), single.view(-1, OPTIONS)])


def with_holds(moves: torch.Tensor) -> torch.Tensor:
    """Return weights of moves with those of holding appended, (..., OPTIONS)."""
    held = HOLD_SCALE * moves[..., [MOVES // 2, 0]]  # (..., 2)
    return torch.cat([moves, held], -1)


def scale_column(table: torch.Tensor, column: int) -> torch.Tensor:
    """Return a table with one column multiplied by HOLD_SCALE."""
    return torch.where(torch.arange(table.shape[-1]) == column, HOLD_SCALE * table, table)


def lookup_tables() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return factors (60, 13), firsts (60,) and numbers, which turn `heard` into LOOKED_UP rows.

    Row i is `numbers[factors[i] @ heard + firsts[i]]`.
    """
    sounds = torch.arange(SOUNDS)
    intervals = interval(sounds[:, None], sounds).flatten()  # (SOUNDS * SOUNDS,)
    others = torch.tensor([[0 if u == v else 3 * v + u - (u > v) for u in range(4)]
                           for v in range(4)])  # (v, u)  # fmt: skip
    before, known = torch.meshgrid(sounds, torch.arange(TOKENS + 1), indexing="ij")
    sung = torch.where(known == HOLD, before, known)  # (SOUNDS, TOKENS + 1)
    unknown = known == UNKNOWN
    hops = torch.where(unknown, 0, melodic_interval(sung.clamp(max=SOUNDS - 1), before)).flatten()
    rows: list[tuple[dict[int, int], torch.Tensor]] = []
    for voice in range(4):
        numbers = VOICE_ROWS[voice] + torch.arange(2 * SOUNDS)
        rows.append(({voice: 2, 4 + voice: 1}, numbers))
    rows.append(({8: 1}, POSITION_ROW + torch.arange(STEPS_PER_BAR)))
    for number, (upper, lower) in enumerate(combinations(range(4), 2)):
        rows.append(({upper: SOUNDS, lower: 1}, PAIR_ROWS[number] + intervals))
    for voice in range(4):
        effects = (2 * voice + (known != HOLD)) * SOUNDS + sung  # (SOUNDS, TOKENS + 1)
        effects = ROWS + torch.where(unknown, 8 * SOUNDS, effects).flatten()
        rows.append(({voice: TOKENS + 1, 9 + voice: 1}, effects))

    def leads(u: int, v: int) -> tuple[dict[int, int], torch.Tensor]:
        if u == v:
            return {v: 1}, SINGLE_ROW + (2 * v + (sounds == START)) * MOVES
        return {v: SOUNDS, u: 1}, (others[v, u] * INTERVALS + intervals) * MOVES

    rows += [leads(u, v) for u in ORDER for v in ORDER]
    rows += [({u: TOKENS + 1, 9 + u: 1}, hops) for u in ORDER for _ in ORDER]
    rows += [leads(u, v) for turn, u in enumerate(ORDER) for v in ORDER[turn + 1 :]]
    for u in ORDER[:-1]:
        action = (2 * (u * SOUNDS + before) + (known != UNKNOWN)) * TOKENS  # (SOUNDS, TOKENS + 1)
        rows.append(({u: TOKENS + 1, 9 + u: 1}, action.flatten()))
    rows += [({voice: 1}, voice * SOUNDS + sounds) for voice in range(4)]

    factors, firsts, tables, at = torch.zeros(len(rows), 13, dtype=torch.long), [], [], 0
    offsets: dict[bytes, int] = {}  # equal tables are stored once
    for row, (terms, numbers) in enumerate(rows):
        for column, factor in terms.items():
            factors[row, column] = factor
        key = numbers.numpy().tobytes()
        if key not in offsets:
            offsets[key] = at
            tables.append(numbers)
            at += len(numbers)
        firsts.append(offsets[key])
    return factors, torch.tensor(firsts), torch.cat(tables)


def action_tables() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return for each voice, sound and token: its move, the row of its effect, and its interval.

    The last two are listed twice, the second time without effect, for voices known from the start.
    """
    before = torch.arange(SOUNDS)
    sounds = candidates(before)  # (SOUNDS, TOKENS)
    hops = melodic_interval(sounds, before[:, None])  # (SOUNDS, TOKENS)
    moves = hops.clone()
    moves[:, HOLD] = torch.where(hops[:, HOLD] > 0, HELD, HELD_SILENCE)
    struck = (torch.arange(TOKENS) != HOLD).long()  # (TOKENS,)
    rows = struck * SOUNDS + sounds  # (SOUNDS, TOKENS)
    rows = torch.stack([rows, torch.full_like(rows, NO_NEWS)], 1)  # (SOUNDS, 2, TOKENS)
    hops = torch.stack([hops, torch.zeros_like(hops)], 1)  # (SOUNDS, 2, TOKENS)
    return moves.repeat(4, 1), rows.repeat(4, 1, 1).flatten(), hops.repeat(4, 1, 1).flatten()
