"""The chorale network as it is played, step by step.

A node of the graph costs nearly a microsecond whatever it does, as much as the product of a vector
with 70 kB of weights. So there are few nodes: whatever is made of sounds, places and tokens alone,
up to the first product with the state, is worked out here once and looked up by row.
"""

from itertools import combinations

import torch
import torch.nn.functional as F
from torch import nn

from .network import (
    FADED,
    FADES,
    FAR,
    HEAD,
    HOLD,
    IMPOSSIBLE,
    MOVES,
    ORDER,
    PAIR_ROWS,
    PLACE_ROW,
    PLACES,
    ROWS,
    SILENT,
    SOUNDS,
    SPAN,
    START,
    TOKENS,
    VOICE_ROWS,
    WIDTH,
    Chorale,
    candidates,
    classes,
    interval,
    step,
)

UNSEEN = TOKENS  # in place of a token that the others do not know from the start
# A voice's moves, and holding a pitch or a silence: FAR times those of not moving.
HELD, HUSHED, WAYS = MOVES, MOVES + 1, MOVES + 2
# The rows of `leading`, past those of two voices: of a voice alone, begun and not begun.
ALONE = 12 * SPAN * MOVES
NOTHING = 2 * SOUNDS  # the row that a voice which is seen tells
NEVER = -2048.0  # as good as IMPOSSIBLE, and nothing beside it is lost in half precision
# What each pitch class is remembered by at least: numbers that fade to nothing go by way of those
# too small for a processor to reckon with at its usual speed.
FAINT = 1e-7
GATES = 3 * WIDTH
# The columns of a row of `scene`: the gates of the first layer, the heads, rules; and classes.
SCENE_COLUMNS = (2 * WIDTH, WIDTH, 4 * HEAD, 4 * TOKENS)
# How many of each are looked up: rows of `scene`; where a pair of voices begins in `leading`, and
# how far a voice that is seen moves there; where the voices decided later do, by who tells them;
# rows of what each of the first three tells; and of `moves`.
LOOKED_UP = (15, 16, 16, 3, 2, 1, 1, 1, 1, 4)


