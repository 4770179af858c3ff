"""Train the chorale player: network, data, loop, export. One script, read from top to bottom.

    capriccio train rnn --data music-jsb-chorales --out chorales.onnx

Music is cut into steps of a sixteenth note. At every step each of four voices (soprano, alto,
tenor, bass) does one of three things, one token of 48: it holds what it has (0), it falls silent
(1), or it strikes a pitch (2..47 for the MIDI pitches 36..81). A GRU (Cho et al., arXiv
1406.1078) remembers the past; a small head decides the voices of a step one after another, each
knowing those decided before it, so that a chord is chosen as a chord and not as four notes. The
head is trained on many orders of deciding (orderless NADE, Uria et al., arXiv 1310.1757), which
is what lets it write any voice to any given others.

The data do not tell a held note from a repeated one, so a repeated pitch counts as held here.
"""

import base64
import json
import math
import zlib
from pathlib import Path

import torch
import torch.nn.functional as F
from capriccio.training import Trainer, export, seed_everything
from torch import nn

VOICES = ("soprano", "alto", "tenor", "bass")
LOWEST, HIGHEST = 36, 81  # the pitches of the training set, bass to soprano
RANGES = ((60, 81), (52, 74), (46, 69), (36, 66))  # of each voice in the training set
SILENT, START = 0, HIGHEST - LOWEST + 2  # what a voice may sound beside a pitch (1..46)
SOUNDS = START + 1
HOLD, TOKENS = 0, SOUNDS  # a token is HOLD, or a sound plus one; START is never struck
PLACES = 16  # sixteenths in a bar of four beats
ORDER = (0, 3, 2, 1)  # the outer voices first, as harmony is taught
IMPOSSIBLE = -1e9
NOTHING = 4 * 2 * SOUNDS  # the row after what may be told of four voices

PITCH, PLACE = 32, 16  # sizes of the embeddings: small, since there are 48 sounds and 16 places
WIDTH, LAYERS, HEAD = 256, 2, 192  # about a million weights: all of them stay in a core's cache
DROPOUT = 0.35  # 229 chorales are soon known by heart
BATCH, LENGTH = 32, 256  # 16 bars: the middle half of all chorales is 11 to 19 bars long
STEPS = 1400
RATE, DECAY = 3e-3, 0.02  # AdamW; found on the validation split


# -- network ----------------------------------------------------------------------------------


class Chorale(nn.Module):
    """Hear four voices up to now and weigh what each of them may do next."""

    def __init__(self):
        super().__init__()
        self.sound = nn.Embedding(SOUNDS, PITCH)
        self.place = nn.Embedding(PLACES, PLACE)
        self.memory = nn.GRU(
            4 * PITCH + 4 + PLACE, WIDTH, LAYERS, batch_first=True, dropout=DROPOUT
        )
        self.hear = nn.Linear(WIDTH + PLACE, 4 * HEAD)
        # What voice v makes of the others, one slot of PITCH numbers and a "known" flag for each.
        self.blend = nn.Parameter(torch.randn(4, 4 * (PITCH + 2), HEAD) / math.sqrt(4 * PITCH))
        self.deepen = nn.Parameter(torch.randn(4, HEAD, HEAD) / math.sqrt(HEAD))
        self.weigh = nn.Parameter(torch.randn(4, HEAD, TOKENS) / math.sqrt(HEAD) / 4)
        self.lean = nn.Parameter(torch.zeros(4, TOKENS))
        self.dropout = nn.Dropout(DROPOUT)
        allowed = torch.full((4, TOKENS), IMPOSSIBLE)  # (voice, token)
        allowed[:, : SILENT + 2] = 0
        for voice, (low, high) in enumerate(RANGES):
            allowed[voice, low - LOWEST + 2 : high - LOWEST + 3] = 0
        self.register_buffer("allowed", allowed, persistent=False)

    def inputs(self, sounding, struck, place):
        """Describe what sounded a step ago and where in the bar we are now."""
        voices = self.sound(sounding).flatten(-2)  # (batch, time, 4 * PITCH)
        place = self.place(place)  # (batch, time, PLACE)
        return torch.cat([voices, struck.to(voices.dtype), place], -1)  # (batch, time, 148)

    def forward(self, sounding, struck, place, now, token, known):
        """Weigh the tokens of all voices; `known[..., v, u]` says whether v knows what u does.

        `sounding` and `struck` are those of the step before, `now` and `token` of this step.
        """
        x = self.dropout(self.inputs(sounding, struck, place))  # (batch, time, 148)
        heard, _ = self.memory(x)  # (batch, time, WIDTH)
        heard = torch.cat(
            [self.dropout(heard), self.place(place)], -1
        )  # (batch, time, WIDTH + PLACE)
        base = self.hear(heard).unflatten(-1, (4, HEAD))  # (batch, time, 4, HEAD)
        slots = self.slots(now, token)  # (batch, time, 4, PITCH + 2)
        seen = slots.unsqueeze(-3) * known.unsqueeze(-1)  # (batch, time, 4 v, 4 u, PITCH + 2)
        mixed = torch.einsum(
            "btvi,vih->btvh", seen.flatten(-2), self.blend
        )  # (batch, time, 4, HEAD)
        deep = F.relu(base + mixed)  # (batch, time, 4, HEAD)
        deep = deep + F.relu(
            torch.einsum("btvh,vhk->btvk", self.dropout(deep), self.deepen)
        )  # same
        weights = torch.einsum(
            "btvh,vhk->btvk", self.dropout(deep), self.weigh
        )  # (batch, time, 4, 48)
        return weights + self.lean + self.rules(sounding)  # (batch, time, 4, TOKENS)

    def slots(self, now, token):
        """Describe what voices do in this step: the pitch, whether struck, and that it is known."""
        struck = (token != HOLD).to(self.blend.dtype)  # (..., 4)
        flags = torch.stack([struck, torch.ones_like(struck)], -1)  # (..., 4, 2)
        return torch.cat([self.sound(now), flags], -1)  # (..., 4, PITCH + 2)

    def rules(self, sounding):
        """Rule out what has no meaning: striking what sounds already, holding before the start."""
        again = F.one_hot(sounding + 1, TOKENS + 1)[..., :TOKENS]  # (..., 4, TOKENS)
        nothing = F.one_hot(torch.where(sounding == START, HOLD, TOKENS), TOKENS + 1)[..., :TOKENS]
        return self.allowed + IMPOSSIBLE * (again + nothing)  # (..., 4, TOKENS)


