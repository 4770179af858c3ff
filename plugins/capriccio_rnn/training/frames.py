"""Predict the frames of polyphonic music, evaluated as in published tables: nats per frame.

    python -m capriccio_rnn.benchmark frames jsb --data music-jsb-chorales

Protocol (Boulanger-Lewandowski et al., arXiv 1206.6392): 88 keys, the published split, every frame
from those before it. A frame is a set of keys, and its probability is that of its notes from the
top down, each conditioned on those above it, until an end token: exact, and able to model which
notes go together, which 88 separate sigmoids cannot.

Music repeats itself. So the network is also given the frame that followed the longest exact match
of the recent past, and predicts how likely it is to be copied: a pointer network (arXiv 1609.07843)
whose pointer is a string match and not learned.
"""

import json
import math
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from capriccio.training import Trainer, seed_everything
from torch import nn

KEYS, LOWEST = 88, 21
C = 3  # the lowest c
END = KEYS  # token after the last note of a frame
MAX_MATCH = 16  # frames; longer matches are treated alike
PULSE = 16  # frames are numbered modulo this, to distinguish beats
FRAME, HEAD, DROPOUT = 256, 256, 0.5
HOME_SHARE = 0.7  # of the excerpts, in the key in which pieces are evaluated
VOICES = 4  # notes of a frame with voice leading of their own, from the top
INTERVALS = 74  # up to three octaves, 0 for none
MOVES = 26  # melodic intervals up to an octave down or up, 0 for none