class Step(nn.Module):
    """One sixteenth: state in and out, the choice included.

    `trace` is what is remembered of the pitch classes that sounded, zeros at the start, as those of
    `state` are. `heard` are the four sounds of the step before, whether each was struck then, the
    place, and of each voice the token that the others know from the start, or UNSEEN; its luck
    forces such a voice to do it. A voice does the token of the largest score: its weight plus
    `luck`, which is what chance and the knobs add. Gumbel noise draws from the softmax (Maddison et
    al., arXiv 1411.0030), and from one tempered by T where it is multiplied by T. Holding is
    decided apart, so that heat leaves the rhythm alone: its weight counts a million times, and so
    should its luck, logistic noise; then it is either far above all strikes or far below. `weights`
    are those of the network, of each voice in turn, as `luck` is.
    """

    def __init__(self, net: Chorale):
        super().__init__()
        memory = net.memory
        inward, recur, (in_bias, recur_bias) = (
            memory.weight_ih_l1,
            (memory.weight_hh_l0, memory.weight_hh_l1),
            (memory.bias_ih_l1, memory.bias_hh_l1),
        )
        with torch.no_grad():
            weigh = far(net.weigh[..., :TOKENS], HOLD)  # (4, HEAD, TOKENS)
            tables = {
                "scene": scene(net).half(),  # half precision, since it is large
                "leading": leading(net),  # (ALONE + 8 * MOVES, WAYS)
                "fades": FADES.repeat_interleave(12),  # (FADED,)
                "tonal": torch.cat([net.tonal @ into(net).T, net.drawing()], 1),  # (FADED, …)
                "ones": torch.ones(1, 15),
                "voices": torch.eye(4).repeat(1, 4),  # (4, 16): sums over who tells
                "scale": torch.where(torch.arange(TOKENS) == HOLD, 1 / FAR, 1.0).repeat(4),
                "recur_0": recur[0][: 2 * WIDTH].T,  # (WIDTH, 2 * WIDTH)
                "old_0": recur[0][2 * WIDTH :].T,  # (WIDTH, WIDTH)
                "old_0_bias": memory.bias_hh_l0[2 * WIDTH :],
                "inward": inward[: 2 * WIDTH].T,  # (WIDTH, 2 * WIDTH)
                "new": inward[2 * WIDTH :].T,  # (WIDTH, WIDTH)
                "new_bias": in_bias[2 * WIDTH :],
                "recur_1": recur[1].T,  # (WIDTH, 3 * WIDTH)
                "recur_1_bias": recur_bias + F.pad(in_bias[: 2 * WIDTH], (0, WIDTH)),
                "hear": heads(net.hear.weight[:, :WIDTH].T),  # (WIDTH, 4 * HEAD)
                "deepen": net.deepen,
                "weigh": weigh,
                "weigh_moves": wide(net.weigh[..., TOKENS:]),  # (4, HEAD, WAYS)
                **{f"told_{turn}": table for turn, table in enumerate(told(net))},
            }
        for name, table in tables.items():
            self.register_buffer(name, table.detach().contiguous())
        factors, firsts, numbers = lookups()
        self.register_buffer("factors", factors)  # (60, 13)
        self.register_buffer("firsts", firsts)  # (60,)
        self.register_buffer("numbers", numbers)
        moves, tells, hops = deeds()
        self.register_buffer("moves", moves)  # (4 * SOUNDS, TOKENS)
        self.register_buffer("tells", tells)  # (4 * SOUNDS * 2 * TOKENS,)
        self.register_buffer("hops", hops)  # the same

    def forward(self, state, trace, heard, luck):
        found = self.numbers.gather(0, self.factors @ heard + self.firsts)  # (60,)
        rows, leads, seen, *leads_on, first, second, third, voices = found.split(LOOKED_UP)
        scene = self.ones @ F.embedding(rows, self.scene).float()  # (1, …): faster than a sum
        scene, fresh = scene.split([sum(SCENE_COLUMNS), FADED], 1)  # (1, …) (1, FADED)
        trace = trace * self.fades + fresh  # (1, FADED)
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
        pull = self.voices @ F.embedding(leads + seen, self.leading)  # (4, WAYS), in ORDER
        moves = F.embedding(voices, self.moves).split(1)  # 4 of (1, TOKENS)
        # Then one voice after another.
        tellers = (first, second, third)
        weights, tokens = [None] * 4, [None] * 4
        for turn, v in enumerate(ORDER):
            last = turn == len(ORDER) - 1
            mine, others, drawn, pulls = deep, None, pull, None
            if not last:
                mine, others = deep.split([HEAD, (3 - turn) * HEAD], 1)  # (1, HEAD) (1, …)
                drawn, pulls = pull.split([1, 3 - turn])  # (1, WAYS) (3 - turn, WAYS)
            x = F.relu(mine)  # (1, HEAD)
            x = x + F.relu(x @ self.deepen[v])  # (1, HEAD)
            moved = torch.addmm(drawn, x, self.weigh_moves[v])  # (1, WAYS)
            weights[v] = torch.addmm(moved.gather(1, moves[v]), x, self.weigh[v])  # (1, TOKENS)
            tokens[v] = (weights[v] + lucks[v]).argmax(1)  # (1,)
            if not last:
                deed = tellers[turn] + tokens[v]  # (1,)
                row, hop = self.tells.gather(0, deed), self.hops.gather(0, deed)
                told = F.embedding(row, getattr(self, f"told_{turn}"))  # (1, …)
                deep = others + told  # (1, (3 - turn) * HEAD)
                where = leads_on[turn] + hop  # (3 - turn,)
                pull = pulls + F.embedding(where, self.leading)  # (3 - turn, WAYS)
        weights = (torch.cat(weights, 1) + rules) * self.scale  # (1, 4 * TOKENS)
        return torch.cat([lower, upper]), trace, torch.cat(tokens), weights


# -- tables -----------------------------------------------------------------------------------


def into(net: Chorale) -> torch.Tensor:
    """Lead from a scene to the gates of the first layer and to the heads: (…, SCENE)."""
    return torch.cat([net.memory.weight_ih_l0, heads(net.hear.weight[:, WIDTH:].T).T])


def heads(columns: torch.Tensor) -> torch.Tensor:
    """Put columns of four voices in ORDER."""
    return columns.unflatten(-1, (4, -1))[..., ORDER, :].flatten(-2)


