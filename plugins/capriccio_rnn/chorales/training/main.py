"""Train the chorale player: data, loop, export. The network is in `net`, as played in `step`.

    capriccio train rnn --data music-jsb-chorales --out chorales.onnx

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

from .network import (
    FADED,
    FAR,
    HIGHEST,
    HOLD,
    LAYERS,
    LOWEST,
    ORDER,
    PLACES,
    RANGES,
    SILENT,
    START,
    TOKENS,
    WIDTH,
    Chorale,
    log_chances,
)
from .step_export import UNSEEN, Step

FILE = "Jsb16thSeparated.json"
VOICES = ("soprano", "alto", "tenor", "bass")
BATCH, LENGTH = 16, 192  # 12 bars: the middle half of all chorales is 11 to 19 bars long
STEPS = 1600
RATE, DECAY = 3e-3, 0.02  # AdamW; found on the validation split
# How strict the player is about parallels, in nats. Left alone it writes 16 in 100 bars, since each
# is a small temptation and there are many; Bach's validation chorales have 1.9.
STRICT = 2.5


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
    token = torch.where(now == before, HOLD, now)  # (batch, time, 4)
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
    total = steps = 0.0
    for piece in pieces:
        before, struck, place, now, token = examples([piece], [upbeat(piece)])  # (1, time, …)
        found = log_chances(net(before, struck, place, now, token, known))  # (1, time, 4, TOKENS)
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
    """Train the chorale player on the chorales in the folder `data` and write it to `out`."""
    splits = load(data)
    seed_everything(seed)
    net = Chorale()
    optimizer = torch.optim.AdamW(net.parameters(), RATE, betas=(0.9, 0.99), weight_decay=DECAY)
    checkpoint = Path(out).with_suffix(".safetensors")
    # A decay of 0.99 averages over about a hundred steps, 7 looks at every chorale.
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
        found = log_chances(net(before, struck, place, now, token, known))  # (batch, time, 4, …)
        return -found.gather(-1, token.unsqueeze(-1))[real].mean() * 4  # a whole step

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
    figures = {}
    for strict in (0.0, STRICT):
        trainer.ema.strict = strict
        for name in ("valid", "test"):
            told = f"{name} nats per sixteenth" + ", strict about parallels" * bool(strict)
            figures[told] = round(nats(trainer.ema, splits[name]), 4)
    print("four voices:", figures)
    export(
        Step(trainer.ema),
        draw(),
        out,
        input_names=["state", "trace", "heard", "luck"],
        output_names=["next_state", "next_trace", "tokens", "weights"],
        draw=draw,
        # What must never be struck weighs thousands, where floats are coarser.
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
            "metrics": figures,
            "seed": seed,
            "hours": round(trainer.seconds / 3600, 3),
            "steps": trainer.step,
            "command": f"capriccio train rnn --data music-jsb-chorales --out {Path(out).name}"
            + f" --seed {seed}" * bool(seed),
            "input_ranges": {
                "state": f"({LAYERS}, {WIDTH}) float, zeros at the start",
                "trace": f"(1, {FADED}) float, zeros at the start",
                "heard": f"(13,) what each voice sounded a step ago (0 silent, 1..46 pitches "
                f"{LOWEST}..{HIGHEST}, {START} at the start), 1 where it was struck then, the "
                "place 0..15, the sixteenth in a bar of four beats, and what the others know that "
                f"each voice will do: a sound to strike, {HOLD} hold, {UNSEEN} not known",
                "luck": f"(1, {4 * TOKENS}) added to each voice's weights: temperature times "
                f"Gumbel noise, and {FAR:g} times logistic noise for holding; 1e12 forces a token",
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
    """Make a random moment of play, to try the exported graph on: the tenor holds, and is seen."""
    lows = torch.tensor([low - LOWEST + 1 for low, _ in RANGES])  # (4,)
    highs = torch.tensor([high - LOWEST + 1 for _, high in RANGES])  # (4,)
    sounding = (lows + torch.rand(4) * (highs - lows + 1)).long()  # (4,)
    luck = -torch.log(-torch.log(torch.rand(1, 4 * TOKENS)))  # (1, 4 * TOKENS)
    luck[0, HOLD::TOKENS] = FAR * torch.randn(4)  # (4,)
    luck[0, 2 * TOKENS + HOLD] = 1e12
    return (
        torch.rand(LAYERS, WIDTH) * 2 - 1,  # (LAYERS, WIDTH)
        torch.rand(1, FADED) / 6,  # (1, FADED)
        torch.cat(
            [
                sounding,
                torch.randint(2, (4,)),
                torch.randint(PLACES, (1,)),
                torch.tensor([UNSEEN, UNSEEN, HOLD, UNSEEN]),
            ]
        ),  # (13,)
        luck,
    )
