"""Finds what onsets that repeat say of a tempo, from the Groove MIDI Dataset in FOLDER:

    python -m capriccio_audio.training.tempo --data FOLDER

renders the grooves of its training split by the kit. To the tempo of each take, heard up to some
beats, it fits a softmax over `PERIODS` of a linear model of `likeness` and of the distance to the
expected tempo, and prints `WEIGHTS` and `DISTANCE` of `beat_tracker.py`.
"""

from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import torch
import torch.nn.functional as F

from ..beat_tracker import (
    BANDS,
    BEATS,
    HOPS_A_SECOND,
    MEMORY_SECONDS,
    PERIODS,
    OnsetReader,
    autocorrelation,
    likeness,
    sharpened,
)
from ..evaluate import render, takes

Array = np.ndarray[Any, Any]

# The beats up to which a take is heard, and the tempo that is expected of all: the middle of them.
HEARD, EXPECTED = (6, 7, 8, 9, 11, 14, 18, 24), 105.0
# How near a period is to be the right one, in octaves: 2 %.
NEAR = 0.029
DECAY = 1e-3  # of the weights, which are in standard deviations


class Fit(NamedTuple):
    """What was found."""

    weights: Array  # of each kind of onset, (kinds, beats)
    distance: Array  # (2,)
    right: float  # the share of examples whose likeliest period is right


def examples(sound: Array, bpm: float) -> list[Array]:
    """Return the likeness of the onsets of a sound at some beats, `(periods, features)` each."""
    onsets = np.array(OnsetReader().read(sound)).T  # (kinds, hops)
    found = []
    for beats in HEARD:
        end = int(beats * 60 / bpm * HOPS_A_SECOND)
        heard = onsets[:, max(0, end - round(MEMORY_SECONDS * HOPS_A_SECOND)) : end]
        found.append(likeness([autocorrelation(sharpened(one)) for one in heard]))
    return found


def fit(features: Array, bpm: Array, expected: float = EXPECTED) -> Fit:
    """Return the weights with which the right periods are the likeliest.

    Args:
        features: `(examples, periods, features)`.
        bpm: of each example.
        expected: the tempo that is expected of all.
    """
    tempos = 60 * HOPS_A_SECOND / PERIODS
    octaves = np.broadcast_to(np.log2(tempos / expected), features.shape[:2])
    inputs = torch.tensor(
        np.concatenate([features, octaves[..., None], octaves[..., None] ** 2], -1)
    )
    scale = inputs.std((0, 1)) + 1e-6
    inputs /= scale  # (examples, periods, features + 2)
    near = torch.tensor(np.abs(np.log2(tempos / bpm[:, None])) < NEAR)  # (examples, periods)
    inputs, near = inputs[near.any(-1)], near[near.any(-1)]
    weights = torch.zeros(
        inputs.shape[-1], dtype=inputs.dtype, requires_grad=True
    )  # (features + 2,)
    optimizer = torch.optim.LBFGS([weights], max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> Any:
        optimizer.zero_grad()
        likely = F.log_softmax(inputs @ weights, dim=-1)  # (examples, periods)
        right = likely.masked_fill(~near, -torch.inf).logsumexp(-1)  # (examples,)
        value = DECAY * (weights**2).sum() - right.mean()
        value.backward()
        return value

    optimizer.step(loss)
    with torch.no_grad():
        best = (inputs @ weights).argmax(-1, keepdim=True)  # (examples, 1)
        share = near.gather(-1, best).double().mean().item()
        found = (weights / scale).numpy()
    return Fit(found[:-2].reshape(len(BANDS), len(BEATS)), found[-2:], share)


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--takes", "count", default=1000, show_default=True, help="How many at most.")
def main(data: Path, count: int) -> None:
    """Print the numbers that suit the grooves best."""
    features, tempos = [], []
    for path, bpm in takes(data, count, "train"):
        features += examples(render(path, bpm), bpm)
        tempos += [bpm] * len(HEARD)
    found = fit(np.array(features), np.array(tempos))
    click.echo(f"{len(features)} examples, {found.right:.0%} right")
    click.echo(np.array2string(found.weights, precision=1, separator=", ", max_line_width=100))
    click.echo(np.array2string(found.distance, precision=1, separator=", "))


if __name__ == "__main__":
    main()
