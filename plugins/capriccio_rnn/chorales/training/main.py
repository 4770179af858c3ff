"""Train the chorale model: data, loop, export.

    capriccio train rnn --data music-jsb-chorales --out chorales.onnx

The data do not distinguish held from repeated notes, so a repeated pitch counts as held.
"""

import base64
import json
import math
import zlib
from pathlib import Path

import torch
import torch.nn.functional as F
from capriccio.training import Trainer, export, seed_everything

from .network import (
    HIGHEST,
    HOLD,
    HOLD_SCALE,
    LAYERS,
    LOWEST,
    ORDER,
    RANGES,
    SILENT,
    START,
    STEPS_PER_BAR,
    TOKENS,
    TRACE,
    WIDTH,
    ChoraleNetwork,
    log_probabilities,
)
from .step_export import UNKNOWN, ChoraleStep

FILE = "Jsb16thSeparated.json"
VOICES = ("soprano", "alto", "tenor", "bass")
BATCH_SIZE, EXCERPT_STEPS = 16, 192  # 12 bars; half of all chorales are 11 to 19 bars long
MAX_STEPS = 1600
LEARNING_RATE, WEIGHT_DECAY = 3e-3, 0.02  # of AdamW; tuned on the validation split
# Penalty for parallels, in nats. Without one the model writes 16 in 100 bars, since there are many
# occasions with a small probability each; Bach's validation chorales have 1.9.
PARALLELS_PENALTY = 2.5


# -- data -------------------------------------------------------------------------------------


def load(folder: Path) -> dict[str, list[torch.Tensor]]:
    """Return the chorales of a folder: {train, valid, test}, each a list of (time, 4) sounds.

    The file `Jsb16thSeparated.json` was published by C.-Z. Huang: pitches per step, -1 for none.
    """
    file = Path(folder, FILE)
    if not file.is_file():
        raise FileNotFoundError(
            f"no {FILE} in {str(folder)!r}; download it from "
            "github.com/czhuang/JSB-Chorales-dataset"
        )
    splits = json.loads(file.read_text())
    for name in ("train", "valid", "test"):
        splits[name] = [torch.tensor(piece) for piece in splits[name]]  # (time, 4)
        splits[name] = [
            torch.where(piece < 0, SILENT, piece - LOWEST + 1) for piece in splits[name]
        ]  # (time, 4)
    return splits


def examples(pieces: list[torch.Tensor], offsets: list[int]) -> tuple[torch.Tensor, ...]:
    """Return pieces of equal length as the first five inputs of the network.

    Args:
        offsets: positions in the bar at which the pieces begin.
    """
    now = torch.stack(pieces)  # (batch, time, 4)
    before = torch.cat([torch.full_like(now[:, :1], START), now[:, :-1]], 1)  # (batch, time, 4)
    token = torch.where(now == before, HOLD, now)  # (batch, time, 4)
    struck = (token != HOLD).long()  # (batch, time, 4)
    struck = torch.cat([torch.zeros_like(struck[:, :1]), struck[:, :-1]], 1)  # (batch, time, 4)
    positions = torch.arange(now.shape[1])[None] + torch.tensor(offsets)[:, None]  # (batch, time)
    return before, struck, positions % STEPS_PER_BAR, now, token


def upbeat(piece: torch.Tensor) -> int:
    """Return an estimate of the position in the bar at which a chorale begins.

    Those with four sixteenths more than whole bars begin with an upbeat of one beat: their long
    chords are on the steps 4 and 12 of 16, those of the others on 0 and 8.
    """
    return STEPS_PER_BAR - 4 if len(piece) % STEPS_PER_BAR == 4 else 0


def transpose_randomly(piece: torch.Tensor) -> torch.Tensor:
    """Return a piece in a random key in which every voice stays within its range."""
    down, up = -6, 6  # beyond, the other direction is nearer
    for voice, (low, high) in enumerate(RANGES):
        notes = piece[:, voice][piece[:, voice] != SILENT] - 1 + LOWEST  # (notes,)
        if len(notes):
            down, up = max(down, low - int(notes.min())), min(up, high - int(notes.max()))
    shift = int(torch.randint(min(down, 0), max(up, 0) + 1, ()))
    return torch.where(piece == SILENT, SILENT, piece + shift)  # (time, 4)


