"""Train a music player on whatever lies in a folder: Bach's chorales, or any MIDI files.

    capriccio train rnn --data music-jsb-chorales --out chorales.onnx

Each kind of music has a script of its own: `chorales/train.py` and `events/train.py`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from capriccio import Model

from ..chorales.training import main as chorales
from ..chorales.training.network import Chorale
from ..chorales.training.step_export import Step
from ..events.training import main as events
from ..generator import RNN


def train(data: Path, out: Path, **options) -> None:
    """Train the player that the folder `data` is for, and write it to `out`."""
    kind = chorales if Path(data, chorales.FILE).is_file() else events
    kind.train(data, out, **options)


def plain(model: str = "chorales") -> Callable[[], object]:
    """Give one step of a shipped player's network as plain torch does it, to be measured beside."""
    card = Model(RNN.model_path(model)).card
    chorale = card.get("plays") != "events"
    step: Any = Step(Chorale().eval()) if chorale else events.untrained(card)
    moment = chorales.draw() if chorale else events.draw(step.net, len(card["tags"]))

    def play():
        with torch.inference_mode():
            return step(*moment)

    return play
