"""Train a music model on a folder: Bach's chorales, or any MIDI files.

    capriccio train rnn --data music-jsb-chorales --out chorales.onnx

Each kind of music has its own script: `chorales/training/main.py`, `events/training/main.py`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from capriccio import Model

from ..chorales.training import main as chorales
from ..chorales.training.network import ChoraleNetwork
from ..chorales.training.step_export import ChoraleStep
from ..events.training import main as events
from ..generator import RNN


def train(
    data: Path,
    out: Path,
    *,
    resume: bool = False,
    dry_run: bool = False,
    hours: float | None = None,
    seed: int = 0,
) -> None:
    """Train the kind of model that the folder `data` is for, and write it to `out`."""
    kind = chorales if Path(data, chorales.FILE).is_file() else events
    kind.train(data, out, resume=resume, dry_run=dry_run, hours=hours, seed=seed)


def plain(model: str = "chorales") -> Callable[[], object]:
    """Return one step of a shipped model in plain torch, for `capriccio bench` to time."""
    card = Model(RNN.model_path(model)).card
    step: Any
    if card.get("plays") == "events":
        step = events.untrained_step(card)
        inputs = events.example_inputs(step.net, len(card["tags"]))
    else:
        step = ChoraleStep(ChoraleNetwork().eval())
        inputs = chorales.example_inputs()

    def run() -> object:
        with torch.inference_mode():
            return step(*inputs)

    return run