def random_excerpt(piece: torch.Tensor) -> tuple[torch.Tensor, int]:
    """Return EXCERPT_STEPS of a piece, half of the time its beginning, padded with -1."""
    begin = 0
    if len(piece) > EXCERPT_STEPS and torch.rand(()) < 0.5:
        begin = 4 * int(torch.randint((len(piece) - EXCERPT_STEPS) // 4 + 1, ()))
    offset = upbeat(piece) + begin
    piece = piece[begin : begin + EXCERPT_STEPS]
    return F.pad(
        piece, (0, 0, 0, EXCERPT_STEPS - len(piece)), value=-1
    ), offset  # (EXCERPT_STEPS, 4)


def random_orders(batch: int, time: int) -> torch.Tensor:
    """Return 1 where voice v is conditioned on u, decided before it, (batch, time, v, u).

    Half of the steps are decided in ORDER, the other half in any order.
    """
    rank = torch.rand(batch, time, 4).argsort(-1)  # (batch, time, 4)
    usual = torch.rand(batch, time, 1) < 0.5  # (batch, time, 1)
    rank = torch.where(usual, voice_ranks(), rank)  # (batch, time, 4)
    return (rank.unsqueeze(-2) < rank.unsqueeze(-1)).float()  # (batch, time, 4, 4)


def voice_ranks() -> torch.Tensor:
    """Return the rank of each voice in ORDER, (4,)."""
    return torch.tensor([ORDER.index(voice) for voice in range(4)])  # (4,)


def evaluate(net: ChoraleNetwork, pieces: list[torch.Tensor]) -> float:
    """Return the nats per sixteenth of all four voices, of whole pieces from their first step."""
    net.eval()
    known = (
        (voice_ranks()[None] < voice_ranks()[:, None]).float().expand(1, 1, 4, 4)
    )  # (1, 1, 4, 4)
    total = steps = 0.0
    for piece in pieces:
        before, struck, position, now, token = examples([piece], [upbeat(piece)])  # (1, time, …)
        found = log_probabilities(
            net(before, struck, position, now, token, known)
        )  # (1, time, 4, TOKENS)
        total -= found.gather(-1, token.unsqueeze(-1)).sum().item()
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
    """Train the model on the chorales in the folder `data` and write it to `out`."""
    splits = load(data)
    seed_everything(seed)
    net = ChoraleNetwork()
    optimizer = torch.optim.AdamW(
        net.parameters(), LEARNING_RATE, betas=(0.9, 0.99), weight_decay=WEIGHT_DECAY
    )
    checkpoint = Path(out).with_suffix(".safetensors")
    # A decay of 0.99 averages over about a hundred steps, 7 epochs.
    trainer = Trainer(
        net, optimizer, checkpoint, seed=seed, decay=0.99, resume=resume, dry_run=dry_run
    )

    def loss(step: int) -> torch.Tensor:
        picks = torch.randint(len(splits["train"]), (BATCH_SIZE,)).tolist()
        cut = [random_excerpt(transpose_randomly(splits["train"][pick])) for pick in picks]
        before, struck, position, now, token = examples(*map(list, zip(*cut, strict=True)))
        real = now[..., 0] >= 0  # (batch, time)
        before, now, token = before.clamp(min=0), now.clamp(min=0), token.clamp(min=0)
        known = random_orders(BATCH_SIZE, EXCERPT_STEPS)  # (batch, time, 4, 4)
        found = log_probabilities(
            net(before, struck, position, now, token, known)
        )  # (batch, time, 4, …)
        return -found.gather(-1, token.unsqueeze(-1))[real].mean() * 4  # nats of a whole step

    def schedule(progress: float) -> float:
        """Return a linear warm-up over 2 % of the steps, then a cosine decay to 1 %."""
        return min(progress * 50, 0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi * progress)))

    trainer.run(
        loss,
        steps=MAX_STEPS,
        hours=hours,
        validate=lambda net: {"valid nats per sixteenth": evaluate(net, splits["valid"])},
        every=50,
        schedule=schedule,
    )
    metrics = {}
    for strict in (0.0, PARALLELS_PENALTY):
        trainer.ema.strict = strict
        for name in ("valid", "test"):
            metric = f"{name} nats per sixteenth" + ", strict about parallels" * bool(strict)
            metrics[metric] = round(evaluate(trainer.ema, splits[name]), 4)
    print("four voices:", metrics)
    export(
        ChoraleStep(trainer.ema),
        example_inputs(),
        out,
        input_names=["state", "trace", "heard", "luck"],
        output_names=["next_state", "next_trace", "tokens", "weights"],
        draw=example_inputs,
        # Impossible tokens weigh thousands, where floats are coarser.
        tolerance={"next_state": 1e-4, "next_trace": 1e-4, "tokens": 0, "weights": 2e-3},
        card={
            "name": "chorales",
            "plays": "chorales",
            "does": "one sixteenth of a four-voice chorale; state in, state out",
            "data": "JSB Chorales, 382 chorales by J. S. Bach, 229 train / 76 valid / 77 test",
            "data_source": "github.com/czhuang/JSB-Chorales-dataset "
            "@ 9a7f733ddb4ed91f48da64ac7f0f621c34aadd4d",
            "data_licence": "the music is in the public domain; the collection names no licence",
            "licence": "MIT",
            "credit": "J. S. Bach; Boulanger-Lewandowski et al. 2012; C.-Z. Huang et al. 2017",
            "metrics": metrics,
            "seed": seed,
            "hours": round(trainer.seconds / 3600, 3),
            "steps": trainer.step,
            "command": f"capriccio train rnn --data music-jsb-chorales --out {Path(out).name}"
            + f" --seed {seed}" * bool(seed),
            "input_ranges": {
                "state": f"({LAYERS}, {WIDTH}) float, zeros at the start",
                "trace": f"(1, {TRACE}) float, zeros at the start",
                "heard": f"(13,) what each voice sounded a step ago (0 silent, 1..46 pitches "
                f"{LOWEST}..{HIGHEST}, {START} at the start), 1 where it was struck then, the "
                "place 0..15, the sixteenth in a bar of four beats, and what the others know that "
                f"each voice will do: a sound to strike, {HOLD} hold, {UNKNOWN} not known",
                "luck": f"(1, {4 * TOKENS}) added to each voice's weights: temperature times "
                f"Gumbel noise, and {HOLD_SCALE:g} times logistic noise for holding; 1e12 forces "
                "a token",
            },
            "ranges": dict(zip(VOICES, RANGES, strict=True)),
            "heard": pack(splits["train"]),
        },
        dry_run=dry_run,
    )