def scene(net: Chorale) -> torch.Tensor:
    """Tabulate what a step adds, by rows: those of the net, and what those that are seen tell."""
    memory = net.memory
    table = net.scene @ into(net).T  # (ROWS, GATES + 4 * HEAD)
    bias = memory.bias_ih_l0 + F.pad(memory.bias_hh_l0[: 2 * WIDTH], (0, WIDTH))  # (GATES,)
    table[PLACE_ROW : PLACE_ROW + PLACES] += torch.cat([bias, heads(net.hear.bias)])
    # The rules of a voice go with the rows of its sounds, and so do the pitch classes.
    every = torch.arange(SOUNDS)[:, None].expand(SOUNDS, 4)  # (SOUNDS, 4)
    rules = (net.rules(every) + net.lean).clamp(min=NEVER)  # (SOUNDS, 4, TOKENS)
    rules[..., HOLD] = 0  # see `leading`
    rules = (rules.unsqueeze(2) * torch.eye(4)[..., None]).flatten(2)  # (SOUNDS, 4, 4 * TOKENS)
    rules = rules.transpose(0, 1).flatten(0, 1).repeat_interleave(2, 0)  # (PLACE_ROW, …)
    sound = torch.arange(SOUNDS).repeat_interleave(2).repeat(4)  # (PLACE_ROW,)
    fresh = ((1 - FADES)[:, None] * classes(sound[:, None])[:, None]).flatten(1)  # (…, FADED)
    side = F.pad(torch.cat([rules, fresh], 1), (0, 0, 0, ROWS - PLACE_ROW))  # (ROWS, …)
    side[PLACE_ROW : PLACE_ROW + PLACES, -FADED:] = FAINT
    tells = F.pad(told_all(net), (0, 0, 0, 1))  # (4 * 2 * SOUNDS + 1, 4 * HEAD)
    tells = F.pad(tells, (GATES, 4 * TOKENS + FADED))
    return torch.cat([torch.cat([table, side], 1), tells])  # (ROWS + 4 * 2 * SOUNDS + 1, …)


def told_all(net: Chorale) -> torch.Tensor:
    """Tabulate what each sound of a voice tells the others, held or struck, in ORDER."""
    sounds = torch.arange(SOUNDS).repeat(2)  # (2 * SOUNDS,)
    slots = net.slots(sounds, torch.tensor([HOLD, SILENT]).repeat_interleave(SOUNDS))
    found = torch.einsum("si,vuih->vush", slots, net.blend)  # (v, u, 2 * SOUNDS, HEAD)
    found = found * (1 - torch.eye(4)).view(4, 4, 1, 1)  # nobody is told of himself
    return found[list(ORDER)].permute(1, 2, 0, 3).reshape(-1, 4 * HEAD)


def told(net: Chorale) -> list[torch.Tensor]:
    """Tabulate what each of the first three voices tells those that are decided after it."""
    every = told_all(net).view(4, 2 * SOUNDS, 4 * HEAD)
    every = F.pad(every, (0, 0, 0, 1))  # (u, 2 * SOUNDS + 1, 4 * HEAD); the last row is nothing
    return [every[u][:, (turn + 1) * HEAD :] for turn, u in enumerate(ORDER[:-1])]


def leading(net: Chorale) -> torch.Tensor:
    """Tabulate how one voice draws another, by pair, interval and move: (ALONE + …, WAYS).

    A voice that draws itself is one that leans to hold, or cannot, before the start.
    """
    found = net.leading().view(4, 4, -1, MOVES)  # (v, u, SPAN * MOVES, MOVES)
    pairs = [found[v, u] for v in range(4) for u in range(4) if v != u]
    alone = torch.zeros(4, 2, MOVES, WAYS)
    alone[..., HELD:] = FAR * net.lean[:, HOLD].view(4, 1, 1, 1)
    alone[:, 1, :, HELD:] += FAR * IMPOSSIBLE
    return torch.cat([wide(torch.cat(pairs)), alone.view(-1, WAYS)])


