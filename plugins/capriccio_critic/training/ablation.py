"""Measure what each part of the critic's training is good for.

    python -m capriccio_critic.training.ablation --data FOLDER --out FILE.jsonl --hours 0.2

trains four times with each seed, each time with one part more, and tests on pictures by artists
that were not trained on. It writes a line for each training, and repeats none that has one.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
from capriccio.training import seed_everything

from .calibration import fit_calibration, unseen_figures
from .dataset import Pictures, names_of, read_pictures
from .main import RATE, SHARES, pretrain, train_stage
from .network import CriticNetwork

PARTS = ("labels alone", "more data", "first without labels", "artists count as one")


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True),
              help="A folder of folders with a labels.csv each.")  # fmt: skip
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False),
              metavar="FILE.jsonl", help="Append the figures of each training there.")  # fmt: skip
@click.option("--hours", default=0.2, show_default=True, type=click.FloatRange(0, min_open=True),
              help="For each training.")  # fmt: skip
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1))
def ablation(data: Path, out: Path, hours: float, seeds: int) -> None:
    """Train with one part more each time, and print the figures of artists never seen."""
    lines = out.read_text().splitlines() if out.exists() else []
    done = {(row["parts"], row["seed"]) for row in map(json.loads, lines)}
    pictures = read_pictures(data)
    for seed in range(seeds):
        for parts in range(1, len(PARTS) + 1):
            if (parts, seed) in done:
                continue
            row = {"parts": parts, "with": PARTS[parts - 1], "seed": seed, "hours": hours,
                   **train_with(pictures, parts, seed, hours)}  # fmt: skip
            with out.open("a") as file:
                file.write(f"{json.dumps(row)}\n")
            click.echo(json.dumps(row))


def train_with(
    pictures: Pictures, parts: int, seed: int, hours: float, dry_run: bool = False
) -> dict[str, Any]:
    """Train with the first `parts` of `PARTS`; return the figures of artists never seen."""
    seed_everything(seed)
    net = CriticNetwork([len(names) for names in names_of(pictures)])
    split, unseen = pictures.split, pictures.artist_split
    rows = np.flatnonzero((split == "train") & np.isin(unseen, ("train", "")))
    check = np.flatnonzero((unseen == "val") & (split != "test") & (pictures.kind >= 0))
    robust = parts > PARTS.index("artists count as one")
    with TemporaryDirectory() as folder:
        options: dict[str, Any] = {"seed": seed, "resume": False, "dry_run": dry_run}
        if parts > PARTS.index("first without labels"):
            trainer = pretrain(net, pictures, rows, Path(folder) / "first.safetensors",
                               hours=hours * SHARES[0], **options)  # fmt: skip
            net.load_state_dict(trainer.ema.state_dict())
            hours *= 1 - SHARES[0]
        rows = rows[pictures.kind[rows] >= 0]
        if parts == 1:
            names, counts = np.unique(pictures.source, return_counts=True)
            rows = rows[pictures.source[rows] == names[counts.argmax()]]
        trainer = train_stage(net, pictures, rows, check, Path(folder) / "net.safetensors",
                              rate=RATE, hours=hours, robust=robust, **options)  # fmt: skip
    return unseen_figures(trainer.ema, fit_calibration(trainer.ema, pictures, rows, check).head,
                          pictures)  # fmt: skip


if __name__ == "__main__":
    ablation()