class Step(nn.Module):
    """The same network as it is played: one sixteenth, state in and out, the choice included.

    A choice is the largest of weight plus Gumbel noise, which draws from the softmax (Maddison et
    al., arXiv 1411.0030). The noise comes in from outside, so a seed there decides all. A voice
    with `forced` >= 0 does that token; where it is `seen` as well, the others know it from the
    start. `bias` is added to the weights; `dials` are the temperature, and the smallest
    probability, relative to the likeliest token's, that may still be chosen (min-p, arXiv
    2407.01082). `nats` is each voice's surprise before bias and dials, `entropy` is after them.

    Whatever depends on the weights alone is worked out here once: a node of the graph costs a
    microsecond whatever it does, so fewer nodes are a faster player.
    """

    def __init__(self, net: Chorale):
        super().__init__()
        self.net = net
        with torch.no_grad():
            sounds = torch.arange(SOUNDS).repeat_interleave(2)  # (2 * SOUNDS,)
            struck = torch.tensor([HOLD, HOLD + 1]).repeat(SOUNDS)  # (2 * SOUNDS,)
            slots = net.slots(sounds, struck)  # (2 * SOUNDS, PITCH + 2)
            blend = net.blend.unflatten(1, (4, PITCH + 2))  # (4 v, 4 u, PITCH + 2, HEAD)
            told = torch.einsum("si,vuih->usvh", slots, blend)  # (4 u, 2 * SOUNDS, 4 v, HEAD)
            told = told * (1 - torch.eye(4)[:, None, :, None])  # nobody is told of himself
            told = F.pad(told.flatten(0, 1), (0, 0, 0, 0, 0, 1))  # and the last row tells nothing
            every = torch.arange(SOUNDS)[:, None].expand(SOUNDS, 4)  # (SOUNDS, 4)
            rules = net.rules(every) + net.lean  # (SOUNDS, 4, TOKENS)
        first = torch.arange(4) * 2 * SOUNDS  # (4,): where a voice's rows begin
        strikes = first[:, None] + 2 * torch.arange(TOKENS - 1) + 1  # (4, TOKENS - 1)
        self.register_buffer("told", told)  # (NOTHING + 1, 4, HEAD)
        self.register_buffer("rules", rules.transpose(0, 1).flatten(0, 1))  # (4 * SOUNDS, TOKENS)
        self.register_buffer("first", first)  # (4,)
        self.register_buffer("strikes", strikes)  # (4, TOKENS - 1)

    def forward(self, state, voices, place, forced, seen, bias, dials, noise):
        net, sounding = self.net, voices[0]  # sounding (4,)
        x = net.inputs(sounding, voices[1], place[0])[None, None]  # (1, 1, 148)
        heard, state = net.memory(x, state.unsqueeze(1))  # (1, 1, WIDTH) (LAYERS, 1, WIDTH)
        heard = torch.cat([heard[0], net.place(place)], -1)  # (1, WIDTH + PLACE)
        base = net.hear(heard).view(4, HEAD)  # (4, HEAD)
        # For each voice and token, the row of `told` that tells the others of it.
        rows = torch.cat([(self.first + 2 * sounding)[:, None], self.strikes], -1)  # (4, TOKENS)
        known = rows.gather(-1, forced.clamp(min=0)[:, None])  # (4, 1)
        known = torch.where(seen[:, None] > 0, known, NOTHING)  # (4, 1)
        base = base + self.told[known[:, 0]].sum(0)  # (4, HEAD)
        rows = torch.where(seen[:, None] > 0, NOTHING, rows)  # (4, TOKENS): nobody is told twice
        rules = self.rules[self.first // 2 + sounding]  # (4, TOKENS)
        must = F.one_hot(forced + 1, TOKENS + 1)[:, 1:] * -2 * IMPOSSIBLE  # (4, TOKENS)
        luck = (noise * dials[0] + must).split(1)  # 4 of (1, TOKENS)
        bends, rows = (rules + bias).split(1), rows.split(1)  # 4 of (1, TOKENS) twice
        least = dials[0] * torch.log(dials[1])  # () how far below the best a token may weigh
        weights, tokens = [None] * 4, [None] * 4
        for v in ORDER:
            deep = F.relu(base[v : v + 1])  # (1, HEAD)
            deep = deep + F.relu(deep @ net.deepen[v])  # (1, HEAD)
            weights[v] = deep @ net.weigh[v]  # (1, TOKENS)
            bent = weights[v] + bends[v]  # (1, TOKENS)
            unlikely = bent < bent.amax(-1, keepdim=True) + least  # (1, TOKENS)
            drawn = torch.where(unlikely, IMPOSSIBLE, bent) + luck[v]  # (1, TOKENS)
            tokens[v] = drawn.argmax(-1, keepdim=True)  # (1, 1)
            if v != ORDER[-1]:
                base = base + self.told[rows[v].gather(-1, tokens[v])[0, 0]]  # (4, HEAD)
        weights = torch.cat(weights) + rules  # (4, TOKENS)
        tokens = torch.cat(tokens)  # (4, 1)
        nats = -F.log_softmax(weights, -1).gather(-1, tokens)[:, 0]  # (4,)
        bent = (weights + bias) / dials[0]  # (4, TOKENS)
        unlikely = bent < bent.amax(-1, keepdim=True) + torch.log(dials[1])  # (4, TOKENS)
        chances = F.softmax(torch.where(unlikely, IMPOSSIBLE, bent), -1)  # (4, TOKENS)
        entropy = -(chances * torch.log(chances.clamp(min=1e-6))).sum(-1)  # (4,)
        tokens = tokens[:, 0]  # (4,)
        sounding = torch.where(tokens == HOLD, sounding, tokens - 1)  # (4,)
        return state[:, 0], torch.stack([sounding, (tokens != HOLD).long()]), nats, entropy


# -- data -------------------------------------------------------------------------------------


def load(folder: Path) -> dict[str, list[torch.Tensor]]:
    """Read the chorales of a folder: {train, valid, test}, each a list of (time, 4) sounds.

    Expects `Jsb16thSeparated.json`, as published by C.-Z. Huang: pitches per step, -1 for none.
    """
    file = Path(folder, "Jsb16thSeparated.json")
    if not file.is_file():
        raise FileNotFoundError(
            f"no Jsb16thSeparated.json in {str(folder)!r}; the chorales come from "
            "github.com/czhuang/JSB-Chorales-dataset"
        )
    splits = json.loads(file.read_text())
    for name in ("train", "valid", "test"):
        splits[name] = [torch.tensor(piece) for piece in splits[name]]  # (time, 4)
        splits[name] = [
            torch.where(piece < 0, SILENT, piece - LOWEST + 1) for piece in splits[name]
        ]  # (time, 4)
    return splits


def examples(pieces: list[torch.Tensor], offsets: list[int]):
    """Set pieces of equal length into the arrays that the network takes, and their places.

    `offsets` are the places in the bar at which the pieces begin.
    """
    now = torch.stack(pieces)  # (batch, time, 4)
    before = torch.cat([torch.full_like(now[:, :1], START), now[:, :-1]], 1)  # (batch, time, 4)
    token = torch.where(now == before, HOLD, now + 1)  # (batch, time, 4)
    struck = (token != HOLD).long()  # (batch, time, 4)
    struck = torch.cat([torch.zeros_like(struck[:, :1]), struck[:, :-1]], 1)  # (batch, time, 4)
    places = torch.arange(now.shape[1])[None] + torch.tensor(offsets)[:, None]  # (batch, time)
    return before, struck, places % PLACES, now, token


def upbeat(piece: torch.Tensor) -> int:
    """Guess the place in the bar at which a chorale begins.

    Those whose length is four sixteenths more than whole bars begin with an upbeat of one beat:
    their long chords stand on the steps 4 and 12 of 16, those of the others on 0 and 8.
    """
    return PLACES - 4 if len(piece) % PLACES == 4 else 0


def transposed(piece: torch.Tensor) -> torch.Tensor:
    """Move a piece into a random key in which every voice stays within its range."""
    down, up = -6, 6  # further would be nearer in the other direction
    for voice, (low, high) in enumerate(RANGES):
        notes = piece[:, voice][piece[:, voice] != SILENT] - 1 + LOWEST  # (notes,)
        if len(notes):
            down, up = max(down, low - int(notes.min())), min(up, high - int(notes.max()))
    shift = int(torch.randint(min(down, 0), max(up, 0) + 1, ()))
    return torch.where(piece == SILENT, SILENT, piece + shift)  # (time, 4)


def excerpt(piece: torch.Tensor) -> tuple[torch.Tensor, int]:
    """Cut LENGTH steps out of a piece, half of the time its beginning, padded with silence."""
    begin = 0
    if len(piece) > LENGTH and torch.rand(()) < 0.5:
        begin = 4 * int(torch.randint((len(piece) - LENGTH) // 4 + 1, ()))
    offset = upbeat(piece) + begin
    piece = piece[begin : begin + LENGTH]
    return F.pad(piece, (0, 0, 0, LENGTH - len(piece)), value=-1), offset  # (LENGTH, 4)


def orders(batch: int, time: int) -> torch.Tensor:
    """Draw who knows whom: (batch, time, 4, 4), v knows u where u was decided before v.

    Half of the steps are decided in ORDER, the other half in any order.
    """
    rank = torch.rand(batch, time, 4).argsort(-1)  # (batch, time, 4)
    usual = torch.rand(batch, time, 1) < 0.5  # (batch, time, 1)
    rank = torch.where(usual, ranks(), rank)  # (batch, time, 4)
    return (rank.unsqueeze(-2) < rank.unsqueeze(-1)).float()  # (batch, time, 4, 4)


def ranks() -> torch.Tensor:
    """Give each voice its turn in ORDER."""
    return torch.tensor([ORDER.index(voice) for voice in range(4)])  # (4,)


def nats(net: Chorale, pieces: list[torch.Tensor]) -> float:
    """Measure whole pieces from their first step, in nats per sixteenth of all four voices."""
    net.eval()
    known = (ranks()[None] < ranks()[:, None]).float().expand(1, 1, 4, 4)  # (1, 1, 4, 4)
    total = steps = 0
    for piece in pieces:
        before, struck, place, now, token = examples([piece], [upbeat(piece)])  # (1, time, …)
        weights = net(before, struck, place, now, token, known)  # (1, time, 4, TOKENS)
        total += F.cross_entropy(weights.flatten(0, 2), token.flatten(), reduction="sum").item()
        steps += len(piece)
    return total / steps


# -- training ---------------------------------------------------------------------------------


def train(
    data: Path,
    out: Path,
    *,
    resume: bool = False,
    dry_run: bool = False,
    hours: float | None = None,
    seed: int = 0,
) -> None:
    """Train the chorale player on the chorales in the folder `data` and write it to `out`."""
    splits = load(data)
    seed_everything(seed)
    net = Chorale()
    optimizer = torch.optim.AdamW(net.parameters(), RATE, betas=(0.9, 0.99), weight_decay=DECAY)
    checkpoint = Path(out).with_suffix(".safetensors")
    # A decay of 0.99 averages over about a hundred steps, 15 looks at every chorale.
    trainer = Trainer(
        net, optimizer, checkpoint, seed=seed, decay=0.99, resume=resume, dry_run=dry_run
    )

    def loss(step: int) -> torch.Tensor:
        picks = torch.randint(len(splits["train"]), (BATCH,)).tolist()
        cut = [excerpt(transposed(splits["train"][pick])) for pick in picks]
        before, struck, place, now, token = examples(*map(list, zip(*cut, strict=True)))
        real = now[..., 0] >= 0  # (batch, time)
        before, now, token = before.clamp(min=0), now.clamp(min=0), token.clamp(min=0)
        known = orders(BATCH, LENGTH)  # (batch, time, 4, 4)
        weights = net(before, struck, place, now, token, known)[real]  # (steps, 4, TOKENS)
        return F.cross_entropy(weights.flatten(0, 1), token[real].flatten()) * 4  # a whole step

    def schedule(progress: float) -> float:
        """Warm up for a fiftieth of the way, then fall along a cosine to a hundredth."""
        return min(progress * 50, 0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi * progress)))

    trainer.run(
        loss,
        steps=STEPS,
        hours=hours,
        validate=lambda net: {"valid nats per sixteenth": nats(net, splits["valid"])},
        every=50,
        schedule=schedule,
    )
    figures = {name: round(nats(trainer.ema, splits[name]), 4) for name in ("valid", "test")}
    print("nats per sixteenth, four voices:", figures)
    export(
        Step(trainer.ema),
        draw(),
        out,
        input_names=["state", "voices", "place", "forced", "seen", "bias", "dials", "noise"],
        output_names=["next_state", "next_voices", "nats", "entropy"],
        draw=draw,
        card={
            "name": "chorales",
            "does": "one sixteenth of a four-voice chorale; state in, state out",
            "data": "JSB Chorales, 382 chorales by J. S. Bach, 229 train / 76 valid / 77 test",
            "data_source": "github.com/czhuang/JSB-Chorales-dataset "
            "@ 9a7f733ddb4ed91f48da64ac7f0f621c34aadd4d",
            "data_licence": "the music is in the public domain; the collection names no licence",
            "licence": "MIT",
            "credit": "J. S. Bach; Boulanger-Lewandowski et al. 2012; C.-Z. Huang et al. 2017",
            "metrics": {f"{split} nats per sixteenth": value for split, value in figures.items()},
            "seed": seed,
            "hours": round(trainer.seconds / 3600, 3),
            "steps": trainer.step,
            "command": f"capriccio train rnn --data music-jsb-chorales --out {Path(out).name}"
            + f" --seed {seed}" * bool(seed),
            "input_ranges": {
                "state": f"({LAYERS}, {WIDTH}) float, zeros at the start",
                "voices": f"(2, 4): what sounded a step ago (0 silent, 1..46 pitches "
                f"{LOWEST}..{HIGHEST}, {START} at the start) and whether it was struck then",
                "place": "(1,) 0..15, the sixteenth in a bar of four beats",
                "forced": "(4,) token a voice must do, -1 for its own choice: 0 hold, 1 silence, "
                f"2..47 strike {LOWEST}..{HIGHEST}",
                "seen": "(4,) 1 where the others know the forced token from the start, else 0",
                "bias": f"(4, {TOKENS}) added to the weights",
                "dials": "(2,) temperature above 0; smallest relative probability above 0..1",
                "noise": f"(4, {TOKENS}) standard Gumbel noise",
            },
            "ranges": dict(zip(VOICES, RANGES, strict=True)),
            "heard": packed(splits["train"]),
        },
        dry_run=dry_run,
    )


def packed(pieces: list[torch.Tensor]) -> str:
    """Write the pieces so that an ear can compare: sounds as bytes, a step of 200 after each."""
    end = torch.full((1, 4), 200)  # (1, 4)
    rows = torch.cat([row for piece in pieces for row in (piece, end)])  # (steps, 4)
    return base64.b64encode(zlib.compress(rows.to(torch.uint8).numpy().tobytes(), 9)).decode()


def draw() -> tuple[torch.Tensor, ...]:
    """Make a random moment of play, to try the exported graph on."""
    lows = torch.tensor([low - LOWEST + 1 for low, _ in RANGES])  # (4,)
    highs = torch.tensor([high - LOWEST + 1 for _, high in RANGES])  # (4,)
    sounding = (lows + torch.rand(4) * (highs - lows + 1)).long()  # (4,)
    return (
        torch.rand(LAYERS, WIDTH) * 2 - 1,  # (LAYERS, WIDTH)
        torch.stack([sounding, torch.randint(2, (4,))]),  # (2, 4)
        torch.randint(PLACES, (1,)),  # (1,)
        torch.tensor([-1, -1, HOLD, -1]),  # (4,)
        torch.tensor([0.0, 0.0, 1.0, 0.0]),  # (4,)
        torch.randn(4, TOKENS),  # (4, TOKENS)
        torch.tensor([1.0, 0.02]),  # (2,)
        -torch.log(-torch.log(torch.rand(4, TOKENS))),  # (4, TOKENS)
    )