def wide(moves: torch.Tensor) -> torch.Tensor:
    """Add to weights of moves those of holding, FAR times those of not moving: (..., WAYS)."""
    held = FAR * moves[..., [MOVES // 2, 0]]  # (..., 2)
    return torch.cat([moves, held], -1)


def far(table: torch.Tensor, column: int) -> torch.Tensor:
    """Let a column count FAR times."""
    return torch.where(torch.arange(table.shape[-1]) == column, FAR * table, table)


def lookups() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Give factors (60, 13), firsts (60,) and numbers: how the rows of a step are looked up.

    The thirteen are what is `heard`, the sixty are LOOKED_UP.
    """
    sounds = torch.arange(SOUNDS)
    apart = interval(sounds[:, None], sounds).flatten()  # (SOUNDS * SOUNDS,)
    others = torch.tensor([[0 if u == v else 3 * v + u - (u > v) for u in range(4)]
                           for v in range(4)])  # (v, u)  # fmt: skip
    before, known = torch.meshgrid(sounds, torch.arange(TOKENS + 1), indexing="ij")
    sung = torch.where(known == HOLD, before, known)  # (SOUNDS, TOKENS + 1)
    unseen = known == UNSEEN
    hops = torch.where(unseen, 0, step(sung.clamp(max=SOUNDS - 1), before)).flatten()
    rows: list[tuple[dict[int, int], torch.Tensor]] = []
    for voice in range(4):
        numbers = VOICE_ROWS[voice] + torch.arange(2 * SOUNDS)
        rows.append(({voice: 2, 4 + voice: 1}, numbers))
    rows.append(({8: 1}, PLACE_ROW + torch.arange(PLACES)))
    for number, (upper, lower) in enumerate(combinations(range(4), 2)):
        rows.append(({upper: SOUNDS, lower: 1}, PAIR_ROWS[number] + apart))
    for voice in range(4):
        tells = (2 * voice + (known != HOLD)) * SOUNDS + sung  # (SOUNDS, TOKENS + 1)
        tells = ROWS + torch.where(unseen, 8 * SOUNDS, tells).flatten()
        rows.append(({voice: TOKENS + 1, 9 + voice: 1}, tells))

    def leads(u: int, v: int):
        if u == v:
            return {v: 1}, ALONE + (2 * v + (sounds == START)) * MOVES
        return {v: SOUNDS, u: 1}, (others[v, u] * SPAN + apart) * MOVES

    rows += [leads(u, v) for u in ORDER for v in ORDER]
    rows += [({u: TOKENS + 1, 9 + u: 1}, hops) for u in ORDER for _ in ORDER]
    rows += [leads(u, v) for turn, u in enumerate(ORDER) for v in ORDER[turn + 1 :]]
    for u in ORDER[:-1]:
        deed = (2 * (u * SOUNDS + before) + (known != UNSEEN)) * TOKENS  # (SOUNDS, TOKENS + 1)
        rows.append(({u: TOKENS + 1, 9 + u: 1}, deed.flatten()))
    rows += [({voice: 1}, voice * SOUNDS + sounds) for voice in range(4)]

    factors, firsts, tables, at = torch.zeros(len(rows), 13, dtype=torch.long), [], [], 0
    places: dict[bytes, int] = {}  # tables that are alike stand there once
    for row, (terms, numbers) in enumerate(rows):
        for place, factor in terms.items():
            factors[row, place] = factor
        key = numbers.numpy().tobytes()
        if key not in places:
            places[key] = at
            tables.append(numbers)
            at += len(numbers)
        firsts.append(places[key])
    return factors, torch.tensor(firsts), torch.cat(tables)


def deeds() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """List for each voice, sound and token: its move, and what it tells: a row, and a hop.

    What is told stands there twice, the second time for a voice that is seen: nothing is new then.
    """
    before = torch.arange(SOUNDS)
    sounds = candidates(before)  # (SOUNDS, TOKENS)
    hops = step(sounds, before[:, None])  # (SOUNDS, TOKENS)
    moves = hops.clone()
    moves[:, HOLD] = torch.where(hops[:, HOLD] > 0, HELD, HUSHED)
    struck = (torch.arange(TOKENS) != HOLD).long()  # (TOKENS,)
    rows = struck * SOUNDS + sounds  # (SOUNDS, TOKENS)
    rows = torch.stack([rows, torch.full_like(rows, NOTHING)], 1)  # (SOUNDS, 2, TOKENS)
    hops = torch.stack([hops, torch.zeros_like(hops)], 1)  # (SOUNDS, 2, TOKENS)
    return moves.repeat(4, 1), rows.repeat(4, 1, 1).flatten(), hops.repeat(4, 1, 1).flatten()