class FrameNetwork(nn.Module):
    """Return log-probabilities of frames.

    Inputs are keys and intervals: from each note of the frame before, and between two notes before
    and after.
    """

    def __init__(self, width: int, layers: int):
        super().__init__()
        self.frame = nn.Linear(KEYS, FRAME)
        self.recall = nn.Linear(KEYS, FRAME)
        self.length = nn.Embedding(MAX_MATCH + 1, FRAME)
        self.pulse = nn.Embedding(PULSE, FRAME)
        self.offset = nn.Embedding(25, FRAME)
        self.memory = nn.GRU(FRAME, width, layers, batch_first=True, dropout=DROPOUT)
        self.hear = nn.Linear(width + FRAME, HEAD)
        self.shape = nn.Embedding(VOICES * VOICES * INTERVALS, HEAD)
        self.above = nn.Embedding(KEYS + 1, HEAD, padding_idx=END)
        self.last = nn.Embedding(KEYS + 1, HEAD)
        self.slot = nn.Embedding(VOICES + 1, HEAD)
        self.motion = nn.Embedding((VOICES + 1) * INTERVALS, HEAD)
        self.deepen = nn.Linear(HEAD, HEAD)
        self.weigh = nn.Linear(HEAD, KEYS + 1 + VOICES * MOVES)
        self.lead = nn.Parameter(torch.zeros((VOICES + 1) * VOICES * 3 * INTERVALS * INTERVALS, 1))
        self.trust = nn.Linear(width + FRAME, 1)
        self.dropout = nn.Dropout(DROPOUT)
        for table in (self.shape, self.motion):
            nn.init.zeros_(table.weight)

    def forward(self, now, recalled, length, pulse, notes):
        """Return the log-probability of each frame `now`, (b, t); see `FramePiece.excerpt`."""
        before = F.pad(now[:, :-1], (0, 0, 1, 0))  # (b, t, KEYS)
        hint = self.recall(recalled) + self.length(length)  # (b, t, FRAME)
        hint = hint + self.pulse(pulse % PULSE) + self.offset(pulse // PULSE)  # (b, t, FRAME)
        hint = F.relu(hint)  # (b, t, FRAME)
        x = self.dropout(F.relu(self.frame(before)) + hint)  # (b, t, FRAME)
        context, _ = self.memory(x)  # (b, t, width)
        context = torch.cat([self.dropout(context), hint], -1)  # (b, t, width + FRAME)
        written = self.write(context, top_notes(before, VOICES), notes)  # (b, t)
        gate = self.trust(context).squeeze(-1)  # (b, t)
        gate = torch.where(length > 0, gate, -20.0)  # (b, t)
        same = (recalled == now).all(-1)  # (b, t)
        copied = torch.where(same, F.logsigmoid(gate), -math.inf)  # (b, t)
        return torch.logaddexp(F.logsigmoid(-gate) + written, copied)  # (b, t)

    def write(self, context, before, notes):
        """Return the log-probability of `notes` (b, t, slots) from the top down, (b, t).

        `before` are the top notes of the frame before, (b, t, VOICES).
        """
        slots = notes.shape[-1]
        rank = torch.arange(slots).clamp(max=VOICES)  # (slots,): the voice a slot stands for
        last = F.pad(notes[..., :-1], (1, 0), value=END)  # (b, t, slots)
        apart = interval(before.unsqueeze(-1), before.unsqueeze(-2))  # (b, t, VOICES, VOICES)
        pairs = torch.arange(VOICES * VOICES).view(VOICES, VOICES) * INTERVALS  # (VOICES, VOICES)
        deep = self.hear(context) + sum_rows(
            self.shape, (apart + pairs).flatten(-2)
        )  # (b, t, HEAD)
        above = self.above(last).cumsum(-2) + self.last(last) + self.slot(rank)  # (…, HEAD)
        was = F.pad(before, (0, max(0, slots - VOICES)), value=END)[..., :slots]  # (b, t, slots)
        moved = interval(notes, was)  # (b, t, slots): how the voice of a slot moved
        motion = self.motion(moved + rank * INTERVALS)  # (b, t, slots, HEAD)
        motion = F.pad(motion[..., :-1, :], (0, 0, 1, 0)).cumsum(-2)  # (b, t, slots, HEAD)
        deep = F.relu(deep.unsqueeze(-2) + above + motion)  # (b, t, slots, HEAD)
        deep = self.dropout(deep + F.relu(self.deepen(self.dropout(deep))))  # (b, t, slots, HEAD)
        weights = self.weigh(deep)  # (b, t, slots, KEYS + 1 + VOICES * MOVES)
        weights, steps = weights[..., : KEYS + 1], weights[..., KEYS + 1 :]
        keys = torch.arange(KEYS + 1)  # (KEYS + 1,)
        hops = melodic_interval(keys, before.unsqueeze(-1))  # (b, t, VOICES, KEYS + 1)
        steps = steps.unflatten(-1, (VOICES, MOVES))  # (b, t, slots, VOICES, MOVES)
        hops = hops.unsqueeze(2).expand(-1, -1, slots, -1, -1)  # (b, t, slots, VOICES, KEYS + 1)
        weights = weights + steps.gather(-1, hops).sum(-2)  # (b, t, slots, KEYS + 1)
        weights = weights + self.leads(before, was, notes, rank)  # (b, t, slots, KEYS + 1)
        too_high = keys >= last.unsqueeze(-1)  # (b, t, slots, KEYS + 1)
        too_high[..., END] = False
        weights = weights.masked_fill(too_high, -1e9)  # (b, t, slots, KEYS + 1)
        log_probs = F.log_softmax(weights, -1)  # (b, t, slots, KEYS + 1)
        picked = log_probs.gather(-1, notes.unsqueeze(-1)).squeeze(-1)  # (b, t, slots)
        closed = (notes == END).cumsum(-1) > 1  # (b, t, slots): only the first END counts
        return picked.masked_fill(closed, 0.0).sum(-1)  # (b, t)

    def leads(self, before, was, notes, rank):
        """Return logits of voice leading for each key, (b, t, slots, KEYS + 1)."""
        slots = len(rank)
        chosen = F.pad(notes, (0, max(0, VOICES - slots)), value=END)  # (b, t, …)
        chosen = chosen[..., :VOICES]  # (b, t, VOICES)
        keys = torch.arange(KEYS + 1)  # (KEYS + 1,)
        theirs = direction(chosen, before)  # (b, t, VOICES)
        mine = direction(keys, was.unsqueeze(-1))  # (b, t, slots, KEYS + 1)
        # (b, t, slots, VOICES, KEYS + 1)
        motion = mine.unsqueeze(-2) * theirs[:, :, None, :, None] + 1
        apart = interval(before.unsqueeze(-2), was.unsqueeze(-1))  # (b, t, slots, VOICES)
        now = interval(chosen.unsqueeze(-1), keys)  # (b, t, VOICES, KEYS + 1)
        which = rank[:, None] * VOICES + torch.arange(VOICES)  # (slots, VOICES)
        where = (which * 3 * INTERVALS + apart).unsqueeze(
            -1
        ) * INTERVALS + motion * INTERVALS * INTERVALS
        where = where + now.unsqueeze(2)  # (b, t, slots, VOICES, KEYS + 1)
        known = torch.arange(VOICES) < torch.arange(slots)[:, None]  # (slots, VOICES)
        return (F.embedding(where, self.lead).squeeze(-1) * known.unsqueeze(-1)).sum(-2)


def interval(upper: torch.Tensor, lower: torch.Tensor) -> torch.Tensor:
    """Return the intervals between keys, 1 to INTERVALS - 1; 0 where one is END."""
    half = INTERVALS // 2
    return ((upper - lower).clamp(1 - half, half - 1) + half) * ((upper < END) & (lower < END))


def melodic_interval(now: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """Return the moves up to an octave, 1 to MOVES - 1; 0 where one of the keys is END."""
    half = MOVES // 2
    return ((now - before).clamp(1 - half, half - 1) + half) * ((now < END) & (before < END))


def direction(now: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """Return the direction of a move: -1 down, 0 none, 1 up."""
    return torch.sign(now - before) * ((now < END) & (before < END))


def sum_rows(table: nn.Embedding, rows: torch.Tensor) -> torch.Tensor:
    """Return the sum over n of the rows (…, n) of an embedding."""
    found = F.embedding_bag(rows.flatten(0, -2), table.weight, mode="sum")
    return found.unflatten(0, rows.shape[:-1])


def top_notes(keys: torch.Tensor, slots: int) -> torch.Tensor:
    """Return the highest keys of each frame from the top down, padded with END, (…, slots)."""
    order = torch.arange(1, KEYS + 1) * (keys > 0)  # (…, KEYS)
    found = order.topk(slots, -1).values - 1  # (…, slots)
    return torch.where(found < 0, END, found)  # (…, slots)


def frame_notes(keys: torch.Tensor) -> torch.Tensor:
    """Return the notes of each frame from the top down, with END at least once, (…, slots)."""
    return top_notes(keys, int(keys.sum(-1).max()) + 1)  # (…, slots)


# -- data -------------------------------------------------------------------------------------


def load(folder: Path, name: str) -> dict[str, list[torch.Tensor]]:
    """Return a published set: {train, valid, test}, each a list of (time, 88) rolls of 0 and 1."""
    file = Path(folder, {"jsb": "jsb-chorales-quarter.json", "nottingham": "Nottingham.mat"}[name])
    if not file.is_file():
        raise FileNotFoundError(f"no {file.name} in {str(folder)!r}")
    if file.suffix == ".json":
        return {split: [piano_roll(piece) for piece in pieces]
                for split, pieces in json.loads(file.read_text()).items()}  # fmt: skip
    from scipy.io import loadmat

    sets = loadmat(file)
    return {
        split: [torch.as_tensor(piece, dtype=torch.float32) for piece in sets[split + "data"][0]]
        for split in ("train", "valid", "test")
    }


def piano_roll(frames: list[list[int]]) -> torch.Tensor:
    """Return lists of MIDI pitches as a roll, (time, KEYS)."""
    keys = torch.zeros(len(frames), KEYS)  # (time, KEYS)
    for time, pitches in enumerate(frames):
        keys[time, [int(pitch) - LOWEST for pitch in pitches]] = 1
    return keys  # (time, KEYS)


def longest_matches(piece: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return for every frame the longest match of its past, up to MAX_MATCH frames.

    Returns:
        The index of the frame that followed the latest such match, and the length of the match,
        both (time,); 0 where nothing matches.
    """
    _, names = torch.unique(piece, dim=0, return_inverse=True)  # (time,)
    time = len(piece)
    same = (names[:, None] == names[None]).tril(-1).int()  # (time, time)
    run = torch.zeros(time, dtype=torch.int32)  # (time,): length of the match ending at j
    where = torch.zeros(time, dtype=torch.long)  # (time,)
    length = torch.zeros(time, dtype=torch.long)  # (time,)
    for now in range(time - 1):
        run = (F.pad(run[:-1], (1, 0)) + 1) * same[now]  # (time,)
        depth = run.clamp(max=MAX_MATCH)  # (time,)
        best = int(depth.max())
        if best:
            where[now + 1] = int((depth == best).nonzero()[-1]) + 1
            length[now + 1] = best
    return where, length


class FramePiece:
    """One piece with its matches and the transposition in which it is evaluated.

    A piece is transposed by at most half an octave so that its first bass note is a C: then the
    same harmony has the same keys in most pieces. The model of a piece is a mixture of the twelve
    transpositions, each as likely. Only one of the twelve terms is evaluated, so each piece costs
    ln 12 nats more, and the figure is an upper bound of the mixture's. The transposition is known
    once the first note is.
    """

    def __init__(self, keys: torch.Tensor):
        self.where, self.length = longest_matches(keys)  # (time,) (time,)
        first = keys[keys.any(1)][:1].nonzero()  # (notes, 2)
        bass = int(first[:, 1].min()) if len(first) else C
        self.home = (C - bass + 6) % 12 - 6
        used = keys.any(0).nonzero()  # (keys, 1)
        self.low, self.high = (int(used.min()), int(used.max())) if len(used) else (0, 0)
        if self.low + self.home < 0 or self.high + self.home >= KEYS:
            self.home = 0
        self.keys = keys  # (time, KEYS)

    def __len__(self) -> int:
        return len(self.keys)

    def random_shift(self) -> int:
        """Return a random transposition from `home` that stays on the keyboard."""
        down = max(-5, -(self.low + self.home))
        up = min(6, KEYS - 1 - (self.high + self.home))
        return int(torch.randint(down, up + 1, ()))

    def excerpt(self, begin: int, end: int, shift: int) -> tuple[torch.Tensor, ...]:
        """Return keys, recalled keys, match length and pulse of frames, transposed by `shift`."""
        keys = self.keys.roll(self.home + shift, 1)  # (time, KEYS)
        recalled = keys[self.where] * (self.length > 0)[:, None]  # (time, KEYS)
        pulse = torch.arange(len(keys)) % PULSE  # (time,)
        pulse = pulse + PULSE * (self.home + shift + 12)
        return keys[begin:end], recalled[begin:end], self.length[begin:end], pulse[begin:end]


# -- training ---------------------------------------------------------------------------------

SIZES = {
    "jsb": dict(width=384, layers=2, length=96, batch=32, steps=700, rate=2e-3),
    "nottingham": dict(width=384, layers=2, length=128, batch=16, steps=900, rate=2e-3),
}


def train(
    name: str,
    sets: dict[str, list[FramePiece]],
    checkpoint: Path,
    *,
    seed: int = 0,
    hours: float | None = None,
    resume: bool = False,
    **changes: Any,
) -> Trainer:
    """Train one network and return its trainer, with the weights that are best on "valid"."""
    size = {**SIZES[name], **changes}
    seed_everything(seed)
    net = FrameNetwork(size["width"], size["layers"])
    optimizer = torch.optim.AdamW(
        net.parameters(), size["rate"], betas=(0.9, 0.99), weight_decay=0.02
    )
    trainer = Trainer(net, optimizer, checkpoint, seed=seed, decay=0.99, resume=resume)
    pieces = sets["train"]
    weights = torch.tensor([len(piece) for piece in pieces]).float()  # (pieces,)

    def loss(step: int) -> torch.Tensor:
        batch = []
        for pick in torch.multinomial(weights, size["batch"], replacement=True).tolist():
            piece = pieces[pick]
            begin = int(torch.randint(max(1, len(piece) - size["length"] + 1), ()))
            begin = 0 if torch.rand(()) < 0.5 else begin
            shift = 0 if torch.rand(()) < HOME_SHARE else piece.random_shift()
            batch.append(piece.excerpt(begin, begin + size["length"], shift))
        longest = max(len(keys) for keys, *_ in batch)
        real = torch.stack(
            [torch.arange(longest) < len(keys) for keys, *_ in batch]
        )  # (batch, time)
        columns = [
            nn.utils.rnn.pad_sequence(list(column), batch_first=True)
            for column in zip(*batch, strict=True)
        ]  # 4 of (batch, time, …)
        found = net(*columns, frame_notes(columns[0]))  # (batch, time)
        return -found[real].mean()

    trainer.run(
        loss,
        steps=size["steps"],
        hours=hours,
        validate=lambda net: {"valid nats per frame": evaluate([net], sets["valid"])[0]},
        every=25 if name == "jsb" else 200,
        schedule=lambda progress: min(
            50 * progress, 0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi * progress))
        ),
    )
    return trainer


@torch.no_grad()
def evaluate(nets: list[FrameNetwork], pieces: list[FramePiece]) -> tuple[float, float]:
    """Return the nats per frame over all frames, and without each piece's first one.

    The probabilities of several networks are averaged.
    """
    total = later = frames = 0.0
    for net in nets:
        net.eval()
    for piece in pieces:
        columns = [c[None] for c in piece.excerpt(0, len(piece), 0)]  # 4 of (1, time, …)
        written = frame_notes(columns[0])  # (1, time, slots)
        found = [net(*columns, written)[0] for net in nets]  # (time,) each
        frame = torch.stack(found).logsumexp(0) - math.log(len(found))  # (time,)
        total += math.log(12) - frame.sum().item()
        later -= frame[1:].sum().item()
        later += 0.0 if piece.keys[0].any() else math.log(12)  # the first note comes later
        frames += len(piece)
    return total / frames, later / (frames - len(pieces))


def measure(
    name: str,
    folder: Path,
    out: Path,
    *,
    hours: float | None = None,
    nets: int = 1,
    seed: int = 0,
    resume: bool = False,
) -> dict[str, Any]:
    """Train `nets` networks, select their weights on "valid", and report on "valid" and "test".

    The probabilities of several networks are averaged. "all frames" includes each piece's first
    frame, "later frames" excludes it, as the table of the TCN paper (arXiv 1803.01271) does.
    """
    sets = {
        split: [FramePiece(keys) for keys in pieces] for split, pieces in load(folder, name).items()
    }
    trained, seconds = [], 0.0
    for number in range(nets):
        checkpoint = Path(out, f"{name}-{seed + number}.safetensors")
        trainer = train(name, sets, checkpoint, seed=seed + number, hours=hours, resume=resume)
        trained.append(trainer.ema)
        seconds += trainer.seconds
    figures: dict = {"set": name, "nets": nets, "hours": round(seconds / 3600, 2)}
    for split in ("valid", "test"):
        every, later = evaluate(trained, sets[split])
        figures[split] = {"all frames": round(every, 3), "later frames": round(later, 3)}
    return figures