def pack(pieces: list[torch.Tensor]) -> str:
    """Return pieces as base64 of zlib of bytes, with a step of 200 after each; `ear` reads it."""
    end = torch.full((1, 4), 200)  # (1, 4)
    rows = torch.cat([row for piece in pieces for row in (piece, end)])  # (steps, 4)
    return base64.b64encode(zlib.compress(rows.to(torch.uint8).numpy().tobytes(), 9)).decode()


def example_inputs() -> tuple[torch.Tensor, ...]:
    """Return random inputs for checking the exported graph; the tenor is known to hold."""
    lows = torch.tensor([low - LOWEST + 1 for low, _ in RANGES])  # (4,)
    highs = torch.tensor([high - LOWEST + 1 for _, high in RANGES])  # (4,)
    sounding = (lows + torch.rand(4) * (highs - lows + 1)).long()  # (4,)
    luck = -torch.log(-torch.log(torch.rand(1, 4 * TOKENS)))  # (1, 4 * TOKENS)
    luck[0, HOLD::TOKENS] = HOLD_SCALE * torch.randn(4)  # (4,)
    luck[0, 2 * TOKENS + HOLD] = 1e12
    return (
        torch.rand(LAYERS, WIDTH) * 2 - 1,  # (LAYERS, WIDTH)
        torch.rand(1, TRACE) / 6,  # (1, TRACE)
        torch.cat(
            [
                sounding,
                torch.randint(2, (4,)),
                torch.randint(STEPS_PER_BAR, (1,)),
                torch.tensor([UNKNOWN, UNKNOWN, HOLD, UNKNOWN]),
            ]
        ),  # (13,)
        luck,
    )
